"""Where alerts happened, as far as the hub itself knows.

A box says of its alerts at which camera they are, and one that was taken over may name any. A camera counts for the alerts
of the box that it belongs to, and for those of an earlier box of the same site: it may be moved when a box is replaced. For
all others it is as if there were no such camera: nothing of it is shown, and nothing stands at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from cameras.models import Camera, Device
from cameras.selectors import visible_cameras
from detection.models import Alert
from detection.selectors import alert_message, full_pictures

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Place = tuple[str, str]  # a device and a camera, by their IDs


def own_cameras(alerts: Iterable[Alert]) -> dict[str, Camera]:
    """By event ID the alert's camera, with device and site, while it exists and is the box's. One query, and two more when
    a box names a camera that is not its own now."""
    told = {alert.event_id: (alert.device_id, alert.camera_id) for alert in alerts}
    rows = Camera.objects.filter(pk__in={camera_id for _, camera_id in told.values()}).select_related("device__site")
    known = {camera.pk: camera for camera in rows.defer("rtsp_url", "sub_url")}
    own = own_places(told.values(), known)
    return {event_id: known[place[1]] for event_id, place in told.items() if place in own}


def own_places(places: Iterable[Place], known: Mapping[str, Camera]) -> set[Place]:
    """Those in which the camera is the box's. known: the cameras by ID, with their devices."""
    there = {place for place in places if place[1] in known}
    moved = {(device_id, camera_id) for device_id, camera_id in there if known[camera_id].device_id != device_id}
    if not moved:
        return there
    sites = dict(Device.objects.filter(pk__in={d for d, _ in moved}).values_list("pk", "site"))
    rows = Camera.history.filter(camera_id__in={c for _, c in moved}, device__in={d for d, _ in moved})
    were = set(rows.order_by().values_list("device", "camera_id").distinct())
    stay = {place for place in moved & were if sites.get(place[0]) == known[place[1]].device.site_id}
    return there - moved | stay


def boxes_of(camera: Camera) -> list[str]:
    """The IDs of the boxes whose alerts may be at the camera: its own, and earlier ones of the same site. One query."""
    before = Camera.history.filter(camera_id=camera.pk).values("device")
    mine = Device.objects.filter(Q(pk__in=before, site=camera.device.site_id) | Q(pk=camera.device_id))
    return list(mine.order_by().values_list("pk", flat=True))


def places_at(camera_ids: Iterable[str]) -> set[Place]:
    """With each of the cameras the boxes whose alerts may be at it, as `boxes_of` says. Two queries, three where one moved."""
    rows = Camera.objects.filter(pk__in=set(camera_ids)).order_by()
    own = {pk: (device_id, site) for pk, device_id, site in rows.values_list("pk", "device_id", "device__site")}
    before = Camera.history.filter(camera_id__in=own).order_by().values_list("device", "camera_id").distinct()
    moved = {(device_id, pk) for device_id, pk in before if device_id != own[pk][0]}
    sites = dict(Device.objects.filter(pk__in={d for d, _ in moved}).values_list("pk", "site")) if moved else {}
    stay = {place for place in moved if sites.get(place[0]) == own[place[1]][1]}
    return {(device_id, pk) for pk, (device_id, _) in own.items()} | stay


def at_camera(rows: QuerySet[Alert], user: User | AnonymousUser, camera_id: str) -> QuerySet[Alert]:
    """Of the alerts those at that camera. Of a camera that is gone, or that the person may not see, all that name it."""
    camera = visible_cameras(user).filter(pk=camera_id).first()
    named = rows.filter(camera_id=camera_id)
    return named if camera is None else of_boxes(named, boxes_of(camera))


def of_boxes(rows: QuerySet[Alert], device_ids: Iterable[str]) -> QuerySet[Alert]:
    """Only those of the devices; said in a way for which no database takes the index of devices, as nearly all rows are."""
    return rows.exclude(~Q(device__in=list(device_ids)))


def told_alerts(alerts: list[Alert]) -> list[dict[str, Any]]:
    """`alert_message` of each, with the names of their own cameras and their full pictures."""
    own, full = own_cameras(alerts), full_pictures(alerts)
    return [
        alert_message(a, camera_name=own[a.event_id].name if a.event_id in own else "", full=full.get(a.event_id))
        for a in alerts
    ]
