"""Test alerts: which box's alerts would come out, and one more at the push of a button."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from cameras.admin.base import VisibleOnly
from cameras.admin.chips import chip
from cameras.selectors import visible_devices
from cameras.services import cloud_redis
from detection.live_texts import lasting
from detection.notifying.selectors import visible_trials
from detection.notifying.trial_models import TrialAlert
from detection.notifying.trials import ask
from edgesite.told import told

KINDS = {"asked": "busy", "arrived": "busy", "passed": "good", "failed": "bad"}


@admin.register(TrialAlert)
class TrialAlertAdmin(admin.ModelAdmin[TrialAlert]):
    """Looked at, never typed."""

    list_display = ["asked", "condition", "device", "site", "took", "told"]
    list_filter = ["state", ("device", VisibleOnly)]
    search_fields = ["device__device_id", "device__name"]
    fields = ["asked", "device", "site", "condition", "took", "told", "arrived_at", "ended_at", "event_id"]
    actions = None
    list_per_page = 50
    show_full_result_count = False
    change_list_template = "admin/detection/trialalert/change_list.html"
    change_form_template = "admin/detection/trialalert/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrialAlert]:
        return visible_trials(request.user).select_related("device__site")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TrialAlert | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TrialAlert | None = None) -> bool:
        return False

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        again = path("<str:device_id>/ask/", view(require_POST(self.ask_view)), name="detection_trialalert_ask")
        return [again, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"minutes": settings.TEST_ALERT_MINUTES, **(extra_context or {})})

    def ask_view(self, request: HttpRequest, device_id: str) -> HttpResponse:
        """Asks the box for one now."""
        device = visible_devices(request.user).filter(pk=device_id, revoked_at=None).first()
        if device is None:
            raise Http404
        if not request.user.has_perm("cameras.change_device"):
            raise PermissionDenied
        trial = ask(device, client=cloud_redis(settings.CLOUD_REDIS_URL), now=timezone.now())
        if trial is None:
            messages.info(request, _("A test alert of this device is on its way already."))
        else:
            messages.success(request, _("The box was asked. What came of it shows here within two minutes."))
        return HttpResponseRedirect(
            reverse("admin:detection_trialalert_changelist") + f"?device__device_id__exact={device.pk}"
        )

    @admin.display(description=gettext_lazy("asked for"), ordering="asked_at")
    def asked(self, trial: TrialAlert) -> str:
        return f"{trial.asked_at:%Y-%m-%d %H:%M:%S} UTC"

    @admin.display(description=gettext_lazy("site"), ordering="device__site__name")
    def site(self, trial: TrialAlert) -> str:
        return trial.device.site.name

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def condition(self, trial: TrialAlert) -> SafeString:
        label = str(trial.get_state_display())
        return chip(KINDS[trial.state], f"{label}: {told(trial.problem)}" if trial.problem else label)

    @admin.display(description=gettext_lazy("took"))
    def took(self, trial: TrialAlert) -> str:
        return lasting((trial.ended_at - trial.asked_at).total_seconds()) if trial.ended_at else "–"
