"""What the ROI editor's page needs to know, as far as the person may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _

from cameras.core.algorithms import registry
from cameras.core.compiler import compile_content
from cameras.core.document import canonical, is_hash_of
from cameras.core.parameter_form import form_schema
from cameras.frames import Frame, frames
from cameras.models import Camera, Device
from cameras.regions import EDITS, regions_of, revision_of
from cameras.schedules import Schedule
from cameras.selectors import device_rows, visible_cameras
from cameras.services import latest_version
from cameras.states import camera_state
from edgesite.fields import DecryptionError

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PUBLISH = "cameras.change_camera"


def may_edit(user: User) -> bool:
    return user.has_perms(EDITS)


def editor_data(camera: Camera, user: User, *, state_text: str) -> dict[str, Any]:
    """All that the page works with; the contract between page and server. state_text: of the camera, in words."""
    rois = regions_of(camera.pk)
    changes = may_edit(user)
    return {
        "camera": {
            "camera_id": camera.pk,
            "name": str(camera),
            "enabled": camera.enabled,
            "state": camera_state(camera).word,
            "state_text": state_text,
        },
        "revision": revision_of(rois),
        "rois": rois,
        "algorithms": algorithms(),
        "schedules": _schedules(camera),
        "frame": frame_message(frames().newest(camera)),
        "cameras": _others(camera, user) if changes else [],
        "may": {"change": changes, "publish": user.has_perm(PUBLISH)},
        "publish": {
            "pending": is_pending(camera.device),
            "url": reverse("admin:cameras_device_configuration", args=[camera.device_id]),
        },
    }


def algorithms() -> list[dict[str, Any]]:
    """Every algorithm with the form of its parameters, in the reader's language."""
    return [
        {
            "code": a.code,
            "label": _(a.label),
            "sentence": _(a.summary),
            "roi_types": sorted(a.roi_types),
            "schema": form_schema(a.parameters, _),
        }
        for a in registry.all()
    ]


def _schedules(camera: Camera) -> list[dict[str, str]]:
    return [
        {
            "schedule_id": schedule.schedule_id,
            "name": str(schedule),
            "url": reverse("admin:cameras_schedule_change", args=[schedule.pk]),
        }
        for schedule in Schedule.objects.filter(site=camera.device.site_id)
    ]


def frame_message(frame: Frame | None) -> dict[str, Any] | None:
    if frame is None:
        return None
    return {"url": frame.url, "at": frame.at.isoformat(), "width": frame.width, "height": frame.height}


def is_pending(device: Device) -> bool:
    """Whether the rows say something else than the newest version does. Rows that cannot be read count as such."""
    newest = latest_version(device)
    try:
        return newest is None or not is_hash_of(
            newest.sha256, canonical(compile_content(device_rows(device))), author=newest.author
        )
    except (DecryptionError, ValueError):
        return True


def _others(camera: Camera, user: User) -> list[dict[str, str]]:
    rows = visible_cameras(user).exclude(pk=camera.pk).order_by("name", "pk").values_list("pk", "name")
    return [{"camera_id": pk, "name": name or pk} for pk, name in rows]
