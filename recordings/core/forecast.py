"""When the room for recordings is used up at the present rate, and how far back they reach then. Pure.

The model is a fluid: each camera adds bytes at the rate of the last day. It grows until its oldest recording is as old as it
may become; from then on what was recorded before goes at the rate at which it came, until all of it is of the present rate.
The sum over all cameras is a line of straight pieces, and the room is used up where it crosses what there is room for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

WINDOW_S = 86_400.0  # a rate is that of a whole day, so that nights count
ENOUGH_S = 600.0  # less says nothing of a rate
RESERVE_S = 3600.0  # so long before clips lose what they need it is told
HALVINGS = 60

Point = tuple[float, float]  # seconds from now, bytes


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one camera. rate: bytes per second. size: bytes kept now, that reach so many seconds back.

    keep: seconds until a recording is too old. most: bytes (infinite: no budget). least: seconds that are guaranteed.
    """

    rate: float
    size: int
    reach: float
    keep: float
    most: float = float("inf")
    least: float = 0.0

    def after(self, horizon: float) -> float:
        """Seconds that its recordings reach back when all that is older than `horizon` seconds is given up."""
        fits = self.most / self.rate if self.rate else self.keep
        return max(self.least, min(horizon, self.keep, fits))


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes. free: on the disk, above the mark at which older recordings go. most: of all recordings (infinite: no budget).

    reserve: free above the floor. needed: of recordings that clips still need.
    """

    free: float
    most: float = float("inf")
    reserve: float = 0.0
    needed: int = 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """rate: bytes per second of all cameras. full_in: seconds until older recordings go for room; None: all days fit.

    reach: the shortest and the longest, in seconds, that a camera's recordings then go back. by_budget: it is the budget that
    is used up, not the disk. unheld: guaranteed days do not fit. tight: what clips need is about to fill the disk.
    """

    rate: float
    full_in: float | None
    reach: tuple[float, float]
    by_budget: bool = False
    unheld: bool = False
    tight: bool = False


def measured(*, size: int, oldest: float | None, now: float) -> float | None:
    """Bytes per second. size: of what was recorded in the last `WINDOW_S`. oldest: the first that is kept, Unix seconds.

    None while too little is known, also where a clock that was set back makes recordings begin in the future.
    """
    if oldest is None:
        return None
    seconds = min(WINDOW_S, now - oldest)
    return size / seconds if seconds >= ENOUGH_S else None


def forecast(cameras: Sequence[Usage], room: Room) -> Forecast | None:
    """None while nothing is recorded, or nobody knows how much."""
    active = [c for c in cameras if c.rate > 0]
    if not active:
        return None
    size = sum(c.size for c in cameras)
    rate = sum(c.rate for c in active)
    on_disk = size + max(0.0, room.free)
    capacity = min(on_disk, room.most)
    full_in = _crossing([_line(c) for c in cameras], capacity)
    unheld = sum(c.rate * c.least for c in active) > capacity
    tight = room.needed > 0 and room.reserve + size - room.needed < RESERVE_S * rate
    if unheld:
        horizon = _horizon(lambda h: sum(c.rate * min(h, c.least) for c in active), capacity, active)
        reach = [min(horizon, c.least) for c in active if c.least]
    else:
        horizon = _horizon(lambda h: sum(c.rate * c.after(h) for c in active), capacity, active)
        reach = [c.after(horizon) for c in active]
    return Forecast(rate, full_in, (min(reach), max(reach)), room.most < on_disk, unheld, tight)


def _line(camera: Usage) -> list[Point]:
    """Bytes of a camera by time, constant after the last point."""
    grows = max(0.0, camera.keep - camera.reach)
    points = [
        (0.0, float(camera.size)),
        (grows, camera.size + camera.rate * grows),
        (camera.keep, camera.rate * camera.keep),
    ]
    line: list[Point] = []
    most = max(camera.most, camera.rate * camera.least)  # a guarantee goes before a budget
    for point in points:
        if line and (line[-1][1] < most) != (point[1] < most):
            line.append(_meets(line[-1], point, most))
        line.append(point)
    return [(at, min(size, most)) for at, size in line]


def _meets(a: Point, b: Point, level: float) -> Point:
    """Where the straight line between two points has that height."""
    share = (level - a[1]) / (b[1] - a[1])
    return a[0] + share * (b[0] - a[0]), level


def _at(line: Sequence[Point], at: float) -> float:
    for a, b in pairwise(line):
        if a[0] <= at < b[0]:
            return a[1] + (b[1] - a[1]) * (at - a[0]) / (b[0] - a[0])
    return line[-1][1]


def _crossing(lines: Sequence[Sequence[Point]], level: float) -> float | None:
    """When the sum of all first reaches that height, in seconds; None: never."""
    before: Point | None = None
    for at in sorted({at for line in lines for at, _ in line}):
        point = (at, sum(_at(line, at) for line in lines))
        if point[1] >= level:
            return at if before is None else _meets(before, point, level)[0]
        before = point
    return None


def _horizon(amount: Callable[[float], float], capacity: float, cameras: Sequence[Usage]) -> float:
    """The longest time, in seconds, of which the recordings fit; by halving, since the amount only grows with it."""
    low, high = 0.0, max(max(c.keep, c.least) for c in cameras)
    if amount(high) <= capacity:
        return high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if amount(middle) <= capacity else (low, middle)
    return low
