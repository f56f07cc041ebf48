"""What a schedule means, in words: whether it runs now and until when, the next holiday, days on which the clock is changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cameras.admin.chips import chip
from cameras.core.clock_changes import ClockChange, Effect, clock_changes, effects
from cameras.core.schedule import DAY_MINUTES, DAYS, ScheduleEntry, active, next_change
from cameras.core.schedule_text import hours_text

DAY_NAMES = dict(
    zip(
        DAYS,
        (
            gettext_lazy("Monday"), gettext_lazy("Tuesday"), gettext_lazy("Wednesday"), gettext_lazy("Thursday"),
            gettext_lazy("Friday"), gettext_lazy("Saturday"), gettext_lazy("Sunday"),
        ),
        strict=True,
    )
)  # fmt: skip
SOON = timedelta(days=6)  # until then the day of the week says enough


@dataclass(frozen=True, slots=True)
class Sentence:
    """kind: of its chip (good, off, busy); empty for plain text. more: what belongs to it, one line each."""

    text: str
    kind: str = ""
    more: list[str] = field(default_factory=list)


def now_text(schedule: ScheduleEntry, tz: str, wall_time: float) -> Sentence:
    """Whether it runs, until or from when. tz: the site's zone. wall_time: Unix seconds."""
    runs, change = active(schedule, tz, wall_time), next_change(schedule, tz, wall_time)
    if change is None:
        return (
            Sentence(_("always active"), "good")
            if runs
            else Sentence(_("never active: it has no hours to come"), "off")
        )
    zone = ZoneInfo(tz)
    when = _moment(datetime.fromtimestamp(change, zone), datetime.fromtimestamp(wall_time, zone))
    if runs:
        return Sentence(_("active now, until %(time)s") % {"time": when}, "good")
    return Sentence(_("not active now, from %(time)s") % {"time": when}, "off")


def meaning(entry: ScheduleEntry, holidays: list[dict[str, Any]], tz: str, wall_time: float) -> list[Sentence]:
    """Everything that is to say, in order. holidays: of the row, with their names."""
    today = datetime.fromtimestamp(wall_time, ZoneInfo(tz)).date()
    found = [now_text(entry, tz, wall_time)]
    if (holiday := _holiday(entry, holidays, today)) is not None:
        found.append(Sentence(holiday, "busy"))
    changes = clock_changes(tz, wall_time)
    found += [_clock(entry, change) for change in changes]
    if not changes:
        found.append(Sentence(_("The clock of %(zone)s is not changed in the coming year.") % {"zone": tz}))
    return found


def meaning_list(found: list[Sentence]) -> SafeString:
    """For a page."""
    items = (
        (chip(s.kind, s.text) if s.kind else s.text, format_html_join("", "<li>{}</li>", ((line,) for line in s.more)))
        for s in found
    )
    rows = format_html_join("", "<li>{}{}</li>", ((text, _nested(more)) for text, more in items))
    return format_html('<ul class="sk-words">{}</ul>', rows)


def _nested(more: SafeString) -> SafeString:
    return format_html("<ul>{}</ul>", more) if more else more


def _holiday(entry: ScheduleEntry, holidays: list[dict[str, Any]], today: date) -> str | None:
    """The next date that the schedule names, today's too."""
    hours = {h.date: hours_text([{"start": i.start, "end": i.end} for i in h.intervals]) for h in entry.holidays}
    coming = sorted((str(h["date"]), str(h.get("name", ""))) for h in holidays if str(h["date"]) >= today.isoformat())
    if not coming:
        return None
    day, name = coming[0]
    values = {
        "day": _day(date.fromisoformat(day)),
        "name": name,
        "hours": hours[day] if hours[day] != "closed" else _("closed"),
    }
    if day == today.isoformat():
        return (_("today is %(name)s: %(hours)s") if name else _("today is a holiday: %(hours)s")) % values
    return (_("%(name)s on %(day)s: %(hours)s") if name else _("holiday on %(day)s: %(hours)s")) % values


def _clock(entry: ScheduleEntry, change: ClockChange) -> Sentence:
    found = effects(entry, change)
    first, last = (_time(moment.hour * 60 + moment.minute) for moment in change.wall)
    values = {"day": _day(change.wall[0].date()), "first": first, "last": last}
    if change.forward:
        text = _("On %(day)s the clock is put forward at %(first)s: %(first)s to %(last)s does not exist that day.")
    else:
        text = _("On %(day)s the clock is put back at %(last)s: %(first)s to %(last)s comes twice that day.")
    lines = [_effect(effect, change) for effect in found]
    return Sentence(text % values, more=lines or [_("No hours of this schedule are concerned.")])


def _effect(effect: Effect, change: ClockChange) -> str:
    texts = {
        "missing": _("%(hours)s does not occur."),
        "late": _("%(start)s does not exist: %(hours)s begins at %(jump)s and lasts %(real)s instead of %(planned)s."),
        "early": _("%(end)s does not exist: %(hours)s ends at %(jump)s and lasts %(real)s instead of %(planned)s."),
        "shorter": _("%(hours)s lasts %(real)s instead of %(planned)s."),
        "twice": _("%(hours)s comes twice."),
        "longer": _("%(hours)s lasts %(real)s instead of %(planned)s."),
    }
    start, end = _time(effect.start), _time(effect.end)
    jump = change.wall[effect.kind == "late"]  # what is cut off at its end, ends when the skipped time begins
    return texts[effect.kind] % {
        "hours": f"{DAY_NAMES[DAYS[effect.day.weekday()]]} {start}–{end}",
        "start": start,
        "end": end,
        "jump": f"{jump:%H:%M}",
        "real": _span(effect.real),
        "planned": _span(effect.end - effect.start),
    }


def _moment(when: datetime, now: datetime) -> str:
    """The time alone for today, with the day for later."""
    text = f"{when:%H:%M}"
    if when.date() == now.date():
        return text
    name = str(DAY_NAMES[DAYS[when.weekday()]])
    return f"{name} {text}" if when.date() - now.date() <= SOON else f"{_day(when.date())} {text}"


def _day(day: date) -> str:
    return f"{DAY_NAMES[DAYS[day.weekday()]]} {date_format(day, 'DATE_FORMAT')}"


def _time(minute: int) -> str:
    """A time of day; one of the day after counts on from its own midnight."""
    return "24:00" if minute == DAY_MINUTES else f"{minute // 60 % 24:02}:{minute % 60:02}"


def _span(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    if not rest:
        return _("%(hours)s h") % {"hours": hours}
    return (
        _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": rest}
        if hours
        else _("%(minutes)s min") % {"minutes": rest}
    )
