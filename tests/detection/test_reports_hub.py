"""What boxes tell of their hours, on the hub: once, the newest, only their own, and not for ever."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cameras.models import ROI, Binding, Site
from detection.core.events import EventError
from detection.hub.store import store_event
from detection.reports import services
from detection.reports.models import CoverageHour
from tests.detection.alerts import entry
from tests.detection.coverage import HOUR, coverage_body, make_hour, told_hour
from tests.rows import make_all

pytestmark = pytest.mark.django_db

NOW = datetime.fromtimestamp(HOUR + 7200, UTC)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def store(*rows: dict[str, Any], device_id: str = "box-1", **changes: Any) -> None:
    assert store_event(entry(coverage_body(*rows, **changes), kind="coverage"), device_id=device_id) is None


def stored() -> list[tuple[str, int, float, int]]:
    rows = CoverageHour.objects.order_by("bind_id", "start")
    return [(r.bind_id, int(r.start.timestamp()), r.seen_s, r.revision) for r in rows]


def test_a_row_is_stored_with_what_the_hub_knows_of_its_binding() -> None:
    make_all()
    store(told_hour())
    row = CoverageHour.objects.get()
    assert (row.device_id, row.camera_id, row.roi_id, row.roi_name) == ("box-1", "vid1", "roi-1", "Door 1")
    assert (row.algo_code, row.start, row.alerts) == ("intrusion", datetime.fromtimestamp(HOUR, UTC), 1)
    assert (row.wanted_s, row.seen_s, row.coarse_s, row.person_s) == (3600, 1800, 0, 7200)


@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3])))
def test_whatever_the_order_and_however_often_the_newest_stays(order: tuple[int, ...]) -> None:
    make_all()
    for revision in (*order, *order):
        store(told_hour(seen_s=1000.0 * revision, revision=revision))
    assert stored() == [("bind-1", HOUR, 3000.0, 3)]


def test_of_one_binding_and_hour_in_one_event_the_highest_revision_counts() -> None:
    make_all()
    store(told_hour(seen_s=2.0, revision=2), told_hour(seen_s=1.0, revision=1), told_hour(start=HOUR - 3600))
    assert stored() == [("bind-1", HOUR - 3600, 1800.0, 1), ("bind-1", HOUR, 2.0, 2)]


@pytest.mark.parametrize(
    ("zone", "start", "day", "hour"),
    [
        ("Europe/Vienna", datetime(2026, 10, 25, 0, 0, tzinfo=UTC), "2026-10-25", 2),
        ("Europe/Vienna", datetime(2026, 10, 25, 1, 0, tzinfo=UTC), "2026-10-25", 2),  # the hour that comes twice
        ("Asia/Kolkata", datetime(2026, 11, 21, 18, 30, tzinfo=UTC), "2026-11-22", 0),
        ("Asia/Kathmandu", datetime(2026, 11, 21, 18, 15, tzinfo=UTC), "2026-11-22", 0),
    ],
)
def test_day_and_hour_are_those_of_the_sites_clock(zone: str, start: datetime, day: str, hour: int) -> None:
    make_all()
    Site.objects.update(time_zone=zone)
    store(told_hour(start=int(start.timestamp())))
    row = CoverageHour.objects.get()
    assert (row.day.isoformat(), row.hour) == (day, hour)
    assert row.start.astimezone(ZoneInfo(zone)).hour == hour


def test_a_box_tells_of_nobody_elses_bindings_and_of_no_other_time() -> None:
    make_all()
    make_all("box-2", site="Warehouse", number=2)
    kept = timedelta(days=400).total_seconds()
    store(
        told_hour("bind-2"), told_hour("made up"), told_hour(start=HOUR + 4 * 3600),
        told_hour(start=HOUR - int(kept) - 3600), told_hour(start=0), told_hour(),
    )  # fmt: skip
    assert stored() == [("bind-1", HOUR, 1800.0, 1)]
    store(told_hour(seen_s=1.0, revision=9), device_id="box-2")
    assert stored() == [("bind-1", HOUR, 1800.0, 1)]


def test_hours_of_a_binding_that_was_deleted_meanwhile_go_on() -> None:
    make_all()
    store(told_hour())
    Binding.objects.all().delete()
    ROI.objects.all().delete()
    store(told_hour(revision=2, seen_s=3000.0), told_hour(start=HOUR + 3600))
    assert stored() == [("bind-1", HOUR, 3000.0, 2), ("bind-1", HOUR + 3600, 1800.0, 1)]
    assert set(CoverageHour.objects.values_list("roi_name", flat=True)) == {"Door 1"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"wanted_s": float("nan")}, "not a JSON object"),
        ({"seen_s": 1e999}, "not a JSON object"),
        ({"wanted_s": -1.0}, "rows.0.wanted_s: Input should be greater than or equal to 0"),
        ({"wanted_s": 3601.0}, "rows.0.wanted_s: Input should be less than or equal to 3600"),
        ({"seen_s": 3600.0, "wanted_s": 60.0}, "rows.0: more was seen than wanted"),
        ({"coarse_s": 1801.0}, "rows.0: more was seen than wanted"),
        ({"person_s": 1e9}, "rows.0.person_s: Input should be less than or equal to 3600000"),
        ({"start": HOUR + 1}, "rows.0.start: Input should be a multiple of 900"),
        ({"start": 1e12}, "rows.0.start: Input should be a valid integer"),
        ({"start": 900 * 10**12}, "rows.0.start: Input should be less than 253402214400"),
        ({"alerts": -1}, "rows.0.alerts: Input should be greater than or equal to 0"),
        ({"revision": 0}, "rows.0.revision: Input should be greater than or equal to 1"),
        ({"revision": 2**53}, "rows.0.revision: Input should be less than 9007199254740992"),
        ({"bind_id": "a\x00b"}, "rows.0.bind_id: String should match pattern"),
        ({"more": 1}, "rows.0.more: Extra inputs are not permitted"),
    ],
)
def test_nonsense_is_refused_with_its_place(changes: dict[str, Any], reason: str) -> None:
    make_all()
    with pytest.raises(EventError) as refused:
        store(told_hour(**changes))
    assert reason in str(refused.value)
    assert stored() == []


def test_too_many_rows_are_refused() -> None:
    make_all()
    with pytest.raises(EventError, match="rows: List should have at most 200 items"):
        store(*[told_hour(start=HOUR - 900 * n) for n in range(201)])


def test_storing_costs_few_queries() -> None:
    make_all()
    rows = [told_hour(start=HOUR - 3600 * n) for n in range(50)]
    with CaptureQueriesContext(
        connection,
    ) as made:
        store(*rows)
    assert len(made) <= 8
    with CaptureQueriesContext(connection) as repeated:
        store(*rows)
    assert len(repeated) <= 4


def test_rows_go_when_their_time_is_over(settings: LazySettings) -> None:
    settings.REPORT_DAYS = 30
    make_all()
    for days in (0, 29, 31, 60):
        make_hour(NOW - timedelta(days=days))
    assert services.step(now=NOW)
    assert not services.step(now=NOW)
    assert CoverageHour.objects.count() == 2


def test_a_great_many_go_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    make_all()
    monkeypatch.setattr(services, "AT_ONCE", 2)
    for days in (500, 501, 502):
        make_hour(NOW - timedelta(days=days))
    assert [services.step(now=NOW) for _ in range(3)] == [True, True, False]
