"""Groups in processes: started, stopped, killed, adopted, given up on; never doubled and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from detection.core.groups import Group
from detection.executors import run_folder
from detection.executors.base import Unit
from detection.executors.local import LocalProcessExecutor, end_leftovers
from detection.executors.process_unit import Timing
from detection.executors.run_folder import Identity, start_ticks
from tests.servers.stack import ROOT, wait_until

pytestmark = pytest.mark.integration

QUICK = Timing(base=0.1, cap=0.8, settled=5.0, grace=0.5, silent=1.0, first_sign=20.0)
ONE, TWO = Group("g1", ("vid1", "vid2")), Group("g2", ("vid3",))


class Place:
    """A folder with the processes that run there, and parents that look after them in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parents: list[LocalProcessExecutor] = []
        self.orphans: list[subprocess.Popen[bytes]] = []

    def command(self, name: str) -> list[str]:
        return [sys.executable, "-m", "tests.servers.group_child", str(self.folder), name]

    def parent(self, timing: Timing = QUICK, model: Callable[[], str] = lambda: "") -> LocalProcessExecutor:
        made = LocalProcessExecutor(self.folder, self.command, timing=timing, model=model)
        self.parents.append(made)
        return made

    def does(self, name: str, word: str) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / f"{name}.does").write_text(word)

    def has_model(self, mark: str) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "model").write_text(mark)

    def starts(self, name: str = "g1") -> list[int]:
        """The process ids of every start of the group that got its seat."""
        file = self.folder / f"{name}.starts"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def forget(self, parent: LocalProcessExecutor) -> None:
        """What SIGKILL does to a parent, in this process: it looks after nothing any more, its lock is free."""
        assert parent._lock is not None
        parent._lock.close()
        parent._lock = None
        parent._closed = True
        for unit in parent._units.values():
            if unit._process is not None and unit._process.popen is not None:
                self.orphans.append(unit._process.popen)

    def alive(self) -> set[int]:
        """The process ids of every process of this folder, seen by what they were started with."""
        found = set()
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(self.folder).encode() in words and start_ticks(int(entry.name)) is not None:
                found.add(int(entry.name))
        return found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.chdir(ROOT)
    made = Place(tmp_path / "run")
    yield made
    for parent in made.parents:
        parent.close(timeout=3)
    for pid in made.alive():
        os.kill(pid, signal.SIGKILL)
    for orphan in made.orphans:
        orphan.wait(5)


def until(
    parent: LocalProcessExecutor, true: Callable[[dict[str, Unit]], object], *, seconds: float = 20.0
) -> dict[str, Unit]:
    """Lets the parent look until it holds; the units by name."""

    def look() -> bool:
        parent.watch()
        return bool(true({u.group.name: u for u in parent.list()}))

    wait_until(look, seconds=seconds, what="state of the groups", every=0.02)
    return {u.group.name: u for u in parent.list()}


def runs(*names: str) -> Callable[[dict[str, Unit]], bool]:
    return lambda units: all(n in units and units[n].condition.state == "running" for n in names)


def frames(unit: Unit) -> int:
    return min(int(d["last_frame_at"]) for d in unit.report.details.values())


def test_groups_start_tell_of_themselves_and_end(place: Place) -> None:
    parent = place.parent()
    parent.ensure(ONE)
    parent.ensure(TWO)
    units = until(parent, runs("g1", "g2"))
    assert units["g1"].report.cameras == {"vid1": "live", "vid2": "live"}
    assert units["g2"].holds == {"vid3"}
    assert len(place.alive()) == 2
    parent.stop("g2")
    until(parent, lambda units: "g2" not in units)
    assert place.alive() == set(place.starts("g1"))
    assert parent.close(timeout=3)
    assert place.alive() == set()
    assert not list(place.folder.glob("*.json"))


def test_other_cameras_reach_the_same_process(place: Place) -> None:
    parent = place.parent()
    parent.ensure(ONE)
    until(parent, runs("g1"))
    parent.ensure(replace(ONE, cameras=("vid2", "vid9")))
    until(parent, lambda units: set(units["g1"].report.cameras) == {"vid2", "vid9"})
    assert len(place.starts()) == 1


def test_a_killed_process_comes_back_and_is_told_of(place: Place) -> None:
    parent = place.parent()
    parent.ensure(ONE)
    until(parent, runs("g1"))
    os.kill(place.starts()[0], signal.SIGKILL)
    units = until(parent, lambda units: units["g1"].condition.state == "crashed")
    assert units["g1"].condition.reason == "analysis process crashed: was ended by SIGKILL; next start in 1 s"
    assert not units["g1"].condition.fault
    assert units["g1"].report.cameras == {}
    until(parent, runs("g1"))
    assert len(place.starts()) == 2
    assert len(place.alive()) == 1
    until(parent, lambda units: units["g1"].condition.restarts == 0)  # it has settled


