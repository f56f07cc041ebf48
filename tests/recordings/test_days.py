"""A site's day: 23, 24 or 25 hours, and every full hour that its clock shows."""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise

import pytest

from recordings.core.days import day_at, day_of


@pytest.mark.parametrize(
    ("zone", "day", "hours", "labels"),
    [
        ("Asia/Shanghai", date(2026, 11, 22), 24, 24),
        ("Europe/Berlin", date(2026, 3, 29), 23, 23),
        ("Europe/Berlin", date(2026, 10, 25), 25, 25),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5, 24),  # put by half an hour, from 02:00 to 02:30
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5, 24),
        ("Asia/Beirut", date(2026, 3, 29), 23, 23),  # midnight itself is skipped
    ],
)
def test_a_day_has_the_hours_that_its_clock_shows(zone: str, day: date, hours: float, labels: int) -> None:
    there = day_of(day, time_zone=zone)
    assert there.seconds == hours * 3600
    moments = [at for at, _ in there.hours]
    assert moments == sorted(set(moments))
    assert len(moments) == labels - (1 if hours == 23.5 else 0)
    assert there.begin.timestamp() == moments[0]
    assert moments[-1] < there.end.timestamp()
    assert {day_at(at, time_zone=zone) for at in moments} == {day}


def test_an_hour_that_comes_twice_stands_twice() -> None:
    autumn = [label for _, label in day_of(date(2026, 10, 25), time_zone="Europe/Berlin").hours]
    assert autumn[:5] == ["00:00", "01:00", "02:00", "02:00", "03:00"]
    spring = [label for _, label in day_of(date(2026, 3, 29), time_zone="Europe/Berlin").hours]
    assert spring[:4] == ["00:00", "01:00", "03:00", "04:00"]
    assert day_of(date(2026, 3, 29), time_zone="Asia/Beirut").hours[0][1] == "01:00"


def test_days_follow_one_another() -> None:
    days = [day_of(date(2026, 10, n), time_zone="Europe/Berlin") for n in range(23, 28)]
    assert all(a.end == b.begin for a, b in pairwise(days))
    assert day_at(datetime.fromisoformat("2026-11-21T17:00:00+00:00").timestamp(), time_zone="Asia/Shanghai") == date(
        2026, 11, 22
    )
