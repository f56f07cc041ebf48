"""How a camera's scheduled snapshots are, in words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cameras.admin.chips import chip
from cameras.choices import RequestState
from cameras.models import Camera
from edgesite.told import told
from recordings.models import SnapshotOrigin, SnapshotRequest
from recordings.snapping.models import SnapshotTurn
from recordings.snapping.services import is_open


def on_schedule(camera: Camera, *, now: datetime) -> dict[str, Any] | None:
    """For the gallery: what is wanted and how it goes; None where nothing is wanted. Costs two queries at most."""
    if not camera.snap_every:
        return None
    turn = SnapshotTurn.objects.filter(pk=camera.pk).first()
    return {
        "every": camera.get_snap_every_display(),
        "schedule": str(camera.snap_schedule) if camera.snap_schedule else _("at any time"),
        "kept": ngettext("%(count)d day", "%(count)d days", camera.snap_days) % {"count": camera.snap_days},
        "chip": _chip(camera, turn, now),
        "taken_at": turn.taken_at if turn else None,
        "failures": turn.failures if turn else 0,
        "failed": turn.failed if turn else 0,
        "failed_at": turn.failed_at if turn else None,
        "problem": told(turn.problem) if turn else "",
    }


def is_filmed(camera: Camera) -> bool:
    """Whether there is, or will be, anything to make a time-lapse of."""
    if camera.snap_every:
        return True
    taken = SnapshotRequest.objects.filter(camera=camera, origin=SnapshotOrigin.SCHEDULE, state=RequestState.READY)
    return taken.exists()


def _chip(camera: Camera, turn: SnapshotTurn | None, now: datetime) -> SafeString:
    if not camera.enabled:
        return chip("off", _("camera disabled"))
    if turn is not None and turn.failures:
        text = ngettext("the last one failed", "the last %(count)d failed", turn.failures) % {"count": turn.failures}
        return chip("bad", text, title=told(turn.problem))
    if not is_open(camera, now.timestamp()):
        return chip("off", _("outside its hours"))
    if turn is None or turn.taken_at is None:
        return chip("busy", _("the first one is still to come"))
    return chip("good", _("being taken"))
