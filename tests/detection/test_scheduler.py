"""Detection's start and stop over HTTP, and what boxes say of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from cameras.intent import OTHERS_WAIT
from cameras.issued import ConfigVersion
from cameras.models import ROI, Camera, Device, DeviceStatus, Site
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


def reports(
    word: str, condition: dict[str, Any] = CONDITION, *, version: int = 1, ago_s: float = 0.0, **said: Any
) -> None:
    """What the first box says. version: which it runs."""
    said = {"observed": version, "state": "applied"} | said
    DeviceStatus.objects.filter(device_id="box-1").update(
        reported_at=timezone.now() - timedelta(seconds=ago_s),
        epoch=Device.objects.get(pk="box-1").epoch,
        applied=version,
        **said,
        health={
            "cameras": {"vid1": word},
            "camera_details": {"vid1": {"since": 4.0, "reason": condition["reason"], "last_frame_at": 4.5}},
            "executor": {"kind": "processes", "groups": {"g1": condition}},
        },
    )


def state() -> tuple[str, bool | None]:
    """What is told of the first camera."""
    answer = get(caller("viewer"), "cameras/vid1/detection").json()
    return answer["state"], answer["in_effect"]


def test_a_stop_is_issued_and_comes_into_effect_when_the_box_says_so(sites: list[Site]) -> None:
    reports("live")
    answer = post(caller(), "vid1/stop")
    assert answer.status_code == 200
    issued = ConfigVersion.objects.get(device_id="box-1", version=2).issued_at.timestamp()
    assert answer.json() == {
        "camera_id": "vid1", "desired": "stopped", "state": "stopping",
        "reason": "the box has not reported version 2 yet", "since": pytest.approx(issued), "in_effect": False,
        "executor": {"executor": "processes", "group": "g1", **{k: v for k, v in CONDITION.items() if k != "cameras"}},
        "changed": True, "published": True, "version": 2, "problem": "",
    }  # fmt: skip
    reports("off", CONDITION | {"cameras": []}, version=2)
    status = get(caller("viewer"), "cameras/vid1/detection").json()
    assert (status["state"], status["in_effect"], status["executor"]) == ("off", True, None)


def test_a_stop_and_a_start_soon_after_are_not_answered_with_what_was_before(sites: list[Site]) -> None:
    reports("live")
    post(caller(), "vid1/stop")
    assert state() == ("stopping", False)
    assert post(caller(), "vid1/start").json()["state"] == "starting"  # though the box still says that it is live
    reports("off", CONDITION | {"cameras": []}, version=2)
    assert state() == ("starting", False)
    reports("connecting", version=3)
    assert state() == ("connecting", True)


def test_another_edit_makes_nothing_start(sites: list[Site]) -> None:
    reports("live")
    ROI.objects.filter(camera_id="vid1").update(name="other")
    assert issue_version(device_id="box-1", author="somebody")
    assert state() == ("live", True)
    post(caller(), "vid1/stop")
    reports("live", version=2)
    assert state() == ("stopping", False)
    reports("off", CONDITION | {"cameras": []}, version=3)
    assert state() == ("off", True)


def test_a_box_that_has_nothing_yet_starts(sites: list[Site]) -> None:
    DeviceStatus.objects.filter(device_id="box-1").update(reported_at=timezone.now(), health={})
    assert state() == ("starting", False)


@pytest.mark.parametrize("word", ["refused", "reverted"])
def test_a_wish_that_the_box_declined_is_not_on_its_way(sites: list[Site], word: str) -> None:
    reports("live")
    post(caller(), "vid1/stop")
    reports("live", state=word, observed=2)
    assert state() == ("live", False)


def test_a_process_that_has_not_let_go_of_the_camera_is_stopping(sites: list[Site]) -> None:
    post(caller(), "vid1/stop")
    reports("off", CONDITION | {"state": "stopping"}, version=2)
    assert state() == ("stopping", False)


def test_of_a_device_that_was_shut_out_nothing_is_on_its_way(sites: list[Site]) -> None:
    reports("live")
    post(caller(), "vid1/stop")
    Device.objects.filter(pk="box-1").update(revoked_at=timezone.now())
    assert state() == ("live", False)


def test_a_box_far_behind_is_asked_no_more_versions_than_it_takes(
    sites: list[Site], django_assert_max_num_queries: Any
) -> None:
    reports("live")
    for number in range(6):
        ROI.objects.filter(camera_id="vid1").update(name=f"name {number}")
        assert issue_version(device_id="box-1", author="somebody")
    [camera] = Camera.objects.select_related("device__status").filter(pk="vid1")
    with django_assert_max_num_queries(2):
        [status] = DetectionScheduler.status([camera])
    assert (status.state, status.in_effect) == ("live", True)


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
    reports("live")
    assert state() == ("live", False)  # nobody has told the box


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
