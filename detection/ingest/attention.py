"""What a camera's reader, its decoder and the analyser tell one another; and how much watching a box can pay for."""

from __future__ import annotations

import os
import threading
from typing import Literal

Watch = Literal["awake", "idle", "watching"]

ROOM = 3  # pictures that wait for the analyser while a reader catches up: each is some megabytes
FIRST_COST = 0.07  # core; 1080p at 25 pictures a second, until it is measured
SHARE = 0.25  # of all cores


class Attention:
    """Shared by the threads of one camera.

    watch: ``awake``: everything is decoded and offered. ``idle``: packets are received and weighed, key frames looked at.
    ``watching``: everything is decoded and compared, only what changed is offered: for a stream too noisy to be weighed.
    wakes: times it woke. missed: packets that were kept for waking and had to be given up.
    unshown: pictures decoded for nobody to see. waiting: pictures offered and not yet taken. wanted_at: monotonic seconds
    at which the analyser last saw something in them.
    """

    def __init__(self) -> None:
        self.watch: Watch = "awake"
        self.wakes = 0
        self.missed = 0
        self.unshown = 0
        self.waiting = 0
        self.wanted_at = float("-inf")
        self._room = threading.Condition()

    def wait_for_room(self, seconds: float) -> bool:
        """Whether the analyser can take another picture, after waiting for it at most so long."""
        with self._room:
            return self._room.wait_for(lambda: self.waiting < ROOM, seconds)

    def set_waiting(self, count: int) -> None:
        """How many pictures wait for the analyser now."""
        with self._room:
            self.waiting = count
            self._room.notify_all()


class WatchBudget:
    """Lets as many noisy cameras be decoded while nothing moves as the given cores allow; the rest are only weighed.

    Thread-safe; one for a process.
    """

    def __init__(self, cores: float | None = None) -> None:
        self.cores = SHARE * (os.cpu_count() or 1) if cores is None else cores
        self._costs: dict[int, float] = {}
        self._lock = threading.Lock()

    def enter(self, who: object) -> bool:
        """Whether `who` may decode; True again for one who does already."""
        with self._lock:
            if id(who) not in self._costs:
                if sum(self._costs.values()) + FIRST_COST > self.cores + 1e-9:
                    return False
                self._costs[id(who)] = FIRST_COST
            return True

    def costs(self, who: object, cores: float) -> bool:
        """What it was measured to cost; whether it may go on: who goes over the budget must leave."""
        with self._lock:
            if id(who) in self._costs:
                self._costs[id(who)] = cores
            return sum(self._costs.values()) <= max(self.cores, cores)

    def leave(self, who: object) -> None:
        with self._lock:
            self._costs.pop(id(who), None)
