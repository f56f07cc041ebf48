"""Extracts on the box: orders that come again, waiting for the last segment, storing, trying again, forgetting."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from edgesite import storage
from edgesite.commands import Command
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.outbox import Outbox
from recordings.core.ffmpeg import Tool
from recordings.core.hiding import Hide
from recordings.core.segments import Segment
from recordings.recorder import extracts as words
from recordings.recorder.clips import Clip, ClipError
from recordings.recorder.extracts import Extracts
from recordings.recorder.segment_store import SegmentStore
from tests.fakes import Clock
from tests.recordings.test_recorder_tasks import FakeSegmenter

T = 1_795_334_400.0
SHA = "7a51000a2dc13dd0a3e1ea1bfbf9c6d6c1a0dd9d3e8b1f34ab4f5c1b8a0f8f11"


class Box:
    """A box that recorded 20 s of `vid1`, less a gap of 3 s."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.database = EdgeDatabase(folder / "edge.sqlite3")
        self.segments = SegmentStore(self.database)
        self.clock, self.ticks = Clock(T + 1000), Clock(50.0)
        self.cameras: dict[str, FakeSegmenter] = {}
        self.problem: Exception | None = None
        self.cuts: list[list[str]] = []
        monkeypatch.setattr(words, "make_clip", self._make)
        monkeypatch.setattr(words, "make_hidden_clip", self._hide)
        self.hidden: list[Hide] = []
        for start, end in ((0, 8), (8, 12), (15, 20)):
            self.piece(start, end)
        self.extracts = self.begin()

    def begin(self) -> Extracts:
        made = Extracts(
            self.folder, self.database, self.segments, self.cameras, Tool("/usr/bin/ffmpeg"), threading.Event(),
            self.clock, self.ticks,
        )  # fmt: skip
        made.clear()
        return made

    def piece(self, start: float, end: float, *, ring: bool = False) -> None:
        path = self.folder / "segments" / f"{start}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 100)
        self.segments.add([Segment("vid1", f"{start}", "r", T + start, T + end, 100, ring)])

    def _make(self, segments: Any, *, target: Path, end: float, **values: Any) -> Clip:
        if self.problem is not None:
            raise self.problem
        self.cuts.append([s.path for s in segments])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"film")
        with target.open("rb") as file:
            return Clip(target, 4, storage.sha256_of(file), 11.5)

    def _hide(self, segments: Any, *, hide: Hide, told: Any, stop: Any, **values: Any) -> Clip:
        self.hidden.append(hide)
        told(0.5)
        self.stop = stop
        if self.problem is not None:
            raise self.problem
        return self._make(segments, **values)

    def order(
        self, extract_id: str = "x1", *, begin: float = 2, end: float = 18, purpose: str = "play",
        kind: str = words.KIND, **more: Any,
    ) -> None:  # fmt: skip
        body = {
            "extract_id": extract_id, "camera_id": "vid1", "begin": T + begin, "end": T + end, "purpose": purpose,
            "key": f"extracts/vid1/20261122/{extract_id}.mp4",
        }  # fmt: skip
        self.extracts.obey(Command("r", kind, T, body | more), 5.0)

    def work(self, turns: int = 4) -> None:
        for _ in range(turns):
            self.extracts.step("play")

    def told(self, extract_id: str = "x1") -> list[dict[str, Any]]:
        bodies = [json.loads(r.body) for r in Outbox(self.database).head("vid1", 99)]
        return [b for b in bodies if b["extract_id"] == extract_id]

    def states(self, extract_id: str = "x1") -> list[str]:
        return [b["state"] for b in self.told(extract_id)]


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Any:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "edgesite.storage.DurableFileStorage",
            "OPTIONS": {"location": str(tmp_path / "media")},
        }
    }
    made = Box(tmp_path, monkeypatch)
    yield made
    made.database.close()


def test_it_is_cut_stored_and_told_with_its_gaps(box: Box) -> None:
    box.order()
    box.work()
    assert box.states() == ["waiting", "storing", "ready"]
    last = box.told()[-1]
    assert (last["started_at"], last["duration"], last["bytes"]) == (T, 11.5, 4)
    assert last["gaps"] == [[T + 12, T + 15]]
    assert storage.is_stored("extracts/vid1/20261122/x1.mp4", sha256=last["sha256"], size=4)
    assert list((box.folder / "extracts").iterdir()) == []
    assert box.cuts == [["0", "8", "15"]]


def test_orders_that_come_again_are_answered_and_cut_once(box: Box) -> None:
    box.order()
    box.order()
    box.work()
    box.order()
    assert box.states() == ["waiting", "waiting", "storing", "ready", "ready"]
    assert len(box.cuts) == 1


def test_only_its_purpose_is_worked_on(box: Box) -> None:
    box.order(purpose="export")
    assert not box.extracts.step("play")
    assert box.extracts.step("export")


def test_what_is_being_recorded_is_waited_for(box: Box) -> None:
    box.cameras["vid1"] = FakeSegmenter(recording=True)
    box.clock.now = T + 22
    box.order(end=21)
    box.work()
    assert box.states() == ["waiting"]
    assert box.extracts.spans() == [("vid1", T + 2, T + 21)]
    box.piece(20, 24)
    box.work()
    assert box.states()[-1] == "ready"
    assert box.extracts.spans() == []
    box.order("x2", begin=23, end=26)
    box.work()
    assert box.states("x2") == ["waiting"]
    box.clock.advance(30)  # the camera sends no more
    box.work()
    assert box.states("x2")[-1] == "ready"


