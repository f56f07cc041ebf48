"""What a box's recorder says of itself, in words, from the box's report, of which nothing is taken for granted."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from cameras.admin.chips import chip
from cameras.admin.waiting import as_count, as_dict
from edgesite.metrics import number
from edgesite.told import told

MOST_CAMERAS = 5
# What `recordings.recorder` says, named here for translation.
TEXTS = (
    gettext_noop("most segments look too old: nothing is deleted by age; is the clock right?"),
    gettext_noop("the disk is full and everything on it is still needed"),
    gettext_noop("the disk is full and guaranteed recordings were deleted"),
)
AHEAD = (  # what has not happened yet
    gettext_noop("at this rate the disk is too small for the days that are guaranteed"),
    gettext_noop("what clips still need has nearly filled the disk"),
)
DAY_S, HOUR_S = 86_400, 3600


def recorder_lines(health: object, *, zone: str = "UTC", now: datetime | None = None) -> list[str]:
    """Sentences, what is wrong first; none where the box does not report it. zone: the site's. now: by default this moment."""
    if not isinstance(health, dict) or "recording" not in health:
        return []
    known = as_dict(health["recording"])
    if not known:
        return [_("No recorder runs on the box, so nothing is recorded: start manage.py run_recorder.")]
    lines = [] if known.get("ffmpeg") else [_("There is no ffmpeg on the box, so nothing is recorded: install it.")]
    lines += [told(text[:300]) for text in (known.get("alarm"), known.get("trouble")) if isinstance(text, str) and text]
    for code, count in list(as_dict(known.get("missing")).items())[:MOST_CAMERAS]:
        values = {"camera": str(code)[:64], "n": as_count(count)}
        lines.append(_("%(camera)s: %(n)s segments are missing on the disk; nothing is forgotten") % values)
    cameras = {str(code)[:64]: as_dict(state) for code, state in as_dict(known.get("cameras")).items()}
    lost = [
        f"{code}: {told(str(c.get('reason', ''))[:300])}" for code, c in cameras.items() if c.get("state") == "lost"
    ]
    lines += lost[:MOST_CAMERAS]
    recorded = sum(c.get("state") == "recording" for c in cameras.values())
    lines.append(ngettext("%(n)s camera is recorded", "%(n)s cameras are recorded", recorded) % {"n": recorded})
    kept = as_count(known.get("segments"))
    values = {"n": kept, "size": filesizeformat(as_count(known.get("bytes")))}
    lines.append(ngettext("%(n)s segment kept, %(size)s", "%(n)s segments kept, %(size)s", kept) % values)
    ahead = forecast_line(known.get("forecast"), zone=zone, now=now or timezone.now())
    return [*lines, ahead] if ahead else lines


def recorder_list(health: object, *, zone: str = "UTC") -> SafeString | str:
    """An alarm is a chip."""
    alarm = as_dict(as_dict(health).get("recording")).get("alarm")
    text = told(alarm[:300]) if isinstance(alarm, str) and alarm else ""
    kind = "warn" if alarm in AHEAD else "bad"
    lines = recorder_lines(health, zone=zone)
    shown = ((chip(kind, line) if line == text else line,) for line in lines)
    return format_html_join("", "<div>{}</div>", shown) or "–"


def forecast_line(forecast: object, *, zone: str, now: datetime) -> str:
    """How far back recordings reach and when the room for them is used up; "" where the box does not know."""
    known = as_dict(forecast)
    rate, reach = number(known.get("rate")), _reach(known.get("reach"))
    if not rate or not reach:
        return ""
    values = {"rate": filesizeformat(rate), "reach": reach}
    full_at = number(known.get("full_at"))
    if full_at is None:
        return (
            _("At this rate (%(rate)s an hour) there is room for everything: recordings reach back %(reach)s.") % values
        )
    if full_at < now.timestamp() + HOUR_S:
        if known.get("by_budget"):
            return (
                _("The room for recordings is used: at this rate (%(rate)s an hour) they reach back %(reach)s.")
                % values
            )
        return _("The disk is full: at this rate (%(rate)s an hour) recordings reach back %(reach)s.") % values
    values["day"] = _day(full_at, zone)
    if known.get("by_budget"):
        return _(
            "At this rate (%(rate)s an hour) recordings reach back %(reach)s; their room is used up on %(day)s."
        ) % values  # fmt: skip
    return _("At this rate (%(rate)s an hour) recordings reach back %(reach)s; the disk is full on %(day)s.") % values


def _reach(value: object) -> str:
    """Such as `6 days`, or `2 hours to 30 days` where cameras differ; "" for what is no pair of seconds."""
    pair = value if isinstance(value, list) else []
    texts = [_span(seconds) for seconds in map(number, pair) if seconds is not None and seconds >= 0]
    if len(texts) != 2 or texts[0] == texts[1]:
        return texts[0] if len(texts) == 2 else ""
    return _("%(least)s to %(most)s") % {"least": texts[0], "most": texts[1]}


def _span(seconds: float) -> str:
    days, hours = int(seconds // DAY_S), int(seconds // HOUR_S)
    if days:
        return ngettext("%(n)s day", "%(n)s days", days) % {"n": days}
    return ngettext("%(n)s hour", "%(n)s hours", hours) % {"n": hours}


def _day(at: float, zone: str) -> str:
    """The day with its name, at the site."""
    try:
        there = datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(zone))
    except (OverflowError, ValueError, OSError):
        return "–"
    return f"{date_format(there, 'l')}, {date_format(there, 'DATE_FORMAT')}"
