"""A site's day on the wall clock: 23, 24 or 25 hours between two midnights. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Day:
    """begin, end: its midnights, in UTC. hours: what a clock shows at each full hour, and when (Unix seconds).

    Where the clock is put back an hour stands twice, where it is put forward one is missing.
    """

    date: date
    begin: datetime
    end: datetime
    hours: tuple[tuple[float, str], ...]

    @property
    def seconds(self) -> float:
        return (self.end - self.begin).total_seconds()


def day_of(day: date, *, time_zone: str) -> Day:
    """The day in that time zone. Raises OverflowError at the ends of the calendar."""
    zone = ZoneInfo(time_zone)
    begin, end = (_midnight(d, zone) for d in (day, day + timedelta(days=1)))
    hours, at = [], begin
    while at < end:
        there = at.astimezone(zone)
        if there.minute == 0 or at == begin:
            hours.append((at.timestamp(), f"{there:%H:%M}"))
        # To the next full hour on the clock: a zone may be put by half an hour.
        at += HOUR - timedelta(minutes=there.minute, seconds=there.second)
    return Day(day, begin, end, tuple(hours))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of the day: 00:00, or where that is skipped what comes instead of it."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def day_at(at: float, *, time_zone: str) -> date:
    """The date that a clock there shows at that moment (Unix seconds)."""
    return datetime.fromtimestamp(at, ZoneInfo(time_zone)).date()
