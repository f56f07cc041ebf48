"""Taking alerts out of the product, deleting one, and the page that tells who did either."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from cameras.selectors import sites_are_limited, visible_devices
from detection.alert_life.asking import Question, known_query
from detection.alert_life.deleting import DELETE, delete_alert
from detection.alert_life.errors import AlertLifeError
from detection.alert_life.export import begin_export, pieces, streamed
from detection.alert_life.models import LONGEST_REASON, AlertExport, AlertStep, StepKind
from detection.alert_life.presenting import algorithm_label, severity_chip, shown
from detection.models import Alert

SHOWN = 200


def export(request: HttpRequest) -> StreamingHttpResponse:
    """POST with the list's query: the file."""
    user, now = cast("User", request.user), timezone.now()
    query = known_query(request.POST.copy())
    row = begin_export(user=user, query=query, now=now)
    base = request.build_absolute_uri("/").rstrip("/")
    lines = pieces(user, Question.of(request.POST.dict()), row, base_url=base)
    name = f"alerts-{now:%Y%m%d-%H%M%S}.csv"
    answer = StreamingHttpResponse(streamed(lines), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def delete(request: HttpRequest, alert: Alert) -> HttpResponse:
    """GET: asks for the reason. POST: deletes."""
    if not request.user.has_perm(DELETE):
        raise PermissionDenied
    if request.method == "POST":
        try:
            delete_alert(
                event_id=alert.event_id, user=request.user, reason=request.POST.get("reason", ""), now=timezone.now()
            )
        except AlertLifeError as error:
            messages.error(request, error.sentence())
        else:
            messages.success(request, _("The alert was deleted. What it was and who deleted it is kept."))
            return HttpResponseRedirect(reverse("admin:detection_alert_changelist"))
    context = {
        **admin.site.each_context(request),
        "title": _("Delete this alert?"),
        "opts": Alert._meta,
        "told": shown(alert, None, timezone.now()),
        "most": LONGEST_REASON,
    }
    return render(request, "admin/detection/alert/delete.html", context)


def audit(request: HttpRequest) -> HttpResponse:
    """GET: deleted alerts of the person's sites; for administrators of all sites also who exported what."""
    user = request.user
    deleted = AlertStep.objects.filter(kind=StepKind.DELETED).order_by("-id")
    if sites_are_limited(user):
        deleted = deleted.filter(device_id__in=visible_devices(user).values("pk"))
    sees_exports = user.has_perm("auth.view_user") and not sites_are_limited(user)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Deleted and exported alerts"),
        "opts": Alert._meta,
        "deleted": [_told(step) for step in deleted[:SHOWN]],
        "exports": AlertExport.objects.all()[:SHOWN] if sees_exports else [],
        "sees_exports": sees_exports,
    }
    return render(request, "admin/detection/alert/audit.html", context)


def _told(step: AlertStep) -> dict[str, Any]:
    was = step.details
    gone = Alert(severity=was.get("severity", "info"), state=was.get("state", "open"))
    return {
        "step": step,
        "what": algorithm_label(was.get("algo_code", "")),
        "roi": was.get("roi_name") or was.get("roi_id", ""),
        "severity": severity_chip(gone),
        "raised": was.get("timestamp", ""),
    }
