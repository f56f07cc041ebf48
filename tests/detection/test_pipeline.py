"""From detections to alerts for one camera, while its configuration changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cameras.core.algorithms import registry
from cameras.core.document import Content, parse_content
from detection.core.detections import Detections
from detection.pipeline import CameraPipeline, Observation
from detection.plan import Plan, make_plan

NAMES = ("person", "car")
LEFT, RIGHT = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]], [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]


def content(**changes: dict[str, Any]) -> Content:
    """Two ROIs on vid1, one binding each; changes by identifier."""
    raw: dict[str, Any] = {
        "site": {"name": "Kitchen", "time_zone": "Asia/Shanghai"},
        "cameras": [{"camera_id": c, "rtsp_url": "webcam:0"} for c in ("vid1", "vid2")],
        "rois": [
            {"roi_id": "left", "camera_id": "vid1", "roi_name": "Left", "roi_type": "polygon", "coordinates": LEFT},
            {"roi_id": "right", "camera_id": "vid1", "roi_type": "polygon", "coordinates": RIGHT},
            {"roi_id": "other", "camera_id": "vid2", "roi_type": "polygon", "coordinates": LEFT},
        ],
        "binds": [
            {"bind_id": f"b-{roi}", "roi_id": roi, "algo_code": "intrusion", "params": {"dwell_s": 1, "cooldown_s": 0}}
            for roi in ("left", "right", "other")
        ],
    }
    for kind, key in (("rois", "roi_id"), ("binds", "bind_id")):
        for row in raw[kind]:
            row.update(changes.get(row[key].replace("-", "_"), {}))
    return parse_content(raw, registry)


def plan(**changes: dict[str, Any]) -> Plan:
    return make_plan(content(**changes), "vid1", registry)


def people(*places: float, score: float = 0.9) -> Detections:
    """Persons whose feet stand at x, in the middle of the picture's height."""
    boxes = [[x - 0.03, 0.3, x + 0.03, 0.5] for x in places]
    return Detections(
        np.array(boxes, np.float32).reshape(len(places), 4),
        np.full(len(places), score, np.float32),
        np.zeros(len(places), np.int32),
    )


class Camera:
    """A pipeline that is fed ten frames a second."""

    def __init__(self, first: Plan) -> None:
        self.pipeline = CameraPipeline(NAMES)
        self.pipeline.use(first)
        self.time = 0.0

    def watch(self, seconds: float, detections: Detections, *, generation: int = 0) -> list[str]:
        """The bindings that raised an alert meanwhile."""
        raised = []
        for _ in range(round(seconds * 10)):
            raised += [e.bind_id for e in self.see(detections, generation=generation).events]
        return raised

    def see(self, detections: Detections, *, generation: int = 0) -> Observation:
        self.time += 0.1
        return self.pipeline.step(detections, media_time=self.time, generation=generation)


# Plans


def test_a_plan_holds_what_is_enabled_of_its_camera_by_priority() -> None:
    assert [b.bind_id for b in plan().bindings] == ["b-left", "b-right"]
    assert [b.bind_id for b in plan(right={"priority": 5}).bindings] == ["b-right", "b-left"]
    assert [b.bind_id for b in plan(b_right={"priority": 5}).bindings] == ["b-right", "b-left"]
    assert [b.bind_id for b in plan(left={"enabled": False}).bindings] == ["b-right"]
    assert [b.bind_id for b in plan(b_left={"enabled": False}).bindings] == ["b-right"]
    assert make_plan(content(), "vid9", registry).bindings == ()


def test_a_plan_knows_names_zone_and_parameters() -> None:
    made = plan()
    assert made.time_zone == "Asia/Shanghai"
    assert made.roi_names == (("left", "Left"), ("right", ""))
    assert made.bindings[0].params.dwell_s == 1
    assert made.bindings[0].params.min_score == 0.4
    assert made.bindings[0].points[1] == (0.5, 0.0)


