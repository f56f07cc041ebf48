"""What an analysis process may still be doing, as far as its parent knows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from detection.core.groups import Group, GroupReport
from detection.executors import process_unit
from detection.executors.process_unit import ProcessUnit, Timing
from detection.executors.run_folder import Identity, RunFolder, Status, start_ticks
from edgesite.edge_store.database import try_lock

WIDE, NARROW = Group("g1", ("vid1", "vid2")), Group("g1", ("vid2",))


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path / "run")
    made.make()
    made.write_identity("g1", Identity(os.getpid(), start_ticks(os.getpid()) or 0, ("group",)))
    return made


def adopted(folder: RunFolder) -> ProcessUnit:
    """This process stands for the group's."""
    unit = ProcessUnit("g1", folder=folder, command=lambda name: ("group",), timing=Timing())
    assert unit.take_over()
    return unit


def tells(folder: RunFolder, unit: ProcessUnit, report: GroupReport) -> None:
    folder.write_status("g1", Status(os.getpid(), report, ""))
    told = folder.file("g1", ".status.json")
    os.utime(told, ns=(told.stat().st_atime_ns, told.stat().st_mtime_ns + 1))
    unit.look()


def test_a_process_has_a_camera_until_it_says_that_it_obeyed_the_order_without_it(folder: RunFolder) -> None:
    """It takes up an order before it tells of it: its report alone would seem to have left a camera that it just began."""
    seat = try_lock(folder.lock_path("g1"))
    assert seat is not None
    folder.write_order(WIDE)
    unit = adopted(folder)
    tells(folder, unit, GroupReport(obeyed=()))  # it has not taken anything up yet, or not told of it
    unit.group = NARROW
    unit.look()
    assert folder.order("g1") == NARROW
    assert unit.unit().holds == {"vid1", "vid2"}
    tells(folder, unit, GroupReport(cameras={"vid1": "live", "vid2": "live"}, obeyed=WIDE.cameras))
    assert unit.unit().holds == {"vid1", "vid2"}
    tells(folder, unit, GroupReport(cameras={"vid2": "live"}, obeyed=WIDE.cameras))
    assert unit.unit().holds == {"vid1", "vid2"}
    tells(folder, unit, GroupReport(cameras={"vid2": "live"}, obeyed=NARROW.cameras))
    assert unit.unit().holds == {"vid2"}
    seat.close()


def test_a_process_of_an_older_program_is_known_by_its_report_alone(folder: RunFolder) -> None:
    seat = try_lock(folder.lock_path("g1"))
    assert seat is not None
    folder.write_order(WIDE)
    unit = adopted(folder)
    unit.group = NARROW
    unit.look()
    tells(folder, unit, GroupReport(cameras={"vid1": "live"}))
    assert unit.unit().holds == {"vid1", "vid2"}
    tells(folder, unit, GroupReport(cameras={"vid2": "live"}))
    assert unit.unit().holds == {"vid2"}
    seat.close()


def test_what_has_ended_has_no_camera_any_more(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    seat = try_lock(folder.lock_path("g1"))
    assert seat is not None
    folder.write_order(WIDE)
    unit = adopted(folder)
    unit.group = NARROW
    unit.look()
    assert unit.unit().holds == {"vid1", "vid2"}
    monkeypatch.setattr(process_unit._Process, "ended", lambda process: True)
    unit.look()
    assert unit.unit().holds == {"vid2"}
    seat.close()


def test_a_process_that_cannot_be_started_has_no_camera_of_an_earlier_order(folder: RunFolder) -> None:
    """Else the cameras that it was to have would wait for it in another group for as long as it cannot be started."""
    later = iter(range(0, 1000, 100))
    unit = ProcessUnit(
        "g1",
        folder=folder,
        command=lambda name: ("/no/such/program",),
        timing=Timing(),
        monotonic=lambda: float(next(later)),
    )
    unit.group = WIDE
    unit.look()
    unit.group = NARROW
    unit.look()
    assert (unit.condition.state, unit.condition.restarts) == ("crashed", 2)
    assert unit.unit().holds == {"vid2"}
