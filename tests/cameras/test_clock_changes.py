"""Days on which the clock is changed: which they are, and what becomes of a schedule's hours."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cameras.core.clock_changes import ClockChange, clock_changes, effects
from cameras.core.schedule import ScheduleEntry, active
from tests.cameras.test_schedule import VIENNA, ZONES, hours, moment, schedule

SPRING, AUTUMN = (2027, 3, 28), (2026, 10, 25)  # Vienna


def change_of(*day: int, zone: str = VIENNA) -> ClockChange:
    found = clock_changes(zone, moment(*day, zone=zone) - 86_400)[0]
    assert found.wall[0].date() == date(*day)
    return found


def kinds(given: ScheduleEntry, change: ClockChange) -> list[tuple[str, str, int]]:
    return [(e.kind, f"{e.start // 60:02}:{e.start % 60:02}", e.real) for e in effects(given, change)]


def test_the_next_changes_are_found_in_order_with_what_the_clock_shows() -> None:
    first, second = clock_changes(VIENNA, moment(2026, 11, 22))
    assert (first.forward, second.forward) == (True, False)
    assert [str(m) for m in first.wall] == ["2027-03-28 02:00:00", "2027-03-28 03:00:00"]
    assert [str(m) for m in second.wall] == ["2027-10-31 02:00:00", "2027-10-31 03:00:00"]
    assert first.at == moment(2027, 3, 28, 3)
    assert clock_changes(VIENNA, first.at - 1)[0] == first
    assert clock_changes(VIENNA, first.at)[0] == second
    assert clock_changes("Asia/Shanghai", moment(2026, 11, 22)) == clock_changes("UTC", 0.0) == []


def test_half_an_hour_and_midnight_are_changes_too() -> None:
    half = clock_changes("Australia/Lord_Howe", moment(2026, 9, 1))[0]
    assert [f"{m:%H:%M}" for m in half.wall] == ["02:00", "02:30"]
    midnight = clock_changes("America/Havana", moment(2027, 2, 1))[0]
    assert [f"{m:%d %H:%M}" for m in midnight.wall] == ["14 00:00", "14 01:00"]
    night = schedule(hours("sat", "22:00", "06:00"))
    assert kinds(night, midnight) == [("shorter", "22:00", 7 * 60)]


@pytest.mark.parametrize(
    ("start", "end", "spring", "autumn"),
    [
        ("02:15", "02:45", ("missing", "02:15", 0), ("twice", "02:15", 60)),
        ("02:30", "04:00", ("late", "02:30", 60), ("longer", "02:30", 120)),
        ("01:00", "02:30", ("early", "01:00", 60), ("longer", "01:00", 120)),
        ("01:00", "04:00", ("shorter", "01:00", 120), ("longer", "01:00", 240)),
        ("02:00", "03:00", ("missing", "02:00", 0), ("twice", "02:00", 120)),
    ],
)
def test_what_becomes_of_hours(
    start: str, end: str, spring: tuple[str, str, int], autumn: tuple[str, str, int]
) -> None:
    given = schedule(hours("sun", start, end))
    assert kinds(given, change_of(*SPRING)) == [spring]
    assert kinds(given, change_of(*AUTUMN)) == [autumn]


def test_a_night_is_an_hour_shorter_or_longer_and_other_days_are_not_concerned() -> None:
    night = schedule(hours("sat", "22:00", "06:00"))
    assert kinds(night, change_of(*SPRING)) == [("shorter", "22:00", 7 * 60)]
    assert kinds(night, change_of(*AUTUMN)) == [("longer", "22:00", 9 * 60)]
    for other in (hours("sun", "00:00", "02:00"), hours("sun", "03:00", "05:00"), hours("mon tue", "00:00", "24:00")):
        assert effects(schedule(other), change_of(*SPRING)) == []
        assert effects(schedule(other), change_of(*AUTUMN)) == []


def test_a_holiday_has_its_own_hours_that_day() -> None:
    away = schedule(hours("sun", "01:00", "04:00"), [{"date": "2027-03-28"}])
    assert effects(away, change_of(*SPRING)) == []
    there = schedule([], [{"date": "2027-03-27", "intervals": [{"start": "23:00", "end": "02:30"}]}])
    assert kinds(there, change_of(*SPRING)) == [("early", "23:00", 180)]


MINUTE = st.integers(0, 95).map(lambda n: f"{n // 4:02}:{n % 4 * 15:02}")


@settings(deadline=None, max_examples=60)
@given(
    zone=st.sampled_from(ZONES[1:2] + ZONES[3:6]), autumn=st.booleans(), start=MINUTE, end=MINUTE, before=st.booleans()
)
def test_hours_run_as_long_as_is_said(zone: str, autumn: bool, start: str, end: str, before: bool) -> None:
    """Counted minute by minute with `active`, for one stretch that begins on the day of the change or the evening before."""
    change = clock_changes(zone, moment(2026, 6, 1, zone=zone), most=2)[autumn]
    day = change.wall[0].date() - timedelta(days=before)
    if start == end:
        end = "24:00" if start == "00:00" else "00:00" if start != "00:15" else "23:00"
    given = schedule([], [{"date": day.isoformat(), "intervals": [{"start": start, "end": end}]}])
    begin = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp() - 3600
    counted = sum(active(given, zone, begin + 60 * n) for n in range(52 * 60))
    planned = sum(last - first for first, last in (i.minutes for i in given.holidays[0].intervals))
    found = effects(given, change)
    assert counted == (found[0].real if found else planned)
