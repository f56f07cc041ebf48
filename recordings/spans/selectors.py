"""Reads of what is recorded. Whether the person may see the camera is the caller's to ask (`cameras.selectors`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from recordings.core.spans import clipped, merged
from recordings.spans.models import RecordedHour


def recorded_spans(*, camera_id: str, begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """What of the time between is recorded, as its box last told: (start, end) in UTC, in order, more than a second apart.

    Hours run into one another. begin, end: aware; where a span reaches over them it is cut.
    """
    hours = RecordedHour.objects.filter(camera_id=camera_id, hour__gt=begin - timedelta(hours=1), hour__lt=end)
    told = merged((start, stop) for spans in hours.values_list("spans", flat=True) for start, stop in spans)
    found = clipped(told, begin=_milliseconds(begin), end=_milliseconds(end))
    return [(_moment(start), _moment(stop)) for start, stop in found]


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _milliseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def _moment(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)
