"""Visits of tracked objects to a place: who is there since when, with short absences forgiven.

The bookkeeping that rules about a stay share. It knows nothing of shapes or alerts' texts; all times are media time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from detection.core.scene import Box, Sight

SLACK_S = 1e-6  # media times are sums of frame durations: 0.1 twenty times is not exactly 2
KNOWN_S = 10.0  # a track unseen for longer than any tracker bridges may count as new when its id comes again
BRIDGE_S = 1.0  # so long may detections of somebody who stays be missing; a longer absence is time spent elsewhere
MAX_VISITORS = 2000  # a bound for memory; far more than one picture shows within a cool-down


@dataclass(slots=True)
class Visitor:
    """One tracked object that is or was inside. seen_at, box: when and where its track was last seen at all.

    since: media time of the first sight inside in the visit that goes on, None between visits. inside_at: of the
    latest sight inside. away: some frame after that did not show it inside. raised: this visit has had its alert.
    alerted_at: media time of the object's latest alert. spent: seconds of this visit between sights inside.
    """

    class_id: int
    box: Box
    seen_at: float
    since: float | None = None
    inside_at: float = 0.0
    away: bool = False
    raised: bool = False
    alerted_at: float | None = None
    spent: float = 0.0


class Keepsake(NamedTuple):
    """A visit that goes on, without its id: ages in seconds, lengths in seconds, the box in shares of the picture."""

    class_id: int
    box: Box
    seen_s_ago: float
    inside_s_ago: float
    lasted_s: float
    spent_s: float
    raised: bool
    alerted_s_ago: float | None


class _Loan(NamedTuple):
    """A visit that was handed over: as it was then, to which track, and when."""

    visitor: Visitor
    heir: int
    at: float


@dataclass(slots=True, eq=False)
class Visits:
    """Visitors by track id. exit_s: an absence this long ends a visit. cooldown_s: kept in mind this long.

    Only what a frame showed is an absence: over a stretch without any frame, an object that its track finds again
    has stayed. So dropped frames end no visit. max_gap_s: a longer stretch without frames is not `spent`.
    """

    exit_s: float
    cooldown_s: float
    max_gap_s: float = math.inf
    _visitors: dict[int, Visitor] = field(default_factory=dict)
    _known: dict[int, float] = field(default_factory=dict)  # every track, also outside: when it was last seen
    _loans: dict[int, _Loan] = field(default_factory=dict)  # by the id of the track that broke off
    _stepped_at: float = -math.inf
    _tidied_at: float = -math.inf
    _blind: bool = False

    def __len__(self) -> int:
        """How many objects are kept in mind, visiting or not."""
        return len(self._visitors)

    def clear(self) -> None:
        """Forget everything."""
        self._visitors.clear()
        self._known.clear()
        self._loans.clear()
        self._stepped_at = self._tidied_at = -math.inf

    def step(self, seen: Mapping[int, Sight], inside: set[int], now: float) -> list[tuple[int, Visitor]]:
        """Take in one frame: every track in it by id, and the ids of those that are inside. The visitors inside now."""
        if self._loans:
            self._give_back(seen)
        if self._visitors:
            self._hand_over(seen, now)
        self._known.update(dict.fromkeys(seen, now))
        present: list[tuple[int, Visitor]] = []
        if inside:
            present = [(track_id, self._inside(sight, now)) for track_id, sight in seen.items() if track_id in inside]
        self._blind = False
        if self._visitors:
            self._look_after_others(seen, inside, now)
        if now - self._tidied_at > KNOWN_S or self._loans or len(self._visitors) > MAX_VISITORS:
            self._tidy(now)
        self._stepped_at = now
        return present

    def unseen(self) -> None:
        """What follows up to the next frame could not be seen, so nobody `spent` it."""
        self._blind = True

    def ongoing(self, now: float) -> Iterator[Visitor]:
        """The visitors whose visits go on at `now`; their `since` is not None."""
        for visitor in self._visitors.values():
            if visitor.since is not None and not (visitor.away and self._is_exit(visitor, now)):
                yield visitor

    def keepsakes(self, now: float) -> list[Keepsake]:
        """The visits that go on, for after a restart, the latest seen first."""
        return [
            Keepsake(
                class_id=v.class_id,
                box=v.box,
                seen_s_ago=now - v.seen_at,
                inside_s_ago=now - v.inside_at,
                lasted_s=now - (now if v.since is None else v.since),
                spent_s=v.spent,
                raised=v.raised,
                alerted_s_ago=None if v.alerted_at is None else now - v.alerted_at,
            )
            for v in sorted(self.ongoing(now), key=lambda v: -v.seen_at)
        ]

    def take_back(self, keepsakes: Iterable[Keepsake], *, now: float, away_s: float) -> None:
        """Visits of an earlier run, for tracks that begin at their places; to be called before the first step.

        now: media time of the first frame. away_s: how long there was nobody to look; only cool-downs go on in it.
        """
        for number, k in enumerate(keepsakes, start=1):
            self._visitors[-number] = Visitor(  # a tracker's ids are positive
                class_id=k.class_id,
                box=k.box,
                seen_at=now - k.seen_s_ago,
                since=now - k.lasted_s,
                inside_at=now - k.inside_s_ago,
                away=True,
                raised=k.raised,
                alerted_at=None if k.alerted_s_ago is None else now - k.alerted_s_ago - away_s,
                spent=k.spent_s,
            )

    def _is_exit(self, visitor: Visitor, now: float) -> bool:
        return now - visitor.inside_at >= self.exit_s - SLACK_S

    def _inside(self, sight: Sight, now: float) -> Visitor:
        visitor = self._visitors.get(sight.track_id)
        if visitor is None:
            visitor = self._visitors[sight.track_id] = Visitor(sight.class_id, sight.box, now)
        visitor.box, visitor.seen_at = sight.box, now
        if visitor.since is None or (visitor.away and self._is_exit(visitor, now)):
            visitor.since, visitor.raised, visitor.spent = now, False, 0.0
        elif self._stayed(visitor, now):
            visitor.spent += now - visitor.inside_at
        visitor.inside_at, visitor.away = now, False
        return visitor

    def _stayed(self, visitor: Visitor, now: float) -> bool:
        """Whether the time since the latest sight inside was spent inside."""
        gap = now - visitor.inside_at
        return not self._blind and gap <= (min(BRIDGE_S, self.max_gap_s) if visitor.away else self.max_gap_s) + SLACK_S

    def _look_after_others(self, seen: Mapping[int, Sight], inside: set[int], now: float) -> None:
        """Who is not inside is away; drop whom neither a visit nor a cool-down keeps in mind."""
        dropped = []
        for track_id, visitor in self._visitors.items():
            if track_id in inside:
                continue
            sight = seen.get(track_id)
            if sight is not None:
                visitor.box, visitor.seen_at = sight.box, now
            visitor.away = True
            if self._is_exit(visitor, now):
                visitor.since = None
            if visitor.since is None and self.cooled(visitor, now):
                dropped.append(track_id)
        for track_id in dropped:
            del self._visitors[track_id]

    def _hand_over(self, seen: Mapping[int, Sight], now: float) -> None:
        """Let tracks that begin where a visitor's track broke off take that visit over, closest pairs first.

        Only tracks that did not exist beside the lost one qualify: those are other objects.
        """
        lost = [
            (track_id, visitor)
            for track_id, visitor in self._visitors.items()
            if track_id not in seen
            and visitor.since is not None
            and now - visitor.seen_at < self.exit_s - SLACK_S
            and not self._is_exit(visitor, now)
        ]
        if not lost:
            return
        forgotten = self._stepped_at - KNOWN_S
        known = self._known
        newborn = [s for track_id, s in seen.items() if track_id not in known or known[track_id] < forgotten]
        for old_id, new_id in heirs(((track_id, v.class_id, v.box) for track_id, v in lost), newborn):
            visitor = self._visitors.pop(old_id)
            self._loans[old_id] = _Loan(replace(visitor), new_id, now)
            self._visitors[new_id] = visitor

    def _give_back(self, seen: Mapping[int, Sight]) -> None:
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
                heir.spent = max(min(heir.spent - loan.visitor.spent, heir.inside_at - loan.at), 0.0)
            if heir.alerted_at is not None and heir.alerted_at < loan.at:
                heir.raised, heir.alerted_at = False, None

    def _tidy(self, now: float) -> None:
        """Keep memory bounded: above the bound, who was unseen longest goes."""
        if len(self._visitors) > MAX_VISITORS:
            newest = sorted(self._visitors.items(), key=lambda item: item[1].seen_at)[-MAX_VISITORS:]
            self._visitors = dict(newest)
        if self._loans:
            self._loans = {track_id: loan for track_id, loan in self._loans.items() if now - loan.at <= KNOWN_S}
        if now - self._tidied_at > KNOWN_S:
            self._known = {track_id: at for track_id, at in self._known.items() if now - at <= KNOWN_S}
            self._tidied_at = now

    def cooled(self, visitor: Visitor, now: float) -> bool:
        """Whether the object has had no alert within the cool-down."""
        return self.cooling_s(visitor, now) <= SLACK_S

    def cooling_s(self, visitor: Visitor, now: float) -> float:
        """Seconds until the object may have an alert again."""
        return cooling_s(visitor.alerted_at, now, self.cooldown_s)


def cooling_s(alerted_at: float | None, now: float, cooldown_s: float) -> float:
    """Seconds until there may be an alert again; up to SLACK_S counts as none. alerted_at: of the latest alert."""
    return 0.0 if alerted_at is None else max(cooldown_s - (now - alerted_at), 0.0)


def heirs(
    lost: Iterable[tuple[int, int, Box]], newborn: Iterable[Sight], *, farthest: float = math.inf
) -> list[tuple[int, int]]:
    """Which new track goes on for which lost one: `(lost id, new id)`, closest first, each id once.

    lost: id, class and last box. farthest: the largest `gap_between`.
    """
    fresh = list(newborn)
    pairs = [
        (gap, old_id, sight.track_id)
        for old_id, class_id, box in lost
        for sight in fresh
        if sight.class_id == class_id and (gap := gap_between(box, sight.box)) is not None and gap <= farthest
    ]
    chosen: dict[int, int] = {}
    for _, old_id, new_id in sorted(pairs):
        if old_id not in chosen and new_id not in chosen.values():
            chosen[old_id] = new_id
    return list(chosen.items())


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
