"""What a timeline shows of a day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import OuterRef, QuerySet, Subquery

from cameras.models import Camera
from recordings.core.days import day_at, day_of
from recordings.spans.models import RecordedHour
from recordings.spans.selectors import recorded_spans
from recordings.timeline.marks import marks_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ONE = timedelta(days=1)


def zone_of(camera: Camera) -> str:
    return camera.device.site.time_zone


def with_last_hour(cameras: QuerySet[Camera]) -> QuerySet[Camera]:
    """With `last`, the last hour of which something is recorded. Of each camera only the newest hours are read."""
    hours = RecordedHour.objects.filter(camera=OuterRef("pk")).exclude(spans=[]).order_by("-hour")
    return cameras.annotate(last=Subquery(hours.values("hour")[:1]))


def day_data(camera: Camera, user: User | AnonymousUser, *, day: date, now: datetime) -> dict[str, Any]:
    """A camera's day for its page. Times: Unix seconds; the day and its hours are those of the camera's site.

    ever: whether anything of the camera was ever recorded. Raises OverflowError at the ends of the calendar.
    """
    zone = zone_of(camera)
    today, there = day_at(now.timestamp(), time_zone=zone), day_of(day, time_zone=zone)
    spans = recorded_spans(camera_id=camera.pk, begin=there.begin, end=there.end)
    marks, left_out = marks_of(user, camera.pk, there.begin, there.end)
    return {
        "date": day.isoformat(),
        "zone": zone,
        "begin": there.begin.timestamp(),
        "end": there.end.timestamp(),
        "now": now.timestamp(),
        "today": today.isoformat(),
        "previous": (day - ONE).isoformat(),
        "next": (day + ONE).isoformat() if day < today else None,
        "hours": [list(hour) for hour in there.hours],
        "spans": [[begin.timestamp(), end.timestamp()] for begin, end in spans],
        "marks": marks,
        "left_out": left_out,
        "ever": bool(spans) or RecordedHour.objects.filter(camera=camera).exclude(spans=[]).exists(),
    }
