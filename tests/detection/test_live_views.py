"""The live page as the server makes it, and the camera pictures it gives out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import redis
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import Settings

from cameras.models import Camera, Device, Site, SiteAccess
from detection import live
from detection.models import Alert
from edgesite import redis_keys
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.django_db

JPEG = b"\xff\xd8picture\xff\xd9"


@pytest.fixture(autouse=True)
def _no_redis(settings: Settings) -> Iterator[None]:
    settings.CLOUD_REDIS_URL = settings.CHANNEL_REDIS_URL = "redis://127.0.0.1:1/0"
    yield
    live.redis_client.cache_clear()


def make_camera(camera_id: str, name: str, site: str = "North") -> Camera:
    place, _ = Site.objects.get_or_create(name=site, defaults={"time_zone": "Asia/Shanghai"})
    device, _ = Device.objects.get_or_create(device_id=f"box-{site.lower()}", defaults={"site": place})
    return Camera.objects.create(camera_id=camera_id, device=device, name=name, rtsp_url="webcam:0")


def make_alert(camera: Camera, event_id: str) -> Alert:
    return Alert.objects.create(
        event_id=event_id, device=camera.device, camera=camera, roi_id="r1", roi_name="Gate <1>", bind_id="b1",
        algo_code="intrusion", phase="started", severity="critical", timestamp=datetime(2026, 11, 22, 8, 0, tzinfo=UTC),
    )  # fmt: skip


def logged_in(*permissions: str, sites: list[str] | None = None) -> Client:
    user = User.objects.create_user("viewer", password="w")
    for name in permissions:
        app, code = name.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=code))
    if sites is not None:
        SiteAccess.objects.create(user=user).sites.set(Site.objects.filter(name__in=sites))
    client = Client()
    client.force_login(user)
    return client


def viewer(**kwargs: list[str]) -> Client:
    return logged_in("cameras.view_camera", "cameras.view_device", "detection.view_alert", **kwargs)


def test_nobody_is_sent_to_the_login_and_back() -> None:
    answer = Client().get("/live/")
    assert answer.status_code == 302
    assert answer["Location"] == "/login/?next=/live/"


def test_without_the_permission_the_page_says_why() -> None:
    make_camera("c1", "Secret")
    answer = logged_in("detection.view_alert").get("/live/")
    assert answer.status_code == 403
    assert "your role does not include seeing them" in answer.content.decode()
    assert "Secret" not in answer.content.decode()


def test_the_first_paint_holds_cameras_in_order_and_alerts() -> None:
    for number in (10, 2, 1):
        camera = make_camera(f"c{number}", f"Line {number}")
    make_alert(camera, "e1")
    client = viewer()
    answer = client.get("/live/")
    page = answer.content.decode()
    assert [page.index(f'title="Line {n}"') for n in (1, 2, 10)] == sorted(
        page.index(f'title="Line {n}"') for n in (1, 2, 10)
    )
    assert "2026-11-22 16:00:00 Asia/Shanghai" in page
    assert "Gate &lt;1&gt;" in page
    assert "Gate <1>" not in page
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert 'href="/alerts/' not in page  # which is in the admin, where this viewer has nothing to do
    User.objects.update(is_staff=True)
    assert '<a class="alert-link" href="/alerts/e1">' in client.get("/live/").content.decode()
    assert answer["Cache-Control"] == "private, no-store"


def test_nothing_of_another_site_is_on_the_page() -> None:
    make_camera("c1", "Mine")
    foreign = make_camera("c2", "Foreign", "South")
    make_alert(foreign, "hidden-event")
    page = viewer(sites=["North"]).get("/live/").content.decode()
    assert "Mine" in page
    assert "Foreign" not in page
    assert "hidden-event" not in page
    assert "South" not in page


def test_an_empty_page_says_what_it_will_show_and_offers_the_button_only_to_those_who_may() -> None:
    page = viewer().get("/live/").content.decode()
    assert "No cameras yet" in page
    assert "Ask an administrator to add one" in page
    assert "Add a camera" not in page
    boss = Client()
    boss.force_login(User.objects.create_superuser("boss", password="w"))
    assert 'href="/admin/cameras/camera/add/"' in boss.get("/live/").content.decode()


def test_stills_need_a_login_and_the_right_to_the_camera() -> None:
    make_camera("c1", "Mine")
    make_camera("c2", "Foreign", "South")
    assert Client().get("/live/stills/c1.jpg").status_code == 401
    client = viewer(sites=["North"])
    foreign, unknown = client.get("/live/stills/c2.jpg"), client.get("/live/stills/c9.jpg")
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.json() == unknown.json()


def test_a_still_without_redis_is_503_without_an_address() -> None:
    make_camera("c1", "Mine")
    answer = viewer().get("/live/stills/c1.jpg")
    assert answer.status_code == 503
    assert answer.json() == {"detail": "Redis cannot be reached; see /readyz."}


@pytest.mark.integration
def test_the_newest_still_is_given_out_and_never_kept(redis_server: RedisServer, settings: Settings) -> None:
    settings.CLOUD_REDIS_URL = redis_server.url()
    make_camera("c1", "Mine")
    client = viewer()
    assert client.get("/live/stills/c1.jpg").status_code == 404
    with redis.Redis.from_url(redis_server.url()) as writer:
        writer.hset(redis_keys.still("box-north", "c1"), mapping={"jpeg": JPEG, "at": "1790000000.5"})
    answer = client.get("/live/stills/c1.jpg")
    assert (answer.status_code, answer.content) == (200, JPEG)
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["X-Picture-At"] == "1790000000.5"
    assert 'src="/live/stills/c1.jpg"' in client.get("/live/").content.decode()
    live.redis_client.cache_clear()
