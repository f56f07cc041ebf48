"""Procedure: who enters a region must have done some steps before. docs/algorithms/procedure.md is for operators. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from cameras.core.algorithms import Algorithm, Place, RegionParameters, Seconds
from detection.core.rules.base import JSON, Binding, RuleBase, RuleEvent, State, event_of
from detection.core.rules.condition import MAX_GAP_S
from detection.core.rules.handover import BRIDGE_S, KNOWN_S, RESUME_S, SLACK_S
from detection.core.rules.people import People, Person, carry_over, snapshot_of
from detection.core.rules.region import REGIONS, Region
from detection.core.rules.state import RuleState
from detection.core.rules.steps import PAST_S, Verdict, Washer, person_of, read_washers
from detection.core.rules.visits import cooling_s
from detection.core.scene import Scene, Which
from detection.core.tracking import Tracks

MAX_STEPS = 10


class ProcedureStep(BaseModel):
    """One step: a stay in another region of the same camera."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    roi_id: Annotated[str, Field(min_length=1, max_length=128)] = Field(title="ROI")
    min_s: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = Field(default=20.0, title="Dwell (s)")


class ProcedureParameters(RegionParameters):
    """The binding's region is the goal: to enter it, the steps must have been done."""

    steps: tuple[ProcedureStep, ...] = Field(
        strict=False,
        min_length=1,
        max_length=MAX_STEPS,
        title="Steps",
        description="In order: the region of each step (roi_id) and how long the person must have been there (min_s).",
    )
    within_s: Seconds = Field(
        default=600.0, title="Within (s)", description="How long ago the steps may have been done on entering."
    )
    pause_s: Seconds = Field(
        default=10.0, title="Pause (s)", description="A shorter absence from a step does not start its time over."
    )
    entry: Literal["seen", "any"] = Field(
        default="seen",
        title="Entry",
        description="Judge only people who were seen coming from outside the region, or any who are in it.",
    )
    number: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")] = Field(
        default="handwash",
        title="Number",
        description="The name under which the statistics count the persons who are at a step now.",
    )
    max_gap_s: Seconds = Field(
        default=MAX_GAP_S,
        title="Longest gap (s)",
        description="Time between two analysed frames that are further apart is unknown.",
    )

    @model_validator(mode="after")
    def _steps_are_distinct(self) -> Self:
        names = [step.roi_id for step in self.steps]
        if len(set(names)) != len(names):
            raise PydanticCustomError("steps", "a region stands twice in the steps")
        return self

    def places(self) -> tuple[Place, ...]:
        return tuple(Place(("steps", index, "roi_id"), step.roi_id) for index, step in enumerate(self.steps))


ALGORITHM = Algorithm(
    code="procedure",
    label="Procedure",
    summary="Raises an alert when somebody enters a region without having done the steps before, such as washing hands.",
    roi_types=REGIONS,
    parameters=ProcedureParameters,
    unit="s",
)


