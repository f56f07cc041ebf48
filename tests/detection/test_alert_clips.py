"""An alert's clip on the hub: who may tell of it, who may see it, and that it goes with its alert."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.files.base import ContentFile

from cameras.models import Camera, Device, Site
from detection.alert_life.deleting import delete_alert
from detection.alert_life.models import EvidenceView
from detection.core.events import EventError
from detection.hub.store import store_event
from detection.models import Alert
from edgesite import storage
from recordings.access import may_see
from recordings.alert_clips.models import AlertClip
from recordings.uploads.grants import grant_for
from tests.cameras.pages import browser, path, text, two_sites
from tests.detection.alerts import AT
from tests.rows import make_person

pytestmark = pytest.mark.django_db

KEY = "events/vid1/20261122/vid1_alert-e1_2026-11-22_08-00-00.mp4"


@pytest.fixture(autouse=True)
def _site(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    two_sites()


def tell(revision: int, state: str, *, device: str = "box-1", alert: str = "e1", **changes: Any) -> str | None:
    body = {
        "task_id": alert, "alert_id": alert, "camera_id": "vid1", "state": state, "revision": revision,
        "started_at": AT - 10, "stopped_at": AT + 20,
    } | changes  # fmt: skip
    fields = {"event_id": f"c{revision}", "kind": "alert_clip", "body": json.dumps(body)}
    return store_event(fields, device_id=device)


def done(revision: int = 4, key: str = KEY) -> None:
    tell(revision, "completed", object_name=key, bytes=9, duration=31.0, sha256="0" * 64, storage_type="local")


def page(client: Any) -> str:
    return text(client.get(path(Alert, row=Alert.objects.get(event_id="e1")) + "change/", follow=True))


def test_the_page_of_the_alert_follows_its_clip() -> None:
    client = browser("viewer")
    assert "Clip</h2>" not in page(client)
    assert tell(1, "recording", stopped_at=None) == "e1"
    assert "Being recorded." in page(client)
    assert tell(2, "uploading", error="The clip is kept on the box and could not be stored yet: no route") == "e1"
    assert "could not be stored yet" in page(client)
    done()
    shown = page(client)
    assert f'src="/api/media/{KEY}"' in shown
    start = datetime.fromtimestamp(AT - 10, ZoneInfo("UTC"))
    assert f"{start:%H:%M:%S}–" in shown
    assert tell(3, "failed") is None  # late
    assert AlertClip.objects.get().state == "completed"


def test_a_clip_that_failed_says_why() -> None:
    tell(2, "failed", error="Nothing was recorded: the camera sent no pictures")
    shown = page(browser("viewer"))
    assert "Nothing was recorded" in shown
    assert "<video" not in shown


def test_only_the_box_of_the_alert_tells_of_its_clip() -> None:
    assert tell(1, "recording", device="box-2") is None
    assert tell(1, "recording", alert="gone") is None
    assert tell(1, "recording", alert="e2") is None  # of another camera
    assert not AlertClip.objects.exists()
    with pytest.raises(EventError):
        tell(1, "recording", object_name="captures/x.jpg")


def test_a_key_in_the_folder_of_another_camera_is_no_clip() -> None:
    done(key=KEY.replace("events/vid1/", "events/vid2/"))
    clip = AlertClip.objects.get()
    assert (clip.state, clip.object_name) == ("failed", "")


def test_it_is_seen_by_those_who_see_the_alert_and_that_is_noted() -> None:
    storage.put(KEY, ContentFile(b"a clip..."))
    warehouse = Site.objects.get(name="Warehouse")
    done(1)
    client = browser("viewer")
    answer = client.get(f"/api/media/{KEY}", headers={"Range": "bytes=2-5"})
    assert answer.status_code == 206
    answer.close()
    assert [(v.author, v.event_id) for v in EvidenceView.objects.all()] == [("the viewer", "e1")]
    assert not may_see(make_person("other", "viewer", sites=[warehouse]), KEY)
    AlertClip.objects.update(state="uploading")
    assert client.get(f"/api/media/{KEY}").status_code == 404


def test_a_box_uploads_its_own_clips_only() -> None:
    tell(1, "uploading", object_name=KEY)
    assert grant_for(Device.objects.get(pk="box-1"), KEY) is not None
    assert grant_for(Device.objects.get(pk="box-2"), KEY) is None
    assert grant_for(Device.objects.get(pk="box-1"), KEY.replace("e1", "e9")) is None


def test_it_is_taken_also_when_its_camera_is_another_boxs_by_now_or_deleted() -> None:
    tell(1, "recording", stopped_at=None)
    Camera.objects.filter(pk="vid1").update(device_id="box-2")
    assert tell(2, "uploading", object_name=KEY) == "e1"
    assert grant_for(Device.objects.get(pk="box-1"), KEY) is not None
    Camera.objects.filter(pk="vid1").delete()
    storage.put(KEY, ContentFile(b"a clip..."))
    done(3)
    assert AlertClip.objects.get().state == "completed"
    assert f'src="/api/media/{KEY}"' in page(browser("admin"))


def test_a_box_shows_nobody_the_clip_of_another_box_by_naming_its_key() -> None:
    AlertClip.objects.create(
        alert_id="e9", camera_id="vid1", device_id="box-2", revision=1, state="completed", object_name=KEY
    )
    done()
    clip = AlertClip.objects.get(alert_id="e1")
    assert (clip.state, clip.object_name) == ("failed", "")
    assert not may_see(make_person("ann", "viewer", sites=[Site.objects.get(name="Kitchen")]), KEY)


def test_it_goes_with_its_alert(django_capture_on_commit_callbacks: Any) -> None:
    storage.put(KEY, ContentFile(b"a clip..."))
    done()
    boss = make_person("boss", superuser=True)
    with django_capture_on_commit_callbacks(execute=True):
        delete_alert(event_id="e1", user=boss, reason="by mistake", now=Alert.objects.get(event_id="e1").timestamp)
    assert not AlertClip.objects.exists()
    assert not storage.exists(KEY)
    assert tell(5, "completed", object_name=KEY) is None
    assert not AlertClip.objects.exists()


def test_it_outlives_its_camera_as_the_alert_does(django_capture_on_commit_callbacks: Any) -> None:
    storage.put(KEY, ContentFile(b"a clip..."))
    done()
    Camera.objects.filter(pk="vid1").delete()
    boss, alert = make_person("boss", superuser=True), Alert.objects.get(event_id="e1")
    assert may_see(boss, KEY)
    assert f'src="/api/media/{KEY}"' in page(browser("superuser"))
    with django_capture_on_commit_callbacks(execute=True):
        delete_alert(event_id="e1", user=boss, reason="by mistake", now=alert.timestamp)
    assert not storage.exists(KEY)


def test_one_that_is_stored_after_its_alert_was_deleted_goes_too(django_capture_on_commit_callbacks: Any) -> None:
    tell(1, "uploading", object_name=KEY)
    boss, at = make_person("boss", superuser=True), Alert.objects.get(event_id="e1").timestamp
    with django_capture_on_commit_callbacks(execute=True):
        delete_alert(event_id="e1", user=boss, reason="by mistake", now=at)
    other, foreign = KEY.replace("e1", "e9"), KEY.replace("vid1", "vid2")
    AlertClip.objects.create(alert_id="e9", camera_id="vid1", device_id="box-1", revision=1, object_name=other)
    for key in (KEY, other, foreign):  # as a box writes that needs no leave: into a bucket, or on the hub's own machine
        storage.put(key, ContentFile(b"a clip..."))
    with django_capture_on_commit_callbacks(execute=True):
        tell(2, "completed", object_name=KEY, device="box-2")
        tell(2, "completed", object_name=KEY, alert="e3")
        tell(2, "uploading", object_name=KEY)
        for key in (other, foreign):
            assert tell(2, "completed", object_name=key) is None
    assert all(storage.exists(key) for key in (KEY, other, foreign))
    with django_capture_on_commit_callbacks(execute=True):
        assert tell(2, "completed", object_name=KEY) is None
    assert [storage.exists(key) for key in (KEY, other, foreign)] == [False, True, True]
