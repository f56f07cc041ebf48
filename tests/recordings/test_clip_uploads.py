"""From a stopped task to a stored clip: the local file goes only when what is stored was read back and is the same."""

from __future__ import annotations

import errno
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, storages

from edgesite.edge_store.outbox import Outbox
from edgesite.storage import CHANGED, DurableFileStorage, exists
from recordings.core.ffmpeg import Tool
from recordings.core.segments import Segment
from recordings.recorder import clip_work, clips, cutting
from recordings.recorder import uploads as words
from recordings.recorder.clips import Clip, ClipError, Stopped
from recordings.recorder.task_store import Task
from recordings.recorder.tasks import NO_PICTURES, NOTHING
from tests.fakes import Clock
from tests.recordings.pieces import make_fragmented, spoil_fragments
from tests.recordings.test_recorder_tasks import Box, T
from tests.recordings.waiting import ClipLoops, clip_loops

CONTENT = b"a clip that plays" * 1000
KEY = "recordings/vid1/20261122/vid1_shift_2026-11-22_16-00-00.mp4"  # in the site's time zone


class BadStorage(DurableFileStorage):
    """A storage that spoils or cuts what it is given, as often as `spoil` says; everything it was asked stands in `asked`."""

    spoil = 0
    asked: list[str] = []

    def _save(self, name: str, content: File[bytes]) -> str:
        BadStorage.asked.append("save")
        super()._save(name, content)
        if BadStorage.spoil > 0:
            BadStorage.spoil -= 1
            path = Path(self.path(name))
            path.write_bytes(path.read_bytes()[:-1] + (b"" if BadStorage.spoil % 2 else b"!"))
        return name


