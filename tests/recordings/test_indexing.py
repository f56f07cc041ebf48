"""Disk and index brought together: nothing that was recorded is lost or doubled, whenever a kill came."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError
from recordings.core.segments import Segment, segment_path
from recordings.recorder import files
from recordings.recorder.indexing import TAKE_SECONDS, Indexer
from recordings.recorder.segment_store import SegmentStore
from recordings.recorder.segmenter import Finished
from tests.recordings.pieces import decoded, make_fragmented, make_part

T = 1_795_334_400.0
RUN = "20261122T080000.000Z-ab12"


@pytest.fixture
def indexer(tmp_path: Path) -> Any:
    database = EdgeDatabase(tmp_path / "edge.sqlite3")
    (tmp_path / "segments").mkdir()
    yield Indexer(tmp_path / "segments", SegmentStore(database))
    database.close()


def finished(indexer: Indexer, number: int, start: float, *, camera_id: str = "vid1") -> Finished:
    part = make_part(indexer.folder, camera_id=camera_id, run=RUN, number=number, written=start + 2)
    return Finished(camera_id, RUN, part, part.name, start, start + 2)


def rows(indexer: Indexer, camera_id: str = "vid1") -> list[tuple[float, float]]:
    return [(s.start - T, s.end - T) for s in indexer.store.of_camera(camera_id)]


def on_disk(indexer: Indexer) -> list[str]:
    return sorted(str(p.relative_to(indexer.folder)) for p in indexer.folder.rglob("*") if p.is_file())


def test_a_finished_segment_is_durable_under_its_name_before_its_row(
    indexer: Indexer, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    settle, add = files.settle, indexer.store.add

    def settled(part: Path, final: Path) -> int:
        done.append("file")
        return settle(part, final)

    def added(store: SegmentStore, segments: Any) -> None:
        done.append("row")
        add(segments)

    monkeypatch.setattr("recordings.recorder.indexing.settle", settled)
    monkeypatch.setattr(SegmentStore, "add", added)
    indexer.take(finished(indexer, 0, T))
    assert indexer.step()
    assert done == ["file", "row"]
    [row] = indexer.store.of_camera("vid1")
    assert on_disk(indexer) == [row.path]
    assert row.size == (indexer.folder / row.path).stat().st_size
    assert not indexer.step()


def test_what_cannot_be_taken_in_waits(indexer: Indexer, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(store: SegmentStore, segments: Any) -> None:
        raise EdgeStoreError("disk full", retryable=True)

    indexer.take(finished(indexer, 0, T))
    with monkeypatch.context() as patch:
        patch.setattr(SegmentStore, "add", full)
        assert not indexer.step()
        assert not indexer.step()
        assert indexer.trouble == "disk full"
    assert indexer.step()
    assert (indexer.trouble, rows(indexer)) == ("", [(0, 2)])


def test_a_start_finds_what_a_kill_left(indexer: Indexer) -> None:
    indexer.take(finished(indexer, 0, T))
    indexer.step()
    make_part(indexer.folder, camera_id="vid1", run=RUN, number=1, written=T + 4.1)
    cut = make_part(indexer.folder, camera_id="vid1", run=RUN, number=2, written=T + 6)
    with open(cut, "r+b") as file:
        file.truncate(cut.stat().st_size * 3 // 4)
    os.utime(cut, (T + 5.6, T + 5.6))
    empty = make_part(indexer.folder, camera_id="vid1", run=RUN, number=3, written=T + 6)
    empty.write_bytes(b"")
    other = make_part(indexer.folder, camera_id="a/b", run=RUN, number=0, written=T + 2)
    assert indexer.sweep(["vid1", "a/b"]) == 3
    first, second, third = rows(indexer)
    assert [*first, *second] == pytest.approx([0, 2, 2, 4])
    assert third[0] == pytest.approx(4.0)
    assert 1.0 <= third[1] - third[0] < 2.0
    [(start, end)] = rows(indexer, "a/b")
    assert [start, end] == pytest.approx([0, 2])
    assert not other.exists()
    assert not empty.exists()
    for segment in indexer.store.of_camera("vid1"):
        assert decoded(indexer.folder / segment.path) >= 10
    assert indexer.sweep(["vid1", "a/b"]) == 0
    assert len(rows(indexer)) == 3


def test_a_kill_between_name_and_row_loses_nothing(indexer: Indexer) -> None:
    indexer.take(finished(indexer, 0, T))
    indexer.step()
    [row] = indexer.store.of_camera("vid1")
    indexer.store.forget([row.path])
    assert indexer.sweep(["vid1"]) == 1
    assert indexer.store.of_camera("vid1") == [row]


def test_a_kill_within_a_deletion_is_finished(indexer: Indexer) -> None:
    for number in range(2):
        indexer.take(finished(indexer, number, T + 2 * number))
    indexer.step()
    first, second = indexer.store.of_camera("vid1")
    with indexer.store.database.transaction() as db:
        db.execute("UPDATE segments SET doomed = 1 WHERE path = ?", (first.path,))
    assert indexer.store.of_camera("vid1") == [second]
    assert indexer.sweep(["vid1"]) == 0
    assert on_disk(indexer) == [second.path]
    assert indexer.store.shares()["vid1"][:2] == (1, second.size)


def test_rows_without_a_file_are_forgotten_but_not_most_of_them(indexer: Indexer) -> None:
    for number in range(24):
        path = f"vid1/20261122/20261122T0800{number:02d}.000Z_{RUN}_{number:06d}.mp4"
        if number >= 11:
            make_fragmented(indexer.folder / path, seconds=1)
        indexer.store.add([Segment("vid1", path, RUN, T + number, T + number + 1, 1)])
    indexer.reconcile("vid1")
    assert len(rows(indexer)) == 13  # 11 of 24 were gone
    moved = indexer.folder.rename(indexer.folder.with_name("elsewhere"))
    indexer.folder.mkdir()
    indexer.reconcile("vid1")
    assert len(rows(indexer)) == 13
    assert indexer.missing == {"vid1": 13}
    indexer.folder.rmdir()
    moved.rename(indexer.folder)
    indexer.reconcile("vid1")
    assert indexer.missing == {}


def test_an_index_that_was_lost_is_made_anew_bit_by_bit(indexer: Indexer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading all files at once would keep every camera from being recorded for as long as that takes."""
    for camera_id, numbers in (("a", range(20)), ("b", range(20, 30))):
        for number in numbers:
            path = segment_path(camera_id=camera_id, run=RUN, name=f"{RUN}_{number:06d}.part", start=T + number)
            (indexer.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (indexer.folder / path).write_bytes(b"x")
    now = [0.0]

    def slow(path: Path) -> float:
        now[0] += TAKE_SECONDS / 4
        return 1.0

    monkeypatch.setattr("recordings.recorder.indexing.measure", slow)
    monkeypatch.setattr("recordings.recorder.indexing.SWEEP_SECONDS", TAKE_SECONDS)
    indexer.monotonic = lambda: now[0]
    assert indexer.sweep(["a", "b"]) == 8  # in two turns, one for each camera
    assert now[0] == 2 * TAKE_SECONDS
    assert [start for start, _ in rows(indexer, "a")] == [float(n) for n in range(8)]  # the oldest first: they go first
    indexer.reconcile("a")  # the minute's look doubles nothing
    while indexer.step():
        pass
    assert (len(rows(indexer, "a")), len(rows(indexer, "b"))) == (20, 10)
    assert now[0] == 30 * TAKE_SECONDS / 4


def test_deleting_takes_the_file_and_then_the_row(indexer: Indexer) -> None:
    for number in range(3):
        indexer.take(finished(indexer, number, T + 2 * number))
    indexer.step()
    doomed = indexer.store.oldest(2)
    indexer.store.delete(doomed, folder=indexer.folder)
    assert rows(indexer) == [(4, 6)]
    assert len(on_disk(indexer)) == 1
    assert indexer.store.between("vid1", start=T, end=T + 4) == []


def test_every_camera_is_found_by_its_rows(indexer: Indexer) -> None:
    assert indexer.store.cameras() == []
    indexer.store.add([Segment(c, f"{c}/{n}.mp4", RUN, T + n, T + n + 1, 1) for c in ("b", "a", "c") for n in (1, 2)])
    assert indexer.store.cameras() == ["a", "b", "c"]
    assert indexer.store.paths("a") == {"a/1.mp4", "a/2.mp4"}


def test_what_is_to_be_deleted_is_found_without_reading_all(indexer: Indexer) -> None:
    [step] = indexer.store.database.rows("EXPLAIN QUERY PLAN SELECT path FROM segments WHERE doomed")
    assert "segments_doomed" in step["detail"]


# -- folders of days ---------------------------------------------------------------------------------------------------


def folders(indexer: Indexer) -> list[str]:
    return sorted(str(p.relative_to(indexer.folder)) for p in indexer.folder.rglob("*") if p.is_dir())


def test_a_day_of_which_nothing_is_left_goes_and_comes_again(indexer: Indexer) -> None:
    for number, start in enumerate((T - 86_400, T - 86_400 + 2, T)):
        indexer.take(finished(indexer, number, start))
    indexer.step()
    camera, old, new = folders(indexer)
    first, second, third = indexer.store.of_camera("vid1")
    indexer.store.delete([first], folder=indexer.folder)
    assert folders(indexer) == [camera, old, new]
    indexer.store.delete([second, third], folder=indexer.folder)
    assert folders(indexer) == [camera]  # into which ffmpeg writes
    indexer.take(finished(indexer, 3, T + 4))
    indexer.step()
    assert (rows(indexer), folders(indexer)) == ([(4, 6)], [camera, new])


def test_a_kill_behind_the_removal_of_a_day_is_finished(indexer: Indexer, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(store: SegmentStore, paths: Any) -> None:
        raise KeyboardInterrupt

    indexer.take(finished(indexer, 0, T))
    indexer.step()
    with monkeypatch.context() as patch:
        patch.setattr(SegmentStore, "forget", killed)
        with pytest.raises(KeyboardInterrupt):
            indexer.store.delete(indexer.store.of_camera("vid1"), folder=indexer.folder)
    assert indexer.store.finish_deleting(folder=indexer.folder) == 1


def test_a_start_removes_days_that_were_left_empty(indexer: Indexer) -> None:
    indexer.take(finished(indexer, 0, T))
    indexer.step()
    kept = folders(indexer)
    (indexer.folder / "vid1" / "20261101").mkdir()
    (indexer.folder / "vid1" / "20261102").mkdir()
    foreign = indexer.folder / "vid1" / "20261102" / "notes.txt"
    foreign.write_text("somebody's own")
    indexer.sweep(["vid1"])
    assert foreign.is_file()
    assert folders(indexer) == sorted([*kept, "vid1/20261102"])


def test_a_folder_that_cannot_be_read_does_not_keep_what_a_kill_left_from_being_taken_in(
    indexer: Indexer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `lost+found`, where the segments have a disk of their own."""
    real = Path.iterdir

    def closed(folder: Path) -> Any:
        if folder.name == "lost+found":
            raise PermissionError(13, "Permission denied", str(folder))
        return real(folder)

    (indexer.folder / "lost+found").mkdir()
    (indexer.folder / "vid1" / "20261101").mkdir(parents=True)
    make_part(indexer.folder, camera_id="vid1", run=RUN, number=0, written=T + 2)
    monkeypatch.setattr(Path, "iterdir", closed)
    assert indexer.sweep(["vid1"]) == 1
    assert rows(indexer) == [(0, 2)]
    assert "vid1/20261101" not in folders(indexer)
