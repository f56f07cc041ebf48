"""Detection's start and stop over HTTP, and what boxes say of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from cameras.intent import OTHERS_WAIT
from cameras.models import ROI, Camera, ConfigVersion, Device, DeviceStatus, Site
from cameras.services import issue_version
from detection.scheduler import DetectionScheduler, executor_condition
from edgesite.tokens import create_token
from tests.detection.calls import caller, get, problem, two_sites

pytestmark = pytest.mark.django_db

CONDITION = {"state": "running", "restarts": 0, "reason": "", "since": 5.0, "cameras": ["vid1"]}
CRASHED = CONDITION | {"state": "crashed", "restarts": 3, "reason": "analysis process crashed 3 times"}


@pytest.fixture
def sites() -> list[Site]:
    sites = two_sites()
    assert issue_version(device_id="box-1", author="setup")
    return sites


def post(client: Client, call: str, **options: Any) -> Any:
    return client.post(f"/api/cameras/{call}", **options)


def reports(word: str, condition: dict[str, Any] = CONDITION, *, ago_s: float = 0.0) -> None:
    """What the first box says."""
    DeviceStatus.objects.filter(device_id="box-1").update(
        reported_at=timezone.now() - timedelta(seconds=ago_s),
        health={
            "cameras": {"vid1": word},
            "camera_details": {"vid1": {"since": 4.0, "reason": condition["reason"], "last_frame_at": 4.5}},
            "executor": {"kind": "processes", "groups": {"g1": condition}},
        },
    )


def test_a_stop_is_issued_and_comes_into_effect_when_the_box_says_so(sites: list[Site]) -> None:
    reports("live")
    answer = post(caller(), "vid1/stop")
    assert answer.status_code == 200
    assert answer.json() == {
        "camera_id": "vid1", "desired": "stopped", "state": "off", "reason": "", "since": None, "in_effect": False,
        "executor": {"executor": "processes", "group": "g1", **{k: v for k, v in CONDITION.items() if k != "cameras"}},
        "changed": True, "published": True, "version": 2, "problem": "",
    }  # fmt: skip
    reports("off", CONDITION | {"cameras": []})
    status = get(caller("viewer"), "cameras/vid1/detection").json()
    assert (status["in_effect"], status["executor"]) == (True, None)


def test_start_and_stop_may_be_repeated(sites: list[Site]) -> None:
    for call, desired in (("start", "running"), ("stop", "stopped"), ("stop", "stopped"), ("start", "running")):
        answer = post(caller(), f"vid1/{call}").json()
        assert (answer["desired"], answer["published"]) == (desired, True)
    assert ConfigVersion.objects.filter(device_id="box-1").count() == 3


def test_a_machine_with_a_token_may_too_and_is_named(sites: list[Site]) -> None:
    headers = {"Authorization": f"Bearer {create_token(name='scada', role='operator')}"}
    assert post(Client(), "vid1/stop", headers=headers).status_code == 200
    assert "scada" in ConfigVersion.objects.get(device_id="box-1", version=2).author


def test_a_draft_keeps_its_work_to_itself(sites: list[Site]) -> None:
    Device.objects.update(publish_on_save=False)
    ROI.objects.update(name="half done")
    answer = post(caller(), "vid1/stop").json()
    assert (answer["published"], answer["problem"], answer["desired"]) == (False, OTHERS_WAIT, "stopped")


@pytest.mark.parametrize("call", ["start", "stop"])
def test_who_may_not(sites: list[Site], call: str) -> None:
    assert problem(post(Client(), f"vid1/{call}"))[0] == 401
    assert problem(post(caller("viewer"), f"vid1/{call}"))[0] == 403
    assert problem(post(caller(), f"gone/{call}")) == (404, "There is no such camera.")
    kitchen = Site.objects.filter(name="Warehouse")
    assert problem(post(caller(sites=list(kitchen)), f"vid1/{call}"))[0] == 404
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = caller().cookies
    assert post(strict, f"vid1/{call}").status_code == 403
    assert Camera.objects.get(pk="vid1").analyse


def test_a_crash_loop_is_told(sites: list[Site]) -> None:
    reports("lost", CRASHED)
    status = get(caller("viewer"), "cameras/vid1/detection").json()
    assert (status["state"], status["reason"]) == ("lost", CRASHED["reason"])
    assert (status["executor"]["state"], status["executor"]["restarts"]) == ("crashed", 3)
    assert status["in_effect"] is True  # it tries
    assert get(caller("viewer"), "cameras/vid1").json()["reason"] == CRASHED["reason"]


def test_of_a_silent_box_nothing_is_claimed(sites: list[Site]) -> None:
    reports("live", ago_s=60)
    status = get(caller("viewer"), "cameras/vid1/detection").json()
    assert (status["state"], status["in_effect"], status["executor"]) == ("offline", None, None)


def test_a_disabled_camera_that_rests_is_as_desired(sites: list[Site]) -> None:
    Camera.objects.update(enabled=False)
    reports("disabled", CONDITION | {"cameras": []})
    [status] = DetectionScheduler.status(Camera.objects.select_related("device__status").filter(pk="vid1"))
    assert (status.state, status.desired, status.in_effect) == ("disabled", "running", True)


@pytest.mark.parametrize(
    "executor",
    [None, 3, "x", [], {}, {"groups": 3}, {"groups": {"g1": 3}}, {"groups": {"g1": {"cameras": "vid1"}}},
     {"groups": {"g1": {"cameras": [["vid1"]]}}}],
)  # fmt: skip
def test_a_box_may_report_anything(executor: Any) -> None:
    assert executor_condition({"executor": executor}, "vid1") is None


def test_a_condition_of_odd_values_is_read_as_far_as_it_goes() -> None:
    odd = {"cameras": ["vid1"], "restarts": "x", "since": None, "state": 4}
    found = executor_condition({"executor": {"groups": {"g1": odd}}}, "vid1")
    assert found is not None
    assert (found.state, found.restarts, found.since, found.reason) == ("4", 0, None, "")
