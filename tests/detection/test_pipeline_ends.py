"""An alert that lasts ends when its rule goes away or its hours are over, whatever the camera shows meanwhile."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cameras.core.algorithms import Algorithm
from detection.core.rules.base import Binding, OtherRoi, RuleEvent
from detection.core.rules.keeping import values_of
from detection.core.rules.orphans import binding_from
from detection.core.rules.registry import RULES
from detection.core.tracking import Tracks
from detection.pipeline import CameraPipeline
from detection.plan import Plan
from tests.detection.rule_scenes import INSIDE, NAMES, binding, tracks
from tests.detection.test_pipeline_schedule import Guard, at, guarded

POST = binding("leave_post", absent_s=5.0)
CROWD = binding("occupancy", min_persons=1, dwell_s=5.0)


class Shift:
    """A pipeline that has seen nobody for ten seconds."""

    def __init__(self, *bindings: Binding) -> None:
        self.pipeline = CameraPipeline(NAMES)
        self.pipeline.use(Plan("c1", bindings))
        self.time = 0.0
        started = self.watch(10)
        assert {event.phase for event in started} == {"started"}
        assert {event.bind_id for event in started} == {bound.bind_id for bound in bindings}

    def watch(self, seconds: float, *, visible: bool = True) -> list[RuleEvent]:
        found = []
        for _ in range(round(seconds * 10)):
            self.time = round(self.time + 0.1, 3)
            found += self.pipeline.step(
                Tracks.empty().detections, media_time=self.time, generation=0, visible=visible
            ).events
        return found


@pytest.mark.parametrize("bound", [POST, CROWD], ids=["leave_post", "occupancy"])
@pytest.mark.parametrize("visible", [True, False])
@pytest.mark.parametrize(
    "change",
    [None, {"params": "other"}, {"points": ((0.1, 0.1), (0.7, 0.7))}],
    ids=["deleted", "parameter", "region"],
)
def test_a_binding_that_is_edited_or_goes_ends_its_alert(
    bound: Binding, visible: bool, change: dict[str, object] | None
) -> None:
    shift = Shift(bound, replace(POST, bind_id="stays"))
    if change is not None and "params" in change:
        change = {"params": bound.params.model_copy(update={"cooldown_s": 7.0})}
    edited = () if change is None else (replace(bound, **change),)  # type: ignore[arg-type]
    shift.pipeline.use(Plan("c1", (*edited, replace(POST, bind_id="stays"))))
    (end,) = shift.watch(0.3, visible=visible)
    assert (end.phase, end.bind_id, end.severity) == ("ended", bound.bind_id, "warning")
    assert (end.media_time, end.data["reason"]) == (10.1, "configuration")


@pytest.mark.parametrize("bound", [POST, CROWD], ids=["leave_post", "occupancy"])
@pytest.mark.parametrize("visible", [True, False])
@pytest.mark.parametrize("change", [None, {"points": ((0.1, 0.1), (0.7, 0.7))}], ids=["deleted", "region"])
def test_a_binding_that_was_edited_while_nobody_ran_ends_its_alert_too(
    bound: Binding, visible: bool, change: dict[str, object] | None
) -> None:
    """The state comes back as JSON from the edge store; what goes on keeps its alert without a word."""
    stays = replace(POST, bind_id="stays")
    shift = Shift(bound, stays)
    kept = json.loads(json.dumps(shift.pipeline.snapshot()))
    shift.pipeline = CameraPipeline(NAMES)
    edited = () if change is None else (replace(bound, **change),)  # type: ignore[arg-type]
    shift.pipeline.use(Plan("c1", (*edited, stays)))
    shift.pipeline.restore(kept)
    (end,) = shift.watch(0.3, visible=visible)
    assert (end.phase, end.bind_id, end.severity) == ("ended", bound.bind_id, "warning")
    assert (end.media_time, end.data["reason"]) == (10.1, "configuration")
    assert end.data.get("kind") == ("too_few" if bound is CROWD else None)


def test_a_binding_that_was_kept_by_an_older_program_costs_nobody_anything() -> None:
    shift = Shift(POST)
    kept = json.loads(json.dumps(shift.pipeline.snapshot()))
    del kept["rules"]["b1"]["binding"]
    shift.pipeline = CameraPipeline(NAMES)
    shift.pipeline.use(Plan("c1"))
    shift.pipeline.restore(kept)
    assert shift.watch(0.3) == []
    assert shift.pipeline.ignored == []


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ({"algo_code": "bingo"}, "there is no algorithm 'bingo'"),
        ({"params": {"nonsense": 1}}, "unusable binding"),
        ({"points": "here"}, "unusable binding"),
        ({"roi_type": "line"}, "cannot be bound to a line"),
    ],
)
def test_a_kept_binding_that_cannot_be_made_again_is_told_and_nothing_more(
    spoil: dict[str, object], reason: str
) -> None:
    shift = Shift(POST)
    kept = json.loads(json.dumps(shift.pipeline.snapshot()))
    kept["rules"]["b1"]["binding"] |= spoil
    shift.pipeline = CameraPipeline(NAMES)
    shift.pipeline.use(Plan("c1", (replace(CROWD, bind_id="other"),)))
    shift.pipeline.restore(kept)
    assert shift.watch(0.3) == []
    (told,) = shift.pipeline.ignored
    assert told.startswith("binding b1, which is gone: ")
    assert reason in told


@pytest.mark.parametrize("algorithm", RULES, ids=[algorithm.code for algorithm, _ in RULES])
def test_every_kind_of_binding_survives_being_kept(algorithm: tuple[Algorithm, object]) -> None:
    code = algorithm[0].code
    given: dict[str, dict[str, Any]] = {
        "occupancy": {"max_persons": 3},
        "attribute": {"attribute": "helmet", "model": "helmets"},
        "procedure": {"steps": [{"roi_id": "sink", "min_s": 20}]},
    }
    bound = replace(
        binding(code, **given.get(code, {})), places=(OtherRoi("sink", "rectangle", ((0.1, 0.1), (0.2, 0.2))),)
    )
    assert binding_from(json.loads(json.dumps(values_of(bound)))) == bound


def test_a_binding_that_goes_without_an_alert_tells_nothing() -> None:
    pipeline = CameraPipeline(NAMES)
    pipeline.use(Plan("c1", (POST, replace(CROWD, bind_id="b2"))))
    pipeline.step(tracks({1: INSIDE}).detections, media_time=0.0, generation=0)
    pipeline.use(Plan("c1"))
    assert pipeline.step(Tracks.empty().detections, media_time=0.1, generation=0).events == []


def test_what_the_schedule_has_ended_does_not_end_again() -> None:
    guard = Guard(guarded("leave_post", absent_s=5))
    assert [e.phase for e in guard.watch(at(23, 5, 59, 50), 20, Tracks.empty())] == ["started", "ended"]
    guard.pipeline.use(Plan("c1"))
    assert guard.watch(at(23, 6, 1), 1, Tracks.empty()) == []


def test_a_camera_that_goes_ends_its_alerts() -> None:
    shift = Shift(POST)
    (end,) = shift.pipeline.end()
    assert (end.phase, end.bind_id, end.media_time, end.data["reason"]) == ("ended", "b1", 10.0, "configuration")
    assert shift.pipeline.end() == []
    assert CameraPipeline(NAMES).end() == []


def test_a_camera_that_goes_before_its_first_frame_tells_nothing() -> None:
    pipeline = CameraPipeline(NAMES)
    pipeline.use(Plan("c1", (POST,)))
    assert pipeline.end() == []


def test_rules_that_a_new_camera_does_not_have_end_and_the_others_go_on() -> None:
    """The camera's address changed, and with it one binding: what is the same is taken up by the new pipeline."""
    shift = Shift(POST, replace(POST, bind_id="b2"))
    assert [e.bind_id for e in shift.pipeline.end(Plan("c1", (POST,)))] == ["b2"]


