"""When a binding runs: weekly hours and holidays, as the clock on the site's wall shows them. Pure.

The clock on the wall decides. So across the change to summer time the hour that is skipped does not occur, and in
autumn the hour that comes twice counts both times; a night shift from 22:00 to 06:00 lasts seven or nine hours then.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
MAX_INTERVALS = 200
MAX_HOLIDAYS = 1000

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def minutes_of(text: str) -> int:
    """Minutes since midnight of `HH:MM`, 00:00 to 24:00. Raises ValueError."""
    hours, colon, minutes = text.partition(":")
    if len(text) == 5 and colon and text.isascii() and hours.isdigit() and minutes.isdigit():
        total = int(hours) * 60 + int(minutes)
        if int(minutes) < 60 and total <= DAY_MINUTES:
            return total
    raise ValueError("is not a time of day such as 08:30")


def check_start(text: str) -> str:
    """`HH:MM`, 00:00 to 23:59. Raises ValueError."""
    if minutes_of(text) == DAY_MINUTES:
        raise ValueError("24:00 can only end an interval; write 00:00 of the next day")
    return text


def _end(text: str) -> str:
    minutes_of(text)
    return text


def _date(text: str) -> str:
    if len(text) != 10 or date.fromisoformat(text).isoformat() != text:
        raise ValueError("is not a date such as 2026-12-25")
    return text


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Interval(_Part):
    """Hours of one day: from `start` up to, but not at, `end`. An end before the start is on the next day.

    The whole interval belongs to the day on which it starts.
    """

    start: Annotated[str, AfterValidator(check_start)]
    end: Annotated[str, AfterValidator(_end)]

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if self.start == self.end:
            raise PydanticCustomError("schedule", "start and end are the same; a whole day is 00:00 to 24:00")
        return self

    @property
    def minutes(self) -> tuple[int, int]:
        """Start and end in minutes since midnight of its day; the end is beyond 1440 when it is on the next day."""
        start, end = minutes_of(self.start), minutes_of(self.end)
        return start, end if end > start else end + DAY_MINUTES


class WeeklyInterval(Interval):
    """Hours that come every week."""

    day: Day


class Holiday(_Part):
    """A date with hours of its own instead of the weekly ones; none: closed.

    Hours of the evening before that reach into it stay.
    """

    date: Annotated[str, AfterValidator(_date)]
    intervals: tuple[Interval, ...] = Field(default=(), strict=False, max_length=MAX_INTERVALS)


class ScheduleEntry(_Part):
    """One schedule of the config document. Without weekly hours it is closed but for its holidays' own hours."""

    schedule_id: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f/]+$")]
    name: str = Field(default="", max_length=200)
    weekly: tuple[WeeklyInterval, ...] = Field(default=(), strict=False, max_length=MAX_INTERVALS)
    holidays: tuple[Holiday, ...] = Field(default=(), strict=False, max_length=MAX_HOLIDAYS)

    @model_validator(mode="after")
    def _dates_are_distinct(self) -> Self:
        dates = [holiday.date for holiday in self.holidays]
        twice = next((day for index, day in enumerate(dates) if day in dates[:index]), None)
        if twice is not None:
            raise PydanticCustomError("schedule", "holiday {date} stands twice", {"date": twice})
        return self


def active(schedule: ScheduleEntry, tz: str, wall_time: float) -> bool:
    """Whether the schedule runs at that moment.

    tz: the site's IANA time zone. wall_time: Unix seconds. Raises zoneinfo.ZoneInfoNotFoundError for an unknown zone.
    """
    local = datetime.fromtimestamp(wall_time, ZoneInfo(tz))
    minute = local.hour * 60 + local.minute
    today = local.date()
    if any(start <= minute < end for start, end in hours_on(schedule, today)):
        return True
    return any(minute < end - DAY_MINUTES for _, end in hours_on(schedule, today - timedelta(days=1)))


def next_change(schedule: ScheduleEntry, tz: str, wall_time: float) -> float | None:
    """The first moment after `wall_time` (Unix seconds) at which `active` changes; None when it never does."""
    zone = ZoneInfo(tz)
    now = active(schedule, tz, wall_time)
    today = datetime.fromtimestamp(wall_time, zone).date()
    for day in _days_to_search(schedule, today):
        moments = sorted(m for m in _candidates(schedule, day, zone) if m > wall_time)
        for moment in moments:
            if active(schedule, tz, moment) != now:
                return moment
    return None