@pytest.mark.parametrize(("word", "how"), [("crash", "ended with status 3"), ("segv", "was ended by SIGSEGV")])
def test_a_crash_loop_slows_down_and_says_so(place: Place, word: str, how: str) -> None:
    place.does("g1", word)
    parent = place.parent()
    parent.ensure(ONE)
    parent.ensure(TWO)
    until(parent, runs("g2"))
    units = until(parent, lambda units: units["g1"].condition.restarts >= 3)
    assert how in units["g1"].condition.reason
    assert "crashed 3 times" in units["g1"].condition.reason
    assert units["g1"].condition.fault
    assert len(place.starts("g2")) == 1
    place.does("g1", "work")
    units = until(parent, runs("g1", "g2"))
    assert units["g1"].condition.restarts >= 3  # until it has lived for a while


def test_between_a_crash_and_the_next_start_there_is_a_pause(place: Place) -> None:
    place.does("g1", "crash")
    parent = place.parent(replace(QUICK, base=1.2, cap=2.0))
    parent.ensure(ONE)
    until(parent, lambda units: units["g1"].condition.state == "crashed")
    begun = time.monotonic()
    until(parent, lambda units: units["g1"].condition.state == "starting")
    assert 0.5 <= time.monotonic() - begun <= 4


def test_what_ignores_sigterm_is_killed(place: Place) -> None:
    place.does("g1", "deaf")
    parent = place.parent()
    parent.ensure(ONE)
    until(parent, runs("g1"))
    parent.stop("g1")
    begun = time.monotonic()
    until(parent, lambda units: "g1" not in units)
    assert QUICK.grace <= time.monotonic() - begun < 4
    assert place.alive() == set()


def test_the_end_of_all_is_in_time_also_for_what_ignores_sigterm(place: Place) -> None:
    place.does("g1", "deaf")
    parent = place.parent(replace(QUICK, grace=60))
    parent.ensure(ONE)
    until(parent, runs("g1"))
    begun = time.monotonic()
    assert not parent.close(timeout=1.0)
    assert time.monotonic() - begun < 2
    assert place.alive() == set()


def test_a_process_without_signs_of_life_is_replaced(place: Place) -> None:
    place.does("g1", "mute")
    parent = place.parent()
    parent.ensure(ONE)
    until(parent, runs("g1"))
    units = until(parent, lambda units: units["g1"].condition.state == "crashed")
    assert "no sign of life" in units["g1"].condition.reason


def test_a_new_parent_adopts_what_the_killed_one_left(place: Place) -> None:
    first = place.parent()
    first.ensure(ONE)
    first.ensure(TWO)
    seen = frames(until(first, runs("g1", "g2"))["g1"])
    before = place.alive()
    place.forget(first)
    second = place.parent()
    second.watch()
    assert {u.group for u in second.list()} == {ONE, TWO}  # before anybody asks: cameras stay where they are
    assert {u.condition.state for u in second.list()} == {"running"}
    second.ensure(ONE)
    second.stop("g2")
    until(second, lambda units: runs("g1")(units) and "g2" not in units and frames(units["g1"]) > seen)
    assert place.alive() == set(place.starts("g1")) < before
    os.kill(place.starts()[0], signal.SIGKILL)  # not its child, but its to look after
    until(second, lambda units: units["g1"].condition.state == "crashed")
    until(second, runs("g1"))
    assert second.close(timeout=3)
    assert place.alive() == set()


def test_a_process_that_was_started_otherwise_is_replaced_not_adopted(place: Place) -> None:
    first = place.parent()
    first.ensure(ONE)
    until(first, runs("g1"))
    [old] = place.alive()
    place.forget(first)
    second = place.parent()
    second.command = lambda name: [*place.command(name), "later"]
    second.watch()
    second.ensure(ONE)
    until(second, lambda units: runs("g1")(units) and place.alive() - {old})
    assert old not in place.alive()
    assert len(place.alive()) == 1


def test_adopted_processes_with_another_model_are_restarted_one_after_the_other(place: Place) -> None:
    place.has_model("old")
    first = place.parent()
    first.ensure(ONE)
    first.ensure(TWO)
    until(first, runs("g1", "g2"))
    place.forget(first)
    place.has_model("new")
    wanted = [""]
    second = place.parent(model=lambda: wanted[0])
    with capture_logs() as logs:
        for _ in range(5):
            second.watch()
        assert [len(place.starts(n)) for n in ("g1", "g2")] == [1, 1]  # a model that cannot be used replaces nobody
        wanted[0] = "new"
        seen: list[set[str]] = []

        def renewed(units: dict[str, Unit]) -> bool:
            seen.append({name for name, unit in units.items() if unit.report.model == "old"})
            assert {unit.condition.state for unit in units.values()} <= {"running", "starting"}  # no camera moves
            return all(unit.report.model == "new" and unit.condition.state == "running" for unit in units.values())

        until(second, renewed)
        wanted[0] = "newer still"
        for _ in range(5):
            second.watch()
    assert [len(place.starts(n)) for n in ("g1", "g2")] == [2, 2]
    assert {unit.condition.state for unit in second.list()} == {"running"}  # what changes later is for the next start
    assert {"g2"} in seen
    told = [line for line in logs if "another model" in line["event"]]
    assert [(line["group"], line["runs"], line["wanted"]) for line in told] == [
        ("g1", "old", "new"), ("g2", "old", "new"),
    ]  # fmt: skip


