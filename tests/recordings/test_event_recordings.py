"""Recordings of alerts on the box: what is kept before and after, whatever is told when, and whatever is killed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cameras.core.algorithms import registry
from cameras.core.document import Document, parse_document
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.outbox import MOST_MARKS, NewAlert, Outbox
from edgesite.ids import uuid7
from recordings.core.retention import Limits
from recordings.core.segments import Segment
from recordings.recorder import keeping
from recordings.recorder.events import Events
from recordings.recorder.hours import Hours
from recordings.recorder.keeping import Keeping
from recordings.recorder.reasons import Reasons
from recordings.recorder.segment_store import SegmentStore
from recordings.recorder.task_store import Task, TaskStore
from recordings.recorder.tasks import Tasks
from tests.cameras.documents import DEVICE, content, document
from tests.fakes import Clock

T = 1_795_334_400.0
URL = "rtsp://10.0.0.5/1"
PRE, POST, LONGEST, RING = 10, 20, 120.0, 60.0


class Box:
    """One camera, `vid1`, whose alerts are recorded. `record` is the camera that sends; the ring is looked after."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "segments"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "edge.sqlite3"
        self.clock, self.ticks = Clock(T), Clock()
        self.document: Document | None = None
        self.configure(events={"pre_s": PRE, "post_s": POST})
        self.open()

    def open(self) -> None:
        """As after a start."""
        self.database = EdgeDatabase(self.path)
        self.segments, self.store, self.outbox = (
            SegmentStore(self.database), TaskStore(self.database), Outbox(self.database),
        )  # fmt: skip
        self.events = Events(self.store, self.segments, lambda: self.document, LONGEST, self.clock)
        self.tasks = Tasks(self.store, self.segments, {}, lambda: self.document, True, LONGEST, self.clock)
        self.reasons = Reasons(lambda: self.document, self.tasks.asked, self.clock)
        self.keeping = Keeping(
            self.folder, self.segments, self.store, Limits(), self.clock, self.ticks, lambda folder: 2**50
        )

    def restart(self) -> None:
        self.database.close()
        self.open()

    def configure(self, *, enabled: bool = True, **policy: Any) -> None:
        cameras = [{"camera_id": "vid1", "rtsp_url": URL, "enabled": enabled, "recording": policy}]
        text = document(content(cameras=cameras, rois=[], binds=[]))
        self.document = parse_document(text, device_id=DEVICE, registry=registry)

    def alert(self, phase: str = "started", *, alert: str = "a1", at: float | None = None, lasts: bool = False) -> None:
        """As the detector writes it."""
        event_id = alert if phase == "started" else uuid7()
        data = {} if phase == "started" else {"started_event_id": alert}
        body = {"phase": phase, "timestamp": self.clock.now if at is None else at, "data": data, "severity": "info"}
        self.outbox.add_alerts([NewAlert(event_id, "vid1", body, lasts=lasts)], now=self.clock.now)

    def look(self) -> None:
        self.events.step()
        self.tasks.step()
        self.reasons.step()

    def run(self, seconds: float) -> None:
        """The camera sends on, in segments of 4 s, and the recorder looks every second."""
        for _ in range(round(seconds)):
            self.clock.advance(1)
            self.ticks.advance(1)
            end = self.clock.now
            if end % 4 == 0:
                name = self.folder / f"vid1/20261122/{end:.0f}.mp4"
                name.parent.mkdir(parents=True, exist_ok=True)
                name.write_bytes(b"x")
                ring = self.reasons.is_ring("vid1", end - 4)
                path = str(name.relative_to(self.folder))
                self.segments.add([Segment("vid1", path, "r", end - 4, end, 1, ring)])
            self.look()
            self.keeping.step()

    def window(self, alert: str = "a1") -> tuple[str, float, float | None]:
        """State, and from when to when of the recording, in seconds of `T`."""
        task = self.store.get(alert)
        assert task is not None
        assert task.started_at is not None
        return task.state, task.started_at - T, None if task.stopped_at is None else task.stopped_at - T

    def kept(self) -> list[float]:
        """Starts of the segments that stay, in seconds of `T`."""
        return [s.start - T for s in self.segments.of_camera("vid1") if not s.ring]

    def reports(self) -> list[dict[str, Any]]:
        rows = self.outbox.head("vid1", 1000)
        return [json.loads(r.body) for r in rows if r.kind == "alert_clip"]