def latest_time(times: Iterable[str], tz: str, wall_time: float) -> float | None:
    """The latest moment, at or before `wall_time`, at which the site's clock came to one of the times of day.

    times: `HH:MM`. A time that comes twice in a day counts once, the first time; one that is skipped counts when the
    clock jumps over it. None without times.
    """
    zone = ZoneInfo(tz)
    today = datetime.fromtimestamp(wall_time, zone).date()
    moments = [
        _first_moment(today - timedelta(days=back), minutes_of(text), zone) for text in times for back in (-1, 0, 1, 2)
    ]
    return max((moment for moment in moments if moment <= wall_time), default=None)


@functools.lru_cache(maxsize=4096)
def hours_on(schedule: ScheduleEntry, day: date) -> tuple[tuple[int, int], ...]:
    """The intervals that start on that date, in minutes since its midnight."""
    text = day.isoformat()
    for holiday in schedule.holidays:
        if holiday.date == text:
            return tuple(interval.minutes for interval in holiday.intervals)
    name = DAYS[day.weekday()]
    return tuple(interval.minutes for interval in schedule.weekly if interval.day == name)


def _days_to_search(schedule: ScheduleEntry, today: date) -> list[date]:
    """Days on which something may change: more than a week from now and after each holiday to come.

    Whoever finds no change in such a stretch of ordinary days finds none up to the next holiday.
    """
    days = {today + timedelta(days=offset) for offset in range(-1, 10)}
    for holiday in schedule.holidays:
        day = date.fromisoformat(holiday.date)
        if day >= today - timedelta(days=1):
            days |= {day + timedelta(days=offset) for offset in range(-1, 10)}
    return sorted(days)


def _candidates(schedule: ScheduleEntry, day: date, zone: ZoneInfo) -> Iterator[float]:
    """Moments of that day at which the schedule may change: bounds of hours, midnight, and jumps of the clock."""
    bounds = {0, *(minute for pair in hours_on(schedule, day) for minute in pair if minute < DAY_MINUTES)}
    bounds |= {end - DAY_MINUTES for _, end in hours_on(schedule, day - timedelta(days=1)) if end >= DAY_MINUTES}
    for minute in bounds:
        naive = _naive(day, minute)
        for fold in (0, 1):
            moment = naive.replace(tzinfo=zone, fold=fold).timestamp()
            if datetime.fromtimestamp(moment, zone).replace(tzinfo=None) == naive:  # the clock does show it
                yield moment
    yield from jumps(day, zone)


def jumps(day: date, zone: ZoneInfo) -> Iterator[float]:
    """The moments at which the clock jumps away from that day's hours: Unix seconds."""
    start = int(_naive(day, 0).replace(tzinfo=zone).timestamp())
    for low in range(start - 2 * 3600, start + 27 * 3600, 3600):
        if _offset(low, zone) != _offset(low + 3600, zone):
            jump = _jump_between(low, low + 3600, zone)
            if datetime.fromtimestamp(jump - 1, zone).date() == day:
                yield jump


def _jump_between(low: int, high: int, zone: ZoneInfo) -> float:
    """The moment after `low` and up to `high` at which the clock jumps, when its offset differs there."""
    before = _offset(low, zone)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    return float(high)


def _first_moment(day: date, minute: int, zone: ZoneInfo) -> float:
    """When the clock first shows that minute of that day; where it is skipped, when the clock jumps over it."""
    naive = _naive(day, minute)
    moment = naive.replace(tzinfo=zone).timestamp()
    if datetime.fromtimestamp(moment, zone).replace(tzinfo=None) == naive:
        return moment
    earlier = naive.replace(tzinfo=zone, fold=1).timestamp()
    return _jump_between(int(earlier) - 1, int(moment), zone)


def _naive(day: date, minute: int) -> datetime:
    return datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001 - what a clock shows


def _offset(moment: int, zone: ZoneInfo) -> timedelta | None:
    return datetime.fromtimestamp(moment, zone).utcoffset()
