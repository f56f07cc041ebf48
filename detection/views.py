"""The live page and its pictures."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render, resolve_url
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from cameras.selectors import visible_cameras
from detection import live_texts
from detection.live import cameras_in_order, hub_problem, newest_alerts, pictures_of, redis_client
from edgesite import redis_keys
from edgesite.redis_clients import describe


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The wall of cameras and the feed of alerts as they are now; the page's script keeps them so."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path(), resolve_url(settings.LOGIN_URL))
    user = request.user
    if not user.has_perm("cameras.view_camera"):
        raise PermissionDenied(gettext("The live page shows cameras, and your role does not include seeing them."))
    words = live_texts.vocabulary()
    cameras = cameras_in_order(user)
    zones = {c["camera_id"]: c["time_zone"] for c in cameras}
    alerts = [_alert_view(a, words, zones) for a in newest_alerts(user).messages]
    pictures = pictures_of(cameras)
    context = {
        "tiles": [_tile_view(c, words, pictures) for c in cameras],
        "alerts": alerts,
        "sees_alerts": user.has_perm("detection.view_alert"),
        "may_add": user.is_staff and user.has_perm("cameras.add_camera"),
        "summary": words["texts"]["summary"].format(
            live=sum(c["state"] == "live" for c in cameras), total=len(cameras)
        ),
        "connecting": words["connection"]["connecting"],
        "problem": words["texts"].get(hub_problem(), ""),
        "page_data": {
            **words,
            "language": get_language(),
            "zones": zones,
            "links": user.is_staff,  # an alert's page is in the admin
            "login_url": resolve_url(settings.LOGIN_URL) + f"?next={request.path}",
        },
    }
    response = render(request, "live/live.html", context)
    response["Cache-Control"] = "private, no-store"
    return response


def _tile_view(camera: dict[str, Any], words: dict[str, Any], pictures: dict[str, float]) -> dict[str, Any]:
    state = words["states"].get(camera["state"]) or {**words["states"]["unknown"], "word": camera["state"]}
    return {
        **camera,
        "mark": state,
        "dead": camera["state"] in words["dead"],
        "has_picture": camera["camera_id"] in pictures,
    }


def _alert_view(alert: dict[str, Any], words: dict[str, Any], zones: dict[str, str]) -> dict[str, Any]:
    zone = zones.get(alert["camera_id"], "UTC")
    at = datetime.fromtimestamp(alert["timestamp"], UTC)
    return {
        **alert,
        "mark": words["severities"].get(alert["severity"]) or words["severities"]["info"],
        "label": words["algorithms"].get(alert["algo_code"], alert["algo_code"]),
        "times": live_texts.repeated(alert["occurrences"], alert["last_at"], zone=zone, now=time.time()),
        "end": live_texts.ended(alert["whole_ended_at"], alert["whole_duration_s"], zone=zone, now=time.time()),
        "link": f"/alerts/{quote(alert['event_id'], safe='')}",
        "state_word": words["alert_states"].get(alert["state"], ""),
        "iso": at.isoformat(),
        "absolute": f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S} {zone}",
        "relative": live_texts.relative(time.time() - alert["timestamp"]),
        "blank": _no_picture(alert, words["texts"]),
    }


def _no_picture(alert: dict[str, Any], texts: dict[str, str]) -> str:
    if alert["capture_problem"]:
        return texts["picture_failed"].replace("{reason}", alert["capture_problem"])
    return texts["picture_coming"] if alert["capture"] else texts["picture_none"]


@require_safe
def still(request: HttpRequest, camera_id: str) -> HttpResponse:
    """The camera's newest still. 401 without a login; 404 when there is none or it is not this person's to see."""
    if not request.user.is_authenticated:
        return JsonResponse({"detail": "Log in first."}, status=401)
    user = request.user
    device_id = visible_cameras(user).filter(pk=camera_id).values_list("device_id", flat=True).first()
    if device_id is None:
        return JsonResponse({"detail": "There is no such camera, or it is not yours to see."}, status=404)
    client = redis_client(settings.CLOUD_REDIS_URL, decode=False)
    try:
        jpeg, at = cast("list[Any]", client.hmget(redis_keys.still(device_id, camera_id), ["jpeg", "at"]))
    except RedisError as error:
        answer = JsonResponse({"detail": f"{describe(error)}; see /readyz."}, status=503)
        # Every open page asks every two seconds: `run_hub` and /readyz say once what is wrong.
        answer._has_been_logged = True  # type: ignore[attr-defined]
        return answer
    if not jpeg:
        return JsonResponse({"detail": "There is no picture of this camera yet."}, status=404)
    response = HttpResponse(jpeg, content_type="image/jpeg")
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    response["X-Picture-At"] = (at or b"").decode("ascii", "replace")
    return response
