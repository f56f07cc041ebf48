"""A report as a CSV file: a row for each binding and shift, with the period before beside it."""

from __future__ import annotations

import csv
import io
from typing import Any

from detection.alert_life.export import cell
from detection.core.reporting import Figures
from detection.reports.asking import Question
from detection.reports.presenting import ordered
from detection.reports.selectors import Line, Pair, Report

COLUMNS = (
    "site", "device_id", "camera", "zone", "binding", "algorithm", "since", "until", "time_zone", "shift",
    "violations", "false_alarms", "repeats", "raised_on_the_box", "person_minutes", "per_100_person_hours", "wanted_hours",
    "seen_hours", "coarse_hours", "coverage", "before_violations", "before_person_minutes", "before_per_100_person_hours",
    "before_coverage",
)  # fmt: skip


def as_csv(report: Report, question: Question) -> str:
    """With a byte-order mark, so that spreadsheets read the names right. `violations` adds up to the page's number."""
    text = io.StringIO()
    write = csv.writer(text)
    write.writerow(COLUMNS)
    for line in ordered(report.lines.values()):
        for shift in report.shifts:
            pair = line.shifts.get(shift, Pair())
            write.writerow([cell(value) for value in _row(line, question, shift, pair)])
    return "\ufeff" + text.getvalue()


def row_count(report: Report) -> int:
    """How many rows the file has, without the heading."""
    return len(report.lines) * len(report.shifts)


def _row(line: Line, question: Question, shift: int, pair: Pair) -> tuple[Any, ...]:
    now, before = pair.now, pair.before
    return (
        line.box.site, line.box.device_id, line.camera, line.roi, line.bind_id, line.algo_code,
        question.since.isoformat(), question.until.isoformat(), line.box.time_zone, question.shifts.name(shift),
        now.violations, now.false, now.repeats, now.raised, *_observed(now), _hours(now.wanted_s), _hours(now.seen_s),
        _hours(now.coarse_s), _share(now), before.violations, *_observed(before), _share(before),
    )  # fmt: skip


def _observed(figures: Figures) -> tuple[Any, Any]:
    """Person-minutes and the rate; empty where nothing is known."""
    rate = figures.rate
    return round(figures.person_s / 60, 1) if figures.wanted_s else None, None if rate is None else round(rate, 2)


def _hours(seconds: float) -> float:
    return round(seconds / 3600, 3)


def _share(figures: Figures) -> float | None:
    return None if figures.coverage is None else round(figures.coverage, 4)
