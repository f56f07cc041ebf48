"""Pictures on request, on the hub: asking, answers, who may, and what is wrong at once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from cameras import asking
from cameras.asking import LATE, REVOKED, SILENT, outcome
from cameras.choices import RequestState
from cameras.frames import frames
from cameras.models import Camera, Device, DeviceStatus, Site
from detection.core.events import EventError, parse_event
from detection.hub.store import store_event
from edgesite import redis_keys
from edgesite.tokens import create_token
from recordings import snapshots
from recordings.extracts.models import ExtractStep
from recordings.models import SnapshotRequest
from recordings.selectors import may_see_snapshot, snapshot_url
from recordings.snapshots import FRAMES, SNAPSHOTS, request_snapshot
from recordings.taking_up import CONNECTING, NO_CAMERA, STARTING
from tests.cameras.pages import browser, text, two_sites
from tests.cameras.regions_page import Editor
from tests.fakes import FakeRedis
from tests.rows import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    fake = FakeRedis()
    monkeypatch.setattr(asking, "cloud_redis", lambda url: fake.client())
    return fake


@pytest.fixture
def camera(cloud: FakeRedis) -> Camera:
    two_sites()
    return Camera.objects.select_related("device__status").get(pk="vid1")


@pytest.fixture
def ask(camera: Camera, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Any:
    def asked(**values: Any) -> SnapshotRequest:
        with django_capture_on_commit_callbacks(execute=True):
            request = request_snapshot(camera=values.pop("camera", camera), author="kim", **values)
        request.refresh_from_db()
        return request

    return asked


@pytest.fixture
def media(tmp_path: Any, settings: Any) -> None:
    place = settings.STORAGES | {
        "default": {"BACKEND": "edgesite.storage.DurableFileStorage", "OPTIONS": {"location": str(tmp_path)}}
    }
    settings.STORAGES = place


def answer(request: SnapshotRequest, device_id: str = "box-1", **values: Any) -> None:
    """The device's event, as the hub takes it in."""
    body = {
        "request_id": request.request_id, "camera_id": request.camera_id, "status": "ok", "key": request.key,
        "at": 1_763_798_400.5, "width": 1920, "height": 1080, "message": "",
    } | values  # fmt: skip
    assert store_event({"event_id": "e1", "kind": "snapshot", "body": json.dumps(body)}, device_id=device_id) is None
    request.refresh_from_db()


def sent(cloud: FakeRedis, device_id: str = "box-1") -> list[dict[str, str]]:
    return [fields for _, fields in cloud.streams.get(redis_keys.commands(device_id), [])]


def test_the_one_box_that_has_the_camera_is_asked(ask: Any, cloud: FakeRedis) -> None:
    request = ask()
    [command] = sent(cloud)
    assert sent(cloud, "box-2") == []
    assert (command["request_id"], command["kind"]) == (request.request_id, "snapshot")
    assert json.loads(command["body"]) == {"camera_id": "vid1", "key": request.key}
    assert 0 < float(command["deadline"]) - timezone.now().timestamp() <= 5
    assert request.state == RequestState.WAITING
    assert request.key == f"snapshots/{timezone.now():%Y%m%d}/vid1_{request.request_id}.jpg"


def test_the_same_request_again_asks_nothing(ask: Any, cloud: FakeRedis) -> None:
    assert ask(request_id="r1").pk == ask(request_id="r1").pk
    assert len(sent(cloud)) == 1


def test_a_picture_is_news_once(ask: Any) -> None:
    request = ask()
    answer(request)
    assert (request.state, request.width, request.height) == (RequestState.READY, 1920, 1080)
    assert request.at is not None
    assert request.at.timestamp() == 1_763_798_400.5
    answer(request, status="error", message="late", at=None)
    answer(request, width=640)
    assert (request.state, request.width, request.message) == (RequestState.READY, 1920, "")


@pytest.mark.parametrize(
    ("device_id", "values"),
    [
        ("box-2", {}),
        ("box-1", {"camera_id": "vid2"}),
        ("box-1", {"key": "captures/x.jpg"}),
        ("box-1", {"request_id": "nope"}),
    ],
)
def test_an_answer_to_something_else_changes_nothing(ask: Any, device_id: str, values: dict[str, Any]) -> None:
    request = ask()
    answer(request, device_id, **values)
    assert request.state == RequestState.WAITING


BAD: list[dict[str, Any]] = [
    {"status": "maybe"}, {"at": None}, {"at": float("inf")}, {"width": 0}, {"width": -1}, {"width": 70_000}, {"key": ""},
    {"message": "x" * 501}, {"message": "a\x00"}, {"camera_id": ""}, {"request_id": "\x07"},
]  # fmt: skip


@pytest.mark.parametrize("values", BAD)
def test_an_answer_that_makes_no_sense_is_refused(ask: Any, values: dict[str, Any]) -> None:
    request = ask()
    with pytest.raises(EventError):
        answer(request, **values)


