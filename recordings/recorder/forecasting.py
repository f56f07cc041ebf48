"""When the room for recordings is used up: measured and reckoned every ten minutes, told with the recorder's health."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from recordings.core.forecast import WINDOW_S, Forecast, Room, Usage, forecast, measured
from recordings.core.retention import UNSAID, Terms
from recordings.recorder.keeping import Keeping

log = structlog.get_logger(__name__)

LOOK_SECONDS, SOON_SECONDS = 600.0, 60.0  # sooner while nothing is known
MOST_CAMERAS = 20  # of which the rate is told
UNHELD = "at this rate the disk is too small for the days that are guaranteed"
TIGHT = "what clips still need has nearly filled the disk"


@dataclass(slots=True)
class Forecasting:
    """One thread uses it, others read `told` and `alarm`. told: for the report, None while nothing is known.

    alarm: why something that is guaranteed or needed will be at risk, "" nothing.
    """

    keeping: Keeping
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    told: dict[str, Any] | None = None
    alarm: str = ""
    _due: float = field(default=float("-inf"))

    def step(self) -> bool:
        """Whether it looked. Raises OSError, EdgeStoreError."""
        if self.monotonic() < self._due:
            return False
        self._due = self.monotonic() + SOON_SECONDS  # also when this look fails
        now = self.clock()
        usages = {} if self.keeping.doubtful else self._usages(now, self.keeping.own())
        found = forecast(list(usages.values()), self._room())
        self.told = _told(found, usages, now) if found else None
        self._tell(found)
        if found is not None:
            self._due = self.monotonic() + LOOK_SECONDS
        return True

    def _usages(self, now: float, own: Mapping[str, Terms]) -> dict[str, Usage]:
        """By camera; none of what has no rate yet."""
        segments, limits = self.keeping.segments, self.keeping.limits
        shares, fresh = segments.shares(), segments.recorded(start=now - WINDOW_S, end=now)
        found = {}
        for camera_id, share in shares.items():
            terms = own.get(camera_id, UNSAID)
            rate = measured(size=fresh.get(camera_id, 0), oldest=share.oldest, now=now)
            if rate is not None:
                most = float("inf") if terms.most is None else terms.most
                keep, least = terms.keeps(limits), terms.holds(limits)
                found[camera_id] = Usage(rate, share.size, now - share.oldest, keep, most, least)
        return found

    def _room(self) -> Room:
        keeping = self.keeping
        free, limits = keeping.free(keeping.folder), keeping.limits
        return Room(
            free=free - limits.enough,
            most=float("inf") if limits.most is None else limits.most,
            reserve=free - limits.floor,
            needed=keeping.segments.size_of(keeping.needed()),
        )

    def _tell(self, found: Forecast | None) -> None:
        alarm = ""
        if found is not None and found.tight:
            alarm = TIGHT
        elif found is not None and found.unheld:
            alarm = UNHELD
        if alarm and alarm != self.alarm:
            log.error("recordings are at risk", reason=alarm)
        self.alarm = alarm


def _told(found: Forecast, usages: Mapping[str, Usage], now: float) -> dict[str, Any]:
    """rate: bytes an hour, of all and of the cameras that send most. full_at: Unix seconds. reach: seconds."""
    rates = sorted(((u.rate, c) for c, u in usages.items() if u.rate), reverse=True)[:MOST_CAMERAS]
    return {
        "rate": round(found.rate * 3600),
        "cameras": {camera_id: round(rate * 3600) for rate, camera_id in rates},
        "full_at": None if found.full_in is None else round(now + found.full_in),
        "by_budget": found.by_budget,
        "reach": [round(s) for s in found.reach],
    }
