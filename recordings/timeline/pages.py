"""The timeline's pages, and the calls of its script."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from cameras.admin.regions import BodyError, body_of, json_call
from cameras.models import Camera
from cameras.selectors import visible_cameras
from edgesite.told import told
from recordings.core.days import day_at
from recordings.core.extracts import LONGEST_S
from recordings.extracts.errors import ExtractError
from recordings.extracts.hiding import LIFT, UNKNOWN, Hidden, areas_of, hidden_of
from recordings.extracts.models import Extract, ExtractPurpose
from recordings.extracts.selectors import extract_message, visible_extracts
from recordings.extracts.services import request_extract
from recordings.timelapses import pages as timelapses
from recordings.timeline import gallery
from recordings.timeline.cameras import camera_of
from recordings.timeline.selectors import day_data, with_last_hour, zone_of
from recordings.timeline.texts import words

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SEE, OPERATE = "cameras.view_camera", "cameras.change_camera"
MOST_PLAYED_S = 120.0  # of one film; the player asks for one minute after the other
LAST_MOMENT = 253_402_214_400.0  # of the year 9999, all but a day


def urls(site: admin.AdminSite) -> list[Any]:
    """Of the admin, below its app `recordings`."""
    page: Callable[..., Any] = site.admin_view
    return [
        path("recordings/timeline/", page(choose), name="recordings_timelines"),
        path("recordings/timeline/<str:camera_id>/", page(timeline), name="recordings_timeline"),
        path("recordings/timeline/<str:camera_id>/day", json_call(site, day, "GET"), name="recordings_timeline_day"),
        path(
            "recordings/timeline/<str:camera_id>/extracts", json_call(site, ask, "POST"), name="recordings_timeline_ask"
        ),
        path(
            "recordings/timeline/<str:camera_id>/extracts/<str:extract_id>",
            json_call(site, answer, "GET"),
            name="recordings_timeline_answer",
        ),
        path("recordings/snapshots/<str:camera_id>/", page(gallery.gallery), name="recordings_gallery"),
        *timelapses.urls(site),
    ]


def choose(request: HttpRequest) -> HttpResponse:
    """GET: the cameras that have a timeline, with the last hour of which something is recorded."""
    if not request.user.has_perm(SEE):
        raise PermissionDenied
    cameras = list(with_last_hour(visible_cameras(request.user)).order_by("name", "pk"))
    if len(cameras) == 1:
        return HttpResponseRedirect(reverse("admin:recordings_timeline", args=[cameras[0].pk]))
    context = {**admin.site.each_context(request), "title": _("Timelines"), "opts": Extract._meta, "cameras": cameras}
    return render(request, "admin/recordings/timeline/choose.html", context)


def timeline(request: HttpRequest, camera_id: str) -> HttpResponse:
    """GET: one day of a camera, `?date=YYYY-MM-DD` of its site, or the one of `?at=UNIX`; today if nothing is said."""
    camera, now = camera_of(request, camera_id), timezone.now()
    at = _moment(request.GET.get("at", ""))
    shown = _shown(request.GET.get("date", ""), camera, at.timestamp() if at else now.timestamp())
    data = day_data(camera, request.user, day=shown, now=now)
    context = {
        **admin.site.each_context(request),
        "title": _("Timeline of %(camera)s") % {"camera": camera},
        "opts": Camera._meta,
        "camera": camera,
        "cameras": visible_cameras(request.user).order_by("name", "pk"),
        "data": data,
        "page": {
            "texts": words(),
            "language": get_language(),
            "login": reverse("admin:login"),
            "at": at.timestamp() if at else None,
            "longest": LONGEST_S,
        },
        "may_export": request.user.has_perm(OPERATE),
        "may_lift": request.user.has_perm(LIFT),
        "masked": bool(areas_of(camera, masks=True)),
        "regions": areas_of(camera, masks=False),
    }
    response = render(request, "admin/recordings/timeline/timeline.html", context)
    response["Cache-Control"] = "private, no-store"
    return response


def _moment(text: str) -> datetime | None:
    """Unix seconds as they stand in a link; None for anything else."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return datetime.fromtimestamp(seconds, UTC) if 86_400 <= seconds < LAST_MOMENT else None


def _shown(text: str, camera: Camera, now: float) -> date:
    """The wanted day; the present one for what is none, and for one at the ends of the calendar."""
    try:
        wanted = date.fromisoformat(text)
    except ValueError:
        return day_at(now, time_zone=zone_of(camera))
    return min(max(wanted, date(1970, 1, 3)), date(9998, 12, 30))


def day(request: HttpRequest, camera_id: str) -> HttpResponse:
    camera, now = camera_of(request, camera_id), timezone.now()
    shown = _shown(request.GET.get("date", ""), camera, now.timestamp())
    return JsonResponse(day_data(camera, request.user, day=shown, now=now))


def ask(request: HttpRequest, camera_id: str) -> HttpResponse:
    """POST: `begin`, `end` in Unix seconds, `purpose`; of an export also `hide` (`nothing`, `masks`, `outside`) and `rois`,
    those that stay visible then. What there is of it, or begins to be."""
    camera, user = camera_of(request, camera_id), cast("User", request.user)
    body = body_of(request, "begin", "end", "purpose", "hide", "rois")
    purpose = ExtractPurpose.EXPORT if body.get("purpose") == "export" else ExtractPurpose.PLAY
    begin, end = (_moment(str(body.get(key, ""))) for key in ("begin", "end"))
    if begin is None or end is None:
        raise BodyError(_("This is not a time."))
    # A film of hours is an export, whatever it is called.
    exports = purpose == ExtractPurpose.EXPORT or (end - begin).total_seconds() > MOST_PLAYED_S
    if exports and not user.has_perm(OPERATE):
        raise PermissionDenied
    wished = body if purpose == ExtractPurpose.EXPORT else {"hide": "nothing"}
    try:
        hidden, author = _hidden(camera, user, wished) if exports else Hidden(), user.get_username()
        extract = request_extract(camera=camera, begin=begin, end=end, purpose=purpose, author=author, hidden=hidden)
    except ExtractError as error:
        raise BodyError(told(str(error))) from None
    return JsonResponse(_answer(extract))


def _hidden(camera: Camera, user: User, body: dict[str, Any]) -> Hidden:
    """What is to be hidden in an export. Raises ExtractError."""
    wish, rois = body.get("hide", ""), body.get("rois", [])
    if not isinstance(wish, str) or not isinstance(rois, list) or not all(isinstance(roi, str) for roi in rois):
        raise ExtractError(UNKNOWN)
    return hidden_of(camera, wish=wish, roi_ids=set(rois), may_lift=user.has_perm(LIFT))


def answer(request: HttpRequest, camera_id: str, extract_id: str) -> HttpResponse:
    """GET: how far it is."""
    extract = visible_extracts(request.user).filter(camera_id=camera_id, extract_id=extract_id).first()
    if extract is None:
        raise Http404
    return JsonResponse(_answer(extract))


def _answer(extract: Extract) -> dict[str, Any]:
    page = reverse("admin:recordings_extract_change", args=[extract.pk])
    return extract_message(extract) | {"page": page if extract.purpose == ExtractPurpose.EXPORT else ""}