def test_an_export_up_to_now_keeps_its_end_where_key_frames_are_rare(box: Box) -> None:
    box.cameras["vid1"] = FakeSegmenter(recording=True)
    box.order(end=30, purpose="export")
    box.clock.now = T + 80
    box.extracts.step("export")
    assert box.states() == ["waiting"]
    box.piece(20, 81)
    for _ in range(2):
        box.extracts.step("export")
    assert box.states()[-1] == "ready"
    assert box.told()[-1]["gaps"] == [[T + 12, T + 15]]
    box.order("x2", begin=23, end=90, purpose="export")
    box.clock.advance(140)  # nothing is waited for longer than two minutes
    for _ in range(2):
        box.extracts.step("export")
    assert box.states("x2")[-1] == "ready"


def test_nothing_recorded_and_a_broken_recording_say_so(box: Box) -> None:
    box.order(begin=100, end=160)
    box.work()
    assert (box.states()[-1], box.told()[-1]["message"]) == ("failed", words.NOTHING)
    (box.folder / "segments" / "0").unlink()
    box.problem = ClipError("no segment can be read", retryable=False)
    box.order("x2")
    box.work()
    assert box.told("x2")[-1]["message"] == f"{words.NOT_CUT}: no segment can be read"


def test_what_is_only_kept_in_case_of_an_alert_is_not_given(box: Box) -> None:
    box.piece(100, 104, ring=True)
    box.order(begin=100, end=104)
    box.work()
    assert box.told()[-1]["message"] == words.NOTHING


def test_a_full_disk_or_storage_is_tried_again(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.problem = ClipError("No space left", retryable=True)
    box.order()
    box.work()
    assert box.told()[-1]["message"] == f"{words.NOT_CUT}: No space left"
    assert box.states() == ["waiting", "waiting"]
    box.problem = None
    put = storage.put

    def away(key: str, content: Any) -> None:
        raise storage.StorageError("the storage is away", retryable=True)

    monkeypatch.setattr(storage, "put", away)
    box.ticks.advance(40)
    box.work()
    assert (box.states()[-1], box.told()[-1]["message"]) == ("storing", f"{words.NOT_STORED}: the storage is away")
    assert (box.folder / "extracts" / "x1.mp4").is_file()
    monkeypatch.setattr(storage, "put", put)
    box.ticks.advance(40)
    box.order()
    box.work()
    assert (box.states()[-1], box.told()[-1]["message"]) == ("ready", "")
    assert len(box.cuts) == 1


def test_what_nobody_asks_for_any_more_is_forgotten(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        storage, "put", lambda key, content: (_ for _ in ()).throw(storage.StorageError("away", retryable=True))
    )
    box.order()
    box.work()
    assert (box.folder / "extracts" / "x1.mp4").is_file()
    box.ticks.advance(words.FORGOTTEN_SECONDS + 1)
    box.work()
    assert not (box.folder / "extracts" / "x1.mp4").exists()
    assert box.extracts.spans() == []


def test_a_restart_begins_anew_when_the_hub_asks(box: Box) -> None:
    box.order()
    box.extracts.step("play")
    left = box.folder / "extracts" / "x1.mp4"
    assert left.is_file()
    box.extracts = box.begin()
    assert not left.exists()
    box.work()
    box.order()
    box.work()
    assert box.states()[-1] == "ready"


def test_its_progress_is_what_is_written(box: Box) -> None:
    box.order()
    [job] = box.extracts._jobs.values()
    assert job.progress == 0
    job.state, job.whole = "cutting", 400
    job.file.parent.mkdir(exist_ok=True)
    job.file.with_suffix(".draft").write_bytes(b"x" * 100)
    box.order()
    assert box.told()[-1]["progress"] == 20
    job.file.with_suffix(".draft").write_bytes(b"x" * 9000)
    assert job.progress == 80


@pytest.mark.parametrize("change", [{"key": "extracts/../x.mp4"}, {"key": "captures/x.jpg"}, {"begin": float("nan")}])
def test_an_order_that_cannot_be_is_ignored(box: Box, change: dict[str, Any]) -> None:
    body = {
        "extract_id": "x1",
        "camera_id": "vid1",
        "begin": T,
        "end": T + 9,
        "purpose": "play",
        "key": "extracts/v/x.mp4",
    }
    box.extracts.obey(Command("r", words.KIND, T, body | change), 5.0)
    assert box.extracts.spans() == []


def test_only_so_many_at_once(box: Box) -> None:
    for n in range(words.MOST_JOBS + 3):
        box.order(f"x{n}")
    assert len(box.extracts.spans()) == words.MOST_JOBS


def test_what_is_finished_takes_nobodys_place(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "MOST_JOBS", 2)
    for number in range(4):
        box.order(f"x{number}")
        box.work(2)
    assert [box.states(f"x{number}")[-1] for number in range(4)] == ["ready"] * 4
    for number in range(4, 7):
        box.order(f"x{number}")
    assert [bool(box.told(f"x{number}")) for number in range(4, 7)] == [True, True, False]


def test_what_the_disk_has_no_room_for_is_refused_in_words(box: Box, settings: Any) -> None:
    box.extracts.free = lambda folder: 599 + words.SPARE  # 300 bytes, and as many where the hub's files are
    box.order()
    box.work()
    assert (box.states(), box.cuts) == (["waiting", "failed"], [])
    assert box.told()[-1]["message"] == words.NO_ROOM
    settings.S3_BUCKET = "clips"  # where it goes then
    box.order("x2")
    box.work()
    assert box.states("x2")[-1] == "ready"