# A covered view


def test_the_shift_ends_while_the_view_is_covered() -> None:
    guard = Guard(guarded("leave_post", absent_s=5))
    assert [e.phase for e in guard.watch(at(23, 5, 59), 10, Tracks.empty())] == ["started"]
    (end,) = guard.watch(at(23, 5, 59, 58), 10, Tracks.empty(), visible=False)
    assert (end.phase, end.media_time, end.data["reason"]) == ("ended", 2.0, "schedule")
    assert guard.pipeline.told.bindings["b1"]["active"] is False
    assert guard.watch(at(23, 6, 1), 10, Tracks.empty()) == []


def test_a_covered_view_is_no_absence_in_a_shift_that_begins_meanwhile() -> None:
    guard = Guard(guarded("leave_post", absent_s=5))
    guard.watch(at(22, 21, 59), 10, Tracks.empty())
    assert guard.watch(at(22, 21, 59, 50), 60, Tracks.empty(), visible=False) == []
    assert guard.pipeline.told.bindings["b1"]["active"] is True
    assert [e.media_time for e in guard.watch(at(22, 22, 1), 10, Tracks.empty())] == [5.0]


def test_live_numbers_and_the_kept_state_go_on_under_a_cover() -> None:
    guard = Guard(guarded("leave_post", absent_s=5))
    guard.watch(at(23, 5, 59), 10, Tracks.empty())
    kept = guard.pipeline.latest
    assert kept is not None
    assert guard.pipeline.told.bindings["b1"]["alerting"] is True
    guard.watch(at(23, 5, 59, 58), 10, Tracks.empty(), visible=False)
    assert guard.pipeline.latest is not None
    assert guard.pipeline.latest["rules"] != kept["rules"]


def test_a_camera_that_goes_before_its_first_frame_keeps_what_its_rules_knew_but_what_ended() -> None:
    """The detector restarts, and detection is stopped before the camera has shown anything; then it is started again."""
    plan = Plan("c1", (POST, replace(binding("intrusion", classes=["dog"]), bind_id="b2")))
    dog = tracks({1: INSIDE}, class_id=2).detections

    def watch(pipeline: CameraPipeline, start: int, seconds: int) -> list[RuleEvent]:
        pipeline.use(plan)
        steps = [pipeline.step(dog, media_time=start + n / 10, generation=0) for n in range(10 * seconds)]
        return [event for step in steps for event in step.events]

    before, between, after = (CameraPipeline(NAMES) for _ in range(3))
    assert [(e.bind_id, e.phase) for e in watch(before, 0, 8)] == [("b2", "started"), ("b1", "started")]
    between.restore(before.snapshot())
    between.use(plan)
    assert [(e.bind_id, e.phase) for e in between.end()] == [("b1", "ended")]
    after.restore(json.loads(json.dumps(between.latest, allow_nan=False)))
    assert [e.bind_id for e in watch(after, 10, 4)] == []
    assert after.ignored == []
