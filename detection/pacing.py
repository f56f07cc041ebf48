"""Sees to it that decoding leaves inference its part of the processor, see `detection.core.pace`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import structlog

from detection.analyser import Analyser
from detection.core.pace import LEAST_RATE, LEAST_SHARE, Balance, Pace
from detection.ingest.reader import CameraReader
from detection.ingest.reader_state import ReaderCounters

log = structlog.get_logger(__name__)

EVERY_S = 1.0
LONG_S = 20.0  # who left nothing out for so long is not concerned
SLOWEST = 1.0  # pictures a second: of one that is looked at less often, a second says nothing


class Gain(NamedTuple):
    """Of a reader's counters, since the look before."""

    taken: int
    dropped: int
    shed: int


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
        self._seen = {slot.reader: slot.reader.counters() for slot in self._analyser.slots.values()}
        self._at = now
        gained = {reader: _gain(before[reader], seen) for reader, seen in self._seen.items() if reader in before}
        was = self.pace.share
        share = self.pace.update([(gain.taken, gain.dropped) for gain in gained.values()], passed)
        weights = self._weigh(gained, now, passed)
        for reader in self._seen:
            reader.pace(min(1.0, max(LEAST_SHARE, share * weights.get(reader, 1.0))) if share < 1 else 1.0)
        if (was < 1) != (share < 1):
            log.info("overload", cameras=len(gained), over=share == 1)
        return False

    def _weigh(self, gained: dict[CameraReader, Gain], now: float, passed: float) -> dict[CameraReader, float]:
        """What `Balance` makes of those that leave pictures out."""
        self._shed_at = {r: now if g.shed else self._shed_at.get(r, float("-inf")) for r, g in gained.items()}
        served = {
            reader: gain.taken / (passed * min(LEAST_RATE, reader.max_fps))
            for reader, gain in gained.items()
            if now - self._shed_at[reader] <= LONG_S and reader.max_fps >= SLOWEST
        }
        return self.balance.update(served, passed)


def _gain(before: ReaderCounters, now: ReaderCounters) -> Gain:
    return Gain(now.taken - before.taken, now.dropped - before.dropped, now.shed - before.shed)
