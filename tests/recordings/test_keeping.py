"""Retention on a box: files go with their rows, and what an unfinished task needs stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgesite.edge_store.losses import report_losses
from edgesite.edge_store.outbox import Outbox
from recordings.core.retention import Limits, Terms
from recordings.core.segments import Segment
from recordings.recorder import keeping, segment_store
from recordings.recorder.keeping import Keeping
from recordings.recorder.task_store import Task
from tests.fakes import Clock
from tests.recordings.test_recorder_tasks import Box, T

LIMITS = Limits(keep_s=1000.0, floor=100, enough=150)


class Disk(Box):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder, self.space = folder / "segments", 10_000
        self.ticks = Clock()
        self.keeping = Keeping(
            self.folder, self.segments, self.store, LIMITS, self.clock, self.ticks, lambda folder: self.space
        )

    def fill(self, *ages: float) -> None:
        for age in ages:
            file = self.folder / "vid1" / "20261122" / f"{age:g}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"x" * 20)
            path = str(file.relative_to(self.folder))
            self.segments.add([Segment("vid1", path, "r", T - age - 4, T - age, 20)])

    def left(self) -> list[int]:
        """Ages of the files; rows and files agree."""
        files = sorted((int(p.name) for p in self.folder.rglob("*") if p.is_file()), reverse=True)
        assert [round(T - s.end) for s in self.segments.of_camera("vid1")] == files
        return files


@pytest.fixture
def disk(tmp_path: Path) -> Any:
    made = Disk(tmp_path)
    yield made
    made.database.close()


def test_old_ones_go_every_ten_seconds(disk: Disk) -> None:
    disk.fill(1500, 1200, 500)
    assert disk.keeping.step()
    assert disk.left() == [500]
    assert disk.keeping.stock == (3, 60)
    assert not disk.keeping.step()  # right behind it looks once more
    disk.fill(1300)
    assert not disk.keeping.step()
    disk.ticks.advance(11)
    assert disk.keeping.step()
    assert disk.left() == [500]
    assert disk.keeping.stock == (2, 40)


def test_a_disk_that_fills_gives_up_the_oldest(disk: Disk) -> None:
    disk.fill(500, 400, 300)
    disk.space = 99
    disk.keeping.step()
    assert disk.left() == []
    assert disk.keeping.alarm == ""
    disk.ticks.advance(11)
    disk.space = 149
    disk.keeping.step()
    assert disk.keeping.alarm != ""
    assert (disk.keeping.take_short(), disk.keeping.take_short()) == (1, 0)
    disk.ticks.advance(11)
    disk.space = 150
    disk.keeping.step()
    assert disk.keeping.alarm == ""


@pytest.mark.parametrize(
    ("state", "left"),
    [("recording", [500, 400, 300]), ("stopping", [500, 400]), ("uploading", [500, 400]), ("completed", [])],
)
def test_what_a_task_needs_stays(disk: Disk, state: Any, left: list[int]) -> None:
    disk.fill(500, 400, 300)
    stopped = None if state == "recording" else T - 350
    disk.store.add(Task("t1", "vid1", "shift", state, 1, T - 503, 60.0, T - 503, stopped), now=T)
    disk.space = 0
    disk.keeping.step()
    assert disk.left() == left
    assert disk.keeping.alarm != ""


def test_a_long_task_at_the_beginning_keeps_nothing_else(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "AT_ONCE", 2)
    disk.fill(900, 890, 880, 500, 400, 300)
    disk.store.add(Task("t1", "vid1", "shift", "uploading", 1, T - 910, 60.0, T - 904, T - 870), now=T)
    disk.store.add(Task("t2", "vid2", "shift", "uploading", 1, T - 910, 60.0, T - 904, T), now=T)
    disk.space = 0
    disk.keeping.step()
    assert disk.left() == [900, 890, 880, 300]
    assert disk.keeping.alarm == ""  # there is more to give
    disk.keeping.step()
    assert disk.left() == [900, 890, 880]
    assert disk.keeping.alarm != ""


def test_a_camera_with_days_of_its_own_keeps_them_and_hides_nothing(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "AT_ONCE", 2)
    disk.fill(1500, 1400, 1300, 100)
    disk.segments.add([Segment("vid2", "vid2/x", "r", T - 1204, T - 1200, 20)])
    disk.keeping.own = lambda: {"vid1": Terms(5000.0)}
    assert disk.keeping.step()
    assert disk.left() == [1500, 1400, 1300, 100]
    assert disk.segments.of_camera("vid2") == []
    disk.keeping.own = lambda: {"vid1": Terms(1350.0)}
    disk.ticks.advance(11)
    disk.keeping.step()
    assert disk.left() == [1300, 100]


def test_a_clock_that_jumps_takes_nothing_however_much_there_is(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "AT_ONCE", 3)  # of what there is, a look has a small part in hand
    ages = list(range(900, 100, -40))
    disk.fill(*ages)
    disk.keeping.step()
    disk.clock.advance(30 * 86_400)
    for _ in range(9):
        disk.ticks.advance(11)
        disk.keeping.step()
    assert disk.left() == ages
    assert "clock" in disk.keeping.alarm
    disk.segments.add([Segment("vid1", "vid1/new", "r", disk.clock.now - 9, disk.clock.now - 5, 20)])
    disk.keeping = Keeping(  # a restart does not forget it
        disk.folder, disk.segments, disk.store, LIMITS, disk.clock, disk.ticks, lambda folder: disk.space
    )
    disk.keeping.step()
    assert len(disk.segments.of_camera("vid1")) == len(ages) + 1
    disk.clock.now = T  # set right
    disk.ticks.advance(11)
    disk.keeping.step()
    assert disk.keeping.alarm == ""
    disk.clock.advance(300)
    disk.ticks.advance(300)
    for _ in range(3):
        disk.keeping.step()
    assert min(s.start for s in disk.segments.of_camera("vid1")) > disk.clock.now - 1010


def test_fewer_days_are_no_jump(disk: Disk) -> None:
    disk.fill(*range(900, 60, -40))
    disk.keeping.step()
    disk.keeping.own = lambda: {"vid1": Terms(200.0)}
    disk.ticks.advance(11)
    disk.clock.advance(11)
    assert disk.keeping.step()
    assert disk.keeping.alarm == ""
    assert max(T + 11 - s.end for s in disk.segments.of_camera("vid1")) <= 200


def test_a_box_that_was_off_for_long_asks_for_a_week_and_then_goes_on(disk: Disk) -> None:
    disk.fill(*range(900, 60, -40))
    disk.keeping.step()
    disk.clock.advance(30 * 86_400)
    disk.keeping = Keeping(
        disk.folder, disk.segments, disk.store, LIMITS, disk.clock, disk.ticks, lambda folder: disk.space
    )
    assert not disk.keeping.step()
    for clock in (disk.clock, disk.ticks):
        clock.advance(keeping.TRUST_SECONDS - 60)
    assert not disk.keeping.step()
    for clock in (disk.clock, disk.ticks):
        clock.advance(120)
    assert disk.keeping.step()
    assert (disk.left(), disk.keeping.alarm) == ([], "")


# -- terms of cameras, clips that are stored, guaranteed days ---------------------------------------------------------


def stored_clip(disk: Disk, *, start: float, end: float) -> None:
    disk.store.add(Task("done", "vid1", "shift", "completed", 1, T - start, 60.0, T - start, T - end), now=T)


def test_a_camera_with_bytes_of_its_own_keeps_no_more(disk: Disk) -> None:
    disk.fill(500, 400, 300)
    disk.segments.add([Segment("vid2", "vid2/x", "r", T - 900, T - 896, 20)])
    disk.keeping.own = lambda: {"vid1": Terms(most=40)}
    assert disk.keeping.step()
    assert disk.left() == [400, 300]
    assert len(disk.segments.of_camera("vid2")) == 1
    disk.fill(100)
    disk.ticks.advance(11)  # all is summed up once a minute
    disk.keeping.step()
    disk.ticks.advance(keeping.WEIGH_SECONDS)
    disk.keeping.step()
    assert disk.left() == [300, 100]


def test_much_beyond_a_budget_goes_at_once(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "AT_ONCE", 2)
    disk.fill(*range(900, 100, -100))
    disk.keeping.own = lambda: {"vid1": Terms(most=40)}
    for left in (6, 4, 2):
        assert disk.keeping.step()
        assert len(disk.left()) == left
    assert not disk.keeping.step()


def test_for_room_those_go_first_that_a_stored_clip_holds_whole(disk: Disk) -> None:
    disk.fill(900, 500, 496, 492, 300)
    stored_clip(disk, start=502, end=492)  # holds two wholly, and of the one before a part
    disk.keeping.limits = Limits(keep_s=1000.0, floor=100, enough=101)
    for left in ([900, 500, 492, 300], [900, 500, 300], [500, 300]):
        disk.space = 99
        disk.keeping.step()
        assert disk.left() == left
        disk.space = 200  # the next look, at once, finds room
        disk.keeping.step()
        disk.ticks.advance(11)


def test_a_clip_that_is_stored_costs_nothing_while_there_is_room(disk: Disk) -> None:
    disk.fill(500, 496)
    stored_clip(disk, start=600, end=400)
    assert not disk.keeping.step()
    assert disk.left() == [500, 496]


def test_guaranteed_ones_go_last_for_the_floor_alone_and_are_told_as_a_loss(disk: Disk) -> None:
    disk.fill(900, 800, 700)
    disk.segments.add([Segment("vid2", "vid2/x", "r", T - 104, T - 100, 20)])
    disk.keeping.own = lambda: {"vid1": Terms(least_s=950.0)}
    disk.space = 75
    disk.keeping.step()
    assert (disk.left(), disk.segments.of_camera("vid2")) == ([800, 700], [])
    assert disk.keeping.alarm == keeping.BROKEN
    report_losses(disk.database, now=T)
    [told] = [json.loads(r.body) for r in Outbox(disk.database).head("", 9)]
    assert (told["type"], told["counts"]) == ("loss", {"guaranteed": 4})
    disk.space = 120  # above the floor: what is guaranteed need not make more room
    disk.ticks.advance(11)
    disk.keeping.step()
    assert disk.left() == [800, 700]
    assert (disk.keeping.alarm, disk.keeping.take_short()) == (keeping.BROKEN, 0)
    disk.ticks.advance(keeping.TOLD_SECONDS)
    disk.keeping.step()
    assert disk.keeping.alarm == ""


def test_nothing_guaranteed_goes_while_one_look_does_not_see_all_else(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "AT_ONCE", 2)
    disk.fill(900, 800)
    ends = [T - 100 - n for n in range(5)]
    disk.segments.add([Segment("vid2", f"vid2/{e}", "r", e - 4, e, 20) for e in ends])
    disk.keeping.own = lambda: {"vid1": Terms(least_s=950.0)}
    disk.space = 0
    for gone in (2, 4):
        disk.keeping.step()
        assert (disk.left(), len(disk.segments.of_camera("vid2"))) == ([900, 800], 5 - gone)
        assert disk.keeping.alarm == ""
    disk.keeping.step()
    assert disk.left() == []


def test_a_loss_and_what_is_lost_are_one(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.fill(900)
    disk.keeping.own = lambda: {"vid1": Terms(least_s=950.0)}
    disk.space = 90
    monkeypatch.setattr(segment_store, "note_losses", lambda *args, **told: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        disk.keeping.step()
    assert disk.left() == [900]
