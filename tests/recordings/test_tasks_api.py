"""Recording tasks over HTTP: the whole table of states and errors, as an integrator sees it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from cameras.models import Camera, Device, DeviceStatus, Site
from detection.hub.store import store_event
from edgesite import redis_keys
from edgesite.tokens import create_token
from recordings.access import may_see
from recordings.tasks import api, services
from recordings.tasks.models import RecordingTask
from tests.cameras.pages import browser, two_sites
from tests.fakes import FakeRedis
from tests.rows import make_person

pytestmark = pytest.mark.django_db

KEY = "recordings/vid1/20261122/vid1_shift_2026-11-22_08-00-00.mp4"
STORED: dict[str, Any] = {
    "storage_type": "s3", "bucket": "box", "object_name": KEY, "local_file": "/r/clips/vid1/a.mp4", "local_file_deleted": True,
    "sha256": "a" * 64, "bytes": 1000, "duration": 12.5,
}  # fmt: skip


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    fake = FakeRedis()
    monkeypatch.setattr(services, "cloud_redis", lambda url: fake.client())
    monkeypatch.setattr(api, "ANSWER_SECONDS", 0.0)
    two_sites()
    return fake


class Caller:
    """A machine with an operator's token."""

    def __init__(self, commits: DjangoCaptureOnCommitCallbacks, role: str = "operator") -> None:
        self.headers = {"Authorization": f"Bearer {create_token(name=f'm {role}', role=role)}"}
        self.commits = commits
        self.client = Client(headers=self.headers)

    def post(self, what: str, camera_id: str = "vid1", task_name: str = "shift", **more: Any) -> tuple[int, Any]:
        with self.commits(execute=True):
            answer = self.client.post(
                f"/api/recordings/{what}", {"camera_id": camera_id, "task_name": task_name} | more,
                content_type="application/json",
            )  # fmt: skip
        return answer.status_code, answer.json()

    def ok(self, what: str, **values: Any) -> Any:
        status, body = self.post(what, **values)
        assert status == 200, body
        return body

    def status(self, camera_id: str = "vid1") -> Any:
        answer = self.client.get(f"/api/recordings/status/{camera_id}")
        assert answer.status_code == 200, answer.content
        return answer.json()