def test_what_a_newer_box_adds_is_let_through(ask: Any) -> None:
    request = ask()
    answer(request, sha256="…")
    assert request.state == RequestState.READY
    with pytest.raises(EventError):
        parse_event({"event_id": "e", "kind": "snapshots", "body": "{}"}, device_id="box-1")


def test_no_answer_in_time_is_one_for_good(ask: Any) -> None:
    request = ask()
    assert outcome(request).state == RequestState.WAITING
    SnapshotRequest.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    request.refresh_from_db()
    assert (outcome(request).state, request.message) == (RequestState.ERROR, LATE)
    answer(request)
    assert request.state == RequestState.ERROR


def test_an_answer_after_the_deadline_is_none(ask: Any) -> None:
    request = ask()
    SnapshotRequest.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    request.refresh_from_db()
    answer(request)
    assert request.state == RequestState.WAITING


def test_what_is_wrong_is_said_at_once_and_nobody_is_asked(ask: Any, camera: Camera, cloud: FakeRedis) -> None:
    wrong: list[tuple[Any, dict[str, Any], str]] = [
        (Camera, {"enabled": False}, snapshots.DISABLED),
        (Camera, {"enabled": True, "analyse": False}, snapshots.STOPPED),
        (DeviceStatus, {"reported_at": timezone.now() - timedelta(seconds=20)}, SILENT),
        (DeviceStatus, {"reported_at": None}, snapshots.NEVER),
        (Device, {"revoked_at": timezone.now()}, REVOKED),
    ]
    for model, values, message in wrong:
        rows = {Camera: {"pk": "vid1"}, DeviceStatus: {"device": "box-1"}, Device: {"pk": "box-1"}}[model]
        model.objects.filter(**rows).update(**values)
        fresh = Camera.objects.select_related("device__status").get(pk="vid1")
        request = ask(camera=fresh)
        assert (request.state, request.message) == (RequestState.ERROR, message)
    assert sent(cloud) == []


@pytest.mark.parametrize("key", ["/x.jpg", "a/../b.jpg", "a//b", "captures/x.jpg", "frames/x.jpg", "a\\b", "x" * 501])
def test_a_bad_key_is_an_error_and_never_used(ask: Any, cloud: FakeRedis, key: str) -> None:
    request = ask(key=key)
    assert (request.state, request.message) == (RequestState.ERROR, snapshots.BAD_KEY)
    assert request.key != key
    assert sent(cloud) == []


def test_a_key_of_others_is_used_exactly(ask: Any) -> None:
    assert ask(key="shop/2026/ä b.jpg").key == "shop/2026/ä b.jpg"


def test_redis_away_is_an_error_at_once(ask: Any, cloud: FakeRedis) -> None:
    cloud.down = True
    request = ask()
    assert (request.state, request.message) == (RequestState.ERROR, "The box cannot be asked: Redis cannot be reached")


def test_too_many_at_once_are_refused(ask: Any, cloud: FakeRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "MOST_WAITING", 2)
    assert [ask().state for _ in range(3)] == ["waiting", "waiting", "error"]
    SnapshotRequest.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    assert ask().state == "waiting"


def test_frames_of_pages_replace_one_another(ask: Any, camera: Camera) -> None:
    first = ask(folder=FRAMES)
    answer(first)
    SnapshotRequest.objects.update(requested_at=timezone.now() - timedelta(minutes=5))
    second = ask(folder=FRAMES)
    assert second.key == first.key == "frames/vid1.jpg"
    newest = frames().newest(camera)
    assert newest is not None
    assert newest.url.endswith(first.request_id)
    answer(second)
    assert list(SnapshotRequest.objects.values_list("pk", flat=True)) == [second.pk]
    found = frames().answer(camera, second.request_id)
    assert found.frame is not None
    assert (found.state, found.frame.url) == ("ready", f"/api/media/frames/vid1.jpg?v={second.request_id}")
    assert frames().answer(camera, first.request_id).state == "error"


def test_no_camera_shares_the_frame_of_another(ask: Any, camera: Camera) -> None:
    """Also where both IDs make the same file name: who sees one site would be shown the other's picture."""
    there = Device.objects.get(pk="box-2")
    other = Camera.objects.create(camera_id="vid1.", device=there, name="Other", rtsp_url="webcam:0")
    mine, others = ask(folder=FRAMES), snapshots.request_snapshot(camera=other, author="kim", folder=FRAMES)
    assert mine.key == "frames/vid1.jpg"
    assert others.key != mine.key


def test_a_request_of_another_camera_is_unknown(ask: Any) -> None:
    request = ask()
    found = frames().answer(Camera.objects.get(pk="vid2"), request.request_id)
    assert (found.state, found.message) == ("error", snapshots.UNKNOWN)


