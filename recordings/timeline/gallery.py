"""The snapshots of a camera, and taking another one."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from cameras.asking import outcome
from cameras.choices import RequestState
from cameras.models import Camera
from edgesite.told import told
from recordings.models import SnapshotRequest
from recordings.selectors import snapshot_url, visible_snapshots
from recordings.snapshots import SNAPSHOTS, request_snapshot
from recordings.timeline.cameras import camera_of
from recordings.timeline.selectors import zone_of

PER_PAGE = 24


def gallery(request: HttpRequest, camera_id: str) -> HttpResponse:
    """GET: the stored pictures, the newest first, `?page=`; with `?asked=` what became of that one. POST: takes one."""
    camera = camera_of(request, camera_id)
    here = reverse("admin:recordings_gallery", args=[camera.pk])
    if request.method == "POST":
        asked = request_snapshot(camera=camera, author=request.user.get_username())
        return HttpResponseRedirect(f"{here}?asked={asked.request_id}")
    mine = visible_snapshots(request.user).filter(camera=camera)
    stored = mine.filter(state=RequestState.READY, key__startswith=f"{SNAPSHOTS}/").order_by("-id")
    asked_for = mine.filter(request_id=request.GET.get("asked", "")).first()
    wanted = outcome(asked_for) if asked_for else None
    page = Paginator(stored, PER_PAGE).get_page(request.GET.get("page"))
    zone = ZoneInfo(zone_of(camera))
    context = {
        **admin.site.each_context(request),
        "title": _("Snapshots of %(camera)s") % {"camera": camera},
        "opts": Camera._meta,
        "camera": camera,
        "page": page,
        "pictures": [_shown(snapshot, zone) for snapshot in page],
        "waiting": wanted if wanted and wanted.state == RequestState.WAITING else None,
        "problem": told(wanted.message) if wanted and wanted.state == RequestState.ERROR else "",
    }
    response = render(request, "admin/recordings/timeline/gallery.html", context)
    response["Cache-Control"] = "private, no-store"
    return response


def _shown(snapshot: SnapshotRequest, zone: ZoneInfo) -> dict[str, Any]:
    at = snapshot.at or snapshot.requested_at
    return {
        "url": snapshot_url(snapshot),
        "at": f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
        "zone": str(zone),
        "by": snapshot.requested_by,
        "width": snapshot.width,
        "height": snapshot.height,
        "seconds": f"{at.timestamp():.3f}",
    }
