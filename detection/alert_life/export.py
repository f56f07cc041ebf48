"""Alerts as a CSV file, written while it is read: however many there are, one piece is in memory."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import structlog
from asgiref.sync import sync_to_async
from django.db.models import QuerySet

from cameras.models import Camera
from detection.alert_life.asking import Question, wanted_alerts
from detection.alert_life.models import LONGEST_QUERY, AlertExport, ExportKind
from detection.alert_life.paging import Place, page_of
from detection.alert_life.presenting import permanent_link
from detection.models import Alert
from detection.places import own_cameras

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = structlog.get_logger(__name__)

PIECE = 1000
# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV injection"): a ' in front makes it text.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
COLUMNS = (
    "event_id", "site", "device_id", "camera_id", "camera", "roi", "binding", "algorithm", "severity", "state",
    "time", "time_zone", "ended", "duration_s", "updates", "times", "last_time", "part_of",
    "received", "escalated", "acknowledged", "acknowledged_by",
    "resolved", "resolved_by", "assigned_to", "verdict", "reason", "link",
)  # fmt: skip


def cell(value: object) -> str:
    """Text as it may stand in a cell. Numbers that are ours are no text and stay as they are."""
    text = "" if value is None else str(value)
    if isinstance(value, str) and text.startswith(FORMULA):
        return "'" + text
    return text


def begin_export(
    *, user: User, query: str, now: datetime, kind: ExportKind = ExportKind.ALERTS, rows: int | None = None
) -> AlertExport:
    """The row that says who takes what, before the first byte leaves. rows: how many, where that is known."""
    author = user.get_username()
    log.info("report exported" if kind == ExportKind.REPORT else "alerts exported", author=author, query=query)
    return AlertExport.objects.create(author=author, at=now, query=query[:LONGEST_QUERY], kind=kind, rows=rows)


def pieces(user: User, question: Question, export: AlertExport, *, base_url: str) -> Iterator[str]:
    """The file: a byte-order mark, so that spreadsheets read the names right, the heading, then rows, newest first.

    Rights are read again for each piece. The export's row learns how many rows left, also when the reader goes away.
    """
    yield "\ufeff" + _lines([COLUMNS])
    place, count = Place(), 0
    try:
        while True:
            page = page_of(_rows(user, question), place, size=PIECE)
            if page.alerts:
                cameras = own_cameras(page.alerts)
                count += len(page.alerts)
                yield _lines([_row(alert, cameras.get(alert.event_id), base_url) for alert in page.alerts])
            if not page.older or not page.alerts:
                return
            place = Place(page.alerts[-1].pk)
    finally:
        AlertExport.objects.filter(pk=export.pk).update(rows=count)


async def streamed(source: Iterator[str]) -> AsyncIterator[str]:
    """The same for the web server, which reads it without holding up others."""
    try:
        while (piece := await sync_to_async(_next)(source)) is not None:
            yield piece
    finally:
        await sync_to_async(source.close)()  # type: ignore[attr-defined]  # a generator


def _next(source: Iterator[str]) -> str | None:
    return next(source, None)


def _rows(user: User, question: Question) -> QuerySet[Alert]:
    return wanted_alerts(user, question).defer("data", "end_data")


def _lines(rows: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()


def _row(alert: Alert, camera: Camera | None, base_url: str) -> tuple[Any, ...]:
    zone = camera.device.site.time_zone if camera else "UTC"
    local = alert.timestamp.astimezone(ZoneInfo(zone))
    return (
        alert.event_id, camera.device.site.name if camera else "", alert.device_id, alert.camera_id,
        camera.name if camera else "", alert.roi_name or alert.roi_id, alert.bind_id, alert.algo_code, alert.severity,
        alert.state, local.isoformat(timespec="milliseconds"), zone, _iso(alert.whole_end),
        alert.whole_duration_s, alert.updates, alert.occurrences, _iso(alert.last_at), alert.part_of_id,
        _iso(alert.received_at), _iso(alert.escalated_at), _iso(alert.acknowledged_at), alert.acknowledged_by,
        _iso(alert.resolved_at), alert.resolved_by, alert.assignee, alert.verdict, alert.verdict_reason,
        f"{base_url}{permanent_link(alert)}",
    )  # fmt: skip


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else None
