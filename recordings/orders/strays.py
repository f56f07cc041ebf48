"""Answers of boxes to what the hub had not stored when they came: it asks for an order's picture first and stores after that,
perhaps in another process, and a worker may end in between.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from recordings.core.orders import TAKE_S
from recordings.core.snapshots import SnapshotAnswer

MOST = 1_000  # the oldest go
EVERY_S = 0.25


class Stray(NamedTuple):
    answer: SnapshotAnswer
    device_id: str
    ends: float


@dataclass(slots=True)
class Strays:
    """Any thread may `add`, one takes."""

    monotonic: Callable[[], float] = time.monotonic
    _kept: deque[Stray] = field(default_factory=lambda: deque(maxlen=MOST))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _due: float = 0.0

    def add(self, answer: SnapshotAnswer, *, device_id: str) -> None:
        """As long as somebody may wait for it."""
        with self._lock:
            self._kept.append(Stray(answer, device_id, self.monotonic() + TAKE_S))

    def take(self) -> list[Stray]:
        """Those to be looked at now, all of them; `put_back` what still belongs to nothing."""
        now = self.monotonic()
        if not self._kept or now < self._due:
            return []
        self._due = now + EVERY_S
        with self._lock:
            taken = [stray for stray in self._kept if stray.ends > now]
            self._kept.clear()
        return taken

    def put_back(self, left: list[Stray]) -> None:
        with self._lock:
            self._kept.extendleft(reversed(left))


strays = Strays()
