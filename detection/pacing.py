"""Sees to it that decoding leaves inference its part of the processor, see `detection.core.pace`."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from detection.analyser import Analyser
from detection.core.pace import LEAST_RATE, LEAST_SHARE, Balance, Pace
from detection.ingest.reader import CameraReader
from detection.ingest.reader_state import ReaderCounters

log = structlog.get_logger(__name__)

EVERY_S = 1.0
LONG_S = 20.0  # who left nothing out for so long is not concerned
SLOWEST = 1.0  # pictures a second: of one that is looked at less often, a second says nothing


class Pacing:
    """One thread calls `step`. For processors only: on an accelerator inference does not compete with decoding."""

    def __init__(self, analyser: Analyser, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.pace, self.balance = Pace(), Balance[CameraReader]()
        self._analyser, self._monotonic = analyser, monotonic
        self._seen: dict[CameraReader, ReaderCounters] = {}
        self._shed_at: dict[CameraReader, float] = {}
        self._at = monotonic()

    def step(self) -> bool:
        """Once a second: looks what was dropped, and tells the readers how much to decode."""
        now = self._monotonic()
        if now - self._at < EVERY_S:
            return False
        before, passed = self._seen, now - self._at
        readers = [slot.reader for slot in self._analyser.slots.values()]
        self._seen, self._at = {reader: reader.counters() for reader in readers}, now
        known = {reader: counters for reader, counters in self._seen.items() if reader in before}
        served = [(c.taken - before[r].taken, c.dropped - before[r].dropped) for r, c in known.items()]
        was = self.pace.share
        share = self.pace.update(served, passed)
        self._shed_at = {
            r: now if c.shed > before[r].shed else self._shed_at.get(r, float("-inf")) for r, c in known.items()
        }
        weights = self.balance.update(
            {
                r: (c.taken - before[r].taken) / (passed * min(LEAST_RATE, r.max_fps))
                for r, c in known.items()
                if now - self._shed_at[r] <= LONG_S and r.max_fps >= SLOWEST
            },
            passed,
        )
        for reader in readers:
            reader.pace(min(1.0, max(LEAST_SHARE, share * weights.get(reader, 1.0))) if share < 1 else 1.0)
        if (was < 1) != (share < 1):
            log.info("overload", cameras=len(served), over=share == 1)
        return False