@pytest.mark.usefixtures("media")
def test_who_sees_the_camera_sees_its_pictures(ask: Any) -> None:
    request = ask()
    kitchen, warehouse = Site.objects.get(name="Kitchen"), Site.objects.get(name="Warehouse")
    here, there = make_person("here", "viewer", sites=[kitchen]), make_person("there", "viewer", sites=[warehouse])
    assert not may_see_snapshot(here, request.key)
    answer(request)
    assert may_see_snapshot(here, request.key)
    assert not may_see_snapshot(there, request.key)
    assert not may_see_snapshot(make_person("nobody"), request.key)
    default_storage.save(request.key, ContentFile(b"jpeg"))
    for person, status in ((here, 200), (there, 404)):
        client = Client()
        client.force_login(person)
        found = client.get(f"/api/media/{request.key}")
        assert found.status_code == status
        found.close()


@pytest.mark.usefixtures("media")
@pytest.mark.parametrize("folder", [SNAPSHOTS, FRAMES])
def test_who_was_given_which_picture_is_noted(ask: Any, folder: str) -> None:
    older, request = ask(folder=folder), ask(folder=folder)
    answer(older)
    answer(request)
    default_storage.save(request.key, ContentFile(b"jpeg"))
    away = browser("viewer", sites=[Site.objects.get(name="Warehouse")])
    token = create_token(name="robot", role="viewer")
    robot = Client(headers={"Authorization": f"Bearer {token}"})
    for client, status in ((away, 404), (browser("operator"), 200), (robot, 200), (robot, 200)):
        found = client.get(snapshot_url(request) or "")
        assert found.status_code == status
        found.close()
    request.refresh_from_db()
    steps = ExtractStep.objects.order_by("pk").values_list("kind", "author", "camera_id", "extract_id", "begin", "end")
    told = ("vid1", request.request_id, request.at, request.at)
    assert [step[:2] for step in steps] == [("viewed", "the operator"), ("viewed", "token:robot")]
    assert {step[2:] for step in steps} == {told}
    assert request.at is not None
    log = text(browser("admin").get("/admin/recordings/extract/log/"))
    assert f"<td>{request.at:%Y-%m-%d %H:%M:%S} UTC</td>" in log


def test_over_http(camera: Camera, django_capture_on_commit_callbacks: Any) -> None:
    token = create_token(name="robot", role="viewer")
    client = Client(headers={"Authorization": f"Bearer {token}"})
    with django_capture_on_commit_callbacks(execute=True):
        asked = client.post("/api/cameras/vid1/snapshots")
    assert asked.status_code == 200
    body = asked.json()
    assert (body["state"], body["url"], body["camera_id"]) == ("waiting", None, "vid1")
    request = SnapshotRequest.objects.get(request_id=body["request_id"])
    answer(request)
    done = client.get(f"/api/snapshots/{request.request_id}").json()
    assert (done["state"], done["width"], done["at"]) == ("ready", 1920, 1_763_798_400.5)
    assert done["url"] == f"/api/media/{request.key}?v={request.request_id}"
    assert client.post("/api/cameras/nope/snapshots").status_code == 404
    assert client.get("/api/snapshots/nope").status_code == 404
    assert Client().post("/api/cameras/vid1/snapshots").status_code == 401
    other = browser("viewer", sites=[Site.objects.get(name="Warehouse")])
    assert other.get(f"/api/snapshots/{request.request_id}").status_code == 404
    assert other.post("/api/cameras/vid1/snapshots").status_code == 404


def test_the_editors_calls_end_with_the_picture_or_words(
    camera: Camera, django_capture_on_commit_callbacks: Any
) -> None:
    editor = Editor(browser("viewer"))
    with django_capture_on_commit_callbacks(execute=True):
        status, asked = editor.post("frame", {})
    assert status == 200
    assert editor.get(f"frame/{asked['request_id']}") == (200, {"state": "waiting"})
    answer(SnapshotRequest.objects.get(request_id=asked["request_id"]))
    _, ready = editor.get(f"frame/{asked['request_id']}")
    url = f"/api/media/frames/vid1.jpg?v={asked['request_id']}"
    assert ready == {
        "state": "ready",
        "url": url,
        "at": "2025-11-22T08:00:00.500000+00:00",
        "width": 1920,
        "height": 1080,
    }
    assert editor.load()["frame"] == {key: ready[key] for key in ("url", "at", "width", "height")}
    Camera.objects.filter(pk="vid1").update(enabled=False)
    _, asked = editor.post("frame", {})
    assert editor.get(f"frame/{asked['request_id']}") == (200, {"state": "error", "message": snapshots.DISABLED})
    assert editor.get("frame/nope")[1]["state"] == "error"


@pytest.mark.parametrize("said", [NO_CAMERA, STARTING, f"No picture of the last 2 seconds: {CONNECTING}"])
def test_the_editor_is_told_that_a_new_cameras_picture_comes_by_itself(
    camera: Camera, said: str, django_capture_on_commit_callbacks: Any
) -> None:
    editor = Editor(browser("viewer"))
    with django_capture_on_commit_callbacks(execute=True):
        _, asked = editor.post("frame", {})
    SnapshotRequest.objects.filter(request_id=asked["request_id"]).update(state="error", message=said)
    assert editor.get(f"frame/{asked['request_id']}") == (200, {"state": "error", "message": said, "soon": True})
