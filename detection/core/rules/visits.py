"""Visits of tracked objects to a place: who is there since when, with short absences forgiven.

The bookkeeping that rules about a stay share. It knows nothing of shapes or alerts' texts; all times are media time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from detection.core.rules.handover import (
    BRIDGE_S,
    KNOWN_S,
    MAX_VISITORS,
    SLACK_S,
    HandOver,
    Known,
    keep_bounded,
)
from detection.core.scene import Box, Sight


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
    _known: Known = field(default_factory=Known)
    _handing: HandOver[Visitor] = field(init=False)
    _tidied_at: float = -math.inf
    _blind: bool = False

    def __post_init__(self) -> None:
        self._handing = HandOver(self.exit_s, replace)

    def __len__(self) -> int:
        """How many objects are kept in mind, visiting or not."""
        return len(self._visitors)

    def clear(self) -> None:
        """Forget everything."""
        self._visitors = {}
        self._known.clear()
        self._handing.clear()
        self._tidied_at = -math.inf

    def step(self, seen: Mapping[int, Sight], inside: set[int], now: float) -> list[tuple[int, Visitor]]:
        """Take in one frame: every track in it by id, and the ids of those that are inside. The visitors inside now."""
        if self._handing:
            self._give_back(seen)
        if self._visitors:
            self._hand_over(seen, now)
        self._known.note(seen, now)
        present: list[tuple[int, Visitor]] = []
        if inside:
            present = [(track_id, self._inside(sight, now)) for track_id, sight in seen.items() if track_id in inside]
        self._blind = False
        if self._visitors:
            self._look_after_others(seen, inside, now)
        if now - self._tidied_at > KNOWN_S or self._handing or len(self._visitors) > MAX_VISITORS:
            self._tidy(now)
        return present

    def unseen(self) -> None:
        """What follows up to the next frame could not be seen, so nobody `spent` it."""
        self._blind = True

    def ongoing(self, now: float) -> Iterator[Visitor]:
        """The visitors whose visits go on at `now`; their `since` is not None."""
        return (visitor for _, visitor in self.ongoing_by_id(now))

    def ongoing_by_id(self, now: float) -> Iterator[tuple[int, Visitor]]:
        """The same with their track ids; below zero: of an earlier run, and not seen again so far."""
        for track_id, visitor in self._visitors.items():
            if visitor.since is not None and not (visitor.away and self._is_exit(visitor, now)):
                yield track_id, visitor

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
        """Visits that go on pass to tracks that did not exist beside the lost ones."""
        newborn = self._known.newborn(seen)
        if newborn:
            self._handing.pass_on(
                self._visitors, seen, newborn, now, lambda v: v.since is not None and not self._is_exit(v, now)
            )

    def _give_back(self, seen: Mapping[int, Sight]) -> None:
        """An heir's own visit began when it appeared, and only alerts since then were about it."""
        for loan in self._handing.give_back(self._visitors, seen):
            loan.lent.away = True
            heir = self._visitors.get(loan.heir)
            if heir is None:
                continue
            if heir.inside_at < loan.at:
                del self._visitors[loan.heir]
                continue
            if heir.since is not None:
                heir.since = max(heir.since, loan.at)
                heir.spent = max(min(heir.spent - loan.lent.spent, heir.inside_at - loan.at), 0.0)
            if heir.alerted_at is not None and heir.alerted_at < loan.at:
                heir.raised, heir.alerted_at = False, None

    def _tidy(self, now: float) -> None:
        """Keep memory bounded."""
        keep_bounded(self._visitors)
        self._handing.forget(now)
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
