"""Recordings in the admin: who sees what, starting, stopping, the player."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape

from cameras.models import Camera, Device, Site
from edgesite import storage
from edgesite.ids import uuid7
from edgesite.storage import StorageError
from recordings.extracts.models import ExtractStep
from recordings.stored_clips import retention
from recordings.tasks import deleting, services
from recordings.tasks.admin import RecordingTaskAdmin
from recordings.tasks.models import RecordingTask
from recordings.tasks.texts import clip_text, moment_text
from tests.cameras.pages import browser, path, text, two_sites
from tests.fakes import FakeRedis

pytestmark = pytest.mark.django_db

KEY = "recordings/vid1/20261122/vid1_shift_2026-11-22_08-00-00.mp4"


@pytest.fixture(autouse=True)
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    fake = FakeRedis()
    monkeypatch.setattr(services, "cloud_redis", lambda url: fake.client())
    two_sites()
    return fake


def task(camera_id: str = "vid1", state: str = "recording", **values: Any) -> RecordingTask:
    camera = Camera.objects.get(pk=camera_id)
    return RecordingTask.objects.create(
        task_id=uuid7(), camera=camera, slot=camera if state in ("starting", "recording", "stopping") else None,
        device_id=camera.device_id, task_name="Night <b>", state=state, requested_by="kim", requested_at=timezone.now(),
        **values,
    )  # fmt: skip


def page(client: Client, row: RecordingTask) -> str:
    return text(client.get(path(RecordingTask, "change", row)))


def test_it_is_started_from_a_form(cloud: FakeRedis) -> None:
    client = browser("operator")
    form = text(client.get(path(RecordingTask, "add")))
    assert "vid1" in form
    answer = client.post(path(RecordingTask, "add"), {"camera": "vid1", "task_name": "shift"}, follow=True)
    [row] = RecordingTask.objects.all()
    assert (row.camera_id, row.task_name, row.state, row.requested_by) == ("vid1", "shift", "starting", "the operator")
    assert "The recording starts." in text(answer)
    again = client.post(path(RecordingTask, "add"), {"camera": "vid1", "task_name": "other"}, follow=True)
    assert "is being recorded already" in text(again)
    assert RecordingTask.objects.count() == 1


def test_a_camera_whose_box_is_silent_says_why() -> None:
    Camera.objects.get(pk="vid1").device.status.delete()
    answer = browser("operator").post(path(RecordingTask, "add"), {"camera": "vid1", "task_name": "x"}, follow=True)
    assert escape(services.SILENT) in text(answer)


def test_it_is_stopped_by_a_button_and_from_the_list() -> None:
    client, first, second = browser("operator"), task(), task("vid2")
    assert "Stop recording" in page(client, first)
    client.post(path(RecordingTask, "stop", first))
    client.post(path(RecordingTask), {"action": "stop", "_selected_action": [second.pk]})
    assert [t.state for t in RecordingTask.objects.all()] == ["stopping", "stopping"]
    assert "Stop recording" not in page(client, first)
    assert client.get(path(RecordingTask, "stop", first)).status_code == 405


def test_a_stored_clip_plays_and_names_are_escaped() -> None:
    row = task(
        state="completed", object_name=KEY, duration=3723.4, bytes=5_000_000, gaps=[[1_795_334_403.0, 1_795_334_405.0]],
        stop_reason="max_duration", stopped_at=timezone.now(),
    )  # fmt: skip
    shown = page(browser("viewer"), row)
    assert f'<video class="evidence" src="/api/media/{KEY}" controls' in shown
    assert "1:02:03" in shown
    assert "08:00:03–08:00:05" in shown
    assert "the longest time was over" in shown
    assert "Night &lt;b&gt;" in shown
    assert "<b>" not in shown
    running = page(browser("operator"), task())
    assert "<video" not in running


def test_who_may() -> None:
    row, viewer, away = task(), browser("viewer"), browser("operator", sites=[Site.objects.get(name="Warehouse")])
    assert "Night" in text(viewer.get(path(RecordingTask)))
    assert "Stop recording" not in page(viewer, row)
    assert viewer.post(path(RecordingTask, "stop", row)).status_code == 403
    assert viewer.get(path(RecordingTask, "add")).status_code == 403
    assert "Night" not in text(away.get(path(RecordingTask)))
    assert away.post(path(RecordingTask, "stop", row)).status_code == 404
    assert "vid1" not in text(away.get(path(RecordingTask, "add")))
    refused = away.post(path(RecordingTask, "add"), {"camera": "vid1", "task_name": "x"})
    assert refused.status_code == 200
    assert RecordingTask.objects.count() == 1
    assert Client().get(path(RecordingTask)).status_code == 302
    for client in (viewer, away):
        assert client.post(path(RecordingTask, "delete", row), {"post": "yes"}).status_code in (302, 403)
    row.refresh_from_db()
    assert row.state == "recording"


def test_who_was_given_a_clip_and_protected_it_is_noted() -> None:
    row, client = task(state="completed", object_name=KEY, stored_at=timezone.now()), browser("operator")
    assert "Nobody has watched it yet." in page(client, row)
    storage.put(KEY, b"film")
    away = browser("viewer", sites=[Site.objects.get(name="Warehouse")])
    assert away.get(f"/api/media/{KEY}").status_code == 404
    for _ in range(2):  # a player fetches many ranges
        part = client.get(f"/api/media/{KEY}", headers={"Range": "bytes=0-1"})
        assert part.status_code == 206
        part.close()
    for wanted in ("1", "1", "0"):
        client.post(path(RecordingTask, "protect", row), {"protected": wanted})
    steps = ExtractStep.objects.order_by("pk").values_list("kind", "author", "camera_id", "extract_id")
    told = [(kind, "the operator", "vid1", row.task_id) for kind in ("viewed", "protected", "unprotected")]
    assert list(steps) == told
    assert "Watched or downloaded" in page(client, row)
    assert "Watched or downloaded" in text(browser("admin").get("/admin/recordings/extract/log/"))


def test_a_name_that_is_typed_with_a_space_behind_it_starts_like_any_other() -> None:
    client = browser("operator")
    answer = client.post(path(RecordingTask, "add"), {"camera": "vid1", "task_name": "shift "}, follow=True)
    assert "The recording starts." in text(answer)
    again = client.post(path(RecordingTask, "add"), {"camera": "vid1", "task_name": "shift"}, follow=True)
    assert "is being recorded already" in text(again)


def test_the_list_asks_the_database_no_more_for_more_rows(django_assert_max_num_queries: Any) -> None:
    client = browser("viewer")
    task(state="failed", error="reason")
    client.get(path(RecordingTask))  # content types and the like are known from here on
    with CaptureQueriesContext(connection) as few:
        client.get(path(RecordingTask))
    for number in range(8):
        task(state="failed", error=f"reason {number}")
    with django_assert_max_num_queries(len(few)):
        assert text(client.get(path(RecordingTask))).count("chip-bad") == 9


def test_a_camera_goes_with_its_recordings_and_those_never_alone() -> None:
    row, camera = task(), Camera.objects.get(pk="vid1")
    operator, viewer = browser("operator"), browser("viewer")
    chosen = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
    operator.post(path(RecordingTask), chosen)
    assert operator.post(path(RecordingTask, "delete", row), {"post": "yes"}).status_code == 403
    assert viewer.post(path(Camera, "delete", camera), {"post": "yes"}).status_code == 403
    assert RecordingTask.objects.count() == 1
    assert "Yes, I’m sure" in text(operator.get(path(Camera, "delete", camera)))
    operator.post(path(Camera, "delete", camera), {"post": "yes"})
    assert (RecordingTask.objects.count(), Camera.objects.filter(pk="vid1").count()) == (0, 0)


def test_cameras_chosen_in_the_list_go_with_their_recordings() -> None:
    task()
    chosen = {"action": "delete_selected", "_selected_action": ["vid1", "vid2"], "post": "yes"}
    browser("operator").post(path(Camera), chosen)
    assert (RecordingTask.objects.count(), Camera.objects.count()) == (0, 0)


def test_who_deletes_a_camera_is_told_of_its_protected_recordings() -> None:
    camera = Camera.objects.get(pk="vid1")
    client = browser("admin")
    sentence = "2 protected recordings go too."
    task(state="completed", object_name=KEY)
    assert "protected recording" not in text(client.get(path(Camera, "delete", camera)))
    for _ in range(2):
        task(state="completed", object_name=KEY, protected=True)
    task(state="completed", object_name=KEY, protected=True, removed_at=timezone.now())
    assert sentence in text(client.get(path(Camera, "delete", camera)))
    assert sentence in text(client.get(path(Device, "delete", camera.device)))
    chosen = {"action": "delete_selected", "_selected_action": ["vid1", "vid2"]}
    assert sentence in text(client.post(path(Camera), chosen))


# -- deleting the clip of one -----------------------------------------------------------------------------------------


def stored_task(**values: Any) -> RecordingTask:
    row = task(state="completed", object_name=KEY, stored_at=timezone.now(), duration=63.0, bytes=4, **values)
    storage.put(KEY, b"film")
    return row


def test_one_clip_is_deleted_after_a_page_that_says_what_goes() -> None:
    row, client = stored_task(), browser("operator")
    assert "Delete…" in page(client, row)
    asked = text(client.get(path(RecordingTask, "remove_clip", row)))
    assert "“Night &lt;b&gt;”" in asked
    assert "0:01:03" in asked
    assert "This cannot be undone" in asked
    row.refresh_from_db()
    assert row.removed_at is None
    answer = text(client.post(path(RecordingTask, "remove_clip", row), follow=True))
    assert "The recording was deleted." in answer
    assert "Deleted by the operator at 20" in answer
    assert "<video" not in answer
    assert "Delete…" not in answer
    assert client.get(f"/api/media/{KEY}").status_code == 404
    retention.step(now=timezone.now())
    assert not storage.exists(KEY)
    row.refresh_from_db()
    assert (row.gone, row.state, row.deleted_by) == (True, "completed", "the operator")
    steps = ExtractStep.objects.order_by("pk").values_list("kind", "author", "extract_id")
    assert list(steps) == [("deleted", "the operator", row.task_id), ("removed", "", row.task_id)]
    assert "Deleted" in text(client.get(path(RecordingTask)))


def test_a_protected_clip_is_not_deleted_and_neither_is_one_that_is_not_there() -> None:
    row, client = stored_task(protected=True), browser("operator")
    assert "Delete…" not in page(client, row)
    for ask in (client.get, client.post):
        assert escape(deleting.PROTECTED) in text(ask(path(RecordingTask, "remove_clip", row), follow=True))
    under_way = task(state="uploading")
    client.post(path(RecordingTask, "remove_clip", under_way))
    for each in (row, under_way):
        each.refresh_from_db()
        assert (each.removed_at, each.deleted_by) == (None, "")
    assert not ExtractStep.objects.exists()
    RecordingTask.objects.filter(pk=row.pk).update(protected=False, removed_at=timezone.now())
    assert not deleting.delete_clip(row, author="kim")  # its time was over a moment ago
    assert row.deleted_at is None


def test_opening_the_page_deletes_nothing_whatever_becomes_of_the_clip_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A link that somebody is led to is no wish; only the button is."""
    rows, client = [stored_task(protected=True), task(state="uploading")], browser("operator")
    real = RecordingTaskAdmin._operated

    def looked(page: Any, request: Any, pk: int) -> RecordingTask:
        found = real(page, request, pk)  # just before its protection is lifted, and before it is stored
        RecordingTask.objects.filter(pk=pk).update(protected=False, state="completed", stored_at=timezone.now())
        return found

    monkeypatch.setattr(RecordingTaskAdmin, "_operated", looked)
    for row in rows:
        assert client.get(path(RecordingTask, "remove_clip", row)).status_code == 302
        row.refresh_from_db()
        assert (row.removed_at, row.deleted_by) == (None, "")
    assert not ExtractStep.objects.exists()


def test_who_may_not_change_the_camera_deletes_no_clip() -> None:
    row, viewer = stored_task(), browser("viewer")
    away = browser("operator", sites=[Site.objects.get(name="Warehouse")])
    assert "Delete…" not in page(viewer, row)
    for client, status in ((viewer, 403), (away, 404), (Client(), 302)):
        assert client.get(path(RecordingTask, "remove_clip", row)).status_code == status
        assert client.post(path(RecordingTask, "remove_clip", row)).status_code == status
    row.refresh_from_db()
    assert row.removed_at is None


def test_a_storage_that_is_away_changes_nothing_of_when_a_clip_was_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(key: str) -> None:
        raise StorageError("away", retryable=True)

    row = stored_task()
    deleting.delete_clip(row, author="kim")
    at, later = row.deleted_at, timezone.now() + timedelta(days=3)
    with monkeypatch.context() as patch:
        patch.setattr(storage, "remove", away)
        with pytest.raises(StorageError):
            retention.step(now=later)
    row.refresh_from_db()
    assert (row.gone, row.deleted_at) == (False, at)
    assert at is not None
    assert clip_text(row) == f"Deleted by kim at {moment_text(row, at)}."
    retention.step(now=later)
    row.refresh_from_db()
    assert row.gone
