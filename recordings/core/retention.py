"""Which segments go: the oldest first, never what a task still needs, and none by age while the clock is in doubt. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from recordings.core.segments import Segment

FEW = 10  # segments: so many may go by age whatever the clock
JUMP_SECONDS = 3600.0  # by so much more than time went by: the clock was set, or the box was off
GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Limits:
    """keep_s: seconds that a segment is kept. most: bytes of all (None: no limit).

    floor: free bytes below which the oldest go, until `enough` are free: two marks, so that it is not one file at a time.
    """

    keep_s: float = 7 * 86_400.0
    most: int | None = None
    floor: int = 2 * GIB
    enough: int = 3 * GIB


@dataclass(frozen=True, slots=True)
class Stock:
    """What there is. count, size: of all segments. free: bytes on the disk. cleaning: the floor was hit, `enough` not yet.

    doubtful: the clock is rather wrong (`jumped`, `most_are_old`).
    """

    count: int
    size: int
    free: int
    cleaning: bool = False
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes. suspicious: some would go by age by a clock that is rather wrong: they stay.

    short: bytes that are still missing when all that may go is gone.
    """

    doomed: tuple[Segment, ...]
    cleaning: bool
    suspicious: bool = False
    short: int = 0


def jumped(*, before: float, now: float, passed: float) -> bool:
    """Whether the clock went from `before` to `now` (Unix seconds) in so much less time: passed, seconds."""
    return now - before - passed > JUMP_SECONDS


def most_are_old(old: int, count: int) -> bool:
    """Whether more than half of all segments would go by age; never so of a few."""
    return old > FEW and old * 2 > count


def plan(
    oldest: Sequence[Segment],
    *,
    stock: Stock,
    limits: Limits,
    now: float,
    needed: Sequence[tuple[str, float, float]],
    own: Mapping[str, float] = MappingProxyType({}),
) -> Plan:
    """oldest: a bounded number of segments, the oldest first. needed: (camera, start, end) of what tasks still need.

    own: seconds that segments are kept, of the cameras for which it is not the limits' time.
    """
    free = [s for s in oldest if not any(c == s.camera_id and s.end > a and s.start < b for c, a, b in needed)]
    aged = [s for s in free if s.end < now - own.get(s.camera_id, limits.keep_s)]
    suspicious = stock.doubtful and bool(aged)
    cleaning = stock.free < (limits.enough if stock.cleaning else limits.floor)
    missing = max(
        limits.enough - stock.free if cleaning else 0, stock.size - limits.most if limits.most is not None else 0
    )
    doomed = {} if suspicious else {s.path: s for s in aged}
    gained = sum(s.size for s in doomed.values())
    for segment in free:
        if gained >= missing:
            break
        if segment.path not in doomed:
            doomed[segment.path] = segment
            gained += segment.size
    return Plan(tuple(doomed.values()), cleaning, suspicious, max(0, missing - gained))
