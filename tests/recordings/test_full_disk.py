"""A disk without room: the recorder starts, deletes what may go, and takes in what it found once there is room."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError
from recordings.recorder.indexing import Indexer
from recordings.recorder.recorder import Recorder
from recordings.recorder.segment_store import SegmentStore
from recordings.recorder.segmenter import Finished
from tests.recordings.pieces import make_part
from tests.recordings.test_keeping import Disk
from tests.recordings.test_recorder_tasks import T

RUN = "20261122T080000.000Z-ab12"
FULL = EdgeStoreError("disk full", retryable=True)


class Recording(Disk):
    """A recorder without ffmpeg; `full` makes the tasks' look fail."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.full = True
        self.folder.mkdir()
        self.recorder = Recorder(
            folder=self.folder, indexer=Indexer(self.folder, self.segments), keeping=self.keeping, tool=None,
            transport="tcp", stop=threading.Event(), wanted=self.tasks.wanted, think=self._think, monotonic=self.ticks,
        )  # fmt: skip

    def _think(self) -> None:
        if self.full:
            raise FULL

    def step(self) -> None:
        self.ticks.advance(11)  # longer than retention and the sweep wait
        self.recorder.wake()
        with contextlib.suppress(EdgeStoreError):
            self.recorder.step()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Recording]:
    made = Recording(tmp_path)
    yield made
    made.recorder.close()
    made.database.close()


def test_tasks_that_cannot_be_written_keep_nothing_from_being_deleted(disk: Recording) -> None:
    disk.fill(1500, 500)
    disk.space = 0
    disk.step()
    assert disk.left() == []


def test_a_disk_that_takes_no_mark_gets_room_first(disk: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.fill(500, 400)
    disk.space = 0
    transaction = EdgeDatabase.transaction

    def full(self: EdgeDatabase) -> Any:
        if any(p.is_file() for p in disk.folder.rglob("*")):
            raise FULL
        return transaction(self)

    monkeypatch.setattr(EdgeDatabase, "transaction", full)
    disk.step()
    assert disk.left() == []


def test_a_store_that_fails_for_another_reason_costs_no_segment(
    disk: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **values: Any) -> None:
        raise FULL

    disk.fill(1500, 500, 400)
    monkeypatch.setattr(SegmentStore, "delete", broken)
    with capture_logs() as logs:
        disk.step()
        disk.step()
    assert disk.left() == [1500, 500, 400]
    assert [e["event"] for e in logs] == ["segments cannot be deleted"]  # told once


def test_a_start_on_a_full_disk_takes_in_later_what_it_found(disk: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    part = make_part(disk.folder, camera_id="vid1", run=RUN, number=0, written=T)
    with monkeypatch.context() as patch:
        patch.setattr("recordings.recorder.indexing.mend", _no_room)
        disk.recorder.sweep(["vid1"])
        disk.step()
    assert part.exists()
    assert disk.segments.of_camera("vid1") == []
    disk.step()
    assert not part.exists()
    assert len(disk.segments.of_camera("vid1")) == 1
    make_part(disk.folder, camera_id="vid1", run=RUN, number=1, written=T)
    disk.step()
    assert len(disk.segments.of_camera("vid1")) == 1  # swept once


def _no_room(*args: Any) -> bool:
    raise OSError(28, "No space left on device")


def test_a_late_sweep_leaves_what_is_being_written_alone(disk: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    indexer = disk.recorder.indexer
    written = make_part(disk.folder, camera_id="vid1", run=RUN, number=1, written=T)
    closed = make_part(disk.folder, camera_id="vid1", run="another", number=0, written=T)
    indexer.take(Finished("vid1", "another", closed, closed.name, T - 7, T - 5))
    assert indexer.sweep(["vid1"], spare=[RUN]) == 0
    assert written.exists()
    indexer.step()
    assert [(s.start, s.end) for s in disk.segments.of_camera("vid1")] == [(T - 7, T - 5)]
