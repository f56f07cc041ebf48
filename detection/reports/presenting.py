"""A report as its page shows it: words, numbers, chips and the geometry of its charts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from cameras.admin.chips import chip
from detection.alert_life.presenting import algorithm_label
from detection.core.reporting import Figures, bars, change, scale
from detection.reports.asking import Question
from detection.reports.selectors import Line, Pair, Report

MOST_LINES = 500
NONE = "–"


def number(value: float | None, digits: int = 0) -> str:
    """In the reader's way; a dash for None."""
    return NONE if value is None else number_format(round(value, digits), digits, force_grouping=True)


def percent(share: float | None) -> str:
    return NONE if share is None else f"{number(100 * share)} %"


def shown(figures: Figures) -> dict[str, Any]:
    """The cells of one row of a table."""
    return {
        "violations": number(figures.violations),
        "false": number(figures.false) if figures.false else "",
        "minutes": number(figures.person_s / 60) if figures.wanted_s else NONE,
        "rate": number(figures.rate, 1),
        "coverage": _coverage(figures),
        "coarse": percent(figures.coarse_s / figures.seen_s) if figures.seen_s and figures.coarse_s >= 60 else "",
    }


def _coverage(figures: Figures) -> SafeString | str:
    text = percent(figures.coverage)
    if not figures.low:
        return text
    return chip("warn", text, title=_("The rules saw too little: there were more violations than are counted here."))


def trend(pair: Pair) -> SafeString:
    """How the rate changed against the period before."""
    found = change(pair.now, pair.before)
    before = _("Before: %(violations)s violations, %(rate)s per 100 person-hours") % {
        "violations": number(pair.before.violations),
        "rate": number(pair.before.rate, 1),
    }
    if found is None:
        return chip("off", _("too little to compare"), title=before)
    percents = round(100 * found.share)
    text = _("%(n)s %% more") if percents > 0 else _("%(n)s %% fewer")
    text = text % {"n": number(abs(percents))} if percents else _("unchanged")
    if found.clear:
        return chip("warn" if percents > 0 else "good", text, title=before)
    return chip("off", _("%(change)s, may be chance") % {"change": text} if percents else text, title=before)


def shown_pair(name: str, pair: Pair, **more: Any) -> dict[str, Any]:
    return {"name": name, **shown(pair.now), "trend": trend(pair), **more}


def shown_lines(report: Report) -> list[dict[str, Any]]:
    """Bindings, those with most violations first."""
    return [_line(line) for line in ordered(report.lines.values())[:MOST_LINES]]


def ordered(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: (-line.total.now.violations, line.box.site, line.roi, line.bind_id))


def _line(line: Line) -> dict[str, Any]:
    alerts = reverse("admin:detection_alert_changelist")
    return shown_pair(
        line.roi,
        line.total,
        what=algorithm_label(line.algo_code),
        camera=line.camera,
        site=line.box.site,
        alerts=f"{alerts}?{urlencode({'binding': line.bind_id})}",
    )


def shown_days(report: Report) -> list[dict[str, Any]]:
    return [{"name": day_name(day), "iso": day.isoformat(), **shown(figures)} for day, figures in report.days.items()]


def day_name(day: date) -> str:
    return date_format(day, "D j M")


def charts(report: Report) -> list[dict[str, Any]]:
    """Of the days: violations, person-hours, coverage."""
    figures = list(report.days.values())
    hours: list[float | None] = [f.person_s / 3600 if f.wanted_s else None for f in figures]
    counts: list[float | None] = [float(f.violations) for f in figures]
    return [
        _chart("violations", _("Violations a day"), report, counts, scale(counts), number),
        _chart("hours", _("Observed person-hours a day"), report, hours, scale(hours), lambda v: number(v, 1)),
        _chart("coverage", _("Coverage a day"), report, [f.coverage for f in figures], 1.0, percent),
    ]


def _chart(
    key: str, title: str, report: Report, values: list[float | None], most: float, say: Callable[[float | None], str]
) -> dict[str, Any]:
    days = list(report.days)
    drawn = [
        {
            "x": f"{bar.x:.2f}",
            "y": f"{bar.y:.2f}",
            "width": f"{bar.width:.2f}",
            "height": f"{bar.height:.2f}",
            "known": bar.known,
            "tip": f"{day_name(day)}: {say(value)}",
        }
        for bar, day, value in zip(bars(values, most), days, values, strict=True)
    ]
    known = [(value, day) for value, day in zip(values, days, strict=True) if value is not None]
    told = _("%(title)s, %(first)s to %(last)s: no numbers.")
    words = {"title": title, "first": day_name(days[0]), "last": day_name(days[-1])}
    if known:
        (low, low_day), (high, high_day) = min(known), max(known)
        told = _("%(title)s, %(first)s to %(last)s: from %(low)s on %(low_day)s to %(high)s on %(high_day)s.")
        words |= {"low": say(low), "low_day": day_name(low_day), "high": say(high), "high_day": day_name(high_day)}
    return {
        "key": key,
        "title": title,
        "told": told % words,
        "bars": drawn,
        "width": 10 * len(drawn),
        "top": percent(most) if key == "coverage" else number(most),
        "first": words["first"],
        "last": words["last"] if len(days) > 1 else "",
    }


def shown_shifts(report: Report, question: Question) -> list[dict[str, Any]]:
    return [shown_pair(question.shifts.name(number), pair) for number, pair in report.shifts.items()]


def shown_sites(report: Report) -> list[dict[str, Any]]:
    """Nothing where there is only one."""
    return [shown_pair(name, report.sites[name]) for name in sorted(report.sites)] if len(report.sites) > 1 else []
