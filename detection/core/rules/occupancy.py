"""Occupancy: too many or too few in a region. docs/algorithms/occupancy.md describes it for operators. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from cameras.core.algorithms import Algorithm, RegionParameters, Seconds
from detection.core.rules.base import JSON, Binding, RuleBase, RuleEvent, State, event_of
from detection.core.rules.condition import MAX_GAP_S, Change, Condition
from detection.core.rules.region import REGIONS, Region
from detection.core.rules.state import RuleState
from detection.core.rules.visits import Visits
from detection.core.scene import Scene
from detection.core.tracking import Tracks

TOO_FEW, TOO_MANY = "too_few", "too_many"


class OccupancyParameters(RegionParameters):
    """At least one bound is needed."""

    min_persons: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, title="Fewest", description="Fewer raise an alert; empty for no lower bound."
    )
    max_persons: Annotated[int, Field(ge=0, le=1000)] | None = Field(
        default=None, title="Most", description="More raise an alert; empty for no upper bound."
    )
    dwell_s: Seconds = Field(
        default=5.0, title="Dwell (s)", description="How long there must be too many or too few to raise the alert."
    )
    exit_s: Seconds = Field(
        default=2.0,
        title="Exit (s)",
        description="A shorter absence of a person, or return of the right number, is overlooked.",
    )
    cooldown_s: Seconds = Field(
        default=30.0, title="Cool-down (s)", description="Shortest time between two alerts of the same kind."
    )
    max_gap_s: Seconds = Field(
        default=MAX_GAP_S,
        title="Longest gap (s)",
        description="Time between two analysed frames that are further apart is unknown and does not count.",
    )

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.min_persons is None and self.max_persons is None:
            raise PydanticCustomError("bounds", "give “Fewest” (min_persons), “Most” (max_persons) or both")
        if self.min_persons is not None and self.max_persons is not None and self.min_persons > self.max_persons:
            raise PydanticCustomError("bounds", "“Fewest” (min_persons) is larger than “Most” (max_persons)")
        return self


ALGORITHM = Algorithm(
    code="occupancy",
    label="Occupancy",
    summary="Raises an alert when there are too many or too few in a region for a time.",
    roi_types=REGIONS,
    parameters=OccupancyParameters,
    unit="s",
    ends=True,
)


class Occupancy(RuleBase):
    """One alert each time the number leaves its bounds for `dwell_s`; `ended` when it is right again for `exit_s`.

    A person counts from the first sight inside until the last one is `exit_s` old.
    """

    def __init__(self, binding: Binding) -> None:
        params = binding.params
        if not isinstance(params, OccupancyParameters):
            raise ValueError("occupancy needs parameters of OccupancyParameters")  # noqa: TRY004 - a bad binding
        self._binding = binding
        self._params = params
        self._region = Region(binding)
        self._visits = Visits(exit_s=params.exit_s, cooldown_s=0.0)
        self._persons = 0
        self._time = -math.inf
        bounds = {TOO_FEW: params.min_persons, TOO_MANY: params.max_persons}
        self._conditions = {kind: self._condition() for kind, bound in bounds.items() if bound is not None}

    def step(
        self, tracks: Tracks, class_names: Sequence[str], media_time: float, wall_time: float | None = None
    ) -> list[RuleEvent]:
        """Take in one analysed frame (see `base.Rule`)."""
        if not math.isfinite(media_time):
            raise ValueError("media time is not a finite number")
        if media_time < self._time:
            self.tracks_lost()
        self._time = media_time
        scene = Scene.of(tracks, class_names)
        self._visits.step(scene.seen(), self._region.inside(scene, class_names), media_time)
        self._persons = sum(1 for _ in self._visits.ongoing(media_time))
        events = []
        for kind, condition in self._conditions.items():
            change = condition.step(self._is(kind), media_time)
            if change is not None:
                events.append(self._event(kind, change, media_time, "number"))
        return events

    def tracks_lost(self) -> None:
        """Everybody is counted anew from the next frame on; the stretch up to it is unknown."""
        self._visits.clear()
        self.unseen()

    def unseen(self) -> None:
        for condition in self._conditions.values():
            condition.unseen()

    def suspend(self, media_time: float) -> list[RuleEvent]:
        """The clocks begin anew with the schedule; what is alerted ends with it."""
        self._visits.clear()
        ends = {kind: condition.reset(media_time) for kind, condition in self._conditions.items()}
        return [self._event(kind, end, media_time, "schedule") for kind, end in ends.items() if end is not None]

    def progress(self, media_time: float) -> dict[str, JSON]:
        """`persons` now; `value` of `target`: seconds that the number has been wrong, of the bound that is nearer."""
        return {"persons": self._persons, **self._nearest().progress(media_time)}

    def state(self, media_time: float) -> RuleState:
        """Seconds that the number has been wrong, of the bound that is nearer; `persons` now."""
        return self._nearest().state(media_time, persons=self._persons)

    def _nearest(self) -> Condition:
        return max(self._conditions.values(), key=lambda condition: (condition.alerting, condition.held_s))

    def snapshot(self) -> dict[str, JSON]:
        """The clocks; who is there is counted anew."""
        return {"version": 1, **{kind: condition.snapshot() for kind, condition in self._conditions.items()}}

    def restore(self, state: State, *, media_time: float, away_s: float) -> None:
        restored = {}
        for kind in self._conditions:
            kept = state.get(kind)
            if state.get("version") != 1 or not isinstance(kept, dict):
                raise ValueError(f"unusable state: no {kind} of version 1")
            restored[kind] = self._condition()
            restored[kind].restore(kept, media_time=media_time, away_s=away_s)
        self._conditions = restored

    def _condition(self) -> Condition:
        params = self._params
        return Condition(
            after_s=params.dwell_s, clear_s=params.exit_s, cooldown_s=params.cooldown_s, max_gap_s=params.max_gap_s
        )

    def _is(self, kind: str) -> bool:
        few, many = self._params.min_persons, self._params.max_persons
        if kind == TOO_FEW:
            return few is not None and self._persons < few
        return many is not None and self._persons > many

    def _event(self, kind: str, change: Change, media_time: float, reason: str) -> RuleEvent:
        """reason: why it ended, if it did."""
        bound = self._params.min_persons if kind == TOO_FEW else self._params.max_persons
        data: dict[str, JSON] = {"kind": kind, "persons": self._persons, "bound": bound}
        data |= {"dwell_s": round(change.held_s, 2), "unseen_s": round(change.unseen_s, 2)}
        return event_of(
            self._binding, change.phase, media_time, data if change.phase == "started" else data | {"reason": reason}
        )
