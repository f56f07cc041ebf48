"""Schedules as people write them, one line a day or date, and back. Pure.

    Mon-Fri 08:00-12:00, 13:00-17:00
    Sat, Sun 22:00-06:00
    2026-12-25 closed  # Christmas
    2026-12-26 like Sun

A line names days of the week or one date, then hours or `closed`; a date may also have the hours of a day of the week. What
comes after `#` is the name of a date; on other lines it is a remark and is not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from cameras.core.holidays import LONGEST_NAME, clean_name
from cameras.core.schedule import DAYS, MAX_HOLIDAYS, MAX_INTERVALS, check_start, minutes_of

Hours = dict[str, str]  # start, end; with `day` where it is one of the week
NAMES = {
    name: day
    for day, long in zip(DAYS, ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), strict=True)
    for name in (day, day[:2], long)
}  # fmt: skip
CLOSED, LIKE = "closed", "like"
TOKEN = re.compile(r"\s*(?P<word>\d{4}-\d{1,2}-\d{1,2}|\d{1,2}:\d{1,2}|[^\W\d_]+|[-–,]|\S)")


@dataclass(frozen=True, slots=True)
class Written:
    """What a text says: the `weekly` and `holidays` of a schedule, as its row has them."""

    weekly: list[Hours]
    holidays: list[dict[str, Any]]


class ScheduleTextError(ValueError):
    """What is wrong where: `template % values`. line, column: counted from 1."""

    def __init__(self, line: int, column: int, template: str, **values: Any) -> None:
        self.line, self.column, self.template, self.values = line, column, template, values
        super().__init__(f"line {line}, column {column}: {template % values}")


@dataclass(slots=True)
class _Line:
    """The words of one line, taken from left to right."""

    number: int
    text: str
    words: list[tuple[str, int]] = field(init=False)
    remark: str = field(init=False)
    _next: int = 0

    def __post_init__(self) -> None:
        kept, _, self.remark = self.text.partition("#")
        self.words = [(m["word"], m.start("word") + 1) for m in TOKEN.finditer(kept)]

    def peek(self) -> str:
        return self.words[self._next][0] if self._next < len(self.words) else ""

    def take(self) -> str:
        word = self.peek()
        self._next += 1
        return word

    def takes(self, *words: str) -> bool:
        """Whether the next word is one of these; it is taken then."""
        found = self.peek() in words
        self._next += found
        return found

    def error(self, template: str, *, back: int = 0, **values: Any) -> ScheduleTextError:
        """At the next word, or so many before it."""
        index = self._next - back
        column = self.words[index][1] if index < len(self.words) else len(self.text.partition("#")[0].rstrip()) + 1
        return ScheduleTextError(self.number, column, template, **values)


def parse(text: str) -> Written:
    """Raises ScheduleTextError, which names the line and the column."""
    weekly: list[Hours] = []
    holidays: list[dict[str, Any]] = []
    closed: set[str] = set()
    for number, raw in enumerate(text.splitlines(), start=1):
        line = _Line(number, raw)
        if not line.words:
            continue
        if re.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}", line.peek()):
            holidays.append(_holiday(line, {h["date"] for h in holidays}))
            if len(holidays) > MAX_HOLIDAYS:
                raise ScheduleTextError(number, 1, "there are more than %(count)s dates", count=MAX_HOLIDAYS)
        else:
            _week(line, weekly, closed)
            if len(weekly) > MAX_INTERVALS:
                raise ScheduleTextError(number, 1, "there are more than %(count)s hours in a week", count=MAX_INTERVALS)
    return Written(_by_day(weekly), sorted(holidays, key=lambda holiday: str(holiday["date"])))


def _holiday(line: _Line, known: set[str]) -> dict[str, Any]:
    word = line.take()
    try:
        if len(word) != 10:
            raise ValueError(word)
        date.fromisoformat(word)
    except ValueError:
        raise line.error("%(word)s is not a date such as 2026-12-25", back=1, word=word) from None
    if word in known:
        raise line.error("%(word)s stands twice", back=1, word=word)
    found: dict[str, Any] = {"date": word}
    if line.peek().casefold() == LIKE:
        line.take()
        found["like"] = _day(line)
        _nothing_more(line)
    else:
        found["intervals"] = _hours(line)
    if name := clean_name(line.remark):
        if len(name) > LONGEST_NAME:
            raise ScheduleTextError(
                line.number, line.text.index("#") + 1, "the name has more than %(count)s characters", count=LONGEST_NAME
            )
        found["name"] = name
    return found


def _week(line: _Line, weekly: list[Hours], closed: set[str]) -> None:
    days = _days(line)
    hours = _hours(line)
    open_days = {interval["day"] for interval in weekly}
    for day in days:
        if day in closed or (not hours and day in open_days):
            raise ScheduleTextError(
                line.number, line.words[0][1], "%(word)s has hours and is closed", word=day.capitalize()
            )
        if not hours:
            closed.add(day)
        weekly.extend({"day": day, **interval} for interval in hours)


def _days(line: _Line) -> list[str]:
    found: list[str] = []
    while True:
        first = _day(line)
        last = _day(line) if line.takes("-", "–") else first
        start, length = DAYS.index(first), (DAYS.index(last) - DAYS.index(first)) % 7 + 1
        days = [DAYS[(start + offset) % 7] for offset in range(length)]
        twice = next((day for day in days if day in found), None)
        if twice is not None:
            raise line.error("%(word)s stands twice", back=1, word=twice.capitalize())
        found += days
        if not line.takes(","):
            return found


def _day(line: _Line) -> str:
    day = NAMES.get(line.peek().casefold())
    if day is None:
        raise line.error("a day such as Mon or a date such as 2026-12-25 is missing here")
    line.take()
    return day


def _hours(line: _Line) -> list[Hours]:
    if line.peek().casefold() == CLOSED:
        line.take()
        found: list[Hours] = []
    else:
        found = [_interval(line)]
        while line.takes(","):
            found.append(_interval(line))
    _nothing_more(line)
    return found


def _nothing_more(line: _Line) -> None:
    if line.peek():
        raise line.error("%(word)s is too much here", word=line.peek()[:20])


def _interval(line: _Line) -> Hours:
    start = _time(line)
    try:
        check_start(start)
    except ValueError:
        raise line.error("24:00 can only end hours; write 00:00 of the next day", back=1) from None
    if not line.takes("-", "–"):
        raise line.error("“-” and the end of the hours are missing here")
    end = _time(line)
    if start == end:
        raise line.error("start and end are the same; a whole day is 00:00-24:00", back=1)
    return {"start": start, "end": end}


def _time(line: _Line) -> str:
    word = line.peek()
    padded = word.zfill(5) if re.fullmatch(r"\d:\d\d", word) else word
    try:
        minutes_of(padded)
    except ValueError:
        raise line.error("a time of day such as 08:30 is missing here") from None
    line.take()
    return padded


def _by_day(weekly: Iterable[Hours]) -> list[Hours]:
    """In the order of the week and of the day, each only once."""
    distinct = {(DAYS.index(i["day"]), i["start"], i["end"]) for i in weekly}
    return [{"day": DAYS[day], "start": start, "end": end} for day, start, end in sorted(distinct)]


def hours_text(intervals: Sequence[Mapping[str, str]]) -> str:
    """`08:00-12:00, 13:00-17:00`; `closed` for none."""
    return ", ".join(f"{i['start']}-{i['end']}" for i in intervals) or CLOSED


def holiday_text(holiday: Mapping[str, Any]) -> str:
    """`closed`, `like Sun` or its hours, and its name after a `#`."""
    like, name = holiday.get("like"), holiday.get("name")
    text = f"{LIKE} {like.capitalize()}" if like else hours_text(holiday.get("intervals", ()))
    return f"{text}  # {name}" if name else text


def hours_of(weekly: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The hours of each day of the week in words, Monday first."""
    ordered = _by_day([dict(interval) for interval in weekly])
    return {day: hours_text([i for i in ordered if i["day"] == day]) for day in DAYS}


def days_text(hours: Mapping[str, str], days: Iterable[str] = DAYS) -> list[str]:
    """Lines such as `Mon-Fri 08:00-12:00`, neighbours with the same hours together. hours: as `hours_of` gives them."""
    lines: list[str] = []
    run: list[str] = []
    for day in [*days, ""]:
        if run and (not day or hours[day] != hours[run[0]] or DAYS.index(day) != DAYS.index(run[-1]) + 1):
            name = run[0].capitalize() + (f"-{run[-1].capitalize()}" if len(run) > 1 else "")
            lines.append(f"{name} {hours[run[0]]}")
            run = []
        run.append(day)
    return lines


def format_text(weekly: Iterable[Mapping[str, str]], holidays: Iterable[Mapping[str, Any]]) -> str:
    """The text that `parse` reads; days without hours are left out."""
    hours = hours_of(weekly)
    lines = days_text(hours, [day for day in DAYS if hours[day] != CLOSED])
    dates = sorted(holidays, key=lambda holiday: str(holiday["date"]))
    lines += [f"{holiday['date']} {holiday_text(holiday)}" for holiday in dates]
    return "\n".join(lines)
