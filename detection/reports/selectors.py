"""Reads for reports: alerts counted one by one, hours added up by the database; only what the person may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.db.models import Min, Q, QuerySet, Sum

from cameras.models import Binding, Camera
from cameras.selectors import visible_devices
from detection.alert_life.models import Verdict
from detection.core.reporting import Figures
from detection.models import Alert
from detection.reports.asking import Question
from detection.reports.models import CoverageHour
from detection.selectors import visible_alerts

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

PERMISSION = "detection.view_coveragehour"
PIECE = 5000
RUNS: dict[str, Any] = {"roi__camera__enabled": True, "roi__camera__analyse": True}
SUMS = {"wanted_s": "wanted_s", "seen_s": "seen_s", "coarse_s": "coarse_s", "person_s": "person_s", "raised": "alerts"}


@dataclass(frozen=True, slots=True)
class Box:
    """A device of the report."""

    device_id: str
    site: str
    time_zone: str


@dataclass(slots=True)
class Pair:
    """The period and the one before it."""

    now: Figures = field(default_factory=Figures)
    before: Figures = field(default_factory=Figures)


@dataclass(slots=True)
class Line:
    """One binding. shifts: by number."""

    bind_id: str
    algo_code: str
    roi: str
    camera: str
    box: Box
    total: Pair = field(default_factory=Pair)
    shifts: dict[int, Pair] = field(default_factory=dict)


@dataclass(slots=True)
class Report:
    """lines: by binding. told: whether any box told of any hour."""

    total: Pair = field(default_factory=Pair)
    lines: dict[str, Line] = field(default_factory=dict)
    days: dict[date, Figures] = field(default_factory=dict)
    shifts: dict[int, Pair] = field(default_factory=dict)
    sites: dict[str, Pair] = field(default_factory=dict)
    zones: set[str] = field(default_factory=set)
    told: bool = False


def make_report(user: User | AnonymousUser, question: Question) -> Report:
    """Seven queries, whatever there is."""
    report = Report(days={day: Figures() for day in question.days})
    report.shifts = {n: Pair() for n in range(len(question.shifts.begins)) if question.shift in (None, n)}
    if not user.has_perm(PERMISSION):
        return report
    devices = visible_devices(user).order_by()
    if question.site is not None:
        devices = devices.filter(site=question.site)
    rows = devices.values_list("pk", "site__name", "site__time_zone")
    boxes = {pk: Box(pk, site, zone) for pk, site, zone in rows}
    cameras = dict(Camera.objects.filter(device__in=boxes).values_list("pk", "name"))
    book = _Book(report, question, boxes, cameras, _told_since(question, boxes))
    for row in _bindings(question, boxes):
        book.line(*row)
    for hours in _hours(question, boxes):
        book.take_hours(hours)
    for day in _days(question, boxes):
        report.days[day["day"]].add(_figures(day, ""))
    for alert in _alerts(user, question, boxes).iterator(chunk_size=PIECE):
        book.take_alert(*alert)
    report.zones = {box.time_zone for box in boxes.values()}
    return report


@dataclass(slots=True)
class _Book:
    """Adds what the queries yield to every part of the report that it belongs to. since: as `_told_since`."""

    report: Report
    question: Question
    boxes: dict[str, Box]
    cameras: dict[str, str]
    since: dict[str, datetime]
    _clocks: dict[str, ZoneInfo] = field(default_factory=dict)

    def line(self, bind_id: str, algo_code: str, roi_id: str, roi_name: str, camera_id: str, device_id: str) -> Line:
        known = self.report.lines.get(bind_id)
        if known is None:
            camera = self.cameras.get(camera_id) or camera_id
            known = self.report.lines[bind_id] = Line(
                bind_id, algo_code, roi_name or roi_id, camera, self.boxes[device_id]
            )
        return known

    def take_hours(self, row: dict[str, Any]) -> None:
        """Of one binding and one hour of the day: both periods."""
        names = ("bind_id", "algo_code", "roi_id", "roi_name", "camera_id", "device_id")
        line, shift = self.line(*(row[name] for name in names)), self.question.shifts.of(row["hour"])
        self.report.told = True
        for pair in self._pairs(line, shift):
            pair.now.add(_figures(row, "now_"))
            pair.before.add(_figures(row, "before_"))

    def take_alert(
        self,
        bind_id: str,
        algo_code: str,
        roi_id: str,
        roi_name: str,
        camera_id: str,
        device_id: str,
        at: datetime,
        verdict: str,
        part_of: str | None,
    ) -> None:
        local = at.astimezone(self._clock(self.boxes[device_id].time_zone))
        question, day = self.question, local.date()
        shift = question.shifts.of(local.hour)
        if not question.before <= day <= question.until or question.shift not in (None, shift):
            return
        told = device_id in self.since and at >= self.since[device_id]
        one = Figures(violations=1, rated=int(told))
        if part_of is not None:  # as everywhere: for people it is one alert
            one = Figures(repeats=1)
        elif verdict == Verdict.FALSE:
            one = Figures(false=1)
        line = self.line(bind_id, algo_code, roi_id, roi_name, camera_id, device_id)
        for pair in self._pairs(line, shift):
            (pair.now if day >= question.since else pair.before).add(one)
        if day >= question.since:
            self.report.days[day].add(one)

    def _pairs(self, line: Line, shift: int) -> tuple[Pair, ...]:
        report = self.report
        return (
            report.total,
            line.total,
            line.shifts.setdefault(shift, Pair()),
            report.shifts[shift],
            report.sites.setdefault(line.box.site, Pair()),
        )

    def _clock(self, name: str) -> ZoneInfo:
        if name not in self._clocks:
            self._clocks[name] = ZoneInfo(name)
        return self._clocks[name]


def _bindings(question: Question, boxes: dict[str, Box]) -> QuerySet[Binding, tuple[Any, ...]]:
    """Those that run: they stand in the report also when nothing is known of them."""
    rows = Binding.objects.filter(roi__camera__device__in=boxes, enabled=True, roi__enabled=True, **RUNS).order_by()
    if question.zone:
        rows = rows.filter(roi__roi_id=question.zone)
    if question.algorithm:
        rows = rows.filter(algo_code=question.algorithm)
    return rows.values_list("bind_id", "algo_code", "roi_id", "roi__name", "roi__camera_id", "roi__camera__device_id")


def _wanted(question: Question, boxes: dict[str, Box], since: date) -> QuerySet[CoverageHour]:
    rows = CoverageHour.objects.filter(device_id__in=list(boxes), day__gte=since, day__lte=question.until).order_by()
    if question.zone:
        rows = rows.filter(roi_id=question.zone)
    if question.algorithm:
        rows = rows.filter(algo_code=question.algorithm)
    return rows if question.hours is None else rows.filter(hour__in=question.hours)


def _told_since(question: Question, boxes: dict[str, Box]) -> dict[str, datetime]:
    """The first hour in either period that each box told of."""
    rows = CoverageHour.objects.filter(device_id__in=list(boxes), day__gte=question.before, day__lte=question.until)
    return dict(rows.order_by().values_list("device_id").annotate(first=Min("start")))


def _hours(question: Question, boxes: dict[str, Box]) -> Iterable[dict[str, Any]]:
    """One row for a binding and an hour of the day."""
    now, before = Q(day__gte=question.since), Q(day__lt=question.since)
    sums = {f"now_{name}": Sum(column, filter=now, default=0) for name, column in SUMS.items()}
    sums |= {f"before_{name}": Sum(column, filter=before, default=0) for name, column in SUMS.items()}
    columns = ("bind_id", "algo_code", "roi_id", "roi_name", "camera_id", "device_id", "hour")
    found: Iterable[dict[str, Any]] = _wanted(question, boxes, question.before).values(*columns).annotate(**sums)
    return found


def _days(question: Question, boxes: dict[str, Box]) -> Iterable[dict[str, Any]]:
    rows = _wanted(question, boxes, question.since).values("day")
    sums = {f"sum_{name}": Sum(column, default=0) for name, column in SUMS.items()}
    found: Iterable[Any] = rows.annotate(**sums)
    return found


def _figures(row: dict[str, Any], prefix: str) -> Figures:
    return Figures(**{name: row[(prefix or "sum_") + name] for name in SUMS})


def _alerts(user: User | AnonymousUser, question: Question, boxes: dict[str, Box]) -> QuerySet[Alert, tuple[Any, ...]]:
    """All that may lie in either period, whatever the time zone."""
    first = datetime.combine(question.before - timedelta(days=1), time(), UTC)
    last = datetime.combine(question.until + timedelta(days=2), time(), UTC)
    rows = visible_alerts(user).order_by().filter(device_id__in=list(boxes))
    rows = rows.filter(timestamp__gte=first, timestamp__lt=last)
    if question.zone:
        rows = rows.filter(roi_id=question.zone)
    if question.algorithm:
        rows = rows.filter(algo_code=question.algorithm)
    place = ("bind_id", "algo_code", "roi_id", "roi_name", "camera_id", "device_id")
    return rows.values_list(*place, "timestamp", "verdict", "part_of")
