"""Writes the content of a version back into the rows of its device, where that loses nothing elsewhere."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_noop

from cameras.core.recording import columns_of
from cameras.core.rollout import Sentence
from cameras.core.stream_urls import compose_sub
from cameras.models import ROI, Binding, Camera, Device
from cameras.schedules import Schedule


class VersionError(Exception):
    """A version cannot be issued or rolled back to; the sentence says why, its text in English."""

    def __init__(self, template: str, **values: Any) -> None:
        self.sentence = Sentence(template, values)
        super().__init__(str(self.sentence))


def check_restorable(device: Device, content: dict[str, Any]) -> None:
    """Raises VersionError where the rows cannot become what the content says without a loss elsewhere."""
    cameras, rois, binds = _rows(content)
    _refuse_foreign(device, cameras, rois, binds)
    _refuse_arrived(device, cameras, rois, binds)
    _refuse_masks(device, cameras, rois)
    _refuse_foreign_schedules(device, content)


def _rows(content: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Cameras, ROIs and bindings by their IDs."""
    return (
        {c["camera_id"]: c for c in content["cameras"]},
        {r["roi_id"]: r for r in content["rois"]},
        {b["bind_id"]: b for b in content["binds"]},
    )


def restore_rows(device: Device, content: dict[str, Any], *, urls: bool = False) -> None:
    """Full-set replacement: what the content does not name goes, what it names is as it says.

    urls: also the stream URLs of cameras that are there; without it they stay as they are.
    Rows are saved and deleted one by one, so that the audit hears of each. Raises VersionError as `check_restorable`.
    """
    check_restorable(device, content)
    cameras, rois, binds = _rows(content)
    _restore_schedules(device, content.get("schedules", []))
    Binding.objects.filter(roi__camera__device=device).exclude(bind_id__in=binds).delete()
    ROI.objects.filter(camera__device=device, mask=False).exclude(roi_id__in=rois).delete()
    Camera.objects.filter(device=device).exclude(pk__in=cameras).delete()
    kept = {} if urls else {c.pk: (c.rtsp_url, c.sub_url) for c in Camera.objects.filter(device=device)}
    for code, row in cameras.items():
        url = row["rtsp_url"]
        url, sub = kept.get(code) or (url, compose_sub(row.get("sub_url") or "", url=url))
        values = {
            "device": device,
            "name": row["camera_name"],
            "rtsp_url": url,
            "sub_url": sub,
            **{key: row[key] for key in ("enabled", "location", "analyse", "max_fps")},
            **_recording(row),
        }
        Camera.objects.update_or_create(camera_id=code, defaults=values)
    for code, row in rois.items():
        values = {key: row[key] for key in ("camera_id", "roi_type", "coordinates", "enabled", "priority")}
        ROI.objects.update_or_create(roi_id=code, defaults={**values, "name": row["roi_name"]})
    for code, row in binds.items():
        values = {key: row[key] for key in ("roi_id", "algo_code", "params", "priority", "enabled", "severity")}
        values["schedule_id"] = row.get("schedule_id")
        Binding.objects.update_or_create(bind_id=code, defaults=values)


def _recording(row: dict[str, Any]) -> dict[str, Any]:
    columns = columns_of(row.get("recording", {}))
    columns["record_schedule_id"] = columns.pop("record_schedule")
    return columns


def _restore_schedules(device: Device, rows: list[dict[str, Any]]) -> None:
    """Makes those that are gone. One that is there stays as it is: other devices' bindings follow it too."""
    wanted = {row["schedule_id"]: row for row in rows}
    there = set(Schedule.objects.filter(schedule_id__in=wanted).values_list("schedule_id", flat=True))
    for code, row in wanted.items():
        if code not in there:
            values = {key: row.get(key, default) for key, default in (("name", ""), ("weekly", []), ("holidays", []))}
            Schedule.objects.create(schedule_id=code, site=device.site, **values)


def _refuse_foreign_schedules(device: Device, content: dict[str, Any]) -> None:
    wanted = [row["schedule_id"] for row in content.get("schedules", [])]
    moved = Schedule.objects.filter(schedule_id__in=wanted).exclude(site=device.site_id)
    if codes := sorted(moved.values_list("schedule_id", flat=True)):
        text = gettext_noop("schedule %(codes)s belongs to another site; bindings of this device cannot follow it")
        raise VersionError(text, codes=", ".join(codes))


def _refuse_foreign(device: Device, cameras: dict[str, Any], rois: dict[str, Any], binds: dict[str, Any]) -> None:
    """A row that has moved to another device since then is not taken away from there."""
    moved = [
        *Camera.objects.filter(pk__in=cameras).exclude(device=device).values_list("pk", flat=True),
        *ROI.objects.filter(roi_id__in=rois).exclude(camera__device=device).values_list("roi_id", flat=True),
        *Binding.objects.filter(bind_id__in=binds)
        .exclude(roi__camera__device=device)
        .values_list("bind_id", flat=True),
    ]
    if moved:
        text = gettext_noop("%(codes)s belongs to another device now; move it back first, or delete it there")
        raise VersionError(text, codes=", ".join(moved))


def _refuse_arrived(device: Device, cameras: dict[str, Any], rois: dict[str, Any], binds: dict[str, Any]) -> None:
    """A row that came from another device is not deleted: what it brought along would be lost for both."""
    cameras_here = Camera.objects.filter(device=device).exclude(pk__in=cameras)
    rois_here = ROI.objects.filter(camera__device=device, mask=False).exclude(roi_id__in=rois)
    binds_here = Binding.objects.filter(roi__camera__device=device).exclude(bind_id__in=binds)
    far_cameras, far_rois = Camera.objects.exclude(device=device), ROI.objects.exclude(camera__device=device)
    arrived = [
        *(row.pk for row in cameras_here if _places(row, "device_id") - {device.pk}),
        *(row.roi_id for row in rois_here if far_cameras.filter(pk__in=_places(row, "camera_id"))),
        *(row.bind_id for row in binds_here if far_rois.filter(roi_id__in=_places(row, "roi_id"))),
    ]
    if arrived:
        text = gettext_noop("%(codes)s came from another device; move it back first, or delete it here")
        raise VersionError(text, codes=", ".join(arrived))


def _places(row: Any, column: str) -> set[Any]:
    """Where the row has been since it was made, as its history tells; a namesake that was deleted before is another row."""
    places: set[Any] = set()
    for place, kind in row.history.order_by("-history_id").values_list(column, "history_type"):
        places.add(place)
        if kind == "+":
            break
    return places


def _refuse_masks(device: Device, cameras: dict[str, Any], rois: dict[str, Any]) -> None:
    """No version knows of masks, and not everybody who may roll back may lift them."""
    masks = ROI.objects.filter(camera__device=device, mask=True)
    if now := sorted(masks.filter(roi_id__in=rois).values_list("roi_id", flat=True)):
        text = gettext_noop("%(codes)s is a privacy mask now; a rollback takes none away")
        raise VersionError(text, codes=", ".join(now))
    if gone := sorted(set(masks.exclude(camera__in=cameras).values_list("camera_id", flat=True))):
        text = gettext_noop("%(codes)s would go with its privacy masks; a rollback takes none away")
        raise VersionError(text, codes=", ".join(gone))
