"""What the hub keeps of clips: by days, by the bytes of their site, protected ones and those of open alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from cameras.models import Camera
from detection.models import Alert
from edgesite import storage
from edgesite.storage import StorageError
from recordings.access import may_see
from recordings.alert_clips.models import AlertClip
from recordings.alert_clips.services import take_clip
from recordings.core.tasks import AlertClipReport, RecordingReport
from recordings.stored_clips import retention
from recordings.stored_clips.models import StoredClip
from recordings.stored_clips.services import protect
from recordings.tasks.models import RecordingTask
from recordings.tasks.selectors import task_message
from recordings.tasks.services import take_report
from tests.cameras.pages import browser, path, text, two_sites
from tests.detection.alerts import make_alert
from tests.rows import make_person

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 6, 1, 12, tzinfo=UTC)
GB = 2**30


@pytest.fixture(autouse=True)
def _site(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.TASK_CLIP_DAYS, settings.ALERT_CLIP_DAYS, settings.CLIP_GB = 90, 30, 0
    two_sites()


def stored(clip: Any, *, days: float, size: int) -> Any:
    """As it stands after so many days, with an object."""
    type(clip).objects.filter(pk=clip.pk).update(stored_at=NOW - timedelta(days=days), bytes=size)
    storage.put(clip.object_name, b"film")
    clip.refresh_from_db()
    return clip


def task(*, days: float = 0.0, size: int = 4, camera: str = "vid1", name: str = "a", **values: Any) -> RecordingTask:
    row = RecordingTask.objects.create(
        task_id=f"t-{camera}-{name}", camera_id=camera, device_id=Camera.objects.get(pk=camera).device_id, task_name=name,
        state="completed", requested_by="kim", requested_at=NOW, object_name=f"recordings/{camera}/20261122/{name}.mp4",
        **values,
    )  # fmt: skip
    return stored(row, days=days, size=size)  # type: ignore[no-any-return]


def clip(alert: str, *, days: float = 0.0, size: int = 4, camera: str = "vid1", **values: Any) -> AlertClip:
    row = AlertClip.objects.create(
        alert_id=alert, camera_id=camera, device_id=Camera.objects.get(pk=camera).device_id, revision=4,
        state="completed", object_name=f"events/{camera}/20261122/{alert}.mp4", **values,
    )  # fmt: skip
    return stored(row, days=days, size=size)  # type: ignore[no-any-return]


def look(now: datetime = NOW) -> bool:
    return retention.step(now=now)


def left() -> set[str]:
    """Names of the clips that stand; rows and objects agree, and what went is told as gone."""
    found = set()
    for kind in retention.KINDS:
        for row in kind._default_manager.all():
            assert storage.exists(row.object_name) == (not row.gone)
            assert row.gone == (row.removed_at is not None)
            if not row.gone:
                found.add(getattr(row, "alert_id", "") or row.task_name)  # type: ignore[attr-defined]
    return found


# -- by days ----------------------------------------------------------------------------------------------------------


def test_each_kind_has_its_days_from_when_it_was_stored(settings: Any) -> None:
    task(name="old", days=91)
    task(name="young", days=89)
    clip("e-old", days=31)
    clip("e-young", days=29)
    assert look()
    assert left() == {"young", "e-young"}
    assert not look()
    settings.TASK_CLIP_DAYS = 0  # for good
    assert look(NOW + timedelta(days=9000))
    assert left() == {"young"}


def test_a_clip_whose_time_was_over_is_told_to_stand_nowhere() -> None:
    row = task(days=91, local_file="/media/recordings/vid1/20261122/a.mp4")
    assert "local_file_deleted" not in task_message(row)
    look()
    row.refresh_from_db()
    told = task_message(row)
    assert told["local_file_deleted"]
    assert not told.keys() & {"object_name", "download_url"}


def test_what_is_not_stored_yet_is_left_alone() -> None:
    row = task(name="under-way", days=900)
    RecordingTask.objects.filter(pk=row.pk).update(state="uploading", stored_at=None)
    assert not look()
    assert left() == {"under-way"}


def test_protected_ones_stay_until_that_is_lifted() -> None:
    row, other = task(days=900), clip("x1", days=900)
    for each in (row, other):
        assert protect(each, author="kim", protected=True)
        assert not protect(each, author="lee", protected=True)
    assert not look()
    assert left() == {"a", "x1"}
    protect(row, author="kim", protected=False)
    assert look()
    assert left() == {"x1"}
    row.refresh_from_db()
    assert not protect(row, author="kim", protected=True)  # too late: its object is gone


def test_one_that_is_protected_between_the_look_and_the_mark_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    row, too_old = task(days=900), retention._too_old

    def looked(kind: type[StoredClip], now: datetime) -> list[StoredClip]:
        found = too_old(kind, now)
        protect(row, author="kim", protected=True)
        return found

    monkeypatch.setattr(retention, "_too_old", looked)
    assert not look()
    assert left() == {"a"}


def test_the_clip_of_an_open_alert_stays_and_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    for number in range(3):
        make_alert(f"a{number}")
        clip(f"a{number}", days=100 - number)
    make_alert("a9")
    Alert.objects.filter(event_id="a9").update(state="acknowledged")
    clip("a9", days=50)
    assert look()
    assert left() == {"a0", "a1", "a2"}
    Alert.objects.filter(event_id="a1").update(state="resolved")
    look()
    assert left() == {"a0", "a2"}


# -- by bytes ---------------------------------------------------------------------------------------------------------


def test_a_site_with_too_many_bytes_gives_up_its_oldest_of_either_kind(settings: Any) -> None:
    settings.CLIP_GB = 10
    task(name="oldest", days=5, size=4 * GB)
    clip("e-second", days=4, size=4 * GB)
    task(name="third", days=3, size=4 * GB)
    clip("e-fourth", days=2, size=4 * GB)
    task(name="elsewhere", days=9, size=9 * GB, camera="vid2")
    assert look()
    assert left() == {"third", "e-fourth", "elsewhere"}
    assert not look()


def test_clips_of_a_camera_that_is_deleted_count_where_they_were_recorded(settings: Any) -> None:
    settings.CLIP_GB = 1
    clip("e-oldest", days=9, size=GB)
    Camera.objects.filter(pk="vid1").delete()
    Camera.objects.create(camera_id="vid1", device_id="box-2", rtsp_url="rtsp://10.0.0.9/1")
    task(name="theirs", days=20, camera="vid2", size=GB)
    assert not look()  # neither site has too much
    other = Camera.objects.create(camera_id="vid8", device_id="box-1", rtsp_url="rtsp://10.0.0.9/2")
    task(name="newer", days=1, camera=other.pk, size=GB)
    assert look()
    assert left() == {"theirs", "newer"}


def test_protected_ones_count_and_stay(settings: Any) -> None:
    settings.CLIP_GB = 1
    protect(task(name="kept", days=5, size=GB), author="kim", protected=True)
    task(name="young", days=1, size=1)
    assert look()
    assert left() == {"kept"}


def test_a_look_takes_a_bounded_number(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    settings.CLIP_GB = 1
    for number in range(5):
        task(name=f"t{number}", days=9 - number, size=GB)
    look()
    assert left() == {"t2", "t3", "t4"}
    look()
    assert left() == {"t4"}


# -- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_kill_after_the_mark_leaves_neither_a_link_nor_an_orphan(monkeypatch: pytest.MonkeyPatch) -> None:
    row, chef = task(days=900), make_person("chef", "viewer")
    assert may_see(chef, row.object_name)
    monkeypatch.setattr(storage, "remove", lambda key: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        look()
    row.refresh_from_db()
    assert not may_see(chef, row.object_name)
    assert "download_url" not in task_message(row)
    assert "object_name" not in task_message(row)
    monkeypatch.undo()
    assert look()
    assert left() == set()


def test_a_kill_after_the_object_went_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    row = task(days=900)
    RecordingTask.objects.filter(pk=row.pk).update(removed_at=NOW)
    storage.remove(row.object_name)
    assert look()
    assert left() == set()


def test_one_object_that_cannot_be_removed_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 1)
    stuck, remove = task(name="stuck", days=900), storage.remove

    def refuse(key: str) -> None:
        if key == stuck.object_name:
            raise StorageError("locked", retryable=True)
        remove(key)

    monkeypatch.setattr(storage, "remove", refuse)
    with pytest.raises(StorageError):
        look()
    other = task(name="other", days=800)
    with pytest.raises(StorageError):
        look(NOW + timedelta(minutes=1))
    assert look(NOW + timedelta(minutes=2))
    other.refresh_from_db()
    assert other.gone
    assert storage.exists(stuck.object_name)


def test_an_object_that_another_clip_stands_on_stays() -> None:
    old = task(name="old", days=900)
    young = task(name="young", days=1)
    RecordingTask.objects.filter(pk=young.pk).update(object_name=old.object_name)
    assert look()
    assert storage.exists(old.object_name)


# -- from when its days count -----------------------------------------------------------------------------------------


def fresh(clip: StoredClip) -> bool:
    return clip.stored_at is not None and abs(clip.stored_at - timezone.now()) < timedelta(minutes=1)


def test_days_count_from_when_the_hub_heard_that_it_is_stored() -> None:
    row = task()
    RecordingTask.objects.filter(pk=row.pk).update(state="uploading", stored_at=None)
    report: dict[str, Any] = {
        "event_id": "r",
        "task_id": row.task_id,
        "camera_id": "vid1",
        "object_name": row.object_name,
    }
    assert take_report(RecordingReport(**report, state="uploading", revision=1), device_id="box-1")
    assert RecordingTask.objects.get().stored_at is None
    take_report(RecordingReport(**report, state="completed", revision=2), device_id="box-1")
    assert fresh(RecordingTask.objects.get())
    told = AlertClipReport(
        event_id="c", task_id="e1", alert_id="e1", camera_id="vid1", state="completed", revision=2,
        object_name="events/vid1/20261122/x.mp4",
    )  # fmt: skip
    take_clip(told, device_id="box-1")
    assert fresh(AlertClip.objects.get())


def test_clips_from_before_have_all_their_days_from_the_update_on() -> None:
    for alert, state in (("x1", "completed"), ("x2", "failed")):
        AlertClip.objects.create(alert_id=alert, camera_id="vid1", state=state, device_id="box-1", revision=4)
    import_module("recordings.migrations.0010_stored_clips").begin_now(apps, None)
    rows = {c.alert_id: c for c in AlertClip.objects.all()}
    assert rows["x2"].stored_at is None
    assert fresh(rows["x1"])


# -- pages ------------------------------------------------------------------------------------------------------------


def test_the_page_of_a_recording_says_how_long_it_is_kept_and_protects_it() -> None:
    row = task()
    page = path(RecordingTask, "change", row)
    operator, viewer = browser("operator"), browser("viewer")
    shown = text(operator.get(page))
    assert "Kept until 2027-08-30." in shown
    url = page.replace("/change/", "/protect/")
    assert f'action="{url}"' in shown
    assert "/protect/" not in text(viewer.get(page))
    assert viewer.post(url, {"protected": "1"}).status_code == 403
    answer = text(operator.post(url, {"protected": "1"}, follow=True))
    assert "It is kept until somebody lifts the protection." in answer
    assert "Protected: kept until somebody lifts the protection." in answer
    assert "Lift the protection" in answer
    assert "It is no longer protected." in text(operator.post(url, {"protected": "0"}, follow=True))


def test_a_foreign_site_protects_nothing() -> None:
    row = task()
    other = Camera.objects.get(pk="vid2").device.site
    url = path(RecordingTask, "change", row).replace("/change/", "/protect/")
    assert browser("operator", sites=[other]).post(url, {"protected": "1"}).status_code == 404
    row.refresh_from_db()
    assert not row.protected


def test_the_page_of_a_recording_whose_time_was_over_says_so() -> None:
    row = task(days=900)
    look()
    shown = text(browser("operator").get(path(RecordingTask, "change", row)))
    assert "Its time was over on 2027-06-01: the file was removed." in shown
    assert "<video" not in shown
    assert "/protect/" not in shown


def test_the_page_of_an_alert_says_how_long_its_clip_is_kept_and_protects_it() -> None:
    alert = Alert.objects.get(event_id="e1")
    clip("e1")
    page = path(Alert, row=alert) + "change/"
    client = browser("operator")
    assert "Kept until 2027-07-01, and as long as the alert is open." in text(client.get(page, follow=True))
    Alert.objects.filter(event_id="e1").update(state="resolved")
    assert "Kept until 2027-07-01.<" in text(client.get(page, follow=True))
    url = path(Alert, row=alert) + "clip/"
    assert "Protected: kept" in text(client.post(url, {"protected": "1"}, follow=True))
    assert browser("viewer").post(url, {"protected": "0"}).status_code == 403
    client.post(url, {"protected": "0"})
    assert look(NOW + timedelta(days=31))
    shown = text(client.get(page, follow=True))
    assert "Its time was over on 2027-07-02: the file was removed." in shown
    assert "Being made and stored." not in shown
