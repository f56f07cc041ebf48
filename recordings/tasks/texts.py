"""What a person reads of a task."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, gettext_noop

from recordings.stored_clips.texts import kept_text
from recordings.tasks.models import RecordingTask

REASONS = {
    "requested": gettext_noop("stopped"),
    "max_duration": gettext_noop("the longest time was over"),
    "camera_removed": gettext_noop("the camera left the configuration"),
    "camera_disabled": gettext_noop("the camera was disabled"),
}


def reason_text(reason: str) -> str:
    """Why a task stopped; a word that this hub does not know as it is."""
    return gettext(REASONS[reason]) if reason in REASONS else reason


def clip_text(task: RecordingTask) -> str:
    """How long its clip is kept, or who deleted it and when; "" while it is not stored yet."""
    if task.deleted_at is None:
        return kept_text(task, zone=task.camera.device.site.time_zone)
    when = moment_text(task, task.deleted_at)
    return gettext("Deleted by %(person)s at %(time)s.") % {"person": task.deleted_by, "time": when}


def moment_text(task: RecordingTask, at: datetime) -> str:
    """By the clock of the camera's site, which is named."""
    zone = task.camera.device.site.time_zone
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S} {zone}"