def test_where_the_new_model_does_not_start_the_others_go_on_with_theirs(place: Place) -> None:
    place.has_model("old")
    first = place.parent()
    first.ensure(ONE)
    first.ensure(TWO)
    until(first, runs("g1", "g2"))
    place.forget(first)
    place.has_model("broken")
    second = place.parent(model=lambda: "broken")
    units = until(second, lambda units: units["g1"].report.waiting)
    assert units["g1"].condition.reason == "the model is broken"
    for _ in range(10):
        second.watch()
    [other] = [unit for unit in second.list() if unit.group.name == "g2"]
    assert (other.condition.state, other.report.model) == ("running", "old")


def test_a_process_with_the_same_model_is_adopted_without_a_gap(place: Place) -> None:
    place.has_model("same")
    first = place.parent(model=lambda: "changed while it starts")  # its own processes take what is there
    first.ensure(ONE)
    until(first, runs("g1"))
    first.watch()
    assert [unit.condition.state for unit in first.list()] == ["running"]
    place.forget(first)
    second = place.parent(model=lambda: "same")
    second.watch()
    [unit] = second.list()
    seen = frames(unit)
    until(second, lambda units: frames(units["g1"]) > seen)
    assert len(place.starts()) == 1


def test_two_parents_at_once_make_one_process(place: Place) -> None:
    place.does("g1", "slow")
    first, second = place.parent(), place.parent()
    for parent in (first, second):
        parent.ensure(ONE)
        parent.watch()
    assert (first.leads, second.leads) == (True, False)
    second.watch()
    until(first, runs("g1"))
    assert len(place.alive()) == 1
    first.close(timeout=3)
    until(second, runs("g1"))  # the other one had waited
    assert len(place.alive()) == 1


def leave_one_starting(place: Place) -> None:
    """A parent is gone while its process has no seat yet, so that the next one cannot know of it."""
    place.does("g1", "slow")
    first = place.parent()
    first.ensure(ONE)
    first.watch()
    place.forget(first)


def test_a_process_that_is_still_starting_when_its_parent_dies_is_not_doubled(place: Place) -> None:
    leave_one_starting(place)
    second = place.parent()
    second.ensure(ONE)
    until(second, runs("g1"))
    wait_until(lambda: len(place.alive()) == 1, seconds=10, what="one process that is left")
    for _ in range(30):
        second.watch()
        time.sleep(0.02)
    assert runs("g1")({u.group.name: u for u in second.list()})
    assert len(place.starts()) == 1


def test_without_a_parent_processes_end_by_themselves(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALONE_S", "1.5")
    parent = place.parent()
    parent.ensure(ONE)
    until(parent, runs("g1"))
    end = time.monotonic() + 2.5
    until(parent, lambda units: time.monotonic() > end)  # a parent that looks is one that is there
    assert len(place.alive()) == 1
    place.forget(parent)
    wait_until(lambda: place.alive() == set(), seconds=10, what="end of the process")


def test_what_is_left_over_is_ended_but_not_under_a_parent(place: Place) -> None:
    parent = place.parent()
    parent.ensure(ONE)
    until(parent, runs("g1"))
    end_leftovers(place.folder)
    assert len(place.alive()) == 1
    place.forget(parent)
    end_leftovers(place.folder)
    wait_until(lambda: place.alive() == set(), seconds=5, what="end of the process")


def test_a_number_that_another_process_has_by_now_is_not_killed(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    try:
        ticks = start_ticks(other.pid)
        assert ticks is not None
        assert Identity(other.pid, ticks).alive()
        assert not Identity(other.pid, ticks - 1).alive()
    finally:
        other.kill()
        other.wait()
    assert not Identity(other.pid, ticks).alive()


def test_a_full_disk_keeps_nobody_from_living(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    parent = place.parent()
    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "write_atomically", full)
        parent.ensure(ONE)
        units = until(parent, lambda units: units["g1"].condition.state == "waiting")
        assert "No space left" in units["g1"].condition.reason
    until(parent, runs("g1"))


def test_a_process_that_was_still_starting_is_ended_where_nobody_wants_it_any_more(place: Place) -> None:
    leave_one_starting(place)
    second = place.parent()
    second.ensure(TWO)
    until(second, runs("g2"))
    until(second, lambda units: place.starts("g1") and place.alive() == set(place.starts("g2")))
    until(second, lambda units: set(units) == {"g2"})  # the next look hears of its end
