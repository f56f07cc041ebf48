"""How long those were there whom a binding's rule counts: the denominator of reports. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sized
from dataclasses import dataclass, field

from detection.core.rules.base import Binding
from detection.core.rules.region import REGIONS, Region
from detection.core.scene import Scene, Which

LONGEST_GAP_S = 10.0  # frames that are further apart leave the time between them unknown


@dataclass(slots=True)
class Presence:
    """Of one camera. totals: by binding, seconds of all that it counts, added up; they only grow. For the analyser's thread;
    another one may read single totals.

    Somebody who is in a frame is there until the next one. Who counts is what the binding's classes, smallest score and
    anchor say; at a line everybody in the picture.
    """

    totals: dict[str, float] = field(default_factory=dict)
    _there: dict[str, int] = field(default_factory=dict)
    _who: dict[str, tuple[Binding, Callable[[Scene], Sized]]] = field(default_factory=dict)
    _time: float | None = None

    def count(self, binding: Binding, scene: Scene) -> int:
        """How many of those that its rule counts are there."""
        known = self._who.get(binding.bind_id)
        if known is None or known[0] is not binding:
            known = self._who[binding.bind_id] = binding, _counter_of(binding)
        return len(known[1](scene))

    def step(self, there: Mapping[str, int], media_time: float) -> None:
        """One frame that shows something. there: `count` of the bindings whose rules run now. media_time: seconds."""
        self._pass(media_time)
        self._there = dict(there)

    def unseen(self, media_time: float) -> None:
        """A frame that shows nothing: from here on nobody knows."""
        self._pass(media_time)
        self._there = {}

    def keep(self, bind_ids: Collection[str]) -> None:
        """Only these bindings are left."""
        self.totals = {bind_id: total for bind_id, total in self.totals.items() if bind_id in bind_ids}
        self._who = {bind_id: who for bind_id, who in self._who.items() if bind_id in bind_ids}
        self._there = {bind_id: n for bind_id, n in self._there.items() if bind_id in bind_ids}

    def _pass(self, media_time: float) -> None:
        before, self._time = self._time, media_time
        if before is None or not 0 < media_time - before <= LONGEST_GAP_S:
            return
        for bind_id, there in self._there.items():
            if there:
                self.totals[bind_id] = self.totals.get(bind_id, 0.0) + there * (media_time - before)


def _counter_of(binding: Binding) -> Callable[[Scene], Sized]:
    if binding.roi_type in REGIONS:
        region = Region(binding)
        return lambda scene: region.inside(scene, scene.class_names)
    which = Which.of(binding.params)
    return lambda scene: scene.counted(which)
