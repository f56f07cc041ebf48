"""Visits of tracked objects to a place: who is there since when, with short absences forgiven.

The bookkeeping that rules about a stay share. It knows nothing of shapes or alerts' texts; all times are media time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

SLACK_S = 1e-6  # media times are sums of frame durations: 0.1 twenty times is not exactly 2
KNOWN_S = 10.0  # a track unseen for longer than any tracker bridges may count as new when its id comes again
MAX_VISITORS = 2000  # a bound for memory; far more than one picture shows within a cool-down

Box = tuple[float, float, float, float]


class Sight(NamedTuple):
    """One tracked object in one frame: shares of the picture."""

    track_id: int
    class_id: int
    box: Box


@dataclass(slots=True)
class Visitor:
    """One tracked object that is or was inside. seen_at, box: when and where its track was last seen at all.

    since: media time of the first sight inside in the visit that goes on, None between visits. inside_at: of the
    latest sight inside. away: some frame after that did not show it inside. raised: this visit has had its alert.
    alerted_at: media time of the object's latest alert.
    """

    class_id: int
    box: Box
    seen_at: float
    since: float | None = None
    inside_at: float = 0.0
    away: bool = False
    raised: bool = False
    alerted_at: float | None = None


class _Loan(NamedTuple):
    """A visit that was handed over: as it was then, to which track, and when."""

    visitor: Visitor
    heir: int
    at: float


@dataclass(slots=True, eq=False)
class Visits:
    """Visitors by track id. exit_s: an absence this long ends a visit. cooldown_s: kept in mind this long.

    Only what a frame showed is an absence: over a stretch without any frame, an object that its track finds again
    has stayed. So dropped frames end no visit.
    """

    exit_s: float
    cooldown_s: float
    _visitors: dict[int, Visitor] = field(default_factory=dict)
    _known: dict[int, float] = field(default_factory=dict)  # every track, also outside: when it was last seen
    _loans: dict[int, _Loan] = field(default_factory=dict)  # by the id of the track that broke off

    def __len__(self) -> int:
        """How many objects are kept in mind, visiting or not."""
        return len(self._visitors)

    def clear(self) -> None:
        """Forget everything."""
        self._visitors.clear()
        self._known.clear()
        self._loans.clear()

    def step(self, sights: Iterable[Sight], inside: set[int], now: float) -> list[tuple[int, Visitor]]:
        """Take in one frame: every track in it, and the ids of those that are inside. The visitors inside now."""
        seen = {sight.track_id: sight for sight in sights}
        self._give_back(seen)
        self._hand_over([sight for sight in seen.values() if sight.track_id not in self._known], seen, now)
        for sight in seen.values():
            self._known[sight.track_id] = now
            visitor = self._visitors.get(sight.track_id)
            if visitor is not None:
                visitor.box, visitor.seen_at = sight.box, now
        present = [(track_id, self._inside(sight, now)) for track_id, sight in seen.items() if track_id in inside]
        self._others_are_away(inside, now)
        self._forget(now)
        return present

    def ongoing(self, now: float) -> Iterator[float]:
        """Since when each visit that goes on at `now` does."""
        for visitor in self._visitors.values():
            if visitor.since is not None and not (visitor.away and self._is_exit(visitor, now)):
                yield visitor.since

    def _is_exit(self, visitor: Visitor, now: float) -> bool:
        return now - visitor.inside_at >= self.exit_s - SLACK_S

    def _inside(self, sight: Sight, now: float) -> Visitor:
        visitor = self._visitors.setdefault(sight.track_id, Visitor(sight.class_id, sight.box, now))
        if visitor.since is None or (visitor.away and self._is_exit(visitor, now)):
            visitor.since, visitor.raised = now, False
        visitor.inside_at, visitor.away = now, False
        return visitor

    def _others_are_away(self, inside: set[int], now: float) -> None:
        for track_id, visitor in self._visitors.items():
            if track_id not in inside:
                visitor.away = True
                if self._is_exit(visitor, now):
                    visitor.since = None

    def _hand_over(self, newborn: list[Sight], seen: dict[int, Sight], now: float) -> None:
        """Let tracks that begin where a visitor's track broke off take that visit over, closest pairs first.

        Only tracks that did not exist beside the lost one qualify: those are other objects.
        """
        lost = [
            (track_id, visitor)
            for track_id, visitor in self._visitors.items()
            if visitor.since is not None
            and track_id not in seen
            and now - visitor.seen_at < self.exit_s - SLACK_S
            and not self._is_exit(visitor, now)
        ]
        pairs = [
            (gap, old_id, sight.track_id)
            for old_id, visitor in lost
            for sight in newborn
            if sight.class_id == visitor.class_id and (gap := gap_between(visitor.box, sight.box)) is not None
        ]
        taken: set[int] = set()
        for _, old_id, new_id in sorted(pairs):
            if old_id in self._visitors and new_id not in taken:
                visitor = self._visitors.pop(old_id)
                self._loans[old_id] = _Loan(replace(visitor), new_id, now)
                self._visitors[new_id] = visitor
                taken.add(new_id)

    def _give_back(self, seen: dict[int, Sight]) -> None:
        """A lost track that comes back was only hidden: it has its visit again, and its heir is somebody else.

        The heir's own visit then began when it appeared, and only alerts since then were about it.
        """
        for old_id in [track_id for track_id in self._loans if track_id in seen]:
            loan = self._loans.pop(old_id)
            loan.visitor.away = True
            self._visitors[old_id] = loan.visitor
            heir = self._visitors.get(loan.heir)
            if heir is None:
                continue
            if heir.inside_at < loan.at:
                del self._visitors[loan.heir]
                continue
            if heir.since is not None:
                heir.since = max(heir.since, loan.at)
            if heir.alerted_at is not None and heir.alerted_at < loan.at:
                heir.raised, heir.alerted_at = False, None

    def _forget(self, now: float) -> None:
        """Drop whom neither a visit nor a cool-down keeps in mind, and above the bound who was unseen longest."""
        self._visitors = {
            track_id: visitor
            for track_id, visitor in self._visitors.items()
            if visitor.since is not None or not self.cooled(visitor, now)
        }
        if len(self._visitors) > MAX_VISITORS:
            newest = sorted(self._visitors.items(), key=lambda item: item[1].seen_at)[-MAX_VISITORS:]
            self._visitors = dict(newest)
        self._loans = {track_id: loan for track_id, loan in self._loans.items() if now - loan.at <= KNOWN_S}
        self._known = {track_id: at for track_id, at in self._known.items() if now - at <= KNOWN_S}

    def cooled(self, visitor: Visitor, now: float) -> bool:
        """Whether the object has had no alert within the cool-down."""
        return visitor.alerted_at is None or now - visitor.alerted_at >= self.cooldown_s - SLACK_S


def gap_between(last: Box, new: Box) -> float | None:
    """How far a box is from the place where a track broke off, to order candidates; None when too far.

    Near is: the boxes overlap, or the bottom centre moved by no more than a box width across and half a height down.
    The gap is in those units, so 0 is the same place.
    """
    width = max(last[2] - last[0], new[2] - new[0], 1e-9)
    height = max(last[3] - last[1], new[3] - new[1], 1e-9)
    across = abs((new[0] + new[2]) - (last[0] + last[2])) / 2 / width
    down = abs(new[3] - last[3]) / (height / 2)
    overlaps = min(last[2], new[2]) > max(last[0], new[0]) and min(last[3], new[3]) > max(last[1], new[1])
    if overlaps or (across <= 1 and down <= 1):
        return across + down
    return None
