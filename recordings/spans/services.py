"""Keeps what boxes tell of recorded hours."""

from __future__ import annotations

from datetime import timedelta

import structlog

from cameras.models import Camera
from recordings.core.spans import RecordedHour as Report
from recordings.spans.models import RecordedHour

FORGOTTEN = timedelta(days=400)  # of which nothing is kept any more; the box forgets such an hour then, too

log = structlog.get_logger(__name__)


def take_recorded_hour(report: Report, *, device_id: str) -> bool:
    """Whether it was news. Repeated, late, or of a camera that is not (or no longer) the box's: it is not."""
    if not Camera.objects.filter(pk=report.camera_id, device_id=device_id).exists():
        log.info("recorded hour of no camera of the box", device=device_id, camera=report.camera_id)
        return False
    told = {
        "spans": [list(span) for span in report.spans],
        "revision": report.revision,
        "left_out": report.left_out,
    }
    row, created = RecordedHour.objects.get_or_create(camera_id=report.camera_id, hour=report.begins, defaults=told)
    if created:  # once an hour for a camera
        empty = RecordedHour.objects.filter(camera_id=report.camera_id, hour__lt=report.begins - FORGOTTEN, spans=[])
        empty.delete()
    older = RecordedHour.objects.filter(pk=row.pk, revision__lt=report.revision)
    return created or bool(older.update(**told))
