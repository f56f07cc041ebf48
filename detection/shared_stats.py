"""A camera's live numbers between the threads that analyse it and the one that tells them."""

from __future__ import annotations

import threading

from detection.core.statistics import Number, StatsWindow


class SharedStats(StatsWindow):
    """A `StatsWindow` that any threads may feed and read."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def analysed(self, now: float, *, latency_s: float, persons: int) -> None:
        with self._lock:
            super().analysed(now, latency_s=latency_s, persons=persons)

    def moved(self, share: float, *, now: float) -> None:
        with self._lock:
            super().moved(share, now=now)

    def reader(self, now: float, *, decoded: int, dropped: int) -> None:
        with self._lock:
            super().reader(now, decoded=decoded, dropped=dropped)

    def snapshot(self, now: float, *, hairnets: int = 0, handwash: int = 0) -> dict[str, Number]:
        with self._lock:
            return super().snapshot(now, hairnets=hairnets, handwash=handwash)
