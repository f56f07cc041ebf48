"""Reads. What a person may see is decided here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from cameras.core.compiler import DeviceRows
from cameras.core.recording import COLUMNS as RECORDING
from cameras.core.recording import with_policy
from cameras.core.stream_urls import sub_stream
from cameras.models import ROI, Binding, Camera, Device, Site, SiteAccess
from cameras.schedules import Schedule, entry_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

RECORD_COLUMNS = {name: "record_schedule_id" if name == "record_schedule" else name for name in RECORDING}


def visible_sites(user: User | AnonymousUser) -> QuerySet[Site]:
    """The sites that the person may know of. Inactive and anonymous people see none."""
    if not user.is_authenticated or not user.is_active:
        return Site.objects.none()
    access = None if user.is_superuser else SiteAccess.objects.filter(user__pk=user.pk or 0).first()
    if access is None or access.all_sites:
        return Site.objects.all()
    return access.sites.all()


def sites_are_limited(user: User | AnonymousUser) -> bool:
    """Whether the person's sites are restricted, so that a query needs the condition at all."""
    if user.is_superuser:
        return False
    return SiteAccess.objects.filter(user__pk=user.pk or 0, all_sites=False).exists()


def visible_devices(user: User | AnonymousUser) -> QuerySet[Device]:
    """Devices of the person's sites, if the role may see devices at all."""
    if not user.is_authenticated or not user.has_perm("cameras.view_device"):
        return Device.objects.none()
    devices = Device.objects.all()
    return devices.filter(site__in=visible_sites(user)) if sites_are_limited(user) else devices


def visible_cameras(user: User | AnonymousUser) -> QuerySet[Camera]:
    """Cameras of the person's sites, if the role may see cameras at all."""
    if not user.is_authenticated or not user.has_perm("cameras.view_camera"):
        return Camera.objects.none()
    cameras = Camera.objects.select_related("device__site", "device__status")
    return cameras.filter(device__site__in=visible_sites(user)) if sites_are_limited(user) else cameras


def device_rows(device: Device) -> DeviceRows:
    """The rows that the device's document is compiled from, under the document's own names."""
    bindings = list(Binding.objects.filter(roi__camera__device=device))
    cameras = list(Camera.objects.filter(device=device))
    followed = {row for row in (*(b.schedule_id for b in bindings), *(c.record_schedule_id for c in cameras)) if row}
    return DeviceRows(
        site={"name": device.site.name, "time_zone": device.site.time_zone},
        cameras=[
            with_policy(
                {
                    "camera_id": c.camera_id,
                    "camera_name": c.name,
                    "rtsp_url": c.rtsp_url,
                    # Without one there is no key, so that documents from before sub-streams keep their hash.
                    **({"sub_url": url} if (url := sub_stream(c.rtsp_url, c.sub_url)) else {}),
                    "enabled": c.enabled,
                    "location": c.location,
                    "analyse": c.analyse,
                    "max_fps": c.max_fps,
                    **{name: getattr(c, RECORD_COLUMNS[name]) for name in RECORDING},
                }
            )
            for c in cameras
        ],
        rois=[
            {
                "roi_id": r.roi_id,
                "camera_id": r.camera_id,
                "roi_name": r.name,
                "roi_type": r.roi_type,
                "coordinates": r.coordinates,
                "enabled": r.enabled,
                "priority": r.priority,
            }
            for r in ROI.objects.filter(camera__device=device, mask=False)
        ],
        binds=[
            {
                "bind_id": b.bind_id,
                "roi_id": b.roi_id,
                "algo_code": b.algo_code,
                "params": b.params,
                "priority": b.priority,
                "enabled": b.enabled,
                "severity": b.severity,
                "schedule_id": b.schedule_id,
            }
            for b in bindings
        ],
        schedules=[entry_of(s) for s in Schedule.objects.filter(schedule_id__in=followed)] if followed else [],
    )


def row_fingerprints() -> dict[str, int]:
    """A number for each device that changes when any row of its document does, without decrypting or parsing a column.

    Over the rows' text, because numbers hash to themselves and -1 to the same as -2.
    """
    prints: dict[str, int] = {}
    sites = Device.objects.values_list("pk", "epoch", "publish_on_save", "site__name", "site__time_zone")
    for row in sites:
        prints[row[0]] = hash(repr(row))
    for rows in (_raw_cameras(), _raw_rois(), _raw_bindings()):
        for row in rows:
            prints[row[0]] = hash((prints.get(row[0], 0), repr(row)))
    return prints


def _raw_cameras() -> QuerySet[Camera, tuple[Any, ...]]:
    texts = {
        "source": "rtsp_url",
        "sub": "sub_url",
        "weekly": "record_schedule__weekly",
        "holidays": "record_schedule__holidays",
    }
    raw = Camera.objects.annotate(**{name: Cast(column, TextField()) for name, column in texts.items()}).order_by("pk")
    columns = ("pk", "name", "source", "sub", "enabled", "location", "analyse", "max_fps", *RECORD_COLUMNS.values())
    return raw.values_list("device_id", *columns, "record_schedule__name", "weekly", "holidays")


def _raw_rois() -> QuerySet[ROI, tuple[Any, ...]]:
    raw = ROI.objects.filter(mask=False).annotate(points=Cast("coordinates", TextField())).order_by("pk")
    columns = ("roi_id", "camera_id", "name", "roi_type", "points", "enabled", "priority")
    return raw.values_list("camera__device_id", *columns)


def _raw_bindings() -> QuerySet[Binding, tuple[Any, ...]]:
    texts = {"given": "params", "weekly": "schedule__weekly", "holidays": "schedule__holidays"}
    raw = Binding.objects.annotate(**{name: Cast(column, TextField()) for name, column in texts.items()}).order_by("pk")
    columns = ("bind_id", "roi_id", "algo_code", "given", "priority", "enabled", "severity")
    followed = ("schedule_id", "schedule__name", "weekly", "holidays")
    return raw.values_list("roi__camera__device_id", *columns, *followed)
