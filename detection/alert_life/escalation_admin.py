"""Escalation rules of the sites that the person may see."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cameras.admin.audit import AuditedAdmin
from cameras.admin.base import SiteLimitedAdmin, VisibleOnly
from detection.alert_life.escalation_models import EscalationRule


@admin.register(EscalationRule)
class EscalationRuleAdmin(AuditedAdmin[EscalationRule], SiteLimitedAdmin[EscalationRule]):
    """Which alerts must not wait."""

    site_path = "site"
    nothing_yet = gettext_lazy(
        "Escalation rules show here: which alerts are escalated when nobody acknowledges them in time, and how "
        "severe they become."
    )
    list_display = ["what", "site", "after_minutes", "raise_to", "enabled"]
    list_filter = [("site", VisibleOnly), "enabled"]
    fields = ["site", "severity", "binding", "after_minutes", "raise_to", "enabled"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[EscalationRule]:
        return super().get_queryset(request).select_related("site", "binding__roi")

    @admin.display(description=gettext_lazy("alerts"))
    def what(self, rule: EscalationRule) -> str:
        return str(rule.binding or rule.get_severity_display() or _("every severity"))
