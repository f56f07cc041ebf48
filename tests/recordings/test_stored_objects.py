"""What nothing refers to any more goes from the storage, however its camera or alert was deleted, as often as it takes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from cameras import asking
from cameras.models import Camera
from detection.alert_life.deleting import delete_alert
from detection.models import Alert
from edgesite import storage
from edgesite.storage import StorageError
from recordings import migrations, snapshots
from recordings.alert_clips.models import AlertClip
from recordings.core.extracts import extract_key
from recordings.core.films import film_key
from recordings.core.names import clip_key
from recordings.core.snapshots import SnapshotAnswer
from recordings.core.tasks import RecordingReport
from recordings.extracts import services as extracts
from recordings.extracts.models import Extract, ExtractStep
from recordings.failed import MOST_FAILED
from recordings.models import SnapshotRequest
from recordings.objects import services
from recordings.objects.models import StoredObject
from recordings.tasks import services as tasks
from recordings.tasks.models import RecordingTask
from recordings.uploads import stale
from tests.cameras.pages import two_sites
from tests.fakes import FakeRedis
from tests.recordings.extracts import BEGIN, EXPORT, MINUTE, wish
from tests.recordings.uploads import use_files
from tests.rows import make_person

pytestmark = pytest.mark.django_db

CLIP = "recordings/{}/20261122/{}.mp4"


@pytest.fixture(autouse=True)
def media(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Path:
    cloud = FakeRedis()
    for module in (asking, tasks, extracts):
        monkeypatch.setattr(module, "cloud_redis", lambda url: cloud.client())
    two_sites()
    return use_files(settings, tmp_path)


def recorded(camera_id: str = "vid1", *, task_id: str = "t1") -> str:
    """A task whose clip is stored and told; its key."""
    camera = Camera.objects.get(pk=camera_id)
    RecordingTask.objects.create(
        task_id=task_id, camera=camera, device_id=camera.device_id, state="uploading", requested_at=timezone.now()
    )
    return told(camera_id, task_id=task_id)


def told(camera_id: str = "vid1", *, task_id: str = "t1", device_id: str = "", key: str = "") -> str:
    key = key or CLIP.format(camera_id, task_id)
    storage.put(key, b"a clip")
    report = RecordingReport(
        event_id="e", task_id=task_id, camera_id=camera_id, state="completed", revision=5, object_name=key
    )
    tasks.take_report(report, device_id=device_id or f"box-{camera_id[-1]}")
    return key


def pictured(camera_id: str = "vid1", **asked: Any) -> str:
    """A snapshot that is stored and told; its key."""
    request = snapshots.request_snapshot(camera=Camera.objects.get(pk=camera_id), author="kim", **asked)
    storage.put(request.key, b"a picture")
    answer = SnapshotAnswer(
        event_id="e", request_id=request.request_id, camera_id=camera_id, status="ok", key=request.key, at=1_795_334_400.0,
        width=4, height=3,
    )  # fmt: skip
    assert snapshots.take_answer(answer, device_id=request.device_id)
    return request.key


def standing(*keys: str) -> list[bool]:
    return [storage.exists(key) for key in keys]


def test_with_a_camera_its_clips_and_pictures_go_and_those_of_others_stay() -> None:
    gone = [recorded(), pictured(), pictured(folder=snapshots.FRAMES)]
    stay = [recorded("vid2", task_id="t2"), pictured("vid2"), pictured(key="theirs/of-vid1.jpg"), "nobody/knows.mp4"]
    storage.put(stay[-1], b"x")
    assert not services.step()
    Camera.objects.filter(pk="vid1").delete()  # as an import does, or a rollback
    assert services.step()
    assert standing(*gone, *stay) == [False] * 3 + [True] * 4
    assert not services.step()
    assert StoredObject.objects.count() == 2


def test_a_new_camera_of_that_id_keeps_no_old_clip_and_its_own_picture() -> None:
    clip, frame = recorded(), pictured(folder=snapshots.FRAMES)
    camera = Camera.objects.get(pk="vid1")
    camera.delete()
    Camera.objects.create(camera_id="vid1", device_id="box-1", rtsp_url="rtsp://10.0.0.9/1")
    assert pictured(folder=snapshots.FRAMES) == frame
    services.step()
    assert standing(clip, frame) == [False, True]


def test_one_look_is_enough_for_many_turns_and_what_has_an_owner_again_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    clips, frame = [recorded(task_id=f"t{n}") for n in range(3)], pictured(folder=snapshots.FRAMES)
    Camera.objects.filter(pk="vid1").delete()
    monkeypatch.setattr(services, "AT_ONCE", 2)
    tidying = services.Tidying()
    assert tidying.step()
    assert standing(*clips, frame) == [False, False, True, True]
    Camera.objects.create(camera_id="vid1", device_id="box-1", rtsp_url="rtsp://10.0.0.9/1")
    assert pictured(folder=snapshots.FRAMES) == frame
    monkeypatch.setattr(services, "MOST_FOUND", 0)  # no other look finds anything
    assert tidying.step()
    assert standing(*clips, frame) == [False] * 3 + [True]
    assert not tidying.step()


def test_unfinished_uploads_are_looked_for_wherever_large_files_go(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def look(folders: tuple[str, ...]) -> int:
        looked.extend(folders)
        return 0

    monkeypatch.setattr(storage, "abort_stale", look)
    stale.step()
    about: dict[str, Any] = {"camera_id": "vid1"}
    named: dict[str, Any] = about | {"name": "a.mp4", "started": 0.0, "time_zone": "UTC"}
    keys = [
        clip_key(**named), clip_key(**named, event=True), extract_key(**about, extract_id="e", begin=0.0),
        film_key(**about, film_id="f", begin=0.0),
    ]  # fmt: skip
    assert {key.partition("/")[0] for key in keys} <= set(looked)


def test_it_is_tried_until_it_is_gone_and_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = recorded(), recorded(task_id="t2")
    Camera.objects.filter(pk="vid1").delete()
    monkeypatch.setattr(services, "AT_ONCE", 1)
    remove = storage.remove

    def stuck(key: str) -> None:
        if key == first:
            raise StorageError("the storage is away", retryable=True)
        remove(key)

    monkeypatch.setattr(storage, "remove", stuck)
    with pytest.raises(StorageError):
        services.step()
    assert services.step()
    assert standing(first, second) == [True, False]
    monkeypatch.setattr(storage, "remove", remove)
    assert services.step()
    assert standing(first) == [False]


def test_the_clip_of_a_deleted_alert_goes_later_when_it_does_not_go_at_once(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    key = "events/vid1/20261122/e1.mp4"
    storage.put(key, b"a clip")
    AlertClip.objects.create(alert_id="e1", camera_id="vid1", device_id="box-1", revision=1, object_name=key)
    with monkeypatch.context() as patch:

        def away(key: str) -> None:
            raise StorageError("the storage is away", retryable=True)

        patch.setattr(storage, "remove", away)
        with django_capture_on_commit_callbacks(execute=True):
            boss, at = make_person("boss", superuser=True), Alert.objects.get(event_id="e1").timestamp
            delete_alert(event_id="e1", user=boss, reason="by mistake", now=at)
    assert storage.exists(key)
    assert services.step()
    assert not storage.exists(key)


def test_what_is_stored_after_its_camera_was_deleted_goes_too() -> None:
    key = recorded()
    Camera.objects.get(pk="vid1").delete()
    services.step()
    told(key=key, device_id="box-1")
    assert services.step()
    assert not storage.exists(key)
    foreign = told(key=CLIP.format("vid2", "t9"), device_id="box-1")  # a box that tells of another camera's folder
    unknown = told("vid9", task_id="t9", device_id="box-1")  # as for a hub that was restored from a backup
    assert not services.step()
    assert standing(foreign, unknown) == [True, True]


def test_what_was_stored_before_this_was_noted_is_noted_by_the_migration() -> None:
    keys = {recorded(), pictured(), pictured(folder=snapshots.FRAMES)}
    pictured(key="theirs/of-vid1.jpg")
    storage.put("events/vid1/20261122/e1.mp4", b"a clip")
    AlertClip.objects.create(
        alert_id="e1", camera_id="vid1", device_id="box-1", revision=1, state="completed",
        object_name="events/vid1/20261122/e1.mp4",
    )  # fmt: skip
    StoredObject.objects.all().delete()
    [name] = [m.name for m in iter_modules(migrations.__path__) if m.name.endswith("_stored_objects")]
    importlib.import_module(f"recordings.migrations.{name}").note_what_stands(apps, None)
    noted = set(StoredObject.objects.values_list("key", flat=True))
    assert noted == keys | {"events/vid1/20261122/e1.mp4"}


def ask_for_a_recording(number: int) -> None:
    tasks.start_task(camera=Camera.objects.get(pk="vid1"), task_name=f"shift {number}", author="kim")


def ask_for_a_picture(number: int) -> None:
    snapshots.request_snapshot(camera=Camera.objects.get(pk="vid1"), author="kim")


def ask_for_an_export(number: int) -> None:
    wish(begin=BEGIN + number * MINUTE, purpose=EXPORT)


@pytest.mark.parametrize(
    ("ask", "rows"),
    [
        (ask_for_a_recording, RecordingTask),
        (ask_for_a_picture, SnapshotRequest),
        (ask_for_an_export, Extract),
    ],
)
def test_asking_a_silent_box_again_and_again_fills_no_table(ask: Callable[[int], None], rows: Any) -> None:
    Camera.objects.get(pk="vid1").device.status.delete()
    kept = recorded()
    for number in range(MOST_FAILED + 20):
        ask(number)
    failed = rows.objects.filter(camera="vid1", state__in=("failed", "error"))
    assert failed.count() in (MOST_FAILED, MOST_FAILED + 1)
    assert failed.order_by("-pk").first().requested_at > timezone.now() - timedelta(minutes=1)
    assert RecordingTask.objects.filter(object_name=kept).exists()
    assert not ExtractStep.objects.exists()  # nothing was asked of a box
