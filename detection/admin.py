from __future__ import annotations

import json
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cameras.admin.base import VisibleOnly
from cameras.admin.chips import chip
from cameras.core.algorithms import registry
from cameras.models import Camera
from detection.admin_backtest import BackTestAdmin  # noqa: F401  registers itself
from detection.live_texts import lasting
from detection.models import Alert
from detection.notifying import admin as notifying_admin  # noqa: F401  registers itself
from detection.selectors import capture_url, visible_alerts

STATE_KIND = {"open": "bad", "acknowledged": "busy", "resolved": "good"}
SEVERITY_KIND = {"info": "off", "warning": "warn", "critical": "bad"}


def known_camera(alert: Alert) -> Camera | None:
    """The alert's camera while it exists; the alert outlives it."""
    try:
        return alert.camera
    except Camera.DoesNotExist:
        return None


def _zone(alert: Alert) -> str:
    camera = known_camera(alert)
    return camera.device.site.time_zone if camera else "UTC"


@admin.register(Alert)
class AlertAdmin(admin.ModelAdmin[Alert]):
    """Alerts are evidence: they are looked at here, never typed."""

    list_display = [
        "when",
        "ended",
        "camera_name",
        "roi_label",
        "algorithm",
        "severity_chip",
        "state_chip",
        "picture_link",
    ]
    list_filter = ["state", "severity", "algo_code", ("camera", VisibleOnly)]
    search_fields = ["event_id", "camera_id__exact", "roi_id", "roi_name", "algo_code"]
    date_hierarchy = "timestamp"
    show_full_result_count = False
    fields = [
        "picture", "when", "camera_name", "device_id", "roi_label", "roi_id", "bind_id", "algorithm", "severity_chip",
        "state_chip", "phase", "ended", "details", "end_details", "event_id", "capture", "capture_problem", "received_at",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        # The camera may be gone: a join would hide the alert.
        return visible_alerts(request.user).prefetch_related("camera__device__site")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Alert | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Alert | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("time"), ordering="timestamp")
    def when(self, alert: Alert) -> str:
        zone = _zone(alert)
        return f"{alert.timestamp.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S} {zone}"

    @admin.display(description=gettext_lazy("ended"), ordering="ended_at")
    def ended(self, alert: Alert) -> str:
        if alert.ended_at is None:
            return "–"
        at = f"{alert.ended_at.astimezone(ZoneInfo(_zone(alert))):%Y-%m-%d %H:%M:%S}"
        return at if alert.duration_s is None else f"{at} ({lasting(alert.duration_s)})"

    @admin.display(description=gettext_lazy("data at the end"))
    def end_details(self, alert: Alert) -> SafeString | str:
        if not alert.end_data:
            return "–"
        return format_html('<pre class="document">{}</pre>', json.dumps(alert.end_data, indent=2, ensure_ascii=False))

    @admin.display(description=gettext_lazy("camera"), ordering="camera_id")
    def camera_name(self, alert: Alert) -> str:
        return str(known_camera(alert) or alert.camera_id)

    @admin.display(description=gettext_lazy("ROI"), ordering="roi_name")
    def roi_label(self, alert: Alert) -> str:
        return alert.roi_name or alert.roi_id

    @admin.display(description=gettext_lazy("algorithm"), ordering="algo_code")
    def algorithm(self, alert: Alert) -> str:
        known = registry.get(alert.algo_code)
        return _(known.label) if known else alert.algo_code

    @admin.display(description=gettext_lazy("severity"), ordering="severity")
    def severity_chip(self, alert: Alert) -> SafeString:
        return chip(SEVERITY_KIND[alert.severity], alert.get_severity_display())

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_chip(self, alert: Alert) -> SafeString:
        return chip(STATE_KIND[alert.state], alert.get_state_display())

    @admin.display(description=gettext_lazy("picture"))
    def picture_link(self, alert: Alert) -> SafeString | str:
        url = capture_url(alert)
        return format_html('<img class="thumb" src="{}" alt="{}" loading="lazy">', url, _("evidence")) if url else "–"

    @admin.display(description=gettext_lazy("picture"))
    def picture(self, alert: Alert) -> SafeString | str:
        url = capture_url(alert)
        if url is None:
            return alert.capture_problem or _("not stored yet")
        return format_html('<a href="{0}"><img class="evidence" src="{0}" alt="{1}"></a>', url, _("evidence"))

    @admin.display(description=gettext_lazy("data"))
    def details(self, alert: Alert) -> SafeString:
        return format_html('<pre class="document">{}</pre>', json.dumps(alert.data, indent=2, ensure_ascii=False))
