"""The recorder's forecast: what it measures in the index, when it looks, and what it tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from recordings.core.retention import Limits, Terms
from recordings.core.segments import Segment
from recordings.recorder import forecasting
from recordings.recorder.forecasting import Forecasting
from recordings.recorder.task_store import Task
from tests.recordings.test_full_disk import Recording
from tests.recordings.test_keeping import Disk
from tests.recordings.test_recorder_tasks import T

HOUR, DAY = 3600.0, 86_400.0


class Ahead(Disk):
    """Two days are recorded: an hour each is a segment of 3600 bytes, so a byte a second."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.keeping.limits = Limits(keep_s=7 * DAY, floor=1000, enough=2000)
        self.forecasting = Forecasting(self.keeping, self.clock, self.ticks)
        self.space = 2000 + 3 * 86_400

    def record(self, camera_id: str, *, hours: int, ago: float = 0.0, size: int = 3600, ring: bool = False) -> None:
        ends = [T - ago - HOUR * n for n in range(hours)]
        self.segments.add([Segment(camera_id, f"{camera_id}/{e}", "r", e - HOUR, e, size, ring) for e in ends])

    def ask(self) -> dict[str, object] | None:
        self.ticks.advance(forecasting.LOOK_SECONDS)
        assert self.forecasting.step()
        return self.forecasting.told


@pytest.fixture
def ahead(tmp_path: Path) -> Iterator[Ahead]:
    made = Ahead(tmp_path)
    yield made
    made.database.close()


def test_the_day_and_how_far_back(ahead: Ahead) -> None:
    ahead.record("vid1", hours=48)
    assert ahead.ask() == {
        "rate": 3600, "cameras": {"vid1": 3600}, "full_at": round(T + 3 * DAY), "by_budget": False,
        "reach": [round(5 * DAY)] * 2,
    }  # fmt: skip
    assert ahead.forecasting.alarm == ""


def test_a_camera_that_rested_counts_by_the_day_and_one_that_ended_by_its_bytes(ahead: Ahead) -> None:
    ahead.record("vid1", hours=6)
    ahead.record("vid1", hours=1, ago=3 * DAY)  # at night only
    ahead.record("vid2", hours=24, ago=2 * DAY)  # no more
    ahead.record("vid3", hours=24, size=0)
    told = ahead.ask()
    assert told is not None
    assert told["cameras"] == {"vid1": 900}


def test_nothing_is_known_of_an_empty_index_a_ring_or_a_clock_in_doubt(ahead: Ahead) -> None:
    assert ahead.ask() is None
    ahead.record("vid1", hours=24, ring=True)
    assert ahead.ask() is None
    ahead.record("vid2", hours=24)
    assert ahead.ask() is not None
    ahead.keeping.step()
    ahead.clock.advance(400 * DAY)
    ahead.ticks.advance(11)
    ahead.keeping.step()
    assert ahead.keeping.doubtful
    now = ahead.clock.now
    ends = [now - HOUR * n for n in range(3)]  # by the wrong clock
    ahead.segments.add([Segment("vid2", f"vid2/{e}", "r", e - HOUR, e, 3600) for e in ends])
    assert ahead.ask() is None


def test_a_clock_that_was_set_back_makes_no_nonsense(ahead: Ahead) -> None:
    ahead.record("vid1", hours=48)
    ahead.clock.advance(-30 * DAY)
    assert ahead.ask() is None


def test_it_looks_rarely_and_sooner_while_it_knows_nothing(ahead: Ahead) -> None:
    assert ahead.forecasting.step()
    assert not ahead.forecasting.step()
    ahead.record("vid1", hours=2)
    ahead.ticks.advance(forecasting.SOON_SECONDS)
    assert ahead.forecasting.step()
    ahead.ticks.advance(forecasting.LOOK_SECONDS - 1)
    assert not ahead.forecasting.step()


def test_guaranteed_days_that_do_not_fit_are_an_alarm_that_is_logged_once(ahead: Ahead) -> None:
    ahead.record("vid1", hours=48)
    ahead.keeping.own = lambda: {"vid1": Terms(least_s=6 * DAY)}
    with capture_logs() as logs:
        ahead.ask()
        ahead.ask()
    assert ahead.forecasting.alarm == forecasting.UNHELD
    assert [entry["reason"] for entry in logs] == [forecasting.UNHELD]
    ahead.keeping.own = lambda: {"vid1": Terms(least_s=4 * DAY)}
    ahead.ask()
    assert ahead.forecasting.alarm == ""


def test_clips_that_wait_and_fill_the_disk_are_an_alarm_before_it_is_full(ahead: Ahead) -> None:
    ahead.record("vid1", hours=48)
    ahead.store.add(Task("t1", "vid1", "shift", "uploading", 1, T, 60.0, T - 48 * HOUR, T), now=T)
    ahead.ask()
    assert ahead.forecasting.alarm == ""
    ahead.space = 1000
    ahead.ask()
    assert ahead.forecasting.alarm == forecasting.TIGHT


def test_it_is_part_of_what_the_recorder_reports(ahead: Ahead, tmp_path: Path) -> None:
    disk = Recording(tmp_path / "other")
    try:
        assert disk.recorder.health()["forecast"] is None
        disk.recorder.forecasting = ahead.forecasting
        ahead.record("vid1", hours=48)
        disk.full = False
        disk.step()
        health = disk.recorder.health()
        assert health["forecast"]["rate"] == 3600
        ahead.forecasting.alarm = forecasting.UNHELD
        assert disk.recorder.health()["alarm"] == forecasting.UNHELD
    finally:
        disk.recorder.close()
        disk.database.close()
