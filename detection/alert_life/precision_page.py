"""How far the alerts of each binding can be trusted, from the verdicts of people."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from cameras.admin.chips import chip
from cameras.models import Binding, Device
from detection.alert_life.models import Verdict
from detection.alert_life.presenting import algorithm_label
from detection.core.precision import FEWEST, Precision, precision
from detection.models import Alert
from detection.selectors import visible_alerts

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

DAYS = 90
MOST = 500


def binding_precision(user: User | AnonymousUser, *, since: datetime) -> dict[str, Precision]:
    """By binding: verdicts on alerts of the time since then that the person may see. One query over judged alerts.

    A binding that is there is judged by the alerts of boxes of its site: others may name it, too.
    """
    judged = visible_alerts(user).filter(part_of=None, verdict__in=Verdict.values, timestamp__gte=since).order_by()
    site = Device.objects.filter(pk=OuterRef(OuterRef("device"))).values("site")
    foreign = Binding.objects.filter(bind_id=OuterRef("bind_id")).exclude(roi__camera__device__site__in=site)
    counts = (
        judged.exclude(Exists(foreign))
        .values("bind_id")
        .annotate(right=Count("id", filter=Q(verdict=Verdict.TRUE)), wrong=Count("id", filter=Q(verdict=Verdict.FALSE)))
    )
    return {c["bind_id"]: precision(right=c["right"], wrong=c["wrong"]) for c in counts}


def precision_page(request: HttpRequest) -> HttpResponse:
    """GET: bindings that somebody judged, the suspicious ones first."""
    found = binding_precision(request.user, since=timezone.now() - timedelta(days=DAYS))
    rows = Binding.objects.filter(bind_id__in=list(found)[:MOST]).select_related("roi__camera__device__site")
    known = {b.bind_id: b for b in rows.defer("roi__camera__rtsp_url", "roi__camera__sub_url")}
    order = sorted(found, key=lambda b: (not found[b].suspicious, not found[b].enough, found[b].share, b))
    context = {
        **admin.site.each_context(request),
        "title": _("Verdicts by binding"),
        "opts": Alert._meta,
        "rows": [_told(bind_id, found[bind_id], known.get(bind_id)) for bind_id in order[:MOST]],
        "suspicious": sum(p.suspicious for p in found.values()),
        "days": DAYS,
        "fewest": FEWEST,
    }
    return render(request, "admin/detection/alert/precision.html", context)


def _told(bind_id: str, found: Precision, binding: Binding | None) -> dict[str, Any]:
    alerts = reverse("admin:detection_alert_changelist")
    return {
        "bind_id": bind_id,
        "what": algorithm_label(binding.algo_code) if binding else bind_id,
        "roi": str(binding.roi) if binding else "",
        "camera": str(binding.roi.camera) if binding else "",
        "site": binding.roi.camera.device.site.name if binding else "",
        "edit": reverse("admin:cameras_binding_change", args=[binding.pk]) if binding else "",
        "found": found,
        "share": f"{found.share:.0%}" if found.share is not None else "–",
        "interval": f"{found.low:.0%} – {found.high:.0%}",
        "chip": _chip(found),
        "wrong": f"{alerts}?{urlencode({'binding': bind_id, 'verdict': Verdict.FALSE.value})}",
    }


def _chip(found: Precision) -> SafeString:
    if not found.enough:
        return chip("off", _("too few verdicts"))
    return chip("warn", _("suspicious")) if found.suspicious else chip("good", _("trustworthy"))
