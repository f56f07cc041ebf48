"""What a camera's reader, its decoder and the analyser tell one another; and how much watching a box can pay for."""

from __future__ import annotations

import threading
from typing import Literal

from detection.cores import usable_cores
from detection.ingest.glance import Glance

Watch = Literal["awake", "idle", "coarse", "watching", "learning"]

ROOM = 3  # pictures that wait for the analyser while a reader catches up: each is some megabytes
FIRST_COST = 0.07  # core; 1080p at 25 pictures a second, until it is measured
SLEEP_COST = 0.017  # core; receiving such a stream and decoding its key frames, until it is measured
SHARE = 0.25  # of the cores that this process may use


class Attention:
    """Shared by the threads of one camera.

    watch: ``awake``: everything is decoded and offered. ``idle``: packets are received and weighed, key frames looked at.
    ``watching``: everything is decoded and compared, only what changed is offered: for a stream too noisy to be weighed.
    ``coarse``: the same for such a stream, because the budget has no room for it: what is short may be missed.
    ``learning``: asleep one way or the other, and what this stream's packets usually weigh is not known yet.
    wakes: times it woke. missed: packets that were kept for waking and had to be given up.
    unshown: pictures decoded for nobody to see. waiting: pictures offered and not yet taken. wanted_at: monotonic seconds
    at which the analyser last saw something in them. share: of each group of pictures that is to be decoded while awake.
    shed: packets not decoded because of that, or because reading had fallen behind. received_at: Unix seconds of the newest
    coded picture that came while the camera was asleep and could be read at its last look; None before that.
    """

    def __init__(self) -> None:
        self.watch: Watch = "awake"
        self.wakes = 0
        self.missed = 0
        self.unshown = 0
        self.share = 1.0
        self.shed = 0
        self.waiting = 0
        self.wanted_at = float("-inf")
        self.received_at: float | None = None
        self.glance = Glance()
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
    """Lets noisy cameras be decoded while nothing moves as long as all that sleep, together, stay below the given cores.

    What the others cost asleep counts too: a box with few cameras watches every noisy one, a full box none, so that sixty
    still cameras cost what sixty must cost. Thread-safe; one for a process.
    """

    def __init__(self, cores: float | None = None) -> None:
        self.cores = SHARE * usable_cores() if cores is None else cores
        self._costs: dict[int, float] = {}
        self._watching: set[int] = set()
        self._needed: dict[int, float] = {}  # by those who have watched, so that nobody tries in vain again and again
        self._lock = threading.Lock()

    def join(self, who: object) -> None:
        """One more camera that sleeps now and then."""
        with self._lock:
            self._costs[id(who)] = SLEEP_COST

    def enter(self, who: object) -> bool:
        """Whether `who`, who joined, may decode; True again for one who does already."""
        with self._lock:
            if id(who) in self._watching:
                return True
            needed = self._needed.get(id(who), max(self._needed.values(), default=FIRST_COST))
            if sum(self._costs.values()) - self._costs.get(id(who), 0.0) + needed > self.cores + 1e-9:
                return False
            self._watching.add(id(who))
            self._costs[id(who)] = needed
            return True

    def costs(self, who: object, cores: float) -> bool:
        """What it was measured to cost, asleep or watching; whether watching may go on: over the budget it must end."""
        with self._lock:
            self._costs[id(who)] = cores
            if id(who) in self._watching:
                self._needed[id(who)] = cores
            return sum(self._costs.values()) <= max(self.cores, cores)

    def leave(self, who: object) -> None:
        """It watches no longer."""
        with self._lock:
            if id(who) in self._watching:
                self._watching.discard(id(who))
                self._costs[id(who)] = SLEEP_COST

    def part(self, who: object) -> None:
        """Its connection is over."""
        with self._lock:
            self._watching.discard(id(who))
            self._costs.pop(id(who), None)
            self._needed.pop(id(who), None)
