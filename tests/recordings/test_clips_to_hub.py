"""Clips of a box without object storage: over HTTP to the hub, and local until the hub has said that it has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from cameras.models import Device
from edgesite.hub_upload import HubUpload
from recordings.recorder import uploads as words
from recordings.recorder.task_store import Task
from recordings.tasks.models import RecordingTask
from tests.recordings.test_clip_uploads import CONTENT, KEY, Works
from tests.recordings.test_recorder_tasks import T
from tests.recordings.uploads import Flaky, give_token, uploader, use_files
from tests.rows import make_all

pytestmark = pytest.mark.django_db


class Remote(Works):
    """`hub` is what it reaches; None: it cannot."""

    hub: Flaky


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Any:
    make_all()
    make_all("box-2", site="Yard", number=2)
    give_token(Device.objects.get(pk="box-1"))
    use_files(settings, tmp_path / "hub")
    made = Remote(tmp_path / "box", monkeypatch)
    made.hub = Flaky()

    def reach(stop: Any) -> HubUpload:
        return uploader(made.hub)

    monkeypatch.setattr(words, "destination", reach)
    yield made
    made.database.close()


def hub_knows(device_id: str = "box-1", camera_id: str = "vid1", key: str = KEY) -> None:
    RecordingTask.objects.create(
        task_id="t1", camera_id=camera_id, device_id=device_id, state="uploading", object_name=key,
        requested_at=timezone.now(),
    )  # fmt: skip


def test_a_clip_stands_at_the_hub_before_it_goes_from_the_box(box: Remote, tmp_path: Path) -> None:
    box.piece(0, 12)
    box.stopped()
    box.work(2)
    assert box.states() == ["stopping", "uploading"]  # the hub expects nothing yet, and no error is told of that
    assert len(box.local()) == 1
    hub_knows()
    box.work(2)
    assert (tmp_path / "hub" / "media" / KEY).read_bytes() == CONTENT
    assert (box.last()["state"], box.last()["local_file"], box.last()["local_file_deleted"]) == ("completed", "", True)
    assert box.local() == []


def test_a_kill_between_the_deletion_and_its_row_asks_the_hub(box: Remote, tmp_path: Path) -> None:
    box.piece(0, 12)
    box.stopped()
    box.work(1)
    hub_knows()
    [file] = (box.folder / "clips").rglob("*.mp4")
    (stored := tmp_path / "hub" / "media" / KEY).parent.mkdir(parents=True)
    stored.write_bytes(file.read_bytes())
    file.unlink()
    box.work(1)
    assert (box.last()["state"], box.made) == ("completed", 1)


@pytest.mark.parametrize(
    "known",
    [{"device_id": "box-2", "camera_id": "vid2"}, {"key": KEY + "x"}, {"camera_id": "vid2"}],
    ids=["another box's", "another key", "another camera's folder"],
)
def test_the_hub_takes_clips_of_the_boxs_own_tasks_only(box: Remote, tmp_path: Path, known: Any) -> None:
    hub_knows(**known)
    box.piece(0, 12)
    box.stopped()
    box.work()
    assert not (tmp_path / "hub" / "media" / KEY).exists()
    assert box.last()["state"] == "uploading"
    assert len(box.local()) == 1


def test_a_clip_that_the_hub_refuses_for_a_week_goes_from_the_box_too(box: Remote) -> None:
    box.piece(0, 12)
    box.store.add(Task("a1", "vid1", "alert-a1", "stopping", 1, T, 60.0, T, T + 12, alert_id="a1"), now=T)
    box.tasks.ready = frozenset({"a1"})
    box.work()
    assert len(box.local()) == 1
    box.clock.advance(words.GIVE_UP_SECONDS + 1)
    box.hub.fail = set(range(1000))  # nobody says no
    box.work()
    assert (box.last("a1")["state"], len(box.local())) == ("uploading", 1)
    box.hub.fail = set()
    box.work()
    assert (box.last("a1")["state"], box.local()) == ("failed", [])


def test_a_clip_of_a_deleted_camera_that_the_hub_refuses_goes_with_what_it_needs(box: Remote) -> None:
    box.piece(0, 12)
    box.stopped()
    box.clock.advance(words.GIVE_UP_SECONDS + 1)
    box.work()
    assert (box.last()["state"], len(box.local())) == ("uploading", 1)  # the camera is there: somebody asked for it
    box.configure("vid2")
    box.hub.fail = set(range(1000))  # nobody says no
    box.work()
    assert (box.last()["state"], len(box.local())) == ("uploading", 1)
    box.hub.fail = set()
    box.work()
    assert (box.last()["state"], box.local()) == ("failed", [])