@pytest.fixture(autouse=True)
def _ring(monkeypatch: pytest.MonkeyPatch) -> None:
    assert keeping.RING_SECONDS >= 60 + 120  # the longest time before an alert, and two minutes in which to hear of it
    monkeypatch.setattr(keeping, "RING_SECONDS", RING)


@pytest.fixture
def box(tmp_path: Path) -> Any:
    made = Box(tmp_path)
    made.look()
    yield made
    made.database.close()


def test_without_an_alert_only_the_last_minutes_are_there(box: Box) -> None:
    box.run(200)
    there = box.segments.of_camera("vid1")
    assert RING - 8 <= sum(s.end - s.start for s in there) <= RING + 16
    assert len(list(box.folder.rglob("*.mp4"))) == len(there)
    assert box.kept() == []
    assert not Hours(box.database, box.clock).step()  # what goes again is not told


def test_what_is_around_an_alert_stays_and_is_told(box: Box) -> None:
    box.run(100)
    box.alert()
    box.run(1)
    assert box.window() == ("recording", 90.0, 120.0)
    assert box.reports()[0]["alert_id"] == "a1"
    box.run(18)
    assert box.window()[0] == "recording"
    box.run(1)
    assert box.window() == ("stopping", 90.0, 120.0)
    box.run(100)
    assert box.kept() == [88.0, 92.0, 96.0, 100.0, 104.0, 108.0, 112.0, 116.0]
    assert [r["state"] for r in box.reports()] == ["recording", "stopping"]
    assert Hours(box.database, box.clock).step()


def test_an_alert_that_lasts_is_recorded_until_its_end(box: Box) -> None:
    box.run(60)
    box.alert(lasts=True)
    box.run(70)
    assert box.window() == ("recording", 50.0, None)
    box.alert("ended")
    box.run(1)
    assert box.window() == ("recording", 50.0, 150.0)
    box.run(20)
    assert box.window() == ("stopping", 50.0, 150.0)


def test_one_whose_end_never_comes_stops_by_itself(box: Box) -> None:
    box.run(20)
    box.alert(lasts=True)
    box.run(LONGEST + 1)
    assert box.window() == ("stopping", 10.0, 20.0 + LONGEST)
    assert box.reports()[-1]["stop_reason"] == "max_duration"
    box.alert("ended")
    box.run(5)
    assert box.window() == ("stopping", 10.0, 20.0 + LONGEST)


def test_an_alert_that_goes_on_makes_it_longer(box: Box) -> None:
    box.run(20)
    box.alert()
    box.run(15)
    box.alert("updated")
    box.run(1)
    assert box.window() == ("recording", 10.0, 55.0)


def test_a_recorder_that_was_away_takes_up_what_was_raised_meanwhile(box: Box) -> None:
    box.run(100)
    box.alert()
    box.alert(alert="old", at=T - 4000)
    box.clock.advance(15)
    box.restart()
    box.look()
    assert box.window() == ("recording", 90.0, 120.0)
    assert box.store.get("old") is None
    assert box.kept() == [88.0, 92.0, 96.0]


