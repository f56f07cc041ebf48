"""Testing a connection from the camera's page: who may, what is sent, what is said."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from cameras import asking
from cameras.core.probe import StreamFacts
from cameras.models import Camera, Device, DeviceStatus, Site
from cameras.probing import services
from cameras.probing.models import CameraProbe
from detection.core.events import EventError
from detection.hub.store import store_event
from edgesite import redis_keys
from edgesite.fields import decrypt
from tests.cameras.pages import browser, two_sites
from tests.fakes import FakeRedis
from tests.rows import PASSWORD, SOURCE

pytestmark = pytest.mark.django_db
PAGE = "/admin/cameras/camera/vid1/"
PICTURE = "/9j/4AAQSkZJRg=="
FACTS = StreamFacts(codec="h264", width=1920, height=1080, fps=25.0, gop_s=2.0, watched_s=5.0)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    fake = FakeRedis()
    monkeypatch.setattr(asking, "cloud_redis", lambda url: fake.client())
    two_sites()
    return fake


@pytest.fixture
def person(cloud: FakeRedis, django_capture_on_commit_callbacks: Any) -> Any:
    client = browser("operator")

    def post(body: Any) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(f"{PAGE}test", json.dumps(body), content_type="application/json")

    client.begin = post  # type: ignore[attr-defined]
    return client


def sent(cloud: FakeRedis) -> list[dict[str, Any]]:
    return [json.loads(fields["body"]) for _, fields in cloud.streams.get(redis_keys.commands("box-1"), [])]


def answer(request_id: str, device_id: str = "box-1", **values: Any) -> None:
    body = {"request_id": request_id, "camera_id": "vid1", "status": "ok", "facts": FACTS.model_dump(), "message": ""}
    store_event({"event_id": "e", "kind": "probe", "body": json.dumps(body | values)}, device_id=device_id)


def told(person: Any, request_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = person.get(f"{PAGE}test/{request_id}").json()
    return answer


def test_a_saved_cameras_url_never_leaves_the_hub(person: Any, cloud: FakeRedis) -> None:
    request_id = person.begin({}).json()["request_id"]
    assert sent(cloud) == [{"camera_id": "vid1"}]
    assert told(person, request_id) == {"state": "waiting"}
    answer(request_id)
    done = told(person, request_id)
    assert (done["state"], done["facts"]["codec"], done["notes"]) == ("ready", "h264", [])
    assert done["picture"] == ""  # of a box of an earlier version
    answer(request_id, status="error", facts=None, message="late")
    assert told(person, request_id) == done


def test_a_picture_of_what_came_goes_to_who_may_test(person: Any) -> None:
    request_id = person.begin({}).json()["request_id"]
    answer(request_id, picture=PICTURE)
    assert told(person, request_id)["picture"] == PICTURE
    assert browser("viewer").get(f"{PAGE}test/{request_id}").status_code == 403
    other = browser("admin", sites=[Site.objects.get(name="Warehouse")])
    assert other.get(f"{PAGE}test/{request_id}").status_code == 404


@pytest.mark.parametrize("picture", ["PHNjcmlwdD4=", '/9j/4"><script>', "/9j/4A==" + "A" * 48_000, "\u00e9", 7, None])
def test_what_is_no_small_jpeg_is_refused_with_its_answer(person: Any, picture: Any) -> None:
    request_id = person.begin({}).json()["request_id"]
    with pytest.raises(EventError, match="picture"):
        answer(request_id, picture=picture)
    assert told(person, request_id) == {"state": "waiting"}


def test_a_typed_url_travels_encrypted(person: Any, cloud: FakeRedis) -> None:
    typed = "rtsp://op:typed-pw@10.0.0.9/2"
    for given, expected in ((typed, typed), ("rtsp://admin:***@10.0.0.5:554/stream1", SOURCE)):
        assert person.begin({"rtsp_url": given}).status_code == 200
        body = sent(cloud)[-1]
        assert decrypt(body["url"]) == expected
    assert PASSWORD not in str(cloud.streams)
    assert "typed-pw" not in str(cloud.streams)
    assert "pw" not in str(list(CameraProbe.objects.values()))


@pytest.mark.parametrize(
    "given",
    [
        "rtsp://op:***@elsewhere/1",
        "http://x/",
        "rtsp://",
        "x" * 2001,
        7,
        ["rtsp://a/b"],
        "rtsp://a b/",
        "rtsp://a/\ud800",
    ],
)
def test_a_url_that_no_camera_can_have_is_refused(person: Any, cloud: FakeRedis, given: Any) -> None:
    refused = person.begin({"rtsp_url": given})
    assert refused.status_code == 422
    assert refused.json()["detail"]
    assert sent(cloud) == []


def test_who_may_not_change_the_camera_tests_nothing(cloud: FakeRedis) -> None:
    viewer = browser("viewer")
    assert viewer.post(f"{PAGE}test", "{}", content_type="application/json").status_code == 403
    assert viewer.get(f"{PAGE}test/x").status_code == 403
    other = browser("operator", sites=[Site.objects.get(name="Warehouse")])
    assert other.post(f"{PAGE}test", "{}", content_type="application/json").status_code == 404
    assert sent(cloud) == []


def test_what_is_wrong_at_once_is_the_answer(person: Any, cloud: FakeRedis) -> None:
    def message() -> str:
        return str(told(person, person.begin({}).json()["request_id"])["message"])

    cloud.down = True
    assert message() == "The box cannot be asked: Redis cannot be reached"
    cloud.down = False
    DeviceStatus.objects.filter(device="box-1").update(reported_at=timezone.now() - timedelta(minutes=1))
    assert message() == asking.SILENT
    Device.objects.filter(pk="box-1").update(revoked_at=timezone.now())
    assert message() == asking.REVOKED
    assert sent(cloud) == []


# A camera that is being added

NEW = "/admin/cameras/camera/add/test"
HALF = {"rtsp_url": "rtsp://10.0.0.9/2", "user": "op", "password": "\ud800"}  # half a character
TYPED = {"device": "box-1", "rtsp_url": "rtsp://10.0.0.9/2", "user": "op", "password": "typed-pw"}


@pytest.fixture
def begin(cloud: FakeRedis, django_capture_on_commit_callbacks: Any) -> Any:
    def post(client: Any, body: Any) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(NEW, json.dumps(body), content_type="application/json")

    return post


def test_a_new_camera_is_tested_before_it_is_saved(begin: Any, cloud: FakeRedis) -> None:
    client, cameras = browser("operator"), Camera.objects.count()
    begun = begin(client, TYPED).json()
    assert begun["tested"] == "rtsp://op:***@10.0.0.9/2"
    [body] = sent(cloud)
    assert body["camera_id"] == ""
    assert decrypt(body["url"]) == "rtsp://op:typed-pw@10.0.0.9/2"
    assert "typed-pw" not in str(cloud.streams) + str(list(CameraProbe.objects.values()))
    url = f"{NEW}/{begun['request_id']}"
    assert client.get(url).json() == {"state": "waiting"}
    answer(begun["request_id"], device_id="box-2", camera_id="")  # not the box that was asked
    answer(begun["request_id"], camera_id="vid1")
    assert client.get(url).json() == {"state": "waiting"}
    answer(begun["request_id"], camera_id="")
    done = client.get(url).json()
    assert (done["state"], done["facts"]["codec"]) == ("ready", "h264")
    assert Camera.objects.count() == cameras


def test_an_answer_about_a_new_camera_is_for_who_asked(begin: Any, cloud: FakeRedis) -> None:
    request_id = begin(browser("operator"), TYPED).json()["request_id"]
    answer(request_id, camera_id="")
    other = browser("superuser")
    assert other.get(f"{NEW}/{request_id}").json()["state"] == "error"
    assert other.get(f"{PAGE}test/{request_id}").json()["state"] == "error"


def test_who_may_not_add_a_camera_tests_none(begin: Any, cloud: FakeRedis) -> None:
    viewer = browser("viewer")
    assert begin(viewer, TYPED).status_code == 403
    assert viewer.get(f"{NEW}/x").status_code == 403
    elsewhere = browser("operator", sites=[Site.objects.get(name="Warehouse")])
    refusals = [
        begin(elsewhere, TYPED | {"device": device}) for device in ("box-1", "no-such-box", "", 7, "\ud800", "\x00")
    ]
    assert {refused.status_code for refused in refusals} == {422}
    assert len({refused.json()["detail"] for refused in refusals}) == 1  # a foreign box is not shown to exist
    assert sent(cloud) == []


@pytest.mark.parametrize("given", [{}, {"rtsp_url": "http://x/"}, {"rtsp_url": "rtsp://op:***@h/1"}, {"x": "y"}, HALF])
def test_a_new_camera_needs_a_url_that_can_be(begin: Any, cloud: FakeRedis, given: dict[str, str]) -> None:
    refused = begin(browser("operator"), {"device": "box-1"} | given)
    assert refused.status_code == 422
    assert refused.json()["detail"]
    assert sent(cloud) == []


def test_a_disabled_camera_can_be_tested(person: Any, cloud: FakeRedis) -> None:
    Camera.objects.filter(pk="vid1").update(enabled=False)
    person.begin({})
    assert len(sent(cloud)) == 1


def test_no_answer_is_one_after_the_deadline(person: Any) -> None:
    request_id = person.begin({}).json()["request_id"]
    CameraProbe.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    assert told(person, request_id) == {"state": "error", "message": asking.LATE}
    answer(request_id)
    assert told(person, request_id)["state"] == "error"
    assert told(person, "nope") == {"state": "error", "message": services.UNKNOWN}


def test_only_the_box_that_was_asked_answers(person: Any) -> None:
    request_id = person.begin({}).json()["request_id"]
    answer(request_id, "box-2")
    answer(request_id, camera_id="vid2")
    assert told(person, request_id) == {"state": "waiting"}
    for values in ({"facts": {"codec": "x"}}, {"message": "x" * 501}, {"status": "?"}):
        with pytest.raises(EventError):
            answer(request_id, **values)
    answer(request_id, status="error", facts=None, message="Nothing comes from the camera: name not found: x")
    assert told(person, request_id)["message"] == "Nothing comes from the camera: name not found: x"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"codec": "hevc"}, "H.265"),
        ({"gop_s": 10.0}, "Key frames"),
        ({"gop_s": None}, "Key frames"),
        ({"fps": 2.0}, "Few"),
    ],
)
def test_what_a_person_should_know_of_a_stream(person: Any, change: dict[str, Any], word: str) -> None:
    request_id = person.begin({}).json()["request_id"]
    answer(request_id, facts=FACTS.model_dump() | change)
    [note] = told(person, request_id)["notes"]
    assert word in note


def test_old_tests_go(person: Any) -> None:
    person.begin({})
    CameraProbe.objects.update(requested_at=timezone.now() - timedelta(days=2))
    person.begin({})
    assert CameraProbe.objects.count() == 1


def test_too_many_at_once_wait(person: Any, cloud: FakeRedis) -> None:
    for _ in range(services.MOST_WAITING + 1):
        last = person.begin({}).json()["request_id"]
    assert told(person, last)["message"] == services.TOO_MANY
    assert len(sent(cloud)) == services.MOST_WAITING
