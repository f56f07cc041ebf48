"""The days on which the site's clock is put forward or back, and what becomes of a schedule's hours then. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from cameras.core.schedule import ScheduleEntry, hours_on, jumps

Kind = Literal["missing", "late", "early", "shorter", "twice", "longer"]


@dataclass(frozen=True, slots=True)
class ClockChange:
    """at: Unix seconds. before, after: what the clock would show at that moment, and what it does show."""

    at: float
    before: datetime
    after: datetime

    @property
    def forward(self) -> bool:
        """Whether an hour is skipped; else one comes twice."""
        return self.after > self.before

    @property
    def wall(self) -> tuple[datetime, datetime]:
        """What the clock never shows, or shows twice: from, up to."""
        return (self.before, self.after) if self.forward else (self.after, self.before)


@dataclass(frozen=True, slots=True)
class Effect:
    """One stretch of hours that the change concerns. start, end: minutes since midnight of `day`.

    kind: `missing`, it does not occur; `late`, its start is skipped; `early`, its end is; `shorter`, it spans the skipped
    time; `twice`, it comes two times; `longer`, it has part of what comes twice. real: how many minutes it runs.
    """

    kind: Kind
    day: date
    start: int
    end: int
    real: int


def clock_changes(tz: str, wall_time: float, *, days: int = 400, most: int = 2) -> list[ClockChange]:
    """The next changes after that moment (Unix seconds), in order. Raises zoneinfo.ZoneInfoNotFoundError."""
    zone = ZoneInfo(tz)
    today = datetime.fromtimestamp(wall_time, zone).date()
    found: list[ClockChange] = []
    for offset in range(-1, days):
        day = today + timedelta(days=offset)
        if _offset(day, zone) == _offset(day + timedelta(days=2), zone):
            continue
        known = {change.at for change in found}
        for at in jumps(day, zone):
            if at > wall_time and at not in known:
                before = datetime.fromtimestamp(at - 1, zone).replace(tzinfo=None) + timedelta(seconds=1)
                found.append(ClockChange(at, before, datetime.fromtimestamp(at, zone).replace(tzinfo=None)))
        if len(found) >= most:
            break
    return sorted(found, key=lambda change: change.at)[:most]


def _offset(day: date, zone: ZoneInfo) -> timedelta | None:
    return datetime(day.year, day.month, day.day, tzinfo=zone).utcoffset()


def effects(schedule: ScheduleEntry, change: ClockChange) -> list[Effect]:
    """What the change does to the schedule's hours, in the order in which they begin; nothing where it does not touch them."""
    return list(_effects(schedule, change))


def _effects(schedule: ScheduleEntry, change: ClockChange) -> Iterator[Effect]:
    first, last = change.wall
    day = first.date() - timedelta(days=1)
    while day <= last.date():
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - what a clock shows
        low, high = (_minutes(moment - midnight) for moment in (first, last))
        for start, end in sorted(hours_on(schedule, day)):
            overlap = min(end, high) - max(start, low)
            if overlap > 0:
                real = end - start + (-overlap if change.forward else overlap)
                yield Effect(_kind(change, start, end, (low, high)), day, start, end, real)
        day += timedelta(days=1)


def _kind(change: ClockChange, start: int, end: int, wall: tuple[int, int]) -> Kind:
    low, high = wall
    inside = low <= start and end <= high
    if not change.forward:
        return "twice" if inside else "longer"
    if inside:
        return "missing"
    if low <= start < high:
        return "late"
    return "early" if low < end <= high else "shorter"


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