class Works(Box):
    """A box whose tasks are cut by a fake and stored in a folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder)
        self.folder, self.made = folder, 0
        self.problem: Exception | None = None
        self.ticks = Clock(100.0)
        monkeypatch.setattr(cutting, "make_clip", self._make)
        self.loops = self.begin()

    def begin(self) -> ClipLoops:
        return clip_loops(
            self.folder, self.tasks, self.segments, document=lambda: self.document, tool=Tool("/usr/bin/ffmpeg"),
            clock=self.clock, monotonic=self.ticks,
        )  # fmt: skip

    def _make(self, segments: Any, *, target: Path, **values: Any) -> Clip:
        self.made += 1
        if self.problem is not None:
            raise self.problem
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(CONTENT)
        return Clip(target, len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), 11.5)

    def piece(self, start: float, end: float) -> None:
        path = self.folder / "segments" / f"{start}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
        self.segments.add([Segment("vid1", f"{start}", "r", T + start, T + end, 1)])

    def stopped(self, task_id: str = "t1") -> None:
        self.store.add(Task(task_id, "vid1", "shift", "stopping", 1, T, 60.0, T, T + 12), now=T)
        self.tasks.ready = frozenset({*self.tasks.ready, task_id})

    def work(self, turns: int = 6) -> None:
        for _ in range(turns):
            self.loops.step()
            self.ticks.advance(120)

    def local(self) -> list[str]:
        return sorted(p.name for p in (self.folder / "clips").rglob("*") if p.is_file())

    def last(self, task_id: str = "t1") -> dict[str, Any]:
        return self.told(task_id)[-1]


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Any:
    BadStorage.spoil, BadStorage.asked = 0, []
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "tests.recordings.test_clip_uploads.BadStorage",
            "OPTIONS": {"location": str(tmp_path / "media")},
        }
    }
    made = Works(tmp_path, monkeypatch)
    yield made
    made.database.close()


def stored() -> bytes:
    storage = storages["default"]
    assert isinstance(storage, FileSystemStorage)
    return Path(storage.path(KEY)).read_bytes()


def test_a_clip_is_stored_and_told_with_what_is_missing(box: Works) -> None:
    box.piece(-0.4, 4)
    box.piece(7, 12)
    box.stopped()
    box.work()
    assert box.states() == ["stopping", "uploading", "completed"]
    last = box.last()
    assert (last["object_name"], last["storage_type"], last["bytes"]) == (KEY, "local", len(CONTENT))
    assert last["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert last["gaps"] == [[T + 4, T + 7]]
    assert last["local_file"] == str(box.folder / "media" / KEY)
    assert stored() == CONTENT
    assert box.local() == []


def test_with_a_bucket_the_local_file_is_told_to_be_gone(box: Works, settings: Any) -> None:
    settings.S3_BUCKET = "clips"
    box.piece(0, 12)
    box.stopped()
    box.work()
    last = box.last()
    assert (last["state"], last["storage_type"], last["bucket"]) == ("uploaded", "s3", "clips")
    assert last["local_file_deleted"]
    assert Path(last["local_file"]).name == Path(KEY).name
    assert not Path(last["local_file"]).exists()


def test_an_upload_that_was_spoiled_keeps_the_local_file_and_is_done_again(box: Works) -> None:
    box.piece(0, 12)
    box.stopped()
    BadStorage.spoil = 3
    box.work(2)
    assert box.states() == ["stopping", "uploading", "uploading"]
    assert box.last()["error"] == f"{words.NOT_STORED}: {CHANGED}"
    assert box.local() == [Path(KEY).name]
    box.work(1)
    assert len(box.states()) == 3  # told once
    box.work(3)
    assert box.last()["state"] == "completed"
    assert box.last()["error"] == ""
    assert stored() == CONTENT
    assert BadStorage.asked == ["save"] * 4
    assert box.made == 1


def test_tries_come_later_and_later(box: Works) -> None:
    box.piece(0, 12)
    box.stopped()
    BadStorage.spoil = 1000
    for _ in range(100):
        box.loops.step()
        box.ticks.advance(1)
    assert 3 <= len(BadStorage.asked) <= 30


def test_a_kill_between_upload_and_deletion_leads_to_one_object(box: Works) -> None:
    box.piece(0, 12)
    box.stopped()
    box.loops.step()
    task = box.store.get("t1")
    assert task is not None
    (box.folder / "media" / KEY).parent.mkdir(parents=True)
    (box.folder / "media" / KEY).write_bytes(CONTENT)  # stored, and then the recorder was killed
    box.loops = box.begin()
    box.work()
    assert BadStorage.asked == []
    assert (box.last()["state"], box.local()) == ("completed", [])


def test_a_kill_between_deletion_and_row_needs_no_second_clip(box: Works) -> None:
    box.piece(0, 12)
    box.stopped()
    box.loops.step()
    (box.folder / "media" / KEY).parent.mkdir(parents=True)
    next((box.folder / "clips").rglob("*.mp4")).rename(box.folder / "media" / KEY)
    box.loops = box.begin()
    box.work()
    assert (box.last()["state"], box.made) == ("completed", 1)


def test_a_clip_that_was_lost_before_it_was_stored_is_made_again(box: Works) -> None:
    box.piece(0, 12)
    box.stopped()
    box.loops.step()
    next((box.folder / "clips").rglob("*.mp4")).unlink()
    box.work()
    assert (box.last()["state"], box.made) == ("completed", 2)
    assert stored() == CONTENT


def test_the_end_of_the_recorder_is_no_error(box: Works) -> None:
    box.piece(0, 12)
    box.stopped()
    box.problem = Stopped()
    box.work(1)
    assert box.states() == ["stopping"]
    box.problem = None
    box.work()
    assert box.last()["state"] == "completed"


def test_a_full_disk_is_waited_for_and_a_broken_recording_is_not(box: Works) -> None:
    box.piece(0, 12)
    box.stopped()
    box.problem = OSError(28, "No space left\non device")
    box.work(3)
    assert box.states() == ["stopping", "stopping"]
    assert "No space left on device" in box.last()["error"]
    box.problem = ClipError("no segment can be read", retryable=False)
    box.work(1)
    assert (box.last()["state"], box.last()["error"]) == ("failed", f"{clip_work.NOT_CUT}: no segment can be read")


def test_a_task_of_which_nothing_is_there_fails(box: Works) -> None:
    box.stopped()
    box.work()
    assert (box.last()["state"], box.last()["error"]) == ("failed", f"{NOTHING}: {NO_PICTURES}")
    box.segments.add([Segment("vid1", "gone.mp4", "r", T, T + 12, 1)])
    box.stopped("t2")
    box.work()
    assert (box.last("t2")["state"], box.last("t2")["error"], box.made) == ("failed", cutting.GONE, 0)


def test_a_clip_that_was_lost_with_its_recording_is_not_told_as_a_silent_camera(box: Works) -> None:
    box.piece(0, 12)
    box.stopped()
    box.loops.step()
    next((box.folder / "clips").rglob("*.mp4")).unlink()
    box.segments.forget([segment.path for segment in box.segments.between("vid1", start=T, end=T + 12)])
    box.work()
    assert (box.last()["state"], box.last()["error"]) == ("failed", cutting.GONE)


def test_two_clips_of_one_name_in_one_second_are_two_objects(box: Works) -> None:
    box.piece(0, 12)
    box.stopped()
    box.stopped("t2")
    box.work(8)
    assert [box.last(t)["object_name"] for t in ("t1", "t2")] == [KEY, KEY.replace(".mp4", "-2.mp4")]
    assert exists(KEY.replace(".mp4", "-2.mp4"))


def test_a_clip_waits_until_its_last_segment_is_there(box: Works) -> None:
    box.piece(0, 12)
    box.stopped()
    box.tasks.ready = frozenset()
    box.work()
    assert (box.states(), box.made) == (["stopping"], 0)


def test_every_report_can_be_taken_in(box: Works) -> None:
    from detection.core.events import parse_event

    box.piece(0, 12)
    box.stopped()
    box.work()
    for row in Outbox(box.database).head("vid1", 99):
        parse_event({"event_id": row.event_id, "kind": row.kind, "body": row.body}, device_id="box-1")
        assert json.loads(row.body)["task_id"] == "t1"


def test_a_full_disk_takes_the_oldest_clips_of_alerts_and_nothing_that_was_asked_for(box: Works) -> None:
    box.piece(0, 12)
    BadStorage.spoil = 10_000
    box.stopped()
    for number in range(3):
        task = Task(
            f"a{number}", "vid1", f"alert-a{number}", "stopping", 1, T + number, 60.0, T, T + 12, alert_id=f"a{number}"
        )  # fmt: skip
        box.store.add(task, now=T)
        box.tasks.ready = frozenset({*box.tasks.ready, task.task_id})
    for _ in range(8):  # each is cut, and not stored
        box.loops.step()
    assert len(box.local()) == 4
    missing = [len(CONTENT) * 3]
    box.loops.cuts.short = lambda: missing.pop() if missing else 0
    box.loops.step()
    states = {t: box.last(t)["state"] for t in ("t1", "a0", "a1", "a2")}
    assert states == {"t1": "uploading", "a0": "failed", "a1": "failed", "a2": "uploading"}
    assert len(box.local()) == 2
    assert "disk is full" in box.last("a0")["error"]


def test_what_cannot_be_read_any_more_is_told_as_a_gap(box: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    def join(argv: list[str], stop: Any) -> None:
        Path(argv[-1].removeprefix("file:")).write_bytes((box.folder / "segments" / "0").read_bytes())

    monkeypatch.setattr(cutting, "make_clip", clips.make_clip)
    monkeypatch.setattr(clips, "run_tool", join)
    for start in (0, 2, 4):
        box.piece(start, start + 2)
        if start != 2:
            make_fragmented(box.folder / "segments" / f"{start}")
    spoil_fragments(box.folder / "segments" / "4", 1, 2, 3)
    box.stopped()
    box.work(1)
    assert (box.last()["state"], box.last()["gaps"]) == ("uploading", [[T + 2, T + 4], [T + 4.5, T + 12]])


# -- a storage that does not answer -------------------------------------------------------------------------------------


@pytest.fixture
def hung(box: Works, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """A thread stores the oldest clip and does not come back until this is called, which waits for its end."""
    box.piece(0, 12)
    box.stopped()
    box.loops.cuts.step()
    here, answer, save = threading.Event(), threading.Event(), BadStorage._save

    def wait(storage: BadStorage, name: str, content: File[bytes]) -> str:
        here.set()
        answer.wait(20)
        return save(storage, name, content)

    monkeypatch.setattr(BadStorage, "_save", wait)
    thread = threading.Thread(target=box.loops.uploads.step)
    thread.start()
    assert here.wait(20)

    def go_on() -> None:
        answer.set()
        thread.join(20)
        assert not thread.is_alive()

    yield go_on
    go_on()


def test_a_storage_that_hangs_holds_up_no_cutting(box: Works, hung: Callable[[], None]) -> None:
    for task_id in ("t2", "t3"):
        box.stopped(task_id)
        assert box.loops.cuts.step()
        assert box.states(task_id) == ["stopping", "uploading"]
    assert not box.loops.cuts.step()
    assert (box.states(), box.made) == (["stopping", "uploading"], 3)


def test_what_waited_for_a_storage_is_stored_in_its_order(box: Works, hung: Callable[[], None]) -> None:
    box.stopped("t2")
    box.loops.cuts.step()
    hung()
    while box.store.in_states("uploading"):
        box.loops.uploads.step()
    done = [json.loads(r.body) for r in Outbox(box.database).head("vid1", 99)]
    assert [b["task_id"] for b in done if b["state"] == "completed"] == ["t1", "t2"]
    assert box.local() == []


def test_a_full_disk_takes_clips_while_the_storage_hangs_but_not_the_one_that_is_sent(
    box: Works, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    box.store.add(
        Task("a0", "vid1", "alert-a0", "stopping", 1, T - 1, 60.0, T, T + 12, alert_id="a0"), now=T
    )  # the oldest
    box.tasks.ready = frozenset({"a0"})
    box.piece(0, 12)
    box.loops.cuts.step()
    hung = request.getfixturevalue("hung")  # with a0
    box.store.add(Task("a1", "vid1", "alert-a1", "stopping", 1, T, 60.0, T, T + 12, alert_id="a1"), now=T)
    box.tasks.ready = frozenset({"t1", "a1"})
    while box.store.in_states("stopping"):
        box.loops.cuts.step()
    missing = [10**9]
    box.loops.cuts.short = lambda: missing.pop() if missing else 0
    box.loops.cuts.step()
    assert {t: box.last(t)["state"] for t in ("t1", "a0", "a1")} == {
        "t1": "uploading",
        "a0": "uploading",
        "a1": "failed",
    }
    hung()
    while box.store.in_states("uploading"):
        box.loops.uploads.step()
    assert {t: box.last(t)["state"] for t in ("t1", "a0")} == {"t1": "completed", "a0": "completed"}


def test_a_task_that_somebody_else_works_on_is_left_alone(box: Works) -> None:
    box.piece(0, 12)
    box.stopped()
    claims = box.loops.cuts.claims
    assert claims.take("t1")
    assert not claims.take("t1")
    assert not box.loops.step()
    claims.leave("t1")
    assert box.loops.step()


# -- a file that is damaged ---------------------------------------------------------------------------------------------


def spoil(box: Works) -> None:
    [file] = (box.folder / "clips").rglob("*.mp4")
    file.write_bytes(CONTENT[:-1] + b"?")


def test_a_clip_that_was_damaged_before_it_was_stored_is_cut_again(box: Works) -> None:
    box.piece(0, 12)
    box.stopped()
    box.loops.step()
    spoil(box)
    box.work(3)
    assert (box.last()["state"], box.made) == ("completed", 2)
    assert stored() == CONTENT


def test_a_damaged_clip_of_which_nothing_is_left_is_the_tasks_end(box: Works) -> None:
    box.piece(0, 12)
    box.stopped()
    box.loops.step()
    spoil(box)
    box.segments.forget([segment.path for segment in box.segments.between("vid1", start=T, end=T + 12)])
    box.work(2)
    assert (box.last()["state"], box.last()["error"], box.local()) == ("failed", words.DAMAGED, [])


def test_a_clip_that_a_disk_cannot_read_any_more_is_damaged(box: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    box.piece(0, 12)
    box.stopped()
    box.loops.step()
    BadStorage.spoil = 10_000
    problem = OSError(errno.EMFILE, "too many files")

    def read(*given: Any) -> str:
        raise problem

    monkeypatch.setattr(words, "sha256_of", read)
    monkeypatch.setattr(words, "LOOK_SECONDS", 0)
    box.work(4)
    assert box.made == 1  # the program's trouble, not the disk's
    problem = OSError(errno.EIO, "input/output error")
    box.work(2)
    assert box.made == 2


def test_a_storage_that_is_away_for_long_has_each_clip_read_once_an_hour(
    box: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Any] = []

    def read(file: Any, stop: Any) -> str:
        looked.append(file)
        return hashlib.sha256(CONTENT).hexdigest()

    monkeypatch.setattr(words, "sha256_of", read)
    box.piece(0, 12)
    box.stopped()
    BadStorage.spoil = 10_000
    box.work(61)  # two hours
    assert 2 <= len(looked) <= 3
    assert box.made == 1


def test_a_clip_that_cannot_be_removed_holds_up_no_other(box: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is to go, since nothing is left to make it of; the disk that lost it may not let its file go either."""
    box.piece(0, 12)
    box.stopped()
    box.stopped("t2")
    while box.store.in_states("stopping"):
        box.loops.cuts.step()
    first = Path(box.last()["local_file"])
    first.unlink()
    box.problem = ClipError("no segment can be read", retryable=False)
    real, broken = Path.unlink, [True]

    def unlink(file: Path, missing_ok: bool = False) -> None:
        if file == first and broken:
            raise OSError(errno.EIO, "Input/output error")
        real(file, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    box.loops.step()
    box.loops.step()
    assert (box.last()["state"], box.last("t2")["state"]) == ("uploading", "completed")
    broken.clear()
    box.ticks.advance(120)
    box.work(1)
    assert (box.last()["state"], box.last()["error"]) == ("failed", f"{clip_work.NOT_CUT}: no segment can be read")
