"""Desired cameras against what an executor runs, and what is reported of both."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from cameras.core.document import Document
from detection import runtime as runtime_module
from detection.analyser import Analyser
from detection.core.groups import Condition, Group, GroupReport
from detection.executors.base import Unit
from detection.executors.inline import InlineExecutor
from detection.executors.process_unit import FIRST_SIGN_S
from detection.executors.reconciler import NO_ROOM, SETTLE_S, STARTING, Reconciler
from detection.runtime import Runtime
from tests.cameras.documents import REGISTRY
from tests.detection.test_runtime import ONE, TWO, Detector, acts, cameras, read
from tests.fakes import Clock, FakeReader

FOUR = ONE | {"cameras": cameras(**{f"vid{n}": f"webcam:{n}" for n in range(1, 5)})}


class FakeExecutor:
    """Runs what it is told at once; `slow` names go on for a while after `stop`."""

    kind = "fake"

    def __init__(self, document: Callable[[], Document | None]) -> None:
        self.document = document
        self.units: dict[str, Unit] = {}
        self.slow: set[str] = set()
        self.told: list[str] = []

    def ensure(self, group: Group) -> None:
        before = self.units.get(group.name)
        if before is None or before.group != group:
            self.told.append(f"{group.name}: {' '.join(group.cameras)}")
            self.units[group.name] = Unit(group, Condition("running", 1.0), GroupReport())

    def stop(self, name: str) -> None:
        unit = self.units[name]
        if name not in self.slow:
            del self.units[name]
            self.told.append(f"{name} ended")
        elif unit.condition.state != "stopping":
            self.units[name] = Unit(unit.group, Condition("stopping", 2.0), unit.report)

    def list(self) -> builtins.list[Unit]:
        return [*self.units.values()]

    def watch(self) -> bool:
        return False

    def close(self, *, timeout: float) -> bool:
        return True

    def becomes(self, name: str, condition: Condition | None = None, **report: Any) -> None:
        unit = self.units[name]
        self.units[name] = Unit(unit.group, condition or unit.condition, GroupReport(**report))


def make(folder: Path, most: int = 2, **options: Any) -> tuple[Reconciler, FakeExecutor]:
    made = Reconciler(FakeExecutor, registry=REGISTRY, folder=folder, most=most, **options)
    return made, cast(FakeExecutor, made.executor)


def test_a_camera_is_unwatched_when_no_document_wants_it_and_no_group_has_it_any_more(tmp_path: Path) -> None:
    now = Clock(100.0)
    reconciler, executor = make(tmp_path, only=frozenset({"vid1", "vid2"}), monotonic=now)
    asked = {"vid1", "vid2", "vid4", "gone"}
    assert reconciler.unwatched(asked) == frozenset()
    reconciler.apply(read(**FOUR))
    assert reconciler.unwatched(asked) == frozenset()  # others may still be taking it up
    now.advance(SETTLE_S)
    assert reconciler.unwatched(asked) == {"gone"}  # vid4 is another worker's
    executor.slow = {"g2"}
    reconciler.apply(with_wish(FOUR, vid2=False, vid4=False))
    now.advance(SETTLE_S)
    assert reconciler.unwatched(asked) == {"gone", "vid4"}
    executor.slow = set()
    reconciler.step()
    assert reconciler.unwatched(asked) == {"gone", "vid2", "vid4"}


def with_wish(document: dict[str, Any], **analyse: bool) -> Document:
    """The cameras of which something else is wished than that they are analysed."""
    return read(
        **document | {"cameras": [c | {"analyse": analyse.get(c["camera_id"], True)} for c in document["cameras"]]}
    )


def test_desired_cameras_are_grouped_and_what_changes_moves_nobody(tmp_path: Path) -> None:
    reconciler, executor = make(tmp_path)
    reconciler.apply(read(**FOUR))
    assert executor.told == ["g1: vid1 vid3", "g2: vid2 vid4"]
    reconciler.apply(with_wish(FOUR, vid2=False))
    assert executor.told[2:] == ["g2: vid4"]
    assert reconciler.health()["cameras"]["vid2"] == "off"
    reconciler.apply(with_wish(FOUR, vid2=False, vid4=False))
    assert executor.told[3:] == ["g2 ended"]
    reconciler.apply(read(**FOUR))
    assert executor.told[4:] == ["g2: vid2 vid4"]


def test_only_what_was_asked_for(tmp_path: Path) -> None:
    reconciler, executor = make(tmp_path, only=frozenset({"vid2", "vid9"}))
    reconciler.apply(read(**FOUR))
    assert executor.told == ["g1: vid2"]
    assert reconciler.health()["cameras"] == {"vid1": "off", "vid2": "connecting", "vid3": "off", "vid4": "off"}


def test_a_camera_waits_until_the_group_that_had_it_has_ended(tmp_path: Path) -> None:
    """Else both would raise its alerts."""
    reconciler, executor = make(tmp_path, most=1)
    executor.units["g7"] = Unit(Group("g7", ("vid1",)), Condition("running", 1.0), GroupReport())  # of an earlier start
    executor.slow.add("g7")
    reconciler.apply(read(**TWO))
    assert executor.told == ["g1: vid2"]
    reconciler.step()
    assert executor.told == ["g1: vid2"]
    assert reconciler.health()["camera_details"]["vid1"]["reason"] == STARTING
    del executor.units["g7"]
    reconciler.step()
    assert executor.told == ["g1: vid2", "g1: vid1 vid2"]


def test_a_camera_waits_until_the_group_that_was_told_to_leave_it_says_it_has(tmp_path: Path) -> None:
    """Its latest report may be older than the order by which it began."""
    reconciler, executor = make(tmp_path, largest=1)
    executor.units["g2"] = Unit(
        Group("g2", ("vid2",)), Condition("running", 1.0), GroupReport(), told=frozenset({"vid1", "vid2"})
    )
    reconciler.apply(read(**TWO))
    assert "g1: vid1" not in executor.told
    executor.units["g2"] = Unit(Group("g2", ("vid2",)), Condition("running", 1.0), GroupReport(obeyed=("vid2",)))
    reconciler.step()
    assert "g1: vid1" in executor.told


def test_a_document_whose_rules_cannot_be_made_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reconciler, executor = make(tmp_path)
    first = read(**ONE)
    reconciler.apply(first)

    def refuse(*args: Any) -> None:
        raise ValueError("no such rule")

    with monkeypatch.context() as patch:
        patch.setattr("detection.core.rules.registry.make_rule", refuse)
        with pytest.raises(ValueError, match="no such rule"):
            reconciler.apply(read())
    assert reconciler.document is first
    assert executor.told == ["g1: vid1"]


def test_states_come_from_the_groups_and_where_they_are_silent_from_their_condition(tmp_path: Path) -> None:
    reconciler, executor = make(tmp_path, largest=1)
    reconciler.apply(read(**FOUR))
    executor.becomes(
        "g1", cameras={"vid1": "live"}, details={"vid1": {"since": 5.0, "reason": "", "last_frame_at": 6.0}}
    )
    executor.becomes("g2", Condition("crashed", 7.0, restarts=3, reason="analysis process crashed 3 times"))
    health = reconciler.health()
    assert health["cameras"] == {"vid1": "live", "vid2": "lost", "vid3": "lost", "vid4": "lost"}
    details = health["camera_details"]
    assert details["vid1"] == {"since": 5.0, "reason": "", "last_frame_at": 6.0}
    assert details["vid2"] == {"since": 7.0, "reason": "analysis process crashed 3 times", "last_frame_at": None}
    assert details["vid3"]["reason"] == details["vid4"]["reason"] == NO_ROOM
    assert health["executor"]["kind"] == "fake"
    assert health["executor"]["groups"]["g2"] == {
        "state": "crashed", "restarts": 3, "reason": "analysis process crashed 3 times", "since": 7.0, "cameras": ["vid2"],
    }  # fmt: skip
    assert health["disk_free"] > 0


def test_inference_of_all_groups_reads_like_one_workers(tmp_path: Path) -> None:
    reconciler, executor = make(tmp_path, largest=2)
    reconciler.apply(read(**FOUR))
    assert "inference" not in reconciler.health()
    quick = {"model": "m", "weights": "fp32", "provider": "CUDA", "batch": 4, "sessions": 1}
    executor.becomes("g1", inference=quick)
    assert reconciler.health()["inference"] == quick
    assert "inference" not in reconciler.health()["executor"]["groups"]["g2"]
    slow = {"model": "m", "weights": "int8", "provider": "CPU", "batch": 4, "sessions": 2}
    executor.becomes("g2", inference=slow)
    health = reconciler.health()
    assert health["inference"] == {
        "model": "m", "weights": "fp32, int8", "provider": "CUDA, CPU", "batch": 4, "sessions": 3,
    }  # fmt: skip
    assert health["executor"]["groups"]["g2"]["inference"] == slow


def test_only_the_running_document_is_blamed_for_what_breaks(tmp_path: Path) -> None:
    reconciler, executor = make(tmp_path)
    document = read(**ONE)
    reconciler.apply(document)
    assert reconciler.unhealthy() == ""
    executor.becomes("g1", broken="camera vid1: ValueError", sha256="of the one before")
    assert reconciler.unhealthy() == ""
    executor.becomes("g1", broken="camera vid1: ValueError", sha256=document.header.sha256)
    assert reconciler.unhealthy() == "camera vid1: ValueError"


def test_a_document_has_arrived_when_every_group_runs_its_cameras_with_it(tmp_path: Path) -> None:
    now = [100.0]
    reconciler, executor = make(tmp_path, monotonic=lambda: now[0])
    document = read(**FOUR)
    sha256 = document.header.sha256
    reconciler.apply(document)
    assert not reconciler.arrived()  # both processes are still loading their models
    executor.becomes("g1", sha256=sha256, cameras={"vid1": "connecting", "vid3": "live"})
    assert not reconciler.arrived()
    executor.becomes("g2", sha256="of the one before", cameras={"vid2": "live", "vid4": "live"})
    assert not reconciler.arrived()
    executor.becomes("g2", sha256=sha256, cameras={"vid2": "live"})
    assert not reconciler.arrived()
    executor.becomes("g2", sha256=sha256, cameras={"vid2": "live", "vid4": "lost"})
    assert reconciler.arrived()
    reconciler.apply(read(**FOUR | {"site": {"name": "next"}}))
    assert not reconciler.arrived()


def test_a_group_that_never_tells_of_itself_does_not_keep_a_document_waiting_for_ever(tmp_path: Path) -> None:
    now = [100.0]
    reconciler, _ = make(tmp_path, monotonic=lambda: now[0])
    reconciler.apply(read(**ONE))
    now[0] += FIRST_SIGN_S - 0.1
    assert not reconciler.arrived()
    now[0] += 0.2
    assert reconciler.arrived()


def test_cameras_without_room_or_detection_are_not_waited_for(tmp_path: Path) -> None:
    reconciler, executor = make(tmp_path, most=1, largest=1)
    document = with_wish(FOUR, vid1=False)
    reconciler.apply(document)
    executor.becomes("g1", sha256=document.header.sha256, cameras={"vid2": "live"})
    assert reconciler.arrived()


@pytest.mark.parametrize(
    ("restarts", "fault", "sick"), [(1, True, True), (1, False, False), (2, False, True), (0, False, False)]
)
def test_a_document_is_blamed_for_crashes(tmp_path: Path, restarts: int, fault: bool, sick: bool) -> None:
    reconciler, executor = make(tmp_path)
    reconciler.apply(read(**ONE))
    executor.becomes("g1", Condition("crashed", 1.0, restarts, "it crashed", fault))
    assert (reconciler.unhealthy() == "it crashed") is sick


def test_a_document_is_not_blamed_for_crashes_from_before_it(tmp_path: Path) -> None:
    reconciler, executor = make(tmp_path)
    reconciler.apply(read(**ONE))
    executor.becomes("g1", Condition("crashed", 1.0, 5, "it crashed", True))
    reconciler.apply(read(**ONE | {"site": {"name": "next"}}))
    executor.becomes("g1", Condition("crashed", 1.0, 6, "it crashed", True))
    assert reconciler.unhealthy() == ""


# In this process


@pytest.fixture
def inline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reconciler:
    monkeypatch.setattr(runtime_module, "CameraReader", FakeReader)
    FakeReader.made.clear()
    runtime = Runtime(
        analyser=Analyser(cast(Any, Detector()), cast(Any, None)), registry=REGISTRY, folder=tmp_path
    )  # fmt: skip
    return Reconciler(
        lambda document: InlineExecutor(runtime, document, clock=lambda: 9.0),
        registry=REGISTRY, folder=tmp_path,
    )  # fmt: skip


def test_inline_cameras_start_stop_and_start_again(inline: Reconciler) -> None:
    inline.apply(read(**TWO))
    assert [a[0] for a in acts()] == ["vid1", "vid2"]
    assert inline.arrived()  # threads of this process have it at once
    inline.apply(with_wish(TWO, vid1=False))
    assert acts()[0][2] == ["start", "stop"]
    assert acts()[1][2] == ["start"]
    assert inline.health()["cameras"] == {"vid1": "off", "vid2": "connecting"}
    inline.apply(with_wish(TWO, vid1=False, vid2=False))
    assert acts()[1][2] == ["start", "stop"]
    assert inline.health()["executor"]["groups"] == {}
    inline.apply(read(**ONE))
    assert acts()[2] == ("vid1", "webcam:1", ["start"])
    assert inline.health()["executor"] == {
        "kind": "inline",
        "groups": {"g1": {"state": "running", "restarts": 0, "reason": "", "since": 9.0, "cameras": ["vid1"]}},
    }


def test_inline_the_same_document_again_restarts_nothing(inline: Reconciler) -> None:
    document = read(**TWO)
    inline.apply(document)
    inline.step()
    inline.apply(document)
    assert [a[2] for a in acts()] == [["start"], ["start"]]


def test_inline_the_end_stops_every_reader(inline: Reconciler) -> None:
    inline.apply(read(**TWO))
    assert inline.close(timeout=1)
    assert [a[2] for a in acts()] == [["start", "stop"]] * 2
