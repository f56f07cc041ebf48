"""Line crossing: who walks over a line, counted in both directions. docs/algorithms/line_crossing.md is for operators."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from cameras.core.algorithms import Algorithm, CommonParameters, Seconds
from cameras.core.schedule import check_start
from detection.core.rules.base import JSON, Binding, RuleBase, RuleEvent, State, event_of
from detection.core.rules.handover import SLACK_S
from detection.core.rules.line import B as SIDE_B
from detection.core.rules.line import Line, Walker
from detection.core.rules.line_counts import Counts
from detection.core.rules.state import RuleState, Word
from detection.core.rules.visits import cooling_s
from detection.core.rules.walkers import Crossing, Walkers
from detection.core.scene import Scene, Which
from detection.core.tracking import Tracks

Direction = Literal["a_to_b", "b_to_a"]


class LineCrossingParameters(CommonParameters):
    """What is counted, and when that is worth an alert."""

    direction: Literal["a_to_b", "b_to_a", "both"] = Field(
        default="both",
        title="Direction",
        description="Crossings that raise alerts and count towards the limit. Both directions are always counted.",
    )
    alert: Literal["every", "limit", "none"] = Field(
        default="every",
        title="Alert",
        description="For every crossing, when the total goes over the limit (once a shift), or never.",
    )
    limit: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        default=None, title="Limit", description="For alerts at a limit: the largest total that is still all right."
    )
    reset_at: tuple[Annotated[str, AfterValidator(check_start)], ...] = Field(
        default=("00:00",),
        strict=False,
        max_length=48,
        title="Reset at",
        description="Times of day, in the site's time zone, at which a shift begins and totals start from 0.",
    )
    anchor: Literal["bottom_center", "center"] = Field(
        default="bottom_center", title="Anchor", description="Which point of the object crosses the line."
    )
    margin: float = Field(
        default=0.25,
        ge=0,
        le=5,
        allow_inf_nan=False,
        title="Margin",
        description="How far beyond the line the object must come on each side, in sizes of its box.",
    )
    dwell_s: Seconds = Field(
        default=0.2, title="Dwell (s)", description="How long the object must have been seen on each side."
    )
    exit_s: Seconds = Field(
        default=2.0,
        title="Exit (s)",
        description="A track that begins where another one was lost a shorter time ago is the same object.",
    )
    cooldown_s: Seconds = Field(
        default=30.0,
        title="Cool-down (s)",
        description="Shortest time between two alerts for the same tracked object; every crossing is counted.",
    )

    @model_validator(mode="after")
    def _limit_has_a_use(self) -> Self:
        if self.alert == "limit" and self.limit is None:
            raise PydanticCustomError("limit", "give “Limit”, or choose another kind of “Alert”")
        if self.alert != "limit" and self.limit is not None:
            raise PydanticCustomError("limit", "“Limit” has a use only where “Alert” is at a limit; leave it empty")
        if len(set(self.reset_at)) != len(self.reset_at):
            raise PydanticCustomError("reset_at", "a time stands twice in “Reset at”")
        return self


ALGORITHM = Algorithm(
    code="line_crossing",
    label="Line crossing",
    summary="Counts who crosses a line in each direction; raises an alert for each, or when there are too many.",
    roi_types=frozenset({"line"}),
    parameters=LineCrossingParameters,
)


class LineCrossing(RuleBase):
    """A crossing is a way from one side to the other, through the line, with a stay of `dwell_s` beyond each margin.

    Raises ValueError when the region is no line.
    """

    def __init__(self, binding: Binding) -> None:
        params = binding.params
        if not isinstance(params, LineCrossingParameters):
            raise ValueError("line_crossing needs parameters of LineCrossingParameters")  # noqa: TRY004 - a bad binding
        self._binding = binding
        self._params = params
        self._which = Which.of(params, params.anchor)
        self._walkers = Walkers(
            Line.of(binding.points), margin=params.margin, stay_s=params.dwell_s, exit_s=params.exit_s
        )
        self._counts = Counts(params.reset_at, binding.time_zone)
        self._time = -math.inf

    def step(
        self, tracks: Tracks, class_names: Sequence[str], media_time: float, wall_time: float | None = None
    ) -> list[RuleEvent]:
        """Take in one analysed frame (see `base.Rule`)."""
        if not math.isfinite(media_time):
            raise ValueError("media time is not a finite number")
        if media_time < self._time:
            self.tracks_lost()
        self._time = media_time
        self._counts.roll(media_time if wall_time is None else wall_time)
        scene = Scene.of(tracks, class_names)
        events = []
        for crossing in self._walkers.step(scene.counted(self._which), media_time, seen=scene.seen()):
            direction: Direction = "a_to_b" if crossing.side == SIDE_B else "b_to_a"
            self._count(direction)
            if self._is_alert(direction, crossing.walker):
                events.append(self._event(scene, crossing, direction))
        return events

    def clock(self, wall_time: float) -> None:
        """A shift ends also while nobody is counted."""
        self._counts.roll(wall_time)

    def tracks_lost(self) -> None:
        """Everybody's side is unknown again; the totals stay."""
        self._walkers.clear()
        self._time = -math.inf

    def progress(self, media_time: float) -> dict[str, JSON]:
        """`a_to_b`, `b_to_a`: totals of this shift, and of the one before; `value` of `target` where there is a limit."""
        counts = self._counts
        told: dict[str, JSON] = {
            "a_to_b": counts.a_to_b,
            "b_to_a": counts.b_to_a,
            "before_a_to_b": counts.before[0],
            "before_b_to_a": counts.before[1],
        }
        return told if self._params.limit is None else {**told, "value": self._total(), "target": self._params.limit}

    def state(self, media_time: float) -> RuleState:
        """`a_to_b`, `b_to_a`: totals of this shift; where there is a limit, the crossings of those that are still all right."""
        counts = {"a_to_b": self._counts.a_to_b, "b_to_a": self._counts.b_to_a}
        if self._params.limit is None:
            return RuleState("idle", unit="", counts=counts)
        word: Word = "raised" if self._counts.limit_told else "counting"
        return RuleState(word, self._total(), self._params.limit, unit="", counts=counts)

    def numbers(self) -> dict[str, float]:
        """`crossings_a_to_b` and `crossings_b_to_a`: this shift's totals."""
        return {"crossings_a_to_b": self._counts.a_to_b, "crossings_b_to_a": self._counts.b_to_a}

    def snapshot(self) -> dict[str, JSON]:
        """The totals. Who is on his way over the line is not kept: he may have turned back."""
        return self._counts.snapshot()

    def restore(self, state: State, *, media_time: float, away_s: float) -> None:
        self._counts.restore(state)

    def _count(self, direction: Direction) -> None:
        if direction == "a_to_b":
            self._counts.a_to_b += 1
        else:
            self._counts.b_to_a += 1

    def _total(self) -> int:
        """Crossings of this shift in the directions that matter."""
        totals = {"a_to_b": self._counts.a_to_b, "b_to_a": self._counts.b_to_a}
        return totals.get(self._params.direction, sum(totals.values()))

    def _is_alert(self, direction: Direction, walker: Walker) -> bool:
        params = self._params
        if params.alert == "none" or params.direction not in (direction, "both"):
            return False
        if params.limit is not None:
            if self._counts.limit_told or self._total() <= params.limit:
                return False
            self._counts.limit_told = True
            return True
        if cooling_s(walker.alerted_at, self._time, params.cooldown_s) > SLACK_S:
            return False
        walker.alerted_at = self._time
        return True

    def _event(self, scene: Scene, crossing: Crossing, direction: Direction) -> RuleEvent:
        data: dict[str, JSON] = {
            "track_id": crossing.track_id,
            "class": scene.name_of(crossing.walker.class_id),
            "score": round(scene.score_of(crossing.track_id), 4),
            "box": [round(value, 4) for value in crossing.walker.box],
            "direction": direction,
            "a_to_b": self._counts.a_to_b,
            "b_to_a": self._counts.b_to_a,
        }
        if self._params.limit is not None:
            data["limit"] = self._params.limit
        return event_of(self._binding, "started", self._time, data, crossing.track_id)