class Procedure(RuleBase):
    """One alert a visit to the goal: a step was skipped, too short or out of order."""

    def __init__(self, binding: Binding) -> None:
        params = binding.params
        if not isinstance(params, ProcedureParameters):
            raise ValueError("procedure needs parameters of ProcedureParameters")  # noqa: TRY004 - a bad binding
        shapes = {shape.roi_id: shape for shape in binding.places}
        missing = [step.roi_id for step in params.steps if step.roi_id not in shapes]
        if missing:
            raise ValueError(f"there is no ROI {missing[0]!r} for a step")
        steps = [shapes[step.roi_id] for step in params.steps]
        self._binding = binding
        self._params = params
        self._which = Which.of(params, params.anchor)
        self._goal = Region(binding)
        self._steps = [Region(replace(binding, roi_type=s.roi_type, points=s.points)) for s in steps]
        self._people = People(self._somebody, params.exit_s)
        self._hidden: list[tuple[float, float]] = []  # what nobody saw lately: how long, and up to when
        self._time = -math.inf
        self._blind = False

    def step(
        self, tracks: Tracks, class_names: Sequence[str], media_time: float, wall_time: float | None = None
    ) -> list[RuleEvent]:
        """Take in one analysed frame (see `base.Rule`)."""
        if not math.isfinite(media_time):
            raise ValueError("media time is not a finite number")
        if media_time < self._time:
            self.tracks_lost()
        known = not self._blind and media_time - self._time <= self._params.max_gap_s + SLACK_S
        if not known or self._hidden:
            self._hidden = [stretch for stretch in self._hidden if media_time - stretch[1] <= KNOWN_S]
        if not known:
            self._hidden.append((min(media_time - self._time, PAST_S), media_time))
        self._time, self._blind = media_time, False
        scene = Scene.of(tracks, class_names)
        rows = scene.counted(self._which)
        since = self._people.step(rows, media_time, seen=scene.seen())
        if not self._people:
            return []
        at_goal = self._goal.inside(scene, class_names)
        at_steps = [region.inside(scene, class_names) for region in self._steps]
        due: list[RuleEvent] = []
        for track_id, person in self._people:
            washer, gap = person.own, since.get(track_id)
            if gap is not None and (gap > BRIDGE_S + SLACK_S or not known):
                washer.missed(gap, media_time, self._params.within_s)
            here = [track_id in inside for inside in at_steps]
            washer.look(self._params, here, track_id in at_goal, media_time, known=known, seen=gap is not None)
            if track_id in at_goal:
                due += self._judge(scene, track_id, person)
        return due

    def tracks_lost(self) -> None:
        """What is known belongs to ids that mean nothing any more."""
        self._people.clear()
        self._hidden.clear()
        self._time = -math.inf

    def reconnected(self, media_time: float) -> None:
        """What people did goes on with tracks that begin at their places; not after more than 30 s."""
        carry_over(self, self._time, media_time)

    def unseen(self) -> None:
        self._blind = True

    def progress(self, media_time: float) -> dict[str, JSON]:
        """`washing`: persons at a step. `complete`: whose procedure is done and counts still. `persons`: in mind.

        `value` of `target`: seconds at the step, of the person there who is furthest.
        """
        value, target = self._furthest()
        return {**self._counted(media_time), "value": value, "target": target}

    def state(self, media_time: float) -> RuleState:
        """Seconds at the step of the person there who is furthest; `persons`, `washing`, `complete` as in `progress`."""
        counts = self._counted(media_time)
        value, target = self._furthest()
        if counts["washing"]:
            return RuleState("step", value, target, counts=counts)
        at_goal = [person.own for _, person in self._people if person.own.goal.since is not None]
        is_raised = any(washer.raised and washer.alerted_at is not None for washer in at_goal)
        return RuleState("raised" if is_raised else "idle", counts=counts)

    def _counted(self, media_time: float) -> dict[str, int]:
        present = [person.own for _, person in self._people]
        return {
            "persons": len(present),
            "washing": len(self._washing()),
            "complete": sum(1 for w in present if w.is_complete(media_time, self._params.within_s)),
        }

    def _furthest(self) -> tuple[float, float]:
        """Seconds at a step and how many are needed, of the person there who is furthest."""
        running = [run for _, person in self._people for run in person.own.running(self._params)]
        value, target = max(running, default=(0.0, self._params.steps[0].min_s), key=lambda run: run[0] - run[1])
        return round(min(value, target), 2), target

    def present(self) -> dict[str, Set[int]]:
        """Persons who are at a step now, under the name that the parameters give."""
        return {self._params.number: self._washing()}

    def snapshot(self) -> dict[str, JSON]:
        """Everybody in mind, by place; `restore` gives what is known of them to tracks that begin there."""
        return snapshot_of((p for _, p in self._people if p.own.matters()), self._time)

    def restore(self, state: State, *, media_time: float, away_s: float) -> None:
        """The time of the restart is unknown; after more than 30 s of it nothing is kept, and all before it is."""
        kept = read_washers(state, steps=len(self._steps))
        if away_s <= RESUME_S:
            self._people.take_back([person_of(each, media_time, away_s, self._params.within_s) for each in kept])

    def _somebody(self) -> Washer:
        """Nothing is known of him, not even that he did nothing, when he may have been there while nobody looked.

        Who is first seen more than KNOWN_S after that came in since: it is how long somebody unseen is the same person.
        """
        washer = Washer.new(len(self._steps))
        for seconds, at in self._hidden:
            washer.missed(seconds, at, self._params.within_s)
        return washer

    def _washing(self) -> Set[int]:
        """Persons who are at a step, or were within `exit_s`."""
        now, exit_s = self._time, self._params.exit_s
        return {i for i, person in self._people if any(step.stay.is_lately(now, exit_s) for step in person.own.steps)}

    def _judge(self, scene: Scene, track_id: int, person: Person[Washer]) -> list[RuleEvent]:
        """The alert about somebody who is in the goal, when it is due."""
        washer, now, params = person.own, self._time, self._params
        entered = washer.goal.since
        if washer.raised or entered is None or now - entered < params.dwell_s - SLACK_S:
            return []
        if cooling_s(washer.alerted_at, now, params.cooldown_s) > SLACK_S:
            return []
        verdict = washer.verdict(params, entered)
        if verdict is None or not (washer.came or params.entry == "any"):
            washer.raised = True  # nothing more is asked of this visit
            return []
        washer.raised, washer.alerted_at = True, now
        return [self._event(scene, track_id, person, verdict)]

    def _event(self, scene: Scene, track_id: int, person: Person[Washer], verdict: Verdict) -> RuleEvent:
        data: dict[str, JSON] = {
            "track_id": track_id,
            "class": scene.name_of(person.class_id),
            "score": round(scene.score_of(track_id), 4),
            "box": [round(value, 4) for value in person.box],
            "kind": verdict.kind,
            "steps": [
                {"roi_id": step.roi_id, "min_s": step.min_s, "spent_s": round(spent, 2), "state": state}
                for step, (spent, state) in zip(self._params.steps, verdict.steps, strict=True)
            ],
            "dwell_s": round(self._time - (person.own.goal.since or self._time), 2),
        }
        return event_of(self._binding, "started", self._time, data, track_id)
