"""Sees to it that decoding leaves inference its part of the processor, see `detection.core.pace`."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from detection.analyser import Analyser
from detection.core.pace import Pace
from detection.ingest.reader import CameraReader

log = structlog.get_logger(__name__)

EVERY_S = 1.0


class Pacing:
    """One thread calls `step`. For processors only: on an accelerator inference does not compete with decoding."""

    def __init__(self, analyser: Analyser, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.pace = Pace()
        self._analyser, self._monotonic = analyser, monotonic
        self._seen: dict[CameraReader, tuple[int, int]] = {}
        self._at = monotonic()

    def step(self) -> bool:
        """Once a second: looks what was dropped, and tells the readers how much to decode."""
        now = self._monotonic()
        if now - self._at < EVERY_S:
            return False
        before, self._seen = self._seen, {}
        served = []
        for slot in self._analyser.slots.values():
            counters = slot.reader.counters()
            self._seen[slot.reader] = (counters.taken, counters.dropped)
            if slot.reader in before:
                taken, dropped = before[slot.reader]
                served.append((counters.taken - taken, counters.dropped - dropped))
        was = self.pace.share
        share = self.pace.update(served, now - self._at)
        self._at = now
        for slot in self._analyser.slots.values():
            slot.reader.pace(share)
        if (was < 1) != (share < 1):
            log.info("overload", cameras=len(served), over=share == 1)
        return False
