"""Reads for reports: alerts counted one by one, hours added up by the database; only what the person may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.db.models import Case, Min, QuerySet, Sum, When

from cameras.models import Binding, Camera
from cameras.selectors import visible_devices
from detection.alert_life.models import Verdict
from detection.core.reporting import Figures
from detection.models import Alert
from detection.places import Place, own_places
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
    """lines: by binding, of a second box that names the same one by both. told: whether any box told of any hour."""

    total: Pair = field(default_factory=Pair)
    lines: dict[str, Line] = field(default_factory=dict)
    days: dict[date, Figures] = field(default_factory=dict)
    shifts: dict[int, Pair] = field(default_factory=dict)
    sites: dict[str, Pair] = field(default_factory=dict)
    zones: set[str] = field(default_factory=set)
    told: bool = False


def make_report(user: User | AnonymousUser, question: Question) -> Report:
    """Ten queries at most, whatever there is."""
    report = Report(days={day: Figures() for day in question.days})
    report.shifts = {n: Pair() for n in range(len(question.shifts.begins)) if question.shift in (None, n)}
    if not user.has_perm(PERMISSION):
        return report
    devices = visible_devices(user).order_by()
    if question.site is not None:
        devices = devices.filter(site=question.site)
    rows = devices.values_list("pk", "site__name", "site__time_zone")
    boxes = {pk: Box(pk, site, zone) for pk, site, zone in rows}
    here = Camera.objects.filter(device__in=boxes).select_related("device__site").defer("rtsp_url", "sub_url")
    cameras = {camera.pk: camera for camera in here}
    book = _Book(report, question, boxes, cameras)
    places = {row[0]: row[:6] for row in _bindings(question, boxes)}
    for row in _bindings(question, boxes).filter(enabled=True, roi__enabled=True, **RUNS):
        book.line(*row)
    hours = list(_hours(question, boxes))
    if gone := {hour["bind_id"] for hour in hours} - places.keys():
        places |= {row[0]: row for row in _places(gone, boxes)}
    for hour in hours:
        book.take_hours(hour, book.line(*places[hour["bind_id"]]))
    for day in _days(question, boxes):
        report.days[day["day"]].add(_figures(day))
    for alert in _alerts(user, question, boxes).iterator(chunk_size=PIECE):
        book.take_alert(*alert)
    book.name_cameras()
    report.zones = {box.time_zone for box in boxes.values()}
    return report


@dataclass(slots=True)
class _Book:
    """Adds what the queries yield to every part of the report that it belongs to. since: the first hour in either
    period that each box told of."""

    report: Report
    question: Question
    boxes: dict[str, Box]
    cameras: dict[str, Camera]
    since: dict[str, datetime] = field(default_factory=dict)
    _clocks: dict[str, ZoneInfo] = field(default_factory=dict)
    _named: list[tuple[Line, Place]] = field(default_factory=list)

    def line(self, bind_id: str, algo_code: str, roi_id: str, roi_name: str, camera_id: str, device_id: str) -> Line:
        key = bind_id
        known = self.report.lines.get(key)
        if known is not None and known.box.device_id != device_id:  # what another box says counts for that box alone
            key = f"{device_id}/{bind_id}"
            known = self.report.lines.get(key)
        if known is None:
            known = Line(bind_id, algo_code, roi_name or roi_id, camera_id, self.boxes[device_id])
            self.report.lines[key] = known
            self._named.append((known, (device_id, camera_id)))
        return known

    def name_cameras(self) -> None:
        """At the end: a line has its camera's name where that is the line's box's own."""
        own = own_places((place for _, place in self._named), self.cameras)
        for line, place in self._named:
            if place in own:
                line.camera = self.cameras[place[1]].name or line.camera

    def take_hours(self, row: dict[str, Any], line: Line) -> None:
        """Of one binding and one hour of the day, in one of the periods."""
        self.report.told = True
        device_id, first = row["device_id"], row["first"]
        self.since[device_id] = min(first, self.since.get(device_id, first))
        figures = _figures(row)
        for pair in self._pairs(line, self.question.shifts.of(row["hour"])):
            (pair.now if row["now"] else pair.before).add(figures)

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
        rated = int(device_id in self.since and at >= self.since[device_id])
        line = self.line(bind_id, algo_code, roi_id, roi_name, camera_id, device_id)
        now = day >= question.since
        counts = [pair.now if now else pair.before for pair in self._pairs(line, shift)]
        for figures in (*counts, self.report.days[day]) if now else counts:
            if part_of is not None:  # as everywhere: for people it is one alert
                figures.repeats += 1
            elif verdict == Verdict.FALSE:
                figures.false += 1
            else:
                figures.violations += 1
                figures.rated += rated

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
    """Those that run stand in the report also when nothing is known of them."""
    rows = Binding.objects.filter(roi__camera__device__in=boxes).order_by()
    if question.zone:
        rows = rows.filter(roi__roi_id=question.zone)
    if question.algorithm:
        rows = rows.filter(algo_code=question.algorithm)
    return rows.values_list("bind_id", "algo_code", "roi_id", "roi__name", "roi__camera_id", "roi__camera__device_id")


def _places(bind_ids: set[str], boxes: dict[str, Box]) -> QuerySet[CoverageHour, tuple[Any, ...]]:
    """Where bindings were that are gone, or are somewhere else now."""
    rows = CoverageHour.objects.filter(device_id__in=list(boxes), bind_id__in=bind_ids).order_by()
    return rows.values_list("bind_id", "algo_code", "roi_id", "roi_name", "camera_id", "device_id").distinct()


def _wanted(question: Question, boxes: dict[str, Box], since: date) -> QuerySet[CoverageHour]:
    rows = CoverageHour.objects.filter(device_id__in=list(boxes), day__gte=since, day__lte=question.until).order_by()
    if question.zone:
        rows = rows.filter(roi_id=question.zone)
    if question.algorithm:
        rows = rows.filter(algo_code=question.algorithm)
    return rows if question.hours is None else rows.filter(hour__in=question.hours)


def _hours(question: Question, boxes: dict[str, Box]) -> Iterable[dict[str, Any]]:
    """One row for a binding, an hour of the day and a period: `now` is 1, or 0 for the one before."""
    sums: dict[str, Any] = {f"sum_{name}": Sum(column) for name, column in SUMS.items()}
    now = Case(When(day__gte=question.since, then=1), default=0)
    rows = _wanted(question, boxes, question.before).annotate(now=now).values("device_id", "bind_id", "hour", "now")
    found: Iterable[Any] = rows.annotate(first=Min("start"), **sums)
    return found


def _days(question: Question, boxes: dict[str, Box]) -> Iterable[dict[str, Any]]:
    sums: dict[str, Any] = {f"sum_{name}": Sum(column) for name, column in SUMS.items()}
    found: Iterable[Any] = _wanted(question, boxes, question.since).values("day").annotate(**sums)
    return found


def _figures(row: dict[str, Any]) -> Figures:
    return Figures(**{name: row["sum_" + name] for name in SUMS})


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
