"""The snapshots of a camera, and taking another one."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from cameras.asking import outcome
from cameras.choices import RequestState
from cameras.models import Camera
from edgesite.told import told
from recordings.core.days import day_of
from recordings.models import SnapshotOrigin, SnapshotRequest
from recordings.selectors import snapshot_url, visible_snapshots
from recordings.snapping.presenting import is_filmed, on_schedule
from recordings.snapshots import SNAPSHOTS, request_snapshot
from recordings.timeline.cameras import camera_of
from recordings.timeline.selectors import zone_of

PER_PAGE = 24
OPERATE = "cameras.change_camera"


def gallery(request: HttpRequest, camera_id: str) -> HttpResponse:
    """GET: the stored pictures, the newest first, `?page=`, of one `?origin=`, of one `?date=`; with `?asked=` what became of
    that one. POST: takes one."""
    camera = camera_of(request, camera_id)
    here = reverse("admin:recordings_gallery", args=[camera.pk])
    if request.method == "POST":
        asked = request_snapshot(camera=camera, author=request.user.get_username())
        return HttpResponseRedirect(f"{here}?asked={asked.request_id}")
    mine = visible_snapshots(request.user).filter(camera=camera)
    asked_for = mine.filter(request_id=request.GET.get("asked", "")).first()
    wanted = outcome(asked_for) if asked_for else None
    chosen = _chosen(request)
    zone = ZoneInfo(zone_of(camera))
    page = Paginator(_stored(mine, chosen, zone), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        **admin.site.each_context(request),
        "title": _("Snapshots of %(camera)s") % {"camera": camera},
        "opts": Camera._meta,
        "camera": camera,
        "page": page,
        "pictures": [_shown(snapshot, zone) for snapshot in page],
        "origins": SnapshotOrigin.choices,
        "chosen": chosen,
        "narrowed": f"{urlencode(chosen)}&" if chosen else "",
        "scheduled": on_schedule(camera, now=timezone.now()),
        "may_operate": request.user.has_perm(OPERATE),
        "filmable": is_filmed(camera),
        "waiting": wanted if wanted and wanted.state == RequestState.WAITING else None,
        "problem": told(wanted.message) if wanted and wanted.state == RequestState.ERROR else "",
    }
    response = render(request, "admin/recordings/timeline/gallery.html", context)
    response["Cache-Control"] = "private, no-store"
    return response


def _chosen(request: HttpRequest) -> dict[str, str]:
    """What the pictures are narrowed to; what makes no sense narrows nothing."""
    chosen = {}
    if (origin := request.GET.get("origin", "")) in SnapshotOrigin.values:
        chosen["origin"] = origin
    try:
        day = date.fromisoformat(request.GET.get("date", ""))
    except ValueError:
        return chosen
    return chosen | {"date": day.isoformat()} if date(1970, 1, 3) <= day <= date(9998, 12, 30) else chosen


def _stored(mine: QuerySet[SnapshotRequest], chosen: dict[str, str], zone: ZoneInfo) -> QuerySet[SnapshotRequest]:
    stored = mine.filter(state=RequestState.READY, key__startswith=f"{SNAPSHOTS}/").order_by("-id")
    if origin := chosen.get("origin"):
        stored = stored.filter(origin=origin)
    if day := chosen.get("date"):
        there = day_of(date.fromisoformat(day), time_zone=zone.key)
        stored = stored.filter(at__gte=there.begin, at__lt=there.end)
    return stored


def _shown(snapshot: SnapshotRequest, zone: ZoneInfo) -> dict[str, Any]:
    at = snapshot.at or snapshot.requested_at
    return {
        "url": snapshot_url(snapshot),
        "at": f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
        "zone": str(zone),
        "by": snapshot.requested_by or snapshot.get_origin_display(),
        "width": snapshot.width,
        "height": snapshot.height,
        "seconds": f"{at.timestamp():.3f}",
    }
