"""Reads of extracts, limited to what the person may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from cameras.models import Camera, Device
from cameras.selectors import sites_are_limited, visible_cameras, visible_sites
from edgesite.told import told
from recordings.core.extracts import UNDER_WAY, extract_folder, extract_name
from recordings.extracts.hiding import LIFT
from recordings.extracts.models import REMOVED, Extract, ExtractPurpose, ExtractState, Hiding

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def of_own_sites(user: User | AnonymousUser) -> Q:
    """Rows with `camera_id` and `device_id` that the person may see: an ID that was of another site's camera before says
    nothing, the box that recorded has to be of one of the person's sites, too."""
    seen = Q(camera_id__in=visible_cameras(user).order_by().values("pk"))
    if not sites_are_limited(user):
        return seen
    return seen & Q(device_id__in=Device.objects.filter(site__in=visible_sites(user)).values("pk"))


def _shown(user: User | AnonymousUser) -> QuerySet[Extract]:
    """Without what was removed, and without films that leave out privacy masks, unless the person may lift them."""
    standing = Extract.objects.exclude(state__in=REMOVED)
    return standing if user.has_perm(LIFT) else standing.exclude(hiding=Hiding.UNMASKED)


def visible_extracts(user: User | AnonymousUser) -> QuerySet[Extract]:
    """Extracts of cameras that the person may see, whoever asked for them."""
    return _shown(user).filter(of_own_sites(user))


def visible_exports(user: User | AnonymousUser) -> QuerySet[Extract]:
    """Exports that the person may see: of cameras, and of cameras that are deleted."""
    return _shown(user).filter(of_own_sites(user) | _of_no_camera(user), purpose=ExtractPurpose.EXPORT)


def with_place(extracts: QuerySet[Extract]) -> QuerySet[Extract]:
    """Adds `before`: how many their boxes prepare before them. A box does one after the other, and those that are to be
    played beside those that are to be kept.
    """
    earlier = Extract.objects.filter(
        device_id=OuterRef("device_id"), purpose=OuterRef("purpose"), state__in=UNDER_WAY, pk__lt=OuterRef("pk")
    )
    counted = earlier.order_by().values("device_id").annotate(number=Count("pk")).values("number")
    return extracts.annotate(before=Coalesce(Subquery(counted), 0))


def _of_no_camera(user: User | AnonymousUser) -> Q:
    """What a camera left that is deleted: a protected export stays, and somebody has to be able to let it go. The box's
    site says whose it is, also when a camera of another site has that ID by now; of a box that is deleted, too, only those
    know to whom no site is closed."""
    if not user.is_authenticated or not user.has_perm("cameras.view_camera"):
        return Q(pk__in=[])
    here = Camera.objects.filter(pk=OuterRef("camera_id"))
    if not sites_are_limited(user):
        return Q(~Exists(here))
    own = visible_sites(user)
    gone = Q(~Exists(here.filter(device__site__in=own)))
    return gone & Q(device_id__in=Device.objects.filter(site__in=own).values("pk"))


def may_see_extract(user: User | AnonymousUser, key: str) -> bool:
    """An extract is seen by those who see its camera; an export also when that is deleted."""
    ready = Q(key=key, state=ExtractState.READY)
    return visible_extracts(user).filter(ready).exists() or visible_exports(user).filter(ready).exists()


def camera_of(extract: Extract) -> Camera | None:
    """None when it is deleted; one that has its ID by now at another site is not it."""
    try:
        camera = extract.camera
    except Camera.DoesNotExist:
        return None
    if camera.device_id == extract.device_id:
        return camera
    box = Device.objects.filter(pk=extract.device_id).first()
    return camera if box is None or box.site_id == camera.device.site_id else None


def zone_of(extract: Extract) -> str:
    """The time zone of the site where it was recorded; UTC when that is not known any more."""
    camera = camera_of(extract)
    device = camera.device if camera else Device.objects.select_related("site").filter(pk=extract.device_id).first()
    return device.site.time_zone if device else "UTC"


def may_store_extract(device: Device, key: str) -> bool:
    """A box stores what it was asked for, under the key that it was told; also what was given up meanwhile."""
    asked = Extract.objects.filter(device_id=device.pk, key=key, state__in=[*UNDER_WAY, ExtractState.FAILED])
    return any(key.startswith(f"{extract_folder(c)}/") for c in asked.values_list("camera_id", flat=True))


def media_url(extract: Extract) -> str:
    """Where it can be fetched, root-relative; "" while it cannot."""
    return f"/api/media/{quote(extract.key)}" if extract.state == ExtractState.READY else ""


def file_name(extract: Extract) -> str:
    """What a downloaded file is called, with times of the camera's site."""
    return extract_name(
        camera_id=extract.camera_id,
        begin=extract.begin.timestamp(),
        end=extract.end.timestamp(),
        time_zone=zone_of(extract),
    )


def extract_message(extract: Extract) -> dict[str, Any]:
    """The extract as a page's script is told of it. Times: Unix seconds; message: in the reader's language."""
    return {
        "id": extract.extract_id,
        "state": extract.state,
        "label": str(extract.get_state_display()),
        "progress": extract.progress,
        "message": told(extract.message),
        "begin": extract.begin.timestamp(),
        "end": extract.end.timestamp(),
        "url": media_url(extract),
        "started_at": extract.started_at.timestamp() if extract.started_at else None,
        "duration": extract.duration,
        "gaps": extract.gaps,
    }
