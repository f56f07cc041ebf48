"""Keeps what boxes tell of the recordings of their alerts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import structlog
from django.utils import timezone
from django.utils.translation import gettext_noop

from recordings.alert_clips.models import AlertClip
from recordings.alert_clips.selectors import STORED
from recordings.core.names import clip_folder
from recordings.core.tasks import AlertClipReport
from recordings.objects.services import answer_for

log = structlog.get_logger(__name__)

FOREIGN_KEY = gettext_noop("The box stored the clip outside the camera's folder.")
PLAIN = ("state", "revision", "stop_reason", "error", "storage_type", "object_name", "sha256", "bytes", "duration")


def take_clip(report: AlertClipReport, *, device_id: str) -> bool:
    """Whether it was news. Repeated or late, it is not.

    That the box raised the alert is the caller's to know. Its camera may be another box's by now, or deleted: the clip is
    the alert's.
    """
    told = _told(report, device_id)
    fixed = {"camera_id": report.camera_id, "device_id": device_id}
    clip, created = AlertClip.objects.get_or_create(alert_id=report.alert_id, defaults={**fixed, **told})
    if told["state"] in STORED:
        answer_for(told["object_name"])
    older = AlertClip.objects.filter(pk=clip.pk, revision__lt=report.revision, **fixed)
    return created or bool(older.update(**told))


def _told(report: AlertClipReport, device_id: str) -> dict[str, Any]:
    told: dict[str, Any] = {name: getattr(report, name) for name in PLAIN}
    told["gaps"] = [list(gap) for gap in report.gaps]
    if report.state in STORED:
        told["stored_at"] = timezone.now()
    for name in ("started_at", "stopped_at"):
        at = getattr(report, name)
        told[name] = datetime.fromtimestamp(at, UTC) if at is not None else None
    key = report.object_name
    own = key.startswith(f"{clip_folder(report.camera_id, event=True)}/")
    # The folder may have been another box's before: what that one recorded is shown to nobody by naming it.
    if key and (not own or AlertClip.objects.filter(object_name=key).exclude(device_id=device_id).exists()):
        log.warning("clip outside the camera's folder", camera=report.camera_id, alert=report.alert_id)
        told |= {"object_name": "", "state": "failed", "error": FOREIGN_KEY}
    return told


def late_clip(report: AlertClipReport) -> str:
    """The key of a clip that was stored of an alert that is deleted, "" where there is none that may go.

    A box that tells a key of another camera, or of another alert's clip, takes nothing away by it.
    """
    key = report.object_name if report.state in STORED else ""
    mine = key.startswith(f"{clip_folder(report.camera_id, event=True)}/")
    return key if mine and not AlertClip.objects.filter(object_name=key).exists() else ""


def forget_clips(alert_id: str) -> list[str]:
    """Of an alert that is being deleted: the keys of objects that are to go. In the caller's transaction."""
    clips = AlertClip.objects.filter(alert_id=alert_id)
    keys = [key for key in clips.values_list("object_name", flat=True) if key]
    for key in keys:
        answer_for(key)
    clips.delete()
    return keys
