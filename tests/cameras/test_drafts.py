"""Regions that are being drawn, as a box can try them: what is not in order is left out and named."""

from __future__ import annotations

from typing import Any

import pytest

from cameras.core.algorithms import registry
from cameras.core.document import parse_content
from cameras.core.regions import RegionsError
from cameras.drafts import MOST_SHOWN, TOO_MANY, UNNAMED, DraftPart, bind_code, draft_of
from cameras.issued import ConfigVersion
from cameras.models import ROI, Binding, Camera, Site
from cameras.schedules import Schedule
from tests.rows import SQUARE, make_all, make_site

pytestmark = pytest.mark.django_db


@pytest.fixture
def camera() -> Camera:
    make_site(time_zone="Asia/Shanghai")
    make_all()
    return Camera.objects.select_related("device__site").get()


def roi(roi_id: str | None = "new-1", **values: Any) -> dict[str, Any]:
    return {"roi_id": roi_id, "name": "Gate", "roi_type": "polygon", "coordinates": SQUARE, "binds": [rule()]} | values


def rule(code: str = "intrusion", **values: Any) -> dict[str, Any]:
    return {"bind_id": "bind-1", "algo_code": code, "params": {"dwell_s": 3.0}, "enabled": True} | values


def codes(part: DraftPart) -> list[str]:
    return [bind["bind_id"] for bind in part.content["binds"]]


def places(part: DraftPart) -> list[tuple[str | None, str]]:
    return [(problem.roi_id, problem.where) for problem in part.problems]


def sound(camera: Camera, part: DraftPart) -> None:
    """A box takes it."""
    parse_content({**part.content, "cameras": [{"camera_id": camera.pk, "rtsp_url": "webcam:0"}]}, registry)


def test_what_is_drawn_becomes_a_document_and_nothing_is_written(camera: Camera) -> None:
    before = list(ROI.objects.values()), list(Binding.objects.values())
    part = draft_of(camera, [roi(), roi("roi-1", binds=[rule(), rule("loitering")])])
    assert part.problems == []
    assert codes(part) == ["new-1#0", "roi-1#0", "roi-1#1"] == [bind_code("new-1", 0), "roi-1#0", "roi-1#1"]
    assert [one["camera_id"] for one in part.content["rois"]] == [camera.pk] * 2
    assert part.content["site"]["time_zone"] == "Asia/Shanghai"
    sound(camera, part)
    assert (list(ROI.objects.values()), list(Binding.objects.values())) == before
    assert not ConfigVersion.objects.exists()


def test_a_rule_keeps_its_code_when_one_before_it_is_not_in_order(camera: Camera) -> None:
    part = draft_of(camera, [roi(binds=[rule("telepathy"), rule(params={"dwell_s": {"unread": "x"}}), rule()])])
    assert codes(part) == ["new-1#2"]
    assert places(part) == [("new-1", "binds.0.algo_code"), ("new-1", "binds.1.params.dwell_s")]
    sound(camera, part)


def test_a_shape_that_is_not_in_order_takes_only_itself_and_what_names_it_away(camera: Camera) -> None:
    steps = {"steps": [{"roi_id": "sink", "min_s": 5.0}]}
    bow = [[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.9]]
    wash = roi("goal", binds=[rule("procedure", params=steps), rule()])
    part = draft_of(camera, [roi("sink", coordinates=bow, binds=[]), wash])
    assert codes(part) == ["goal#1"]
    assert places(part) == [("sink", "coordinates"), ("goal", "binds.0.params.steps.0.roi_id")]
    part = draft_of(camera, [roi("sink", binds=[]), wash, roi("unused", binds=[])])
    assert codes(part) == ["goal#0", "goal#1"]
    assert {one["roi_id"] for one in part.content["rois"]} == {"sink", "goal"}
    sound(camera, part)


def test_what_is_switched_off_is_not_tried(camera: Camera) -> None:
    part = draft_of(camera, [roi(enabled=False), roi("b", binds=[rule(enabled=False), rule()])])
    assert codes(part) == ["b#1"]


def test_schedules_come_along_and_only_those_of_the_site(camera: Camera) -> None:
    own = Schedule.objects.create(schedule_id="nights", site=camera.device.site, weekly=[])
    Schedule.objects.create(schedule_id="theirs", site=Site.objects.create(name="Bakery"), weekly=[])
    part = draft_of(camera, [roi(binds=[rule(schedule_id="nights"), rule(schedule_id="theirs")])])
    assert [one["schedule_id"] for one in part.content["schedules"]] == [own.schedule_id]
    assert places(part) == [("new-1", "binds.1.schedule_id")]
    sound(camera, part)


def test_no_more_rules_than_a_box_tries_at_once(camera: Camera) -> None:
    part = draft_of(camera, [roi(f"r{n}", binds=[rule()] * 40) for n in range(2)])
    assert len(codes(part)) == MOST_SHOWN
    assert [problem.template for problem in part.problems] == [TOO_MANY]


@pytest.mark.parametrize(
    ("rois", "where"),
    [
        ([roi(coordinates=[[0.1, float("nan")], [0.2, 0.2], [0.3, 0.1]])], "coordinates"),
        ([roi(coordinates=None)], "coordinates"), ([roi(name=7)], "name"), ([roi(more=1)], "more"), ([roi("a/b")], "roi_id"),
        ([roi(binds=7)], "binds"), (["x"], ""), ([None], ""), ([roi(), roi()], "roi_id"),
    ],
)  # fmt: skip
def test_nonsense_is_named_and_left_out(camera: Camera, rois: list[Any], where: str) -> None:
    part = draft_of(camera, rois)
    assert where in [problem.where for problem in part.problems]
    sound(camera, part)


def test_a_region_without_a_name_to_go_by_is_left_out(camera: Camera) -> None:
    part = draft_of(camera, [roi(roi_id=None), roi("b")])
    assert codes(part) == ["b#0"]
    assert [problem.template for problem in part.problems] == [UNNAMED]


@pytest.mark.parametrize("rois", [None, {}, "x", 7, [roi(f"r{n}") for n in range(501)]])
def test_what_is_no_list_of_regions_is_refused(camera: Camera, rois: Any) -> None:
    with pytest.raises(RegionsError):
        draft_of(camera, rois)
