"""Which segments go: the oldest first, never what a task still needs, and none by age while the clock is in doubt. Pure.

For room, those go first of which a clip is stored, then the oldest; those that are guaranteed only when the disk itself is
short, last, and no more of them than its floor asks for.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
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
class Terms:
    """For how long the recordings of one camera stay. keep_s: seconds; None: the limits'. most: bytes (None: no limit).

    least_s: seconds that are guaranteed: what is younger goes neither for age nor for a budget.
    """

    keep_s: float | None = None
    most: int | None = None
    least_s: float = 0.0

    def keeps(self, limits: Limits) -> float:
        """Seconds. A camera's own days are a promise, too: nothing is kept for longer."""
        return max(limits.keep_s, self.least_s) if self.keep_s is None else self.keep_s

    def holds(self, limits: Limits) -> float:
        """Seconds that are guaranteed, never more than what is kept."""
        return min(self.least_s, self.keeps(limits))


UNSAID = Terms()


@dataclass(frozen=True, slots=True)
class Stock:
    """What there is. count, size: of all segments. free: bytes on the disk. cleaning: the floor was hit, `enough` not yet.

    doubtful: the clock is rather wrong (`jumped`, `most_are_old`). cameras: bytes by camera.
    """

    count: int
    size: int
    free: int
    cleaning: bool = False
    doubtful: bool = False
    cameras: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes. suspicious: some would go by age by a clock that is rather wrong: they stay.

    short: bytes that are still missing when all that may go is gone. broken: those of the doomed that were guaranteed.
    """

    doomed: tuple[Segment, ...]
    cleaning: bool
    suspicious: bool = False
    short: int = 0
    broken: tuple[Segment, ...] = ()


def jumped(*, before: float, now: float, passed: float) -> bool:
    """Whether the clock went from `before` to `now` (Unix seconds) in so much less time: passed, seconds."""
    return now - before - passed > JUMP_SECONDS


def most_are_old(old: int, count: int) -> bool:
    """Whether more than half of all segments would go by age; never so of a few."""
    return old > FEW and old * 2 > count


def lacking(stock: Stock, limits: Limits, own: Mapping[str, Terms]) -> bool:
    """Whether room is missing, on the disk or in a budget."""
    return (
        stock.free < (limits.enough if stock.cleaning else limits.floor)
        or (limits.most is not None and stock.size > limits.most)
        or bool(_over(stock, own))
    )


def _over(stock: Stock, own: Mapping[str, Terms]) -> dict[str, int]:
    """Bytes beyond their budgets, by camera."""
    over = {c: stock.cameras.get(c, 0) - terms.most for c, terms in own.items() if terms.most is not None}
    return {camera_id: size for camera_id, size in over.items() if size > 0}


def plan(
    oldest: Sequence[Segment],
    *,
    stock: Stock,
    limits: Limits,
    now: float,
    needed: Sequence[tuple[str, float, float]],
    own: Mapping[str, Terms] = MappingProxyType({}),
    stored: Collection[str] = frozenset(),
    at_once: int = sys.maxsize,
) -> Plan:
    """oldest: of each camera with terms of its own and of the others at most `at_once`, the oldest.

    needed: (camera, start, end) of what tasks still need. own: of the cameras that have terms of their own. stored: paths of
    segments of which a clip is stored.
    """
    may_go = [s for s in oldest if not any(c == s.camera_id and s.end > a and s.start < b for c, a, b in needed)]
    may_go.sort(key=lambda s: (s.path not in stored, s.start, s.path))
    held = [s for s in may_go if _held(s, limits, own.get(s.camera_id, UNSAID), now, doubtful=stock.doubtful)]
    guarded = {s.path for s in held}
    spare = [s for s in may_go if s.path not in guarded]
    aged = [s for s in spare if s.end < now - own.get(s.camera_id, UNSAID).keeps(limits)]
    suspicious = stock.doubtful and bool(aged)
    cleaning = stock.free < (limits.enough if stock.cleaning else limits.floor)
    choice = _Choice({} if suspicious else {s.path: s for s in aged})
    choice.fit_cameras(spare, _over(stock, own))
    too_much = max(0, stock.size - limits.most) if limits.most is not None else 0
    missing = max(limits.enough - stock.free if cleaning else 0, too_much)
    choice.gain(spare, missing)
    at_floor = limits.floor - stock.free if cleaning else 0
    before = len(choice.doomed)
    in_hand = max(Counter(s.camera_id for s in spare).values(), default=0)
    if in_hand < at_once:  # else there may be more that is not held
        choice.gain(held, at_floor)
    doomed = tuple(choice.doomed.values())
    whole = at_floor if len(doomed) - before < len(held) else missing  # what is guaranteed need not give more
    return Plan(doomed, cleaning, suspicious, max(0, whole - choice.gained), doomed[before:])


def _held(segment: Segment, limits: Limits, terms: Terms, now: float, *, doubtful: bool) -> bool:
    """By a clock that is rather wrong nobody can say how old it is: then all of a camera with guaranteed days is held."""
    holds = terms.holds(limits)
    return holds > 0 and not segment.ring and (doubtful or segment.end >= now - holds)


@dataclass(slots=True)
class _Choice:
    """What goes, by path."""

    doomed: dict[str, Segment]

    @property
    def gained(self) -> int:
        return sum(s.size for s in self.doomed.values())

    def gain(self, candidates: Sequence[Segment], missing: int) -> None:
        """Takes of them, in their order, until all that goes makes so many bytes."""
        gained = self.gained
        for segment in candidates:
            if gained >= missing:
                return
            if segment.path not in self.doomed:
                self.doomed[segment.path] = segment
                gained += segment.size

    def fit_cameras(self, candidates: Sequence[Segment], over: Mapping[str, int]) -> None:
        """Takes of each camera, in their order, as many bytes as it has beyond its budget."""
        left = dict(over)
        for segment in self.doomed.values():
            left[segment.camera_id] = left.get(segment.camera_id, 0) - segment.size
        for segment in candidates:
            if left.get(segment.camera_id, 0) > 0 and segment.path not in self.doomed:
                self.doomed[segment.path] = segment
                left[segment.camera_id] -= segment.size
