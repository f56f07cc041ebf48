"""How much of the time a rule could see, and whom: sums by binding and hour of the site's clock. Pure.

An hour begins when the clock on the site's wall shows a full hour, whatever the offset of its time zone, so that days and
shifts are made of whole rows, also on the days on which the clock is changed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from cameras.core.schedule import ScheduleEntry, active, next_change

HOUR_S = 3600
MOST_ROWS = 10_000  # in memory, while the edge store cannot be written
LONGEST_LOOK_S = 5.0  # between two looks at a camera: whoever looks more seldom has not seen what lies in between
LONGEST_GAP_S = 7 * 24 * 3600.0  # without this process, that still counts as wanted and not seen


@dataclass(slots=True)
class Sums:
    """Of one binding in one hour. wanted_s: seconds within its schedule. seen_s: of those, when the rule could see.
    coarse_s: of those, when what is short may have been missed. person_s: observed seconds of all that it counts, added up.
    alerts: raised."""

    wanted_s: float = 0.0
    seen_s: float = 0.0
    coarse_s: float = 0.0
    person_s: float = 0.0
    alerts: int = 0

    def add(self, other: Sums) -> None:
        self.wanted_s += other.wanted_s
        self.seen_s += other.seen_s
        self.coarse_s += other.coarse_s
        self.person_s += other.person_s
        self.alerts += other.alerts


@dataclass(slots=True)
class Ledger:
    """Sums that are not stored yet. lost: rows that were given up because there were too many."""

    rows: dict[tuple[str, int], Sums] = field(default_factory=dict)
    most: int = MOST_ROWS
    lost: int = 0

    def add(self, bind_id: str, hour: int, sums: Sums) -> None:
        """hour: Unix seconds at which it began (`hour_of`)."""
        known = self.rows.get((bind_id, hour))
        if known is not None:
            known.add(sums)
            return
        if len(self.rows) >= self.most:
            del self.rows[min(self.rows, key=lambda row: row[1])]
            self.lost += 1
        self.rows[bind_id, hour] = sums

    def take(self) -> dict[tuple[str, int], Sums]:
        """All that there is; the ledger is empty then."""
        taken, self.rows = self.rows, {}
        return taken

    def put_back(self, rows: Mapping[tuple[str, int], Sums]) -> None:
        """What could not be stored."""
        for (bind_id, hour), sums in rows.items():
            self.add(bind_id, hour, sums)


def hour_of(tz: str, wall_time: float) -> int:
    """When the hour began that the clock shows at that moment: Unix seconds. Raises zoneinfo.ZoneInfoNotFoundError."""
    local = datetime.fromtimestamp(wall_time, ZoneInfo(tz))
    return math.floor(wall_time) - 60 * local.minute - local.second


@dataclass(slots=True)
class Hours:
    """When one schedule runs; a change is looked for once. schedule: None for always. tz: the site's."""

    schedule: ScheduleEntry | None
    tz: str
    _from: float = math.inf
    _until: float = -math.inf
    _active: bool = False

    def wanted(self, start: float, end: float) -> Iterator[tuple[int, float]]:
        """The hours between the two moments (Unix seconds) in which it runs, and for how many seconds in each."""
        while start < end:
            hour = hour_of(self.tz, start)
            stop = min(end, hour + HOUR_S, self._known(start))
            if stop <= start:  # never, but an endless loop would hold up the box
                return
            if self._active:
                yield hour, stop - start
            start = stop

    def _known(self, at: float) -> float:
        """Until when what is known of that moment holds."""
        if self.schedule is None:
            self._active = True
            return math.inf
        if not self._from <= at < self._until:
            self._active = active(self.schedule, self.tz, at)
            change = next_change(self.schedule, self.tz, at)
            self._from, self._until = at, math.inf if change is None else change
        return self._until


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a binding's camera shows now. able: the rule can see. coarse: what is short may be missed."""

    able: bool
    coarse: bool = False


def note_time(ledger: Ledger, bind_id: str, hours: Hours, look: Look, *, start: float, end: float) -> None:
    """Adds the time between two looks (Unix seconds, in order). Of a longer time only `LONGEST_LOOK_S` was seen."""
    share = 1.0 if end - start <= LONGEST_LOOK_S else LONGEST_LOOK_S / (end - start)
    for hour, seconds in hours.wanted(start, end):
        seen = seconds * share if look.able else 0.0
        ledger.add(bind_id, hour, Sums(seconds, seen, seen if look.coarse else 0.0))
