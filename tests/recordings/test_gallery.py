"""The gallery of a camera's snapshots: what is stored, page by page, and taking another one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from django.utils.html import escape

from cameras import asking
from cameras.models import Camera, Site
from edgesite.ids import uuid7
from recordings.models import SnapshotRequest
from recordings.timeline import gallery
from tests.cameras.pages import browser, text, two_sites
from tests.fakes import FakeRedis

pytestmark = pytest.mark.django_db

PAGE = "/admin/recordings/snapshots/"
AT = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture(autouse=True)
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    fake = FakeRedis()
    monkeypatch.setattr(asking, "cloud_redis", lambda url: fake.client())
    two_sites()
    return fake


def stored(number: int = 0, camera_id: str = "vid1", **values: Any) -> SnapshotRequest:
    camera = Camera.objects.get(pk=camera_id)
    now = timezone.now()
    given = {"state": "ready", "key": f"snapshots/20261120/{camera_id}_{number}.jpg", "requested_by": f"kim {number}"}
    return SnapshotRequest.objects.create(
        request_id=uuid7(), camera=camera, device_id=camera.device_id, requested_at=now, deadline=now,
        at=AT + timedelta(seconds=number), width=1920, height=1080, **given | values,
    )  # fmt: skip


def test_pictures_with_time_and_person_newest_first_in_pages() -> None:
    Site.objects.update(time_zone="Europe/Berlin")
    for number in range(gallery.PER_PAGE + 1):
        stored(number)
    stored(77, "vid2")
    stored(88, state="error")
    stored(99, key="frames/vid1.jpg")
    client = browser("viewer")
    first, second = (text(client.get(f"{PAGE}vid1/", {"page": n})) for n in (1, 2))
    assert first.count("<img src=") == gallery.PER_PAGE
    assert second.count("<img src=") == 1
    assert first.index("kim 24") < first.index("kim 23")
    assert "2026-11-20 09:00:24" in first
    assert f"timeline/vid1/?at={AT.timestamp():.3f}" in second
    for other in ("kim 77", "kim 88", "kim 99"):
        assert other not in first + second


def test_taking_one_asks_the_box_and_waits_on_the_page(
    cloud: FakeRedis, django_capture_on_commit_callbacks: Any
) -> None:
    client = browser("viewer")
    assert "There is no snapshot of this camera yet" in text(client.get(f"{PAGE}vid1/"))
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(f"{PAGE}vid1/")
    request = SnapshotRequest.objects.get()
    assert (request.requested_by, len(cloud.streams["device:box-1:commands"])) == ("the viewer", 1)
    assert f'data-url="/api/snapshots/{request.request_id}"' in text(client.get(answer["Location"]))
    SnapshotRequest.objects.update(state="ready", at=AT)
    assert "gallery-waiting" not in text(client.get(answer["Location"]))
    SnapshotRequest.objects.update(state="error", message=asking.LATE)
    assert escape(asking.LATE) in text(client.get(answer["Location"]))


def test_a_foreign_camera_has_no_gallery() -> None:
    client = browser("operator", sites=[Site.objects.get(name="Kitchen")])
    theirs = stored(1, "vid2")
    assert client.get(f"{PAGE}vid2/").status_code == 404
    assert client.post(f"{PAGE}vid2/").status_code == 404
    assert "kim 1" not in text(client.get(f"{PAGE}vid1/", {"asked": theirs.request_id}))
    assert SnapshotRequest.objects.count() == 1


def test_what_is_empty_says_what_to_do_and_offers_no_film_of_nothing() -> None:
    operator, viewer = browser("operator"), browser("viewer")
    settings_link = "/admin/cameras/camera/vid1/change/#id_snap_every"
    page, films = (text(operator.get(f"/admin/recordings/{what}/vid1/")) for what in ("snapshots", "timelapses"))
    assert "There is no snapshot of this camera yet. “Take a snapshot” above" in page
    assert "To have them taken by themselves, choose how often" in page
    assert "time-lapses are made of them" in page
    assert "Make a time-lapse" not in page
    assert "none are taken of this camera" in films
    assert settings_link in films
    assert 'type="date"' not in films
    assert "choose how often" not in text(viewer.get(f"{PAGE}vid1/"))
    Camera.objects.filter(pk="vid1").update(snap_every=60)
    assert "Make a time-lapse" in text(operator.get(f"{PAGE}vid1/"))
    assert 'type="date"' in text(operator.get("/admin/recordings/timelapses/vid1/"))
    Camera.objects.filter(pk="vid1").update(snap_every=0)
    stored(origin="schedule")  # of what was taken before a film can be made
    assert "Make a time-lapse" in text(operator.get(f"{PAGE}vid1/"))
