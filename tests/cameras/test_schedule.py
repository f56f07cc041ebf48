"""Schedules: the clock on the site's wall decides, also where it jumps."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cameras.core.schedule import DAYS, ScheduleEntry, active, latest_time, minutes_of, next_change

VIENNA = "Europe/Vienna"
ZONES = ["UTC", VIENNA, "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu"]


def schedule(weekly: Any = (), holidays: Any = ()) -> ScheduleEntry:
    return ScheduleEntry.model_validate({"schedule_id": "s", "weekly": weekly, "holidays": holidays})


def hours(days: str, start: str, end: str) -> list[dict[str, str]]:
    return [{"day": day, "start": start, "end": end} for day in days.split()]


def moment(*at: int, zone: str = VIENNA, fold: int = 0) -> float:
    return datetime(*at, tzinfo=ZoneInfo(zone), fold=fold).timestamp()  # type: ignore[misc, arg-type]


WORK = schedule(hours("mon tue wed thu fri", "08:00", "17:30"))
NIGHT = schedule(hours("fri", "22:00", "06:00"))


@pytest.mark.parametrize(
    ("given", "at", "expected"),
    [
        (WORK, (2026, 11, 23, 7, 59, 59), False),
        (WORK, (2026, 11, 23, 8, 0), True),
        (WORK, (2026, 11, 23, 17, 29, 59), True),
        (WORK, (2026, 11, 23, 17, 30), False),
        (WORK, (2026, 11, 22, 12, 0), False),  # a Sunday
        (NIGHT, (2026, 11, 20, 21, 59), False),
        (NIGHT, (2026, 11, 20, 22, 0), True),
        (NIGHT, (2026, 11, 21, 0, 0), True),
        (NIGHT, (2026, 11, 21, 5, 59, 59), True),
        (NIGHT, (2026, 11, 21, 6, 0), False),
        (NIGHT, (2026, 11, 20, 3, 0), False),  # the night before belongs to Thursday
        (schedule(hours("sun", "00:00", "24:00")), (2026, 11, 22, 23, 59, 59), True),
        (schedule(hours("sun", "00:00", "24:00")), (2026, 11, 23, 0, 0), False),
        (schedule(hours("sun", "18:00", "00:00")), (2026, 11, 22, 23, 59, 59), True),
        (schedule(hours("sun", "18:00", "00:00")), (2026, 11, 23, 0, 0), False),
        (schedule(), (2026, 11, 23, 12, 0), False),
    ],
)
def test_weekly_hours(given: ScheduleEntry, at: tuple[int, ...], *, expected: bool) -> None:
    assert active(given, VIENNA, moment(*at)) is expected


def test_the_zone_decides_what_day_and_hour_it_is() -> None:
    now = datetime(2026, 11, 22, 23, 30, tzinfo=UTC).timestamp()  # Monday 00:30 in Vienna, 07:30 in Shanghai
    monday = schedule(hours("mon", "00:00", "02:00"))
    assert not active(monday, "UTC", now)
    assert active(monday, VIENNA, now)
    assert not active(monday, "Asia/Shanghai", now)


def test_a_holiday_has_hours_of_its_own_or_none() -> None:
    closed = {"date": "2026-12-25"}
    short = {"date": "2026-12-24", "intervals": [{"start": "09:00", "end": "12:00"}]}
    year = schedule(
        [*hours("mon tue wed thu fri", "08:00", "17:30"), *hours("wed thu", "22:00", "06:00")], [closed, short]
    )
    for at, expected in (
        ((2026, 12, 23, 23, 0), True),
        ((2026, 12, 24, 5, 0), True),  # the night that began before the holiday stays
        ((2026, 12, 24, 8, 30), False),
        ((2026, 12, 24, 9, 0), True),
        ((2026, 12, 24, 12, 0), False),
        ((2026, 12, 24, 23, 0), False),  # no night begins on the holiday
        ((2026, 12, 25, 10, 0), False),
        ((2026, 12, 28, 10, 0), True),
    ):
        assert active(year, VIENNA, moment(*at)) is expected, at


def test_the_hour_that_is_skipped_does_not_occur_and_the_one_that_comes_twice_counts_twice() -> None:
    """Vienna jumps from 02:00 to 03:00 on 28 March 2027 and from 03:00 to 02:00 on 25 October 2026."""
    small = schedule(hours("sun", "02:15", "02:45"))
    assert next_change(small, VIENNA, moment(2027, 3, 27, 12)) == moment(2027, 4, 4, 2, 15)
    changes = [moment(2026, 10, 24, 12)]
    for _ in range(4):
        following = next_change(small, VIENNA, changes[-1])
        assert following is not None
        changes.append(following)
    assert changes[1:] == [moment(2026, 10, 25, 2, minute, fold=fold) for fold in (0, 1) for minute in (15, 45)]
    over = schedule(hours("sun", "02:30", "04:00"))
    assert active(over, VIENNA, moment(2026, 10, 25, 2, 59))
    assert not active(over, VIENNA, moment(2026, 10, 25, 2, 0, fold=1))
    assert next_change(over, VIENNA, moment(2026, 10, 25, 2, 59)) == moment(2026, 10, 25, 2, 0, fold=1)
    assert next_change(over, VIENNA, moment(2027, 3, 28, 1, 0)) == moment(2027, 3, 28, 3, 0)


@pytest.mark.parametrize(("day", "length"), [((2027, 3, 27), 7), ((2026, 10, 24), 9), ((2026, 11, 21), 8)])
def test_a_night_shift_lasts_as_long_as_the_night(day: tuple[int, int, int], length: int) -> None:
    night = schedule(hours("sat", "22:00", "06:00"))
    begins = next_change(night, VIENNA, moment(*day, 12))
    assert begins == moment(*day, 22)
    assert next_change(night, VIENNA, begins) == begins + length * 3600


def test_what_never_changes_has_no_next_change() -> None:
    assert next_change(schedule(), VIENNA, moment(2026, 11, 22)) is None
    always = schedule(hours(" ".join(DAYS), "00:00", "24:00"))
    assert next_change(always, VIENNA, moment(2026, 3, 29)) is None
    closed = schedule(hours(" ".join(DAYS), "00:00", "24:00"), [{"date": "2027-08-15"}])
    assert next_change(closed, VIENNA, moment(2026, 11, 22)) == moment(2027, 8, 15)
    assert next_change(closed, VIENNA, moment(2027, 8, 15, 3)) == moment(2027, 8, 16)
    assert next_change(closed, VIENNA, moment(2027, 8, 17)) is None


def test_a_change_after_weeks_of_holidays_is_found() -> None:
    days = [(date(2026, 11, 20) + timedelta(days=n)).isoformat() for n in range(40)]
    off = schedule(hours("mon", "08:00", "09:00"), [{"date": day} for day in days])
    assert next_change(off, VIENNA, moment(2026, 11, 22)) == moment(2027, 1, 4, 8)


TIME = st.integers(0, 95).map(lambda n: f"{n // 4:02}:{n % 4 * 15:02}")
INTERVAL = st.fixed_dictionaries(
    {"day": st.sampled_from(DAYS), "start": TIME, "end": st.one_of(TIME, st.just("24:00"))}
)
WEEK = st.lists(INTERVAL.filter(lambda i: i["start"] != i["end"]), max_size=6)
# Days on which some zone's clock jumps, and ordinary ones.
SPECIAL = [
    date(2026, 3, 8),
    date(2026, 3, 29),
    date(2026, 4, 5),
    date(2026, 10, 4),
    date(2026, 10, 25),
    date(2026, 11, 1),
]
NEAR = st.tuples(st.sampled_from([*SPECIAL, date(2026, 6, 30), date(2026, 12, 31)]), st.integers(-2 * 1440, 2 * 1440))


def by_hand(given: ScheduleEntry, zone: str, wall_time: float) -> bool:
    """What the clock on the wall shows, compared as text with each interval."""
    local = datetime.fromtimestamp(wall_time, ZoneInfo(zone))
    shown, today, before = local.strftime("%H:%M"), DAYS[local.weekday()], DAYS[local.weekday() - 1]
    return any(
        (i.day == today and i.start <= shown and (shown < i.end or i.end < i.start))
        or (i.day == before and i.end < i.start and shown < i.end)
        for i in given.weekly
    )


@settings(deadline=None)
@given(week=WEEK, zone=st.sampled_from(ZONES), near=NEAR)
def test_it_is_active_when_the_clock_on_the_wall_says_so(week: Any, zone: str, near: tuple[date, int]) -> None:
    day, minutes = near
    wall_time = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + 60 * minutes + 0.5
    assert active(schedule(week), zone, wall_time) is by_hand(schedule(week), zone, wall_time)


@settings(deadline=None, max_examples=60)
@given(week=WEEK, zone=st.sampled_from(ZONES), near=NEAR, holiday=st.sampled_from([None, *SPECIAL]))
def test_the_next_change_is_the_first_minute_that_differs(
    week: Any, zone: str, near: tuple[date, int], holiday: date | None
) -> None:
    day, minutes = near
    entry = schedule(week, [{"date": holiday.isoformat()}] if holiday else [])
    start = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + 60 * minutes
    now = active(entry, zone, start)
    following = next_change(entry, zone, start)
    end = following if following is not None else start + 10 * 86_400
    assert end > start
    for step in range(60, min(int(end - start), 10 * 86_400), 60 * 15 if end - start > 86_400 else 60):
        assert active(entry, zone, start + step) is now
    if following is not None:
        assert active(entry, zone, following) is not now
        assert active(entry, zone, following - 1) is now


# Times of day


def test_the_latest_time_of_day_at_midnight_and_where_the_clock_jumps() -> None:
    assert latest_time([], VIENNA, moment(2026, 11, 22, 12)) is None
    assert latest_time(["00:00"], VIENNA, moment(2026, 11, 22)) == moment(2026, 11, 22)
    assert latest_time(["00:00"], VIENNA, moment(2026, 11, 22) - 1) == moment(2026, 11, 21)
    shifts = ["06:00", "14:00", "22:00"]
    assert latest_time(shifts, VIENNA, moment(2026, 11, 22, 5)) == moment(2026, 11, 21, 22)
    assert latest_time(shifts, VIENNA, moment(2026, 11, 22, 14)) == moment(2026, 11, 22, 14)
    assert latest_time(["02:30"], VIENNA, moment(2027, 3, 28, 12)) == moment(2027, 3, 28, 3)  # skipped
    assert latest_time(["02:30"], VIENNA, moment(2026, 10, 25, 2, 40, fold=1)) == moment(2026, 10, 25, 2, 30)


@settings(deadline=None)
@given(times=st.lists(TIME, min_size=1, max_size=3), zone=st.sampled_from(ZONES), near=NEAR)
def test_between_two_latest_times_lies_about_a_day_at_most(times: list[str], zone: str, near: tuple[date, int]) -> None:
    day, minutes = near
    wall_time = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + 60 * minutes
    latest = latest_time(times, zone, wall_time)
    assert latest is not None
    assert wall_time - 26 * 3600 < latest <= wall_time
    assert latest_time(times, zone, latest) == latest
    before = latest_time(times, zone, latest - 1)
    assert before is not None
    assert before < latest


# What is refused


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"weekly": hours("mon", "8:00", "09:00")}, "is not a time of day"),
        ({"weekly": hours("mon", "08:00", "24:01")}, "is not a time of day"),
        ({"weekly": hours("mon", "08:60", "09:00")}, "is not a time of day"),
        ({"weekly": hours("mon", "24:00", "09:00")}, "24:00 can only end an interval"),
        ({"weekly": hours("mon", "08:00", "08:00")}, "start and end are the same"),
        ({"weekly": hours("monday", "08:00", "09:00")}, "Input should be 'mon'"),
        ({"weekly": [{"day": "mon", "start": "08:00"}]}, "Field required"),
        ({"weekly": [{**hours("mon", "08:00", "09:00")[0], "until": "x"}]}, "Extra inputs"),
        ({"holidays": [{"date": "2026-02-30"}]}, "day"),
        ({"holidays": [{"date": "20261225"}]}, "is not a date"),
        ({"holidays": [{"date": "2026-12-25"}, {"date": "2026-12-25"}]}, "holiday 2026-12-25 stands twice"),
        ({"schedule_id": "a/b"}, "match pattern"),
        ({"zone": "UTC"}, "Extra inputs"),
    ],
)
def test_what_makes_no_sense_is_refused(entry: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ScheduleEntry.model_validate({"schedule_id": "s", **entry})


@pytest.mark.parametrize("text", ["", "08", "08:0", "+8:00", "０8:00", "08;00", "ab:cd", "25:00"])
def test_a_time_of_day_is_two_numbers(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time of day"):
        minutes_of(text)


def test_it_survives_json_and_compares_by_value() -> None:
    entry = schedule(hours("mon", "08:00", "09:00"), [{"date": "2026-12-25"}])
    assert ScheduleEntry.model_validate_json(entry.model_dump_json()) == entry
    assert ScheduleEntry.model_validate(entry.model_dump(mode="json")) == entry
    assert hash(entry) == hash(ScheduleEntry.model_validate(entry.model_dump()))
