"""A camera's form: URL, login and make in fields of their own; what was typed secretly is on no page."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from cameras import asking
from cameras.issued import ConfigVersion
from cameras.models import Camera, DeviceStatus, Site
from edgesite import redis_keys
from edgesite.fields import decrypt
from tests.cameras.pages import MASKED, browser, field_error, path, save, text, two_sites, visible
from tests.fakes import FakeRedis
from tests.rows import PASSWORD, SOURCE
from tests.servers.stack import Form

pytestmark = pytest.mark.django_db

TYPED = "pa/ss@w:ord"
QUOTED = "pa%2Fss%40w%3Aord"


@pytest.fixture
def site() -> Site:
    return two_sites()


def page_of(pk: str = "vid1") -> str:
    return path(Camera, "change", Camera.objects.get(pk=pk))


def stored(pk: str = "vid1") -> str:
    return Camera.objects.get(pk=pk).rtsp_url


def test_the_page_holds_no_login(site: Site) -> None:
    page = visible(browser("operator"), page_of())
    fields = Form(page).fields
    assert (fields["rtsp_url"], fields["user"], fields["password"]) == ([MASKED], [""], [""])
    assert PASSWORD not in page


def test_user_and_password_become_part_of_the_url(site: Site) -> None:
    client = browser("operator")
    response = save(client, page_of(), rtsp_url="rtsp://10.0.0.9/main", user="chef", password=TYPED)
    assert stored() == f"rtsp://chef:{QUOTED}@10.0.0.9/main"
    everywhere = [text(response), visible(client, page_of())]
    everywhere += [e.change_message for e in LogEntry.objects.all()]
    everywhere += [json.dumps(row, default=str) for row in Camera.history.values()]
    for place in everywhere:
        assert TYPED not in place
        assert QUOTED not in place
    raw = ConfigVersion.objects.filter(device_id="box-1").latest("version")
    assert json.loads(raw.document)["cameras"][0]["rtsp_url"] == stored()


def test_only_the_password_changes_and_only_the_user_changes(site: Site) -> None:
    client = browser("operator")
    save(client, page_of(), password="new")
    assert stored() == SOURCE.replace(PASSWORD, "new")
    save(client, page_of(), user="root")
    assert stored() == SOURCE.replace(PASSWORD, "new").replace("admin", "root")
    save(client, page_of(), name="Line 9")
    assert stored() == SOURCE.replace(PASSWORD, "new").replace("admin", "root")


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"rtsp_url": MASKED.replace("10.0.0.5", "evil.example")}, "rtsp_url", "Type it again"),
        ({"rtsp_url": MASKED.replace("stream1", "2"), "user": "root"}, "rtsp_url", "Type it again"),
        ({"rtsp_url": ""}, "rtsp_url", "required"),
        ({"rtsp_url": "webcam:0", "user": "x", "password": TYPED}, "user", "Only rtsp"),
        ({"rtsp_url": "rtsp://10.0.0.9/1", "password": TYPED}, "user", "needs a user"),
        ({"make": "hikvision", "user": "x", "password": TYPED}, "host", "host name or an IP address"),
        ({"make": "hikvision", "host": "10.0.0.9/x", "user": "x", "password": TYPED}, "host", "host name or an IP"),
        ({"make": "hikvision", "host": "evil.example"}, "password", "Type it again"),
        ({"make": "hikvision", "host": "10.0.0.9", "port": "0", "password": TYPED}, "port", "greater than"),
        ({"make": "hikvision", "host": "10.0.0.9", "channel": "999"}, "channel", "less than"),
        ({"make": "somebody"}, "make", "Select a valid choice"),
        ({"rtsp_url": "http://x/", "user": "op", "password": TYPED}, "user", "Only rtsp"),
    ],
)
def test_what_makes_no_url_is_told_at_its_field(
    site: Site, changes: dict[str, str | None], field: str, told: str
) -> None:
    response = save(browser("operator"), page_of(), **changes)
    assert told in field_error(response, field)
    assert stored() == SOURCE
    assert TYPED not in text(response)
    assert PASSWORD not in text(response)


def test_a_password_typed_beside_a_mistake_is_asked_for_again(site: Site) -> None:
    client = browser("operator")
    response = save(client, page_of(), rtsp_url="rtsp://10.0.0.9/1", user="whoever", password=TYPED, max_fps="1000")
    assert "Type it again: no page gets a password back." in text(response)
    assert TYPED not in text(response)
    assert "whoever" not in text(response)
    assert "Type it again: no page" not in visible(client, page_of())


def test_a_url_is_built_from_the_make_without_javascript(site: Site) -> None:
    client = browser("operator")
    save(
        client, page_of(), make="dahua", host="10.0.0.77", port="", channel="4", stream="sub", user="op", password=TYPED
    )
    assert stored() == f"rtsp://op:{QUOTED}@10.0.0.77:554/cam/realmonitor?channel=4&subtype=1"


def test_a_new_camera_needs_no_typed_url(site: Site) -> None:
    client = browser("operator")
    response = save(
        client, path(Camera, "add"), camera_id="vid9", device="box-1", make="reolink", host="10.0.0.9",
        user="op", password="x",
    )  # fmt: skip
    assert "was added successfully" in text(response)
    assert stored("vid9") == "rtsp://op:x@10.0.0.9:554/Preview_01_main"
    missing = save(client, path(Camera, "add"), camera_id="vid10", device="box-1")
    assert "required" in field_error(missing, "rtsp_url")


def test_who_may_only_look_has_no_fields_and_no_button(site: Site) -> None:
    page = visible(browser("viewer"), page_of())
    for name in ("user", "password", "make", "host"):
        assert f'name="{name}"' not in page
    assert 'id="connection"' not in page
    assert "clone" not in page


# Testing what stands in the form


@pytest.fixture
def cloud(site: Site, monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    fake = FakeRedis()
    monkeypatch.setattr(asking, "cloud_redis", lambda url: fake.client())
    DeviceStatus.objects.update(reported_at=timezone.now())
    return fake


def asked(cloud: FakeRedis) -> str:
    """The URL of the newest test."""
    entries = cloud.streams.get(redis_keys.commands("box-1"), [])
    return decrypt(json.loads(entries[-1][1]["body"])["url"])


def begin(body: dict[str, Any], callbacks: Any) -> Any:
    with callbacks(execute=True):
        return browser("operator").post(
            "/admin/cameras/camera/vid1/test", json.dumps(body), content_type="application/json"
        )


@pytest.mark.parametrize(
    ("body", "url"),
    [
        ({"rtsp_url": MASKED}, SOURCE),
        ({"rtsp_url": MASKED, "password": "new", "stream": "main"}, SOURCE.replace(PASSWORD, "new")),
        ({"rtsp_url": "rtsp://10.0.0.9/1", "user": "op", "password": TYPED}, f"rtsp://op:{QUOTED}@10.0.0.9/1"),
        (
            {"rtsp_url": MASKED, "make": "axis", "host": "10.0.0.9", "port": "", "user": "op", "password": "zz9"},
            "rtsp://op:zz9@10.0.0.9:554/axis-media/media.amp?camera=1",
        ),
    ],
)
def test_the_test_opens_what_would_be_saved(
    cloud: FakeRedis, body: dict[str, str], url: str, django_capture_on_commit_callbacks: Any
) -> None:
    answer = begin(body, django_capture_on_commit_callbacks)
    assert answer.status_code == 200
    assert asked(cloud) == url
    secret = body.get("password") or PASSWORD
    assert answer.json()["tested"] == url.replace(secret, "***").replace(QUOTED, "***")
    assert stored() == SOURCE


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"rtsp_url": MASKED, "make": "axis", "host": "evil.example"}, "Password: The password is hidden here."),
        ({"rtsp_url": "", "user": "op"}, "User: Only rtsp"),
        ({"rtsp_url": MASKED, "make": "axis", "host": "a b", "password": TYPED, "user": "x"}, "Host: Give a host"),
        ({"rtsp_url": MASKED, "port": 554}, "port: must be text"),
        ({"rtsp_url": MASKED, "token": "x"}, "token: is an unknown key"),
    ],
)
def test_a_test_of_what_makes_no_url_is_refused_in_words(
    cloud: FakeRedis, body: dict[str, Any], told: str, django_capture_on_commit_callbacks: Any
) -> None:
    answer = begin(body, django_capture_on_commit_callbacks)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(told)
    assert not cloud.streams
    assert TYPED not in text(answer)


def test_both_pages_have_the_button(site: Site) -> None:
    assert 'data-url="/admin/cameras/camera/vid1/test"' in visible(browser("operator"), page_of())
    page = visible(browser("superuser"), path(Camera, "add"))
    assert 'data-url="/admin/cameras/camera/add/test" data-new' in page
    assert "Nothing is saved." in page


def test_the_only_device_is_chosen_and_a_new_camera_leads_on(site: Site) -> None:
    def device(client: Any) -> list[str]:
        return Form(visible(client, path(Camera, "add"))).fields.get("device", [])

    assert device(browser("superuser")) in ([], [""])
    limited = browser("operator", sites=[site])
    assert device(limited) == ["box-1"]
    page = text(save(limited, path(Camera, "add"), camera_id="gate-1", name="<b>Gate", rtsp_url="rtsp://10.0.0.9/1"))
    assert 'href="/admin/cameras/camera/gate-1/regions/"' in page
    assert "draw regions on the picture of &lt;b&gt;Gate" in page
