"""Which alert an `updated` or `ended` event continues: the newest one of the same binding, kind and object. Pure."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

from detection.core.rules.base import JSON, RuleEvent

MOST_OF_ONE = 20  # of a binding; the oldest goes
MOST = 400  # of a camera


@dataclass(slots=True, eq=False)
class Started:
    """The newest `started` event of each binding, kind and object of one camera: `ids` gives its `event_id`.

    An alert that has ended stays known: rules that were restored from before its end tell of it once more.
    """

    ids: dict[str, str] = field(default_factory=dict)

    def note(self, event: RuleEvent, event_id: str) -> None:
        """Remembers a `started` event."""
        about = _about(event)
        self.ids.pop(about, None)
        self.ids[about] = event_id
        # Alerts of bindings that have many must not push out the one of another that lasts: only its own newer ones do.
        same = [each for each in self.ids if _binding(each) == _binding(about)]
        for each in same[:-MOST_OF_ONE]:
            del self.ids[each]
        while len(self.ids) > MOST:
            fullest = Counter(map(_binding, self.ids)).most_common(1)[0][0]  # of equal ones that of the oldest
            del self.ids[next(each for each in self.ids if _binding(each) == fullest)]

    def of(self, event: RuleEvent) -> str | None:
        """The `event_id` of the `started` event that the event continues; None when none is known."""
        return self.ids.get(_about(event))

    def data_of(self, event: RuleEvent) -> dict[str, JSON]:
        """The event's data; of one that continues an alert also which, as `started_event_id`, where that is known."""
        started = None if event.phase == "started" else self.of(event)
        return event.data if started is None else {**event.data, "started_event_id": started}


def _about(event: RuleEvent) -> str:
    return json.dumps([event.bind_id, event.data.get("kind"), event.track_id])


def _binding(about: str) -> str:
    """What is the same for all alerts of a binding."""
    return about.split('", ', 1)[0]