def test_equal_documents_make_equal_plans() -> None:
    assert plan() == plan()
    assert plan() != plan(b_left={"params": {"dwell_s": 2}})


# Alerts


def test_each_binding_raises_its_own_alert_once_a_visit() -> None:
    camera = Camera(plan())
    assert camera.watch(0.9, people(0.2, 0.8)) == []
    assert sorted(camera.watch(5, people(0.2, 0.8))) == ["b-left", "b-right"]


def test_what_is_seen_is_counted_and_answered() -> None:
    seen = Camera(plan()).see(people(0.2, 0.8))
    assert seen.persons == 2
    assert len(seen.tracks) == 2
    assert len(seen.detections) == 2


@pytest.mark.parametrize(
    "edit",
    [
        {"b_right": {"params": {"dwell_s": 9}}}, {"b_right": {"enabled": False}}, {"right": {"coordinates": LEFT}},
        {"right": {"enabled": False}}, {"left": {"roi_name": "Door"}}, {"b_left": {"severity": "critical"}},
        {"b_left": {"priority": 9}}, {"left": {"priority": 9}},
    ],
)  # fmt: skip
def test_an_edit_that_does_not_concern_a_rule_costs_it_no_visit(edit: dict[str, Any]) -> None:
    camera = Camera(plan())
    camera.watch(0.6, people(0.2))
    camera.pipeline.use(plan(**edit))
    assert camera.watch(0.6, people(0.2)) == ["b-left"]
    camera.pipeline.use(plan())
    assert camera.watch(3, people(0.2)) == []  # one alert a visit


@pytest.mark.parametrize(
    "edit", [{"b_left": {"params": {"dwell_s": 1.2}}}, {"left": {"coordinates": [[0, 0], [0.45, 0], [0.45, 1]]}}]
)
def test_a_rule_that_was_edited_starts_anew(edit: dict[str, Any]) -> None:
    camera = Camera(plan())
    camera.watch(0.9, people(0.2))
    camera.pipeline.use(plan(**edit))
    assert camera.watch(0.9, people(0.2)) == []


def test_another_severity_is_in_the_next_alert() -> None:
    camera = Camera(plan())
    camera.watch(0.6, people(0.2))
    camera.pipeline.use(plan(b_left={"severity": "critical"}))
    events = [e for _ in range(6) for e in camera.see(people(0.2)).events]
    assert [e.severity for e in events] == ["critical"]


def test_a_binding_that_was_taken_away_raises_nothing_and_may_come_back() -> None:
    camera = Camera(plan())
    camera.pipeline.use(plan(b_left={"enabled": False}))
    assert camera.watch(3, people(0.2)) == []
    camera.pipeline.use(plan())
    assert camera.watch(0.9, people(0.2)) == []
    assert camera.watch(0.3, people(0.2)) == ["b-left"]


def test_the_same_plan_again_changes_nothing() -> None:
    camera = Camera(plan())
    camera.watch(0.6, people(0.2))
    camera.pipeline.use(plan())
    assert camera.watch(0.6, people(0.2)) == ["b-left"]


def test_a_new_generation_voids_tracks_and_visits() -> None:
    camera = Camera(plan())
    before = camera.see(people(0.2)).tracks.ids.tolist()
    camera.watch(0.8, people(0.2))
    after = camera.see(people(0.2), generation=1).tracks.ids.tolist()
    assert before != after
    assert camera.watch(0.8, people(0.2), generation=1) == []
    assert camera.watch(0.3, people(0.2), generation=1) == ["b-left"]


def test_the_first_generation_is_no_change() -> None:
    camera = Camera(plan())
    assert camera.watch(1.2, people(0.2), generation=7) == ["b-left"]


def test_a_pipeline_without_bindings_still_counts() -> None:
    camera = Camera(Plan("vid1"))
    assert camera.see(people(0.2)).persons == 1
    assert camera.watch(3, people(0.2)) == []