@pytest.fixture
def caller(cloud: FakeRedis, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Caller:
    return Caller(django_capture_on_commit_callbacks)


def newest() -> RecordingTask:
    return RecordingTask.objects.order_by("-pk")[0]


def told(
    state: str, revision: int, *, task: RecordingTask | None = None, device_id: str = "box-1", **values: Any
) -> None:
    """The box's report, as the hub takes it in."""
    task = task or newest()
    body = {"task_id": task.task_id, "camera_id": task.camera_id, "state": state, "revision": revision} | values
    store_event({"event_id": f"e-{revision}", "kind": "recording", "body": json.dumps(body)}, device_id=device_id)


def orders(cloud: FakeRedis, device_id: str = "box-1") -> list[dict[str, Any]]:
    entries = cloud.streams.get(redis_keys.commands(device_id), [])
    assert {fields["kind"] for _, fields in entries} <= {"record"}
    return [json.loads(fields["body"]) for _, fields in entries]


def test_from_idle_to_a_stored_clip(caller: Caller, cloud: FakeRedis) -> None:
    assert caller.status() == {"status": "idle", "camera_id": "vid1"}
    started = caller.ok("start_task")
    assert started == {
        "status": "starting", "camera_id": "vid1", "task_name": "shift", "start_time": started["start_time"],
    }  # fmt: skip
    [order] = orders(cloud)
    assert order == {
        "task_id": newest().task_id, "camera_id": "vid1", "task_name": "shift", "action": "start", "seconds": 3600,
    }  # fmt: skip
    told("starting", 1)
    told("recording", 2, started_at=1_795_334_400.25)
    assert caller.status()["start_time"] == "2026-11-22T08:00:00.250Z"
    assert caller.status()["status"] == "recording"
    stopped = caller.ok("stop_task")
    assert (stopped["status"], stopped["stop_reason"]) == ("stopping", "requested")
    assert [o["action"] for o in orders(cloud)] == ["start", "stop"]
    told("stopping", 3, stop_reason="requested", started_at=1_795_334_400.25, stopped_at=1_795_334_412.75)
    told("uploading", 4, stop_reason="requested", object_name=KEY, local_file="/r/clips/vid1/a.mp4")
    waiting = caller.ok("query_task")
    assert waiting["status"] == "uploading"
    assert "download_url" not in waiting
    told("uploaded", 5, stop_reason="requested", started_at=1_795_334_400.25, **STORED)
    done = caller.ok("query_task")
    assert done == {
        "status": "uploaded", "camera_id": "vid1", "task_name": "shift", "start_time": "2026-11-22T08:00:00.250Z",
        "storage_type": "s3", "local_file": "/r/clips/vid1/a.mp4", "bucket": "box", "object_name": KEY,
        "download_url": f"/api/media/{KEY}", "stop_reason": "requested", "local_file_deleted": True,
    }  # fmt: skip
    assert caller.ok("stop_task") == done == caller.status()
    assert len(orders(cloud)) == 2


def test_one_task_a_camera(caller: Caller, cloud: FakeRedis) -> None:
    caller.ok("start_task")
    second = caller.ok("start_task", task_name="night")
    assert (second["status"], second["task_name"]) == ("starting", "shift")
    assert RecordingTask.objects.count() == 1
    mismatch = caller.ok("stop_task", task_name="night")
    assert mismatch == {
        "status": "task_mismatch", "camera_id": "vid1", "task_name": "night", "running_task": "shift",
    }  # fmt: skip
    assert caller.ok("start_task", camera_id="vid2", task_name="night")["task_name"] == "night"
    assert [len(orders(cloud, d)) for d in ("box-1", "box-2")] == [1, 1]
    told("failed", 1, error="no", task=RecordingTask.objects.get(camera_id="vid1"))
    assert caller.ok("start_task", task_name="night")["status"] == "starting"  # the first one has ended


def test_nothing_to_stop_and_nothing_found(caller: Caller) -> None:
    assert caller.ok("stop_task") == {"status": "not_running", "camera_id": "vid1", "task_name": "shift"}
    assert caller.ok("query_task") == {"status": "not_found", "camera_id": "vid1", "task_name": "shift"}
    caller.ok("start_task")
    assert caller.ok("query_task", task_name="Shift")["status"] == "not_found"


def test_the_newest_of_a_name_is_found(caller: Caller) -> None:
    for number in (1, 2):
        caller.ok("start_task")
        told("failed", 1, error=f"reason {number}")
    assert caller.ok("query_task")["error"] == "reason 2"


@pytest.mark.parametrize("what", ["start_task", "stop_task", "query_task"])
def test_errors_are_told_apart(caller: Caller, what: str) -> None:
    assert caller.post(what, camera_id="nope")[0] == 404
    assert caller.post(what, camera_id="")[0] == 422
    assert caller.post(what, task_name="")[0] == 422
    assert caller.post(what, task_name="x" * 201)[0] == 422
    assert caller.post(what, task_name="a\nb")[0] == 422
    assert caller.post(what, task_name="a\ud800b")[0] == 422
    assert caller.post(what, camera_id="vid1", other=1)[0] == 422
    assert caller.client.get("/api/recordings/status/nope").status_code == 404


def test_names_come_back_as_they_were_given(caller: Caller) -> None:
    name = "  Früh/Schicht ../ <b> 早班 "
    assert caller.ok("start_task", task_name=name)["task_name"] == name
    assert caller.ok("query_task", task_name=name)["task_name"] == name


def test_without_ffmpeg_it_is_a_500_with_the_reason(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def answered(task: RecordingTask) -> None:
        told("failed", 1, task=task, error="ffmpeg is not installed on the box.", error_code="no_ffmpeg")
        task.refresh_from_db()

    monkeypatch.setattr(api, "_until_answered", answered)
    assert caller.post("start_task") == (500, {"detail": "ffmpeg is not installed on the box."})
    assert caller.status()["status"] == "failed"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: DeviceStatus.objects.update(reported_at=timezone.now() - timedelta(minutes=1)), "silent"),
        (lambda: DeviceStatus.objects.all().delete(), "silent"),
        (lambda: Camera.objects.update(enabled=False), "disabled"),
        (lambda: Device.objects.update(revoked_at=timezone.now()), "shut out"),
    ],
)
def test_what_keeps_it_from_starting_is_told_at_once(caller: Caller, cloud: FakeRedis, change: Any, words: str) -> None:
    change()
    answer = caller.ok("start_task")
    assert answer["status"] == "failed"
    assert words in answer["error"]
    assert orders(cloud) == []


