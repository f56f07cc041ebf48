"""The objects near a line, by track: sides survive a track that breaks off and begins again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from detection.core.rules.line import UNKNOWN, Line, Walker
from detection.core.rules.visits import KNOWN_S, MAX_VISITORS, SLACK_S, heirs
from detection.core.scene import Point, Sight

NEAR = 1.5  # boxes: who begins further from where a track broke off may be somebody else


class Crossing(NamedTuple):
    """An object came to a side of the line by crossing it."""

    track_id: int
    side: int
    walker: Walker


class _Loan(NamedTuple):
    heir: int
    walker: Walker
    at: float


@dataclass(slots=True, eq=False)
class Walkers:
    """margin, stay_s: as in `Walker.move`. exit_s: a track that begins within this time may go on for one that broke off."""

    line: Line
    margin: float
    stay_s: float
    exit_s: float
    _walkers: dict[int, Walker] = field(default_factory=dict)
    _loans: dict[int, _Loan] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many objects are kept in mind."""
        return len(self._walkers)

    def clear(self) -> None:
        """Forget everybody."""
        self._walkers.clear()
        self._loans.clear()

    def step(self, rows: Mapping[int, tuple[Sight, Point]], now: float) -> list[Crossing]:
        """Take in one frame: every object that counts by id, with its anchor. Who has crossed."""
        if self._loans:
            self._give_back(rows)
        walkers, line, margin, stay_s = self._walkers, self.line, self.margin, self.stay_s
        if not rows.keys() <= walkers.keys():
            self._hand_over(rows, now)
        crossings = []
        for track_id, (sight, anchor) in rows.items():
            walker = walkers.get(track_id)
            if walker is None:
                walker = walkers[track_id] = Walker.new(line, sight.class_id, sight.box, anchor, now)
            side = walker.move(line, sight.box, anchor, now, margin, stay_s)
            if side != UNKNOWN:
                crossings.append(Crossing(track_id, side, walker))
        if self._loans or len(walkers) > len(rows):
            self._forget(now)
        return crossings

    def _hand_over(self, rows: Mapping[int, tuple[Sight, Point]], now: float) -> None:
        newborn = [sight for sight, _ in rows.values() if sight.track_id not in self._walkers]
        lost = [
            (track_id, walker.class_id, walker.box)
            for track_id, walker in self._walkers.items()
            if track_id not in rows and now - walker.seen_at < self.exit_s - SLACK_S
        ]
        for old_id, new_id in heirs(lost, newborn, farthest=NEAR):
            walker = self._walkers.pop(old_id)
            walker.going = UNKNOWN
            self._loans[old_id] = _Loan(new_id, replace(walker), now)
            self._walkers[new_id] = walker

    def _give_back(self, rows: Mapping[int, tuple[Sight, Point]]) -> None:
        """A lost track that comes back was only hidden; its heir is somebody else, whose side is unknown."""
        for old_id in [track_id for track_id in self._loans if track_id in rows]:
            loan = self._loans.pop(old_id)
            self._walkers[old_id] = loan.walker
            heir = self._walkers.get(loan.heir)
            if heir is not None:
                heir.side = heir.going = UNKNOWN
                heir.alerted_at = None

    def _forget(self, now: float) -> None:
        for track_id in [i for i, walker in self._walkers.items() if now - walker.seen_at > KNOWN_S]:
            del self._walkers[track_id]
        if len(self._walkers) > MAX_VISITORS:
            for track_id, _ in sorted(self._walkers.items(), key=lambda item: item[1].seen_at)[:-MAX_VISITORS]:
                del self._walkers[track_id]
        self._loans = {track_id: loan for track_id, loan in self._loans.items() if now - loan.at <= KNOWN_S}
