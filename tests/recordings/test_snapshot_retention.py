"""Snapshots go when their days are over, object and row; what is left of cameras that are gone goes too."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from cameras.models import Camera
from edgesite import storage
from edgesite.storage import StorageError
from recordings.models import SnapshotRequest
from recordings.objects import services as objects
from recordings.objects.models import StoredObject
from recordings.objects.services import answer_for
from recordings.orders.models import SnapshotOrder
from recordings.snapping import retention
from recordings.snapping.retention import SWEEP_S, SnapshotRetention
from recordings.snapshots import scheduled_folder
from tests.cameras.pages import browser, path, text, two_sites
from tests.fakes import Clock
from tests.recordings.snapshot_rows import taken_at
from tests.recordings.uploads import use_files

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def sites(settings: Any, tmp_path: Any) -> None:
    use_files(settings, tmp_path)
    two_sites()


def taken(days: float, camera_id: str = "vid1", **values: Any) -> str:
    """A stored picture of so many days ago; its key."""
    return taken_at(NOW - timedelta(days=days), camera_id, **values)


def stands(key: str) -> tuple[bool, bool]:
    """Whether the object and its row are there."""
    return default_storage.exists(key), SnapshotRequest.objects.filter(key=key).exists()


def test_the_page_that_deletes_a_camera_lists_some_of_its_snapshots_and_counts_all() -> None:
    for number in range(120):
        taken(number / 24, content=b"")
    page = text(browser("admin").get(path(Camera, "delete", Camera.objects.get(pk="vid1"))))
    assert page.count("Snapshot request: ") < 110
    assert "napshot requests: 120" in page
    assert "…" in page


def run(keeper: SnapshotRetention | None = None) -> None:
    keeper = keeper or SnapshotRetention()
    for _ in range(20):
        if not keeper.step(now=NOW):
            return
    raise AssertionError("it does not come to an end")


def test_of_scheduled_ones_each_cameras_days_count() -> None:
    Camera.objects.filter(pk="vid1").update(snap_days=2)
    Camera.objects.filter(pk="vid2").update(snap_days=30)
    gone = [taken(2.1), taken(40), taken(30.5, "vid2")]
    kept = [taken(1.9), taken(29, "vid2"), by_hand(29)]
    run()
    assert [stands(key) for key in gone] == [(False, False)] * 3
    assert [stands(key) for key in kept] == [(True, True)] * 3


def by_hand(days: float, key: str = "", **values: Any) -> str:
    """A picture that somebody asked for so many days ago; its key."""
    return taken(days, key=key or f"snapshots/20261001/vid1_{days}.jpg", origin="request", **values)


def test_what_people_asked_for_has_days_of_its_own(settings: Any) -> None:
    Camera.objects.filter(pk="vid1").update(snap_days=100)
    gone = [by_hand(30.1), by_hand(400)]
    ordered = by_hand(50, "snapshots/ordered.jpg")
    SnapshotOrder.objects.create(
        request_id="o1", snapshot=SnapshotRequest.objects.get(key=ordered), received_at=NOW, state="ready"
    )
    SnapshotRequest.objects.filter(key=gone[1]).update(at=NOW)
    clock = by_hand(1)
    SnapshotRequest.objects.filter(key=clock).update(at=datetime(1970, 1, 1, tzinfo=UTC))  # the box's, which was wrong
    kept = [clock, by_hand(29.9), by_hand(50, "frames/vid1.jpg"), by_hand(50, "shop/7/now.jpg"), ordered, taken(50)]
    failed = by_hand(60, content=b"", state="error")
    settings.SNAPSHOT_DAYS = 0
    run()
    assert [stands(key) for key in gone] == [(True, True)] * 2
    settings.SNAPSHOT_DAYS = 30
    run()
    assert [stands(key) for key in gone] == [(False, False)] * 2
    assert [stands(key) for key in kept] == [(True, True)] * 6
    assert stands(failed) == (False, True)  # of these the newest are kept


def test_a_bounded_number_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    Camera.objects.update(snap_days=1)
    for number in range(5):
        taken(2 + number / 100)
    keeper = SnapshotRetention()
    left = []
    for _ in range(3):
        keeper.step(now=NOW)
        left.append(SnapshotRequest.objects.count())
    assert left == [3, 1, 0]


def test_pictures_of_a_deleted_camera_go_with_it_also_when_another_comes_under_its_id() -> None:
    camera = Camera.objects.get(pk="vid1")
    keys, other = [taken(0.1), taken(0.2)], taken(0.1, "vid2")
    for key in (*keys, other):
        answer_for(key)
    camera.delete()
    Camera.objects.create(camera_id="vid1", device_id=camera.device_id, rtsp_url="rtsp://10.0.0.9/1")
    assert SnapshotRequest.objects.count() == 1  # at once: the new one may be another site's
    assert objects.step()
    assert [stands(key) for key in keys] == [(False, False)] * 2
    assert stands(other) == (True, True)


def test_what_no_row_knows_of_goes_with_its_day() -> None:
    Camera.objects.update(snap_days=3)
    folder = scheduled_folder("vid1")
    for key in (
        f"{folder}/20261110/late.jpg",
        f"{folder}/20261121/late.jpg",
        "snapshots/scheduled/gone/20261120/x.jpg",
    ):
        default_storage.save(key, ContentFile(b"jpeg"))
    clock = Clock(1.0)
    keeper = SnapshotRetention(monotonic=clock)
    run(keeper)
    assert not default_storage.exists(f"{folder}/20261110/late.jpg")
    assert default_storage.exists(f"{folder}/20261121/late.jpg")
    assert storage.folders_in("snapshots/scheduled/gone") == ["20261120"]  # one may just be stored there
    clock.advance(SWEEP_S - 1)
    Camera.objects.update(snap_days=1)
    default_storage.save(f"{folder}/20261001/late.jpg", ContentFile(b"jpeg"))
    run(keeper)
    assert default_storage.exists(f"{folder}/20261001/late.jpg")  # it is not looked for all the time
    clock.advance(1)
    run(keeper)
    assert not default_storage.exists(f"{folder}/20261001/late.jpg")


def test_a_storage_that_is_away_loses_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    Camera.objects.update(snap_days=1)
    keys = [taken(3), taken(2)]

    def refuse(key: str) -> None:
        raise StorageError("away", retryable=True)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "remove", refuse)
        with pytest.raises(StorageError):
            SnapshotRetention().step(now=NOW)
    assert SnapshotRequest.objects.count() == 2
    run()
    assert [stands(key) for key in keys] == [(False, False)] * 2


def test_a_hub_that_ends_does_not_wait_for_a_slow_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    Camera.objects.update(snap_days=1)
    keys = [taken(3 + number / 100) for number in range(3)]
    left = [f"{scheduled_folder('gone')}/20261001/{number}.jpg" for number in range(3)]
    for key in left:
        default_storage.save(key, ContentFile(b"jpeg"))
    stop = threading.Event()
    real = type(default_storage._wrapped).delete  # type: ignore[attr-defined]  # of a lazy object

    def slow(self: Any, name: str) -> None:
        real(self, name)
        stop.set()  # the hub is told to end while the first one is being removed

    keeper = SnapshotRetention(stop)
    monkeypatch.setattr(type(default_storage._wrapped), "delete", slow)  # type: ignore[attr-defined]
    keeper.step(now=NOW)
    assert sum(stands(key)[0] for key in keys) == 2
    assert SnapshotRequest.objects.count() == 2
    assert all(default_storage.exists(key) for key in left)
    stop.clear()
    Camera.objects.update(snap_days=30)
    keeper.step(now=NOW)
    SnapshotRetention(stop).step(now=NOW)
    assert sum(default_storage.exists(key) for key in left) == 2
    stop.clear()
    monkeypatch.undo()
    for key in (one for one in keys if stands(one)[0]):
        answer_for(key)
    SnapshotRequest.objects.all().delete()
    tidying = objects.Tidying(stop)
    with monkeypatch.context() as patch:
        patch.setattr(storage, "remove", lambda key: stop.set())
        tidying.step()
    assert StoredObject.objects.count() == 1