def test_who_may(caller: Caller, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> None:
    viewer = Caller(django_capture_on_commit_callbacks, "viewer")
    assert viewer.post("start_task")[0] == 403
    caller.ok("start_task")
    assert viewer.post("stop_task")[0] == 403
    assert viewer.ok("query_task")["status"] == "starting"
    assert Client().get("/api/recordings/status/vid1").status_code == 401
    away = browser("operator", sites=[Site.objects.get(name="Warehouse")])
    assert away.get("/api/recordings/status/vid1").status_code == 404
    body = {"camera_id": "vid1", "task_name": "shift"}
    for what in ("start_task", "stop_task", "query_task"):
        answer = away.post(f"/api/recordings/{what}", body, content_type="application/json")
        assert answer.status_code == 404, what


def test_a_clip_is_seen_by_those_who_see_its_camera(caller: Caller) -> None:
    caller.ok("start_task")
    told("uploading", 1, object_name=KEY)
    near = make_person("near", "viewer", sites=[Site.objects.get(name="Kitchen")])
    far = make_person("far", "viewer", sites=[Site.objects.get(name="Warehouse")])
    assert not may_see(near, KEY)  # not stored yet
    told("completed", 2, **STORED)
    assert may_see(near, KEY)
    assert not may_see(far, KEY)
    assert not may_see(near, KEY + "x")


@pytest.mark.parametrize(
    "key", ["recordings/vid2/20261122/x.mp4", "recordings/vid1x/20261122/x.mp4", "recordings/x.mp4"]
)
def test_a_box_cannot_give_out_the_clip_of_another_camera(caller: Caller, key: str) -> None:
    caller.ok("start_task")
    told("completed", 1, **STORED | {"object_name": key})
    assert caller.status()["status"] == "failed"
    assert not may_see(make_person("x", "viewer"), key)


def test_reports_count_once_in_their_order_and_from_the_right_box(caller: Caller) -> None:
    caller.ok("start_task")
    told("recording", 2, started_at=1.0, device_id="box-2")
    assert caller.status()["status"] == "starting"
    told("uploading", 4)
    told("recording", 3, started_at=1.0)  # late
    told("uploading", 4, error="again")
    assert caller.status()["status"] == "uploading"
    assert "error" not in caller.status()


def test_a_stop_is_not_undone_by_a_report_that_was_under_way(caller: Caller, cloud: FakeRedis) -> None:
    caller.ok("start_task")
    caller.ok("stop_task")
    told("recording", 2, started_at=1.0)
    assert (caller.status()["status"], caller.status()["stop_reason"]) == ("stopping", "requested")
    told("completed", 5, stop_reason="max_duration", **STORED)
    assert (caller.status()["status"], caller.status()["stop_reason"]) == ("completed", "max_duration")


def test_orders_are_repeated_until_the_box_knows(caller: Caller, cloud: FakeRedis) -> None:
    caller.ok("start_task")
    now = timezone.now()
    services.repeat_orders(now)
    assert len(orders(cloud)) == 1  # it was told just now
    services.repeat_orders(now + timedelta(seconds=4))
    assert [o["action"] for o in orders(cloud)] == ["start", "start"]
    told("recording", 1, started_at=1.0)
    services.repeat_orders(now + timedelta(seconds=60))
    assert len(orders(cloud)) == 2
    caller.ok("stop_task")
    services.repeat_orders(timezone.now() + timedelta(seconds=7))
    assert [o["action"] for o in orders(cloud)] == ["start", "start", "stop", "stop"]
    told("stopping", 2, stop_reason="requested")
    services.repeat_orders(timezone.now() + timedelta(days=1))
    assert len(orders(cloud)) == 4


def test_a_box_that_never_answers_does_not_record(caller: Caller, cloud: FakeRedis) -> None:
    caller.ok("start_task")
    services.repeat_orders(timezone.now() + timedelta(seconds=services.START_SECONDS + 1))
    assert caller.status()["error"] == services.LATE
    assert caller.ok("start_task", task_name="again")["task_name"] == "again"  # the camera is free
    first = RecordingTask.objects.order_by("pk")[0]
    told("recording", 1, started_at=1.0, task=first)  # it did, after all, and is told to stop
    first.refresh_from_db()
    assert (first.state, first.error) == ("failed", services.LATE)
    services.repeat_orders(timezone.now() + timedelta(seconds=services.START_SECONDS + 1))
    assert orders(cloud)[-1] | {"reason": ""} == {
        "task_id": first.task_id, "camera_id": "vid1", "task_name": "shift", "action": "stop", "reason": "",
    }  # fmt: skip
    told("completed", 4, task=first, **STORED)
    first.refresh_from_db()
    assert (first.state, first.error, first.object_name) == ("completed", "", KEY)


OVER = timedelta(hours=3)  # of a task that was asked for now: no box records it any more


def reported(at: Any, device_id: str = "box-1") -> None:
    DeviceStatus.objects.filter(device_id=device_id).update(reported_at=at)


def test_a_box_that_is_gone_for_good_frees_its_camera_when_the_time_is_over(caller: Caller) -> None:
    caller.ok("start_task")
    told("recording", 2, started_at=1.0)
    first, now = newest(), timezone.now()
    reported(now - timedelta(seconds=services.SILENT_SECONDS + 60))
    services.repeat_orders(now)
    assert caller.status()["status"] == "recording"  # it may well be, while the box is away
    caller.ok("stop_task")
    services.repeat_orders(now + timedelta(hours=1))
    assert caller.status()["status"] == "stopping"
    services.repeat_orders(now + OVER)
    assert (caller.status()["status"], caller.status()["error"]) == ("failed", services.SILENT)
    reported(timezone.now())
    assert caller.ok("start_task", task_name="next")["task_name"] == "next"
    told("completed", 5, task=first, **STORED)  # it comes back after all
    first.refresh_from_db()
    assert (first.state, first.error, first.object_name) == ("completed", "", KEY)


def test_a_box_that_was_shut_out_frees_its_camera_at_once(caller: Caller, cloud: FakeRedis) -> None:
    caller.ok("start_task")
    told("recording", 2, started_at=1.0)
    Device.objects.filter(pk="box-1").update(revoked_at=timezone.now())
    Camera.objects.filter(pk="vid1").update(device="box-2")
    services.repeat_orders(timezone.now())
    assert caller.status()["status"] == "failed"
    assert "shut out" in caller.status()["error"]
    assert len(orders(cloud)) == 1  # who is shut out is told nothing
    assert caller.ok("start_task", task_name="next")["status"] == "starting"


def test_a_box_whose_store_was_lost_is_asked_for_an_end_that_it_never_told(caller: Caller, cloud: FakeRedis) -> None:
    caller.ok("start_task")
    told("recording", 2, started_at=1.0)
    reported(timezone.now() + OVER)
    services.repeat_orders(timezone.now() + timedelta(hours=1))
    assert caller.status()["status"] == "recording"
    services.repeat_orders(timezone.now() + OVER)
    assert (caller.status()["status"], caller.status()["stop_reason"]) == ("stopping", "max_duration")
    assert (orders(cloud)[-1]["action"], orders(cloud)[-1]["reason"]) == ("stop", "max_duration")


def test_a_start_that_no_box_took_on_and_that_was_stopped_frees_its_camera_as_well(caller: Caller) -> None:
    caller.ok("start_task")
    assert caller.ok("stop_task")["status"] == "stopping"
    services.repeat_orders(timezone.now() + timedelta(seconds=services.START_SECONDS - 1))
    assert caller.status()["status"] == "stopping"  # the box may have begun, and its report be under way
    services.repeat_orders(timezone.now() + timedelta(seconds=services.START_SECONDS + 1))
    assert (caller.status()["status"], caller.status()["error"]) == ("failed", services.LATE)
    assert caller.ok("start_task", task_name="next")["task_name"] == "next"


def test_without_redis_the_box_is_told_later(caller: Caller, cloud: FakeRedis) -> None:
    cloud.down = True
    assert caller.ok("start_task")["status"] == "starting"
    cloud.down = False
    services.repeat_orders(timezone.now() + timedelta(seconds=4))
    assert len(orders(cloud)) == 1


def test_two_that_start_at_once_get_one_task(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    caller.ok("start_task")
    answers = iter([None, newest()])
    monkeypatch.setattr(services, "running_task", lambda camera: next(answers))
    assert caller.ok("start_task", task_name="night")["task_name"] == "shift"
    assert RecordingTask.objects.count() == 1


def test_a_task_that_was_quicker_and_is_over_already_is_followed_by_this_one(
    caller: Caller, cloud: FakeRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends between the refusal by the database and the look at which it was."""
    caller.ok("start_task")
    looks = iter([False, True])

    def look(camera: Camera) -> None:
        if next(looks):
            RecordingTask.objects.update(state="failed", slot=None)

    monkeypatch.setattr(services, "running_task", look)
    assert caller.ok("start_task", task_name="night")["task_name"] == "night"
    assert list(RecordingTask.objects.order_by("pk").values_list("state", flat=True)) == ["failed", "starting"]
    assert [order["task_name"] for order in orders(cloud)] == ["shift", "night"]
