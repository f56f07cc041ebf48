"""The objects near a line, by track: sides survive a track that breaks off and begins again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from detection.core.rules.handover import HandOver, Known, forget_unseen
from detection.core.rules.line import UNKNOWN, Line, Walker
from detection.core.scene import Point, Sight

NEAR = 1.5  # boxes: who begins further from where a track broke off may be somebody else


class Crossing(NamedTuple):
    """An object came to a side of the line by crossing it."""

    track_id: int
    side: int
    walker: Walker


@dataclass(slots=True, eq=False)
class Walkers:
    """margin, stay_s: as in `Walker.move`. exit_s: a track that begins within this time may go on for one that broke off."""

    line: Line
    margin: float
    stay_s: float
    exit_s: float
    _walkers: dict[int, Walker] = field(default_factory=dict)
    _known: Known = field(default_factory=Known)
    _handing: HandOver[Walker] = field(init=False)

    def __post_init__(self) -> None:
        self._handing = HandOver(self.exit_s, lambda walker: replace(walker, going=UNKNOWN), NEAR)

    def __len__(self) -> int:
        """How many objects are kept in mind."""
        return len(self._walkers)

    def clear(self) -> None:
        """Forget everybody."""
        self._walkers.clear()
        self._known.clear()
        self._handing.clear()

    def step(self, rows: Mapping[int, tuple[Sight, Point]], now: float, *, seen: Mapping[int, Sight]) -> list[Crossing]:
        """Take in one frame: every object that counts by id, with its anchor. Who has crossed.

        seen: every track of the frame, also those that do not count in it.
        """
        if self._handing:
            self._give_back(seen)
        walkers, line, margin, stay_s = self._walkers, self.line, self.margin, self.stay_s
        if walkers and (newborn := self._known.newborn(seen)):
            for walker in self._handing.pass_on(walkers, seen, newborn, now):
                walker.going = UNKNOWN
        self._known.note(seen, now)
        crossings = []
        for track_id, (sight, anchor) in rows.items():
            known = walkers.get(track_id)
            if known is None:
                known = walkers[track_id] = Walker.new(line, sight.class_id, sight.box, anchor, now)
            side = known.move(line, sight.box, anchor, now, margin, stay_s)
            if side != UNKNOWN:
                crossings.append(Crossing(track_id, side, known))
        if self._handing or len(walkers) > len(rows):
            forget_unseen(walkers, seen, now, exit_s=self.exit_s)
            self._handing.forget(now)
        return crossings

    def _give_back(self, seen: Mapping[int, Sight]) -> None:
        """An heir's side is unknown."""
        for loan in self._handing.give_back(self._walkers, seen):
            heir = self._walkers.get(loan.heir)
            if heir is not None:
                heir.side = heir.going = UNKNOWN
                heir.alerted_at = None