@pytest.mark.parametrize("after", ["keep", "add", "nothing"])
def test_a_kill_in_between_costs_nothing_and_doubles_nothing(
    box: Box, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    box.run(100)
    box.alert()

    def killed(*args: Any, **values: Any) -> None:
        raise KeyboardInterrupt

    target: dict[str, tuple[type, str]] = {
        "keep": (SegmentStore, "keep"), "add": (TaskStore, "add"), "nothing": (TaskStore, "forget_marks"),
    }  # fmt: skip
    with monkeypatch.context() as patched:
        patched.setattr(*target[after], killed)
        with pytest.raises(KeyboardInterrupt):
            box.events.step()
    box.restart()
    box.run(60)
    assert box.window() == ("stopping", 90.0, 120.0)
    assert [r["state"] for r in box.reports()] == ["recording", "stopping"]
    assert box.store.alert_marks(9) == []
    assert set(box.kept()) >= {88.0, 92.0, 96.0, 100.0, 116.0}


def test_a_kill_between_two_alerts_costs_neither(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.run(40)
    for alert in ("a1", "a2"):
        box.alert(alert=alert)
    add = TaskStore.add

    def killed(self: TaskStore, task: Task, *, now: float) -> bool:
        if task.alert_id == "a2":
            raise KeyboardInterrupt
        return add(self, task, now=now)

    with monkeypatch.context() as patched:
        patched.setattr(TaskStore, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            box.events.step()
    box.restart()
    box.run(1)
    assert [box.window(alert) for alert in ("a1", "a2")] == [("recording", 30.0, 60.0)] * 2


def test_a_camera_that_is_switched_off_ends_its_recording(box: Box) -> None:
    box.run(20)
    box.alert()
    box.run(5)
    box.configure(enabled=False, events={})
    box.run(1)
    assert box.window() == ("stopping", 10.0, 26.0)
    assert box.reports()[-1]["stop_reason"] == "camera_disabled"


def test_without_a_policy_alerts_are_not_recorded(box: Box) -> None:
    box.configure()
    box.alert()
    box.alert("ended")
    box.run(1)
    assert box.store.get("a1") is None
    assert box.store.alert_marks(9) == []


def test_notes_wait_for_the_configuration_and_are_bounded(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    known, box.document = box.document, None
    monkeypatch.setattr("edgesite.edge_store.outbox.MOST_MARKS", 5)
    for number in range(8):
        box.alert(alert=f"a{number}")
    box.run(1)
    assert [m["alert_id"] for m in box.store.alert_marks(99)] == [f"a{n}" for n in range(3, 8)]
    box.document = known
    box.run(1)
    assert len(box.events.running()) == 5
    assert MOST_MARKS == 10_000


def test_hours_of_a_schedule_and_tasks_are_no_ring(box: Box) -> None:
    box.configure(always=True, events={"pre_s": PRE, "post_s": POST})
    box.run(40)
    box.configure(events={"pre_s": PRE, "post_s": POST})
    box.run(120)
    assert box.kept() == [float(n) for n in range(0, 40, 4)]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(1, 60), st.sampled_from(["started", "updated", "ended"]), st.integers(0, 2), st.booleans()
        ),
        max_size=8,
    )
)
def test_whatever_is_raised_when_its_windows_are_recorded(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[int, str, int, bool]]
) -> None:
    """Moments, phases and alerts in any order; every window stays, and nothing that is far from all of them."""
    box = Box(tmp_path_factory.mktemp("box"))
    box.look()
    began: dict[int, tuple[int, bool]] = {}
    for moment, phase, number, lasts in sorted(told):
        box.run(moment - (box.clock.now - T))
        if phase == "started" and number in began:
            continue
        if phase == "started":
            began[number] = moment, lasts
        box.alert(phase, alert=f"a{number}", lasts=lasts)
    box.run(60 - (box.clock.now - T) + 200)
    windows = []
    for number, (moment, _) in began.items():
        state, start, stop = box.window(f"a{number}")
        assert (state, start) == ("stopping", moment - PRE)
        assert stop is not None
        assert moment + POST <= stop <= moment + LONGEST
        windows.append((start, stop))
    kept = set(box.kept())
    assert kept >= {s for s in range(0, 240, 4) if any(s < stop and s + 4 > start for start, stop in windows)}
    assert all(any(s < stop and s + 4 > start for start, stop in windows) for s in kept)
    box.database.close()


def test_a_task_that_ended_before_takes_nothing_of_what_a_schedule_kept(box: Box) -> None:
    box.reasons.asked = lambda: {"vid1": T + 1}  # it waits to be cut
    box.configure(always=True, events={"pre_s": PRE, "post_s": POST})
    box.clock.advance(10)
    box.reasons.step()
    box.configure(events={"pre_s": PRE, "post_s": POST})
    box.clock.advance(2)
    box.reasons.step()
    assert not box.reasons.is_ring("vid1", T + 8)
    assert box.reasons.is_ring("vid1", T + 11)
    box.clock.now = T  # set back
    box.reasons.asked = dict
    box.reasons.step()
    assert box.reasons.is_ring("vid1", T)
