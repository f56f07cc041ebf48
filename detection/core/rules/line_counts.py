"""Totals of crossings per shift: they survive a restart and begin anew at given times of day. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cameras.core.schedule import latest_time
from detection.core.rules.base import JSON, State

BACKWARDS_S = 3600.0  # a clock that was set back by less comes to the same time of day twice: that is one reset

Count = Annotated[int, Field(ge=0, le=10**12)]


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    version: Literal[1]
    shift_began: Annotated[float, Field(allow_inf_nan=False)] | None
    a_to_b: Count
    b_to_a: Count
    before: Annotated[tuple[Count, Count], Field(strict=False)]
    limit_told: bool


@dataclass(slots=True, eq=False)
class Counts:
    """reset_at: times of day `HH:MM` at which a shift begins; none: one that never ends. time_zone: the site's.

    before: both totals of the shift directly before, 0 when nobody looked.
    limit_told: this shift's alert about the limit is raised.
    """

    reset_at: tuple[str, ...]
    time_zone: str
    a_to_b: int = 0
    b_to_a: int = 0
    before: tuple[int, int] = (0, 0)
    limit_told: bool = False
    shift_began: float | None = None
    _minute: int | None = field(default=None)

    def roll(self, wall_time: float) -> None:
        """Begin a new shift when its time has come. wall_time: Unix seconds."""
        minute = int(wall_time // 60)  # times of day have whole minutes, and so have the offsets of today's zones
        if minute == self._minute:
            return
        self._minute = minute
        began = latest_time(self.reset_at, self.time_zone, wall_time)
        if began is None or began == self.shift_began:
            return
        if self.shift_began is not None and began > self.shift_began:
            just_before = latest_time(self.reset_at, self.time_zone, began - 1.0)  # none in between: it is this one's
            self.before = (self.a_to_b, self.b_to_a) if just_before == self.shift_began else (0, 0)
            self.a_to_b, self.b_to_a, self.limit_told = 0, 0, False
        elif self.shift_began is not None and wall_time > self.shift_began - BACKWARDS_S:
            return
        self.shift_began = began

    def snapshot(self) -> dict[str, JSON]:
        """Exact totals, and the shift that they belong to."""
        return {
            "version": 1,
            "shift_began": self.shift_began,
            "a_to_b": self.a_to_b,
            "b_to_a": self.b_to_a,
            "before": list(self.before),
            "limit_told": self.limit_told,
        }

    def restore(self, state: State) -> None:
        """Go on with these totals; the next `roll` sees whether their shift is over. ValueError: unusable."""
        try:
            kept = _Kept.model_validate(dict(state))
        except ValidationError as error:
            raise ValueError(f"unusable state: {error.errors()[0]['msg']}") from None
        self.shift_began, self.before = kept.shift_began, kept.before
        self.a_to_b, self.b_to_a, self.limit_told = kept.a_to_b, kept.b_to_a, kept.limit_told
        self._minute = None
