"""The box's side of reports: what its cameras' rules could see, from looks and frames to the edge store and on to the hub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from cameras.core.schedule import ScheduleEntry
from cameras.models import Site
from detection.analyser import CameraSlot
from detection.core.reporting import Shifts
from detection.core.rules.base import Binding
from detection.core.tracking import Tracks
from detection.coverage import FIRST_TOLD_SECONDS, TELL_SECONDS, CoverageKeeper, CoverageTeller
from detection.hub.store import store_event
from detection.ingest.reader_state import CameraState
from detection.pipeline import CameraPipeline
from detection.plan import Plan
from detection.reports.asking import Question
from detection.reports.selectors import make_report
from edgesite.edge_store.coverage import CoverageStore
from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError
from edgesite.edge_store.outbox import Outbox
from tests.detection.rule_scenes import INSIDE, NAMES, binding, tracks
from tests.rows import make_binding, make_camera, make_device, make_person, make_roi

NOON = datetime(2026, 11, 23, 12, tzinfo=ZoneInfo("Europe/Vienna")).timestamp()
DAYS = ScheduleEntry.model_validate(
    {"schedule_id": "d", "weekly": [{"day": "mon", "start": "12:00", "end": "12:30"}], "holidays": []}
)
HERE = tracks({1: INSIDE})


@dataclass
class Reader:
    state: CameraState
    watch: str = "awake"


@dataclass
class Picture:
    timestamp: float


@dataclass
class View:
    trouble: str = ""


@dataclass
class Slot:
    plan: Plan
    pipeline: CameraPipeline
    reader: Reader = field(default_factory=lambda: Reader(CameraState("live", NOON)))
    newest: Picture | None = None
    view: View = field(default_factory=View)
    failing: bool = False


class Box:
    """One box with one camera, looked at once a second of a clock that only goes on when it is told to."""

    def __init__(self, path: Path, *bindings: Binding, now: float = NOON) -> None:
        self.database = EdgeDatabase(path / "edge.sqlite3")
        self.store = CoverageStore(self.database)
        self.now, self.steady = now, 100.0
        self.slots: dict[str, Slot] = {}
        self.bindings = bindings or (replace(binding("intrusion"), time_zone="Europe/Vienna"),)
        self.run()

    def run(self) -> None:
        """The process starts."""
        plan = Plan("c1", self.bindings, time_zone="Europe/Vienna")
        pipeline = CameraPipeline(NAMES)
        pipeline.use(plan)
        self.slots = {"c1": Slot(plan, pipeline)}
        slots = cast(dict[str, CameraSlot], self.slots)
        self.keeper = CoverageKeeper(self.store, lambda: slots, lambda: self.now, lambda: self.steady)
        self.keeper.step()

    @property
    def slot(self) -> Slot:
        return self.slots["c1"]

    def live(self, seconds: int, scene: Tracks = HERE, *, visible: bool = True, frames: bool = True) -> None:
        for _ in range(seconds):
            self.now, self.steady = self.now + 1, self.steady + 1
            if frames and "c1" in self.slots:
                self.slot.pipeline.step(
                    scene.detections, media_time=self.steady, generation=0, wall_time=self.now, visible=visible
                )
                self.slot.newest = Picture(self.now)
            self.keeper.step()

    def rows(self) -> list[dict[str, Any]]:
        self.keeper.close()
        return [dict(r) for r in self.database.rows("SELECT * FROM coverage ORDER BY hour, bind_id")]

    def sums(self) -> tuple[float, float, float, int]:
        """Wanted, seen, person-seconds and alerts of all rows."""
        rows = self.rows()
        return (
            round(sum(r["wanted_s"] for r in rows), 3), round(sum(r["seen_s"] for r in rows), 3),
            round(sum(r["person_s"] for r in rows), 3), sum(r["alerts"] for r in rows),
        )  # fmt: skip


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    yield made
    made.database.close()


def test_a_camera_that_is_well_is_covered_all_the_time(box: Box) -> None:
    box.live(100)
    assert box.sums() == (100, 100, 99, 1)  # in the first frame nobody had been there yet
    assert box.rows()[0]["hour"] == NOON


@pytest.mark.parametrize("trouble", ["lost", "covered", "failing", "stalled", "broken rule"])
def test_what_hides_the_scene_is_wanted_but_not_seen(box: Box, trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    box.live(10)
    slot = box.slot
    if trouble == "lost":
        slot.reader.state = CameraState("lost", box.now)
    elif trouble == "covered":
        slot.view.trouble = "covered"
    elif trouble == "failing":
        slot.failing = True
    elif trouble == "stalled":
        assert slot.newest is not None
        slot.newest = Picture(slot.newest.timestamp - 11)
    else:
        slot.pipeline.blind = frozenset({"b1"})
    box.live(50, frames=False)
    assert box.sums()[:2] == (60, 10)


def test_a_rule_that_breaks_is_blind_and_the_others_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = binding("intrusion"), replace(binding("occupancy", max_persons=3), bind_id="b2")
    box = Box(tmp_path, *two)
    box.live(5)
    running = next(r for r in box.slot.pipeline._rules if r.binding.bind_id == "b1")
    monkeypatch.setattr(running.rule, "step", lambda *given: 1 / 0)
    box.live(20)
    by_bind = {r["bind_id"]: r["seen_s"] for r in box.rows()}
    assert by_bind["b2"] == 25
    assert by_bind["b1"] <= 6
    box.database.close()


def test_coarse_is_told_apart(box: Box) -> None:
    box.live(10)
    box.slot.reader.watch = "coarse"
    box.live(20)
    [row] = box.rows()
    assert (row["seen_s"], row["coarse_s"]) == (30, 20)


def test_outside_the_schedule_nothing_is_wanted(tmp_path: Path) -> None:
    bound = replace(binding("intrusion", time_zone="Europe/Vienna"), schedule=DAYS)
    box = Box(tmp_path, bound, now=NOON + 29 * 60)
    box.live(120)
    assert box.sums()[:3] == (60, 60, 59)
    box.database.close()


def test_a_full_hour_of_the_clock_begins_a_new_row(tmp_path: Path) -> None:
    box = Box(tmp_path, now=NOON + 3590)
    box.live(30)
    rows = box.rows()
    assert [(r["hour"], r["wanted_s"]) for r in rows] == [(NOON, 10), (NOON + 3600, 20)]
    assert sum(r["alerts"] for r in rows) == 1
    box.database.close()


def test_an_alert_counts_in_the_hour_of_its_frame(tmp_path: Path) -> None:
    box = Box(tmp_path, now=NOON + 3598)
    box.slot.pipeline.raised.extend([("b1", NOON + 3599.9), ("b1", NOON + 3600.0), ("gone", NOON)])
    box.live(5, Tracks.empty())
    assert [r["alerts"] for r in box.rows()] == [1, 1]
    box.database.close()


def test_the_time_without_the_process_was_wanted(box: Box) -> None:
    """A restart costs at most the minute that was not stored, and what nobody saw meanwhile is not taken for seen."""
    box.live(61)  # stored after the first minute
    box.now += 600
    box.run()  # killed: `close` was not called
    box.live(30)
    wanted, seen, _, _ = box.sums()
    assert wanted == 60 + 601 + 30
    assert 59 <= seen <= 91


def test_a_camera_that_nobody_is_to_watch_has_no_gap(box: Box) -> None:
    box.live(61)
    slot = box.slots.pop("c1")
    box.live(300)
    box.slots["c1"] = slot
    box.live(30)
    assert box.sums()[0] == 61 + 29  # from its first look on


def test_a_camera_switched_off_while_the_box_was_down_is_forgotten_by_the_leader(box: Box) -> None:
    box.live(61)
    asked: list[Any] = []

    def unwatched(cameras: Any) -> Any:
        asked.append(sorted(cameras))
        return frozenset(cameras)

    CoverageTeller(box.store, lambda: None, unwatched, lambda: box.now, lambda: box.steady).step()
    assert asked == [["c1"]]
    box.now += 600
    box.run()
    box.live(30)
    assert box.sums()[0] == 60 + 30


@pytest.mark.parametrize("jump", [-1800.0, 7200.0])
def test_a_clock_that_is_set_makes_no_time(box: Box, jump: float) -> None:
    box.live(60)
    box.now += jump
    box.live(60)
    assert box.sums()[:2] == (120, 120)


def test_a_process_that_hung_has_not_seen(box: Box) -> None:
    box.live(10)
    box.now, box.steady = box.now + 300, box.steady + 300
    box.slot.newest = Picture(box.now)
    box.keeper.step()
    assert box.sums()[:2] == (310, 15)


def test_another_pipeline_of_the_same_camera_loses_no_second(box: Box) -> None:
    box.live(30)
    before = box.slot.pipeline
    after = CameraPipeline(NAMES)
    after.use(box.slot.plan)
    before.step(HERE.detections, media_time=box.steady + 1, generation=0, wall_time=box.now + 1)
    box.slot.pipeline = after
    box.live(30)
    assert box.sums()[2] == 29 + 1 + 29


def test_a_full_disk_loses_nothing_while_there_is_room(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    full = True

    def add(self: CoverageStore, *given: Any, **more: Any) -> None:
        if full:
            raise EdgeStoreError("full", retryable=True)
        real(self, *given, **more)

    real = CoverageStore.add
    monkeypatch.setattr(CoverageStore, "add", add)
    box.live(59)
    for _ in range(120):
        with pytest.raises(EdgeStoreError):
            box.live(1)
    full = False
    assert box.sums()[:3] == (179, 179, 178)


def test_the_hub_is_told_at_first_soon_and_then_now_and_then(box: Box) -> None:
    woken: list[int] = []
    teller = CoverageTeller(box.store, lambda: woken.append(1), lambda c: (), lambda: box.now, lambda: box.steady)
    outbox, told = Outbox(box.database), []
    for _ in range(2000):
        box.live(1)
        teller.step()
        for event in outbox.head("", 9):
            [row] = json.loads(event.body)["rows"]
            told.append((box.steady - 100.0, row["revision"], row["wanted_s"]))
            outbox.confirm([event.event_id])
    first = FIRST_TOLD_SECONDS + 1
    assert [at for at, _, _ in told] == [first, first + TELL_SECONDS, first + 2 * TELL_SECONDS]
    assert len(woken) == 3
    assert all(at - wanted <= 61 for at, _, wanted in told)


@pytest.mark.django_db
def test_from_the_frames_to_the_report(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the box counted is what the hub reports; half of the events come twice."""
    monkeypatch.setattr(timezone, "now", lambda: datetime.fromtimestamp(box.now, UTC))
    make_binding("b1", roi=make_roi("r1", camera=make_camera("c1", device=make_device())))
    Site.objects.update(time_zone="Europe/Vienna")
    outbox, end = Outbox(box.database), box.now + 4000
    while box.now < end:
        box.live(500)
        box.store.tell(now=box.now)
        for event in outbox.head("", 9):
            fields = {"event_id": event.event_id, "kind": event.kind, "body": event.body}
            for _ in range(2):
                assert store_event(fields, device_id="box-1") is None
            outbox.confirm([event.event_id])
    day = datetime.fromtimestamp(NOON, ZoneInfo("Europe/Vienna")).date()
    question = Question(since=day, until=day, shifts=Shifts((6, 13)))
    report = make_report(make_person("kim", "viewer"), question)
    stored = box.database.rows("SELECT sum(wanted_s), sum(seen_s), sum(person_s) FROM coverage WHERE revision = told")[
        0
    ]
    total = report.total.now
    assert (total.wanted_s, total.seen_s, total.person_s) == pytest.approx(tuple(stored))
    assert (total.raised, total.coverage) == (1, 1.0)
    assert [round(pair.now.wanted_s) for pair in report.shifts.values()] == [3600, round(total.wanted_s) - 3600]
