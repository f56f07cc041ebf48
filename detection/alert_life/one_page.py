"""An alert's page: the picture with its overlay, how it stands, what happened to it, and what can be done."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from cameras.models import Binding, Camera
from detection.alert_life import services
from detection.alert_life.api import STATUS
from detection.alert_life.clips import clip_of
from detection.alert_life.deleting import DELETE
from detection.alert_life.errors import AlertLifeError, InvalidInputError
from detection.alert_life.evidence import views_of
from detection.alert_life.forms import ActForm
from detection.alert_life.overlays import overlay
from detection.alert_life.presenting import later, permanent_link, shown, told_occurrences, told_steps
from detection.alert_life.selectors import assignable_people, occurrences_of, steps_of
from detection.alert_life.services import ACT, first_of
from detection.alert_life.texts import page_texts
from detection.models import Alert
from detection.places import own_cameras
from detection.selectors import full_pictures, visible_alerts


def one_page(request: HttpRequest, alert: Alert) -> HttpResponse:
    """GET: everything about one alert."""
    now, user = timezone.now(), request.user
    camera = own_cameras([alert]).get(alert.event_id)
    told = shown(alert, camera, now)
    first, full = first_of(alert), full_pictures([alert]).get(alert.event_id)
    others = visible_alerts(user).filter(part_of=None).order_by("id")
    context = {
        **admin.site.each_context(request),
        "title": _("%(what)s at %(roi)s") % {"what": told["what"], "roi": told["roi"]},
        "opts": Alert._meta,
        "told": told,
        "camera": camera,
        "camera_url": reverse("admin:cameras_camera_change", args=[camera.pk]) if camera else "",
        "binding": _binding(alert, camera),
        "link": permanent_link(alert),
        "link_shown": request.build_absolute_uri(permanent_link(alert)),
        "overlay": overlay(alert, camera) if told["picture"] or full else {},
        "full": full.url if full else "",
        "full_later": later(full.later_s(alert)) if full else "",
        "part_of": permanent_link(first) if first is not alert else "",
        "occurrences": told_occurrences(occurrences_of(first), told["zone"], now) if first.occurrences > 1 else [],
        "steps": told_steps(alert, list(steps_of(first)), told["zone"], now),
        "data": _readable({**alert.data, **alert.end_data}),
        "may_act": user.has_perm(ACT),
        "may_delete": user.has_perm(DELETE),
        "timeline": _timeline(request, alert, camera),
        "clip": clip_of(alert, told["zone"]),
        "views": views_of(alert),
        "people": list(assignable_people(alert).values_list("username", flat=True)),
        "form": ActForm(),
        "older": others.filter(pk__lt=alert.pk).values_list("pk", flat=True).last(),
        "newer": others.filter(pk__gt=alert.pk).values_list("pk", flat=True).first(),
        "page_data": {**page_texts(user.get_username()), "event_id": first.event_id, "state": alert.state,
                      "assignee": alert.assignee, "escalated": alert.escalated_at is not None},
    }  # fmt: skip
    return render(request, "admin/detection/alert/alert.html", context)


def _timeline(request: HttpRequest, alert: Alert, camera: Camera | None) -> str:
    """Where the camera's recording of that moment is; "" for whoever may not see it."""
    if camera is None or not request.user.has_perm("cameras.view_camera"):
        return ""
    return f"{reverse('admin:recordings_timeline', args=[camera.pk])}?at={alert.timestamp.timestamp():.3f}"


def _readable(data: dict[str, Any]) -> str:
    """Half a character, which older hubs took in, shows as a question mark."""
    return json.dumps(data, indent=2, ensure_ascii=False, sort_keys=True).encode(errors="replace").decode()


def _binding(alert: Alert, camera: Camera | None) -> dict[str, str]:
    """Its binding and where that is edited, if it is still there. camera: the alert's own."""
    mine = Binding.objects.filter(bind_id=alert.bind_id, roi__camera=camera)
    found = mine.values_list("pk", flat=True).first() if camera else None
    try:
        url = reverse("admin:cameras_binding_change", args=[found]) if found else ""
    except NoReverseMatch:
        url = ""
    return {"bind_id": alert.bind_id, "url": url}


def act(request: HttpRequest, alert: Alert) -> HttpResponse:
    """POST `do`: `ack`, `resolve`, `assign` or `note`; back to the page. With `Accept: application/json`: how it stands."""
    as_json = request.headers.get("Accept", "") == "application/json"
    try:
        changed = _done(request, alert)
    except AlertLifeError as error:
        if as_json:
            return JsonResponse({"detail": error.sentence()}, status=STATUS[type(error)])
        messages.error(request, error.sentence())
    else:
        if as_json:
            return JsonResponse({"event_id": changed.event_id, "state": changed.state})
        messages.success(request, _said(request.POST.get("do", "")))
    return HttpResponseRedirect(reverse("admin:detection_alert_change", args=[alert.pk]))


def _done(request: HttpRequest, alert: Alert) -> Alert:
    """Raises AlertLifeError."""
    given: dict[str, Any] = {"event_id": alert.event_id, "user": request.user, "now": timezone.now()}
    text = {name: request.POST.get(name, "") for name in ("note", "verdict", "reason", "assignee")}
    acts: dict[str, Callable[[], Alert]] = {
        "ack": lambda: services.acknowledge(**given, note=text["note"]),
        "resolve": lambda: services.resolve(
            **given, verdict=text["verdict"], reason=text["reason"], note=text["note"], from_open=True
        ),
        "assign": lambda: services.assign(**given, assignee=text["assignee"], note=text["note"]),
        "note": lambda: services.add_note(**given, note=text["note"]),
    }
    wanted = acts.get(request.POST.get("do", ""))
    if wanted is None:
        raise InvalidInputError("There is no such step.")
    return wanted()


def _said(do: str) -> str:
    return {"ack": _("Acknowledged."), "resolve": _("Resolved."), "assign": _("Assigned."), "note": _("Noted.")}[do]
