"""A camera like another one, with its ROIs and bindings; and switching many cameras on or off."""

from __future__ import annotations

from collections.abc import Collection

import structlog
from django.db import transaction

from cameras.audit import acting
from cameras.models import Camera, Device
from cameras.regions import Published, copy_rows, locked_camera, regions_of
from cameras.services import publish_edit

log = structlog.get_logger(__name__)

LONGEST = 200  # of a reason in the history


def clone_camera(
    *, camera_id: str, new_id: str, name: str, rtsp_url: str, author: str, sub_url: str = ""
) -> tuple[Camera, Published]:
    """A new camera on the same device with copies of the ROIs and bindings, issued as one version.

    What the steps of a procedure name are the copies. Answers the camera and what `publish_edit` does. Raises
    Camera.DoesNotExist, and ValidationError by field of the new camera; nothing is written then.
    """
    with transaction.atomic():
        original = locked_camera(camera_id)
        same = {field.attname: getattr(original, field.attname) for field in Camera._meta.concrete_fields}
        clone = Camera(**same | {"camera_id": new_id, "name": name, "rtsp_url": rtsp_url, "sub_url": sub_url})
        clone.full_clean()
        rows = regions_of(camera_id)
        with acting(author=author, reason=f"cloned from {camera_id}"):
            clone.save(force_insert=True)
            copy_rows(clone, rows)
        published = publish_edit(
            device_ids=[clone.device_id], author=author, reason=f"camera {new_id} cloned from {camera_id}"
        )
    log.info("camera cloned", camera=new_id, original=camera_id, rois=len(rows), author=author)
    return clone, published


def set_enabled_of_all(*, camera_ids: Collection[str], enabled: bool, author: str) -> tuple[int, Published]:
    """Enables or disables cameras, at most one version for each device; how many said otherwise before."""
    word = "enable" if enabled else "disable"
    with transaction.atomic():
        wanted = Camera.objects.filter(pk__in=set(camera_ids))
        devices = Device.objects.filter(pk__in=wanted.values("device")).order_by("pk")
        device_ids = list(devices.select_for_update().values_list("pk", flat=True))
        cameras = list(wanted.exclude(enabled=enabled).order_by("pk"))
        with acting(author=author, reason=f"{word} cameras"):
            for camera in cameras:
                camera.enabled = enabled
                camera.save(update_fields=["enabled"])
        reason = f"{word}: {', '.join(camera.pk for camera in cameras)}"[:LONGEST]
        published = publish_edit(device_ids=device_ids, author=author, reason=reason) if cameras else {}
    if cameras:
        log.info("cameras switched", cameras=len(cameras), enabled=enabled, author=author)
    return len(cameras), published
