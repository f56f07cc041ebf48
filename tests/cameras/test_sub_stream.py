"""A camera's sub-stream: how it is typed, stored, issued and tested, and that no page gives its secrets back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from cameras import asking
from cameras.admin.connection import notes_on
from cameras.cloning import clone_camera
from cameras.core.document import parse_document
from cameras.core.probe import same_shape
from cameras.core.stream_urls import StreamUrlError, compose_sub, sub_stream
from cameras.core.transfer import SiteState
from cameras.core.values import check_stream, check_sub_stream
from cameras.issued import ConfigVersion
from cameras.models import Camera, Device, DeviceStatus, Site
from cameras.selectors import row_fingerprints
from cameras.services import issue_version
from cameras.states import camera_state
from cameras.transfer.rows import site_state
from cameras.transfer.writing import write_site
from cameras.versions import changes_between, roll_back
from edgesite import redis_keys
from edgesite.fields import decrypt
from tests.cameras.documents import DEVICE, REGISTRY, content, document
from tests.cameras.pages import MASKED, browser, field_error, path, save, text, two_sites, visible
from tests.cameras.transfer_files import STORED, plan, problems, said
from tests.fakes import FakeRedis
from tests.rows import PASSWORD, SOURCE

MAIN = "rtsp://admin:p%2Fw@10.0.0.5:554/stream1"
OTHER = "rtsp://kim:other-pw@10.0.0.6/sub"
PATH, WHOLE = "/stream2", SOURCE.replace("stream1", "stream2")


# Pure


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("  /stream2?a=b ", "/stream2?a=b"),
        ("rtsp://10.0.0.5:554/stream2", "/stream2"),
        ("rtsp://admin:p%2Fw@10.0.0.5:554/stream2", "/stream2"),
        ("rtsp://10.0.0.5/stream2", "rtsp://10.0.0.5/stream2"),
        ("rtsp://root:x@10.0.0.5:554/stream2", "rtsp://root:x@10.0.0.5:554/stream2"),
        ("rtsps://10.0.0.5:554/stream2", "rtsps://10.0.0.5:554/stream2"),
        ("rtsp://10.0.0.5:554", "rtsp://10.0.0.5:554"),
        ("rtsp://10.0.0.5:554//x", "rtsp://10.0.0.5:554//x"),
        ("rtsp://kim:***@10.0.0.6/sub", OTHER),
    ],
)
def test_what_lies_at_the_main_streams_address_is_kept_as_a_path(given: str, kept: str) -> None:
    assert compose_sub(given, stored=OTHER, url=MAIN) == kept


@pytest.mark.parametrize(
    ("given", "url", "told"),
    [
        ("rtsp://kim:***@10.0.0.7/sub", MAIN, "password is hidden"),
        ("/u=a_password=***", MAIN, "password is hidden"),
        ("/stream2", "webcam:0", "has a sub-stream"),
        ("/stream2", "file:///a.mp4", "has a sub-stream"),
    ],
)
def test_what_makes_no_sub_stream(given: str, url: str, told: str) -> None:
    with pytest.raises(StreamUrlError, match=told) as caught:
        compose_sub(given, stored=OTHER, url=url)
    assert caught.value.field == "sub_url"


def test_a_path_gets_the_address_and_the_login_and_a_whole_url_never() -> None:
    assert sub_stream(MAIN, "/stream2?a=1") == "rtsp://admin:p%2Fw@10.0.0.5:554/stream2?a=1"
    assert sub_stream("rtsps://h", "/2") == "rtsps://h/2"
    assert sub_stream(MAIN, "rtsp://evil.example/2") == "rtsp://evil.example/2"
    assert sub_stream(MAIN, "") == ""
    assert sub_stream("webcam:0", "/2") == ""


@pytest.mark.parametrize(
    "given", ["stream2", "//host/x", "/a b", "/a\\b", "/a\n", "webcam:0", "file:///x", "http://h/"]
)
def test_what_no_sub_stream_looks_like(given: str) -> None:
    with pytest.raises(ValueError, match=r"path|begin with"):
        check_sub_stream(given)


def test_the_document_takes_a_whole_rtsp_url_only() -> None:
    def read(url: Any) -> str | None:
        raw = content()
        raw["cameras"][0]["sub_url"] = url
        return parse_document(document(raw), device_id=DEVICE, registry=REGISTRY).content.cameras[0].sub_url

    assert read(OTHER) == check_stream(OTHER) == OTHER
    assert read(None) is None
    for wrong in ("/stream2", "webcam:0", "", 7):
        with pytest.raises(Exception, match=r"cameras\[0\].sub_url"):
            read(wrong)


def test_shapes_may_differ_by_what_encoders_round() -> None:
    assert same_shape(640, 352, 1920, 1080)
    assert same_shape(1280, 960, 640, 480)
    assert same_shape(0, 0, 1920, 1080)
    assert not same_shape(704, 576, 1920, 1080)
    assert not same_shape(1920, 1080, 704, 576)


# On the hub


@pytest.fixture
def site(db: None) -> Site:
    return two_sites()


def page_of() -> str:
    return path(Camera, "change", Camera.objects.get(pk="vid1"))


def stored() -> str:
    return Camera.objects.get(pk="vid1").sub_url


def newest() -> dict[str, Any]:
    issued = ConfigVersion.objects.filter(device_id="box-1").latest("version").document
    camera: dict[str, Any] = json.loads(issued)["cameras"][0]
    return camera


def test_a_typed_path_shares_the_login_also_when_that_changes(site: Site) -> None:
    client = browser("operator")
    save(client, page_of(), sub_url=PATH)
    assert (stored(), newest()["sub_url"]) == (PATH, WHOLE)
    save(client, page_of(), password="new")
    assert (stored(), newest()["sub_url"]) == (PATH, WHOLE.replace(PASSWORD, "new"))
    save(client, page_of(), sub_url=f"rtsp://10.0.0.5:554{PATH}9")
    assert stored() == f"{PATH}9"
    save(client, page_of(), sub_url="")
    assert stored() == ""
    assert "sub_url" not in newest()


def test_its_own_login_is_encrypted_and_shown_nowhere(site: Site) -> None:
    client = browser("operator")
    answer = save(client, page_of(), sub_url=OTHER)
    assert stored() == newest()["sub_url"] == OTHER
    assert "rtsp://kim:***@10.0.0.6/sub" in visible(client, page_of())
    save(client, page_of(), name="Line 7")
    assert stored() == OTHER
    version = ConfigVersion.objects.filter(device_id="box-1").latest("version")
    seen = [text(answer), visible(client, page_of()), visible(browser("viewer"), page_of())]
    seen += [visible(client, path(ConfigVersion, "change", version)), write_site(site_state(site), "yaml")]
    seen += [write_site(site_state(site), "csv"), json.dumps(list(Camera.history.values()), default=str)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT sub_url FROM cameras_camera WHERE camera_id = 'vid1'")
        seen += [cursor.fetchone()[0]]
    for place in seen:
        assert "other-pw" not in place
    assert all("rtsp://kim:***@10.0.0.6/sub" in place for place in seen[1:6])
    assert Camera.history.filter(camera_id="vid1").latest("history_id").history_changes == {
        "name": ["Line 1", "Line 7"]
    }
    assert "sub_url" in Camera.history.filter(camera_id="vid1").order_by("-history_id")[1].history_changes


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sub_url": "stream2"}, "must be a path"),
        ({"sub_url": "webcam:1"}, "must be a path"),
        ({"sub_url": "/a b"}, "is no path"),
        ({"sub_url": "rtsp://kim:***@10.0.0.9/sub"}, "Type it again"),
        ({"sub_url": PATH, "rtsp_url": "webcam:0"}, "has a sub-stream"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(site: Site, changes: dict[str, str | None], told: str) -> None:
    assert told in field_error(save(browser("operator"), page_of(), **changes), "sub_url")
    assert (stored(), Camera.objects.get(pk="vid1").rtsp_url) == ("", SOURCE)


def test_without_one_the_document_stays_what_it_was_and_with_one_it_is_another(site: Site) -> None:
    before = ConfigVersion.objects.filter(device_id="box-1").latest("version")
    assert "sub_url" not in before.document
    prints = row_fingerprints()
    assert issue_version(device_id="box-1", author="kim", reason="x") is None
    Camera.objects.filter(pk="vid1").update(sub_url=PATH)
    assert row_fingerprints()["box-1"] != prints["box-1"]
    after = issue_version(device_id="box-1", author="kim", reason="x")
    assert after is not None
    assert [str(change) for change in changes_between(before, after)] == ["Camera Line 1: sub-stream changed"]


def test_a_rollback_keeps_the_present_one_and_brings_back_that_of_a_camera_that_is_gone(site: Site) -> None:
    Camera.objects.filter(pk="vid1").update(sub_url=PATH)
    first = issue_version(device_id="box-1", author="kim", reason="x")
    assert first is not None
    Camera.objects.filter(pk="vid1").update(sub_url="/stream3", location="Hall 9")
    issue_version(device_id="box-1", author="kim", reason="x")
    roll_back(device_id="box-1", version=first.version, author="kim", reason="x")
    assert stored() == "/stream3"
    Camera.objects.filter(pk="vid1").delete()
    roll_back(device_id="box-1", version=first.version, author="kim", reason="x")
    assert stored() == PATH


def test_a_clone_takes_a_path_along_and_no_url_of_the_original(site: Site) -> None:
    page = "/admin/cameras/camera/vid1/clone/"
    Camera.objects.filter(pk="vid1").update(sub_url=PATH)
    client = browser("superuser")
    save(client, page, camera_id="a", rtsp_url="rtsp://10.0.0.8/1")
    assert Camera.objects.get(pk="a").sub_url == PATH
    Camera.objects.filter(pk="vid1").update(sub_url=OTHER)
    save(client, page, camera_id="b", rtsp_url="rtsp://10.0.0.8/1")
    assert Camera.objects.get(pk="b").sub_url == ""
    made, _ = clone_camera(camera_id="vid1", new_id="c", name="", rtsp_url="rtsp://10.0.0.8/1", author="kim")
    assert made.sub_url == ""


# A site's file

ROW = "format: 1\ncameras:\n- camera_id: vid1\n  sub_url: "


def test_a_file_brings_one_takes_it_away_and_leaves_it() -> None:
    vid1 = plan("s.yaml", ROW + "/2").after.rows["cameras"]["vid1"]
    assert vid1["sub_url"] == "/2"
    assert said("s.yaml", ROW + "/2") == ["Camera Line 1: sub-stream changed"]
    assert problems("s.yaml", ROW + "two") == [
        "line 4, cameras[0].sub_url: must be a path that begins with / or begin with rtsp:// or rtsps://"
    ]
    assert problems("s.yaml", ROW + "'rtsp://u:***@h/2'")[0].startswith("line 4, cameras[0].sub_url: is masked")
    row = STORED.rows["cameras"]["vid1"] | {"sub_url": OTHER}
    had = SiteState(STORED.site, STORED.rows | {"cameras": {"vid1": row}})
    assert said("s.yaml", "format: 1\ncameras:\n- camera_id: vid1", stored=had) == []
    assert said("s.yaml", ROW + "'rtsp://kim:***@10.0.0.6/sub'", stored=had) == []
    assert said("s.csv", "camera_id,sub_url\nvid1,", stored=had) == ["Camera Line 1: sub-stream changed"]
    text = "format: 1\ncameras:\n- camera_id: vid1\n  rtsp_url: webcam:0"
    assert plan("s.yaml", text, stored=had).after.rows["cameras"]["vid1"]["sub_url"] == ""
    assert problems("s.yaml", text + "\n  sub_url: /2", stored=had) == [
        "line 5, cameras[0].sub_url: Only a camera with an rtsp:// or rtsps:// URL has a sub-stream."
    ]


# Testing it


@pytest.fixture
def cloud(site: Site, monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    fake = FakeRedis()
    monkeypatch.setattr(asking, "cloud_redis", lambda url: fake.client())
    DeviceStatus.objects.update(reported_at=timezone.now())
    return fake


@pytest.fixture
def begin(cloud: FakeRedis, django_capture_on_commit_callbacks: Any) -> Callable[..., Any]:
    client = browser("operator")

    def post(**body: Any) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            return client.post("/admin/cameras/camera/vid1/test", json.dumps(body), content_type="application/json")

    return post


@pytest.mark.parametrize(
    ("body", "url"),
    [
        ({}, WHOLE),
        ({"rtsp_url": MASKED, "sub_url": "/stream3"}, WHOLE.replace("stream2", "stream3")),
        ({"rtsp_url": MASKED, "sub_url": PATH, "password": "new"}, WHOLE.replace(PASSWORD, "new")),
        ({"rtsp_url": MASKED, "sub_url": OTHER}, OTHER),
    ],
)
def test_the_box_opens_the_sub_stream_and_looks_at_the_shape_of_the_main_one(
    cloud: FakeRedis, begin: Callable[..., Any], body: dict[str, str], url: str
) -> None:
    Camera.objects.filter(pk="vid1").update(sub_url=PATH)
    answer = begin(tested="sub", **body)
    assert answer.status_code == 200, answer.content
    sent = json.loads(cloud.streams[redis_keys.commands("box-1")][-1][1]["body"])
    assert decrypt(sent["url"]) == url
    assert decrypt(sent["main"]) == SOURCE.replace(PASSWORD, body.get("password", PASSWORD))
    for secret in (PASSWORD, "other-pw"):
        assert secret not in text(answer)
        assert secret not in str(cloud.streams)


def test_what_cannot_be_tested_is_told_and_the_main_streams_test_minds_no_sub_stream(
    cloud: FakeRedis, begin: Callable[..., Any]
) -> None:
    for body in ({}, {"rtsp_url": MASKED, "sub_url": ""}):
        answer = begin(tested="sub", **body)
        assert (answer.status_code, answer.json()["detail"]) == (422, "Give the sub-stream first.")
    wrong = begin(tested="sub", rtsp_url=MASKED, sub_url="two")
    assert wrong.json()["detail"].startswith("Sub-stream: The URL must be a path")
    fine = begin(tested="", rtsp_url=MASKED, sub_url="two")
    assert fine.status_code == 200
    assert "main" not in json.loads(cloud.streams[redis_keys.commands("box-1")][-1][1]["body"])


def test_another_shape_is_told() -> None:
    facts = {"codec": "h264", "width": 704, "height": 576, "main_width": 1920, "main_height": 1080, "gop_s": 2.0}
    assert len(notes_on(facts)) == 1
    assert "another shape" in notes_on(facts)[0]
    assert notes_on(facts | {"width": 640, "height": 360}) == []


def test_the_state_of_a_live_camera_says_what_is_wrong_with_its_sub_stream(site: Site) -> None:
    def reason(**detail: Any) -> str:
        health = {"cameras": {"vid1": "live"}, "camera_details": {"vid1": detail}}
        DeviceStatus.objects.update(reported_at=timezone.now(), health=health)
        return camera_state(Camera.objects.select_related("device__status").get(pk="vid1")).reason

    assert reason(stream="main", stream_note="The sub-stream fails") == "The sub-stream fails"
    assert reason(reason="timed out", stream_note="x") == "timed out"
    assert reason(stream_note=["x"]) == ""
    assert reason() == ""
    assert Device.objects.filter(pk="box-1").exists()
