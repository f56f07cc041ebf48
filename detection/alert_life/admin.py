"""Alerts in the admin, made for whoever has to deal with them: the list, an alert's page, and what is done there."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from detection.alert_life import audit_page, bulk_page, filters_page, list_page, one_page, precision_page
from detection.alert_life.clips import protect_clip
from detection.models import Alert
from detection.selectors import visible_alerts


@admin.register(Alert)
class AlertAdmin(admin.ModelAdmin[Alert]):
    """Alerts are evidence: people add steps to them, nobody types into them."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        return visible_alerts(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Alert | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Alert | None = None) -> bool:
        return False

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view

        def seen(page: Any) -> Any:
            def guarded(request: HttpRequest, **arguments: Any) -> HttpResponse:
                if not request.user.has_perm("detection.view_alert"):
                    raise PermissionDenied
                if "pk" in arguments:
                    alert = visible_alerts(request.user).filter(pk=arguments.pop("pk")).first()
                    if alert is None:
                        raise Http404(_("There is no such alert."))
                    arguments["alert"] = alert
                answer: HttpResponse = page(request, **arguments)
                answer["Cache-Control"] = "private, no-store"
                return answer

            return view(guarded)

        return [
            path("", seen(list_page.list_page), name="detection_alert_changelist"),
            path("rows/", seen(require_safe(list_page.rows)), name="detection_alert_rows"),
            path("bulk/", seen(require_POST(bulk_page.bulk)), name="detection_alert_bulk"),
            path("filters/", seen(require_POST(filters_page.change)), name="detection_alert_filters"),
            path("export/", seen(require_POST(audit_page.export)), name="detection_alert_export"),
            path("audit/", seen(require_safe(audit_page.audit)), name="detection_alert_audit"),
            path("precision/", seen(require_safe(precision_page.precision_page)), name="detection_alert_precision"),
            path("<int:pk>/delete/", seen(audit_page.delete), name="detection_alert_delete"),
            path("<int:pk>/change/", seen(require_safe(one_page.one_page)), name="detection_alert_change"),
            path("<int:pk>/clip/", seen(require_POST(protect_clip)), name="detection_alert_clip"),
            path("<int:pk>/act/", seen(require_POST(one_page.act)), name="detection_alert_act"),
        ]


def permanent(request: HttpRequest, event_id: str) -> HttpResponse:
    """`/alerts/{event_id}`: the alert's page, wherever that is."""
    if not request.user.is_authenticated:
        return HttpResponseRedirect(f"{reverse('login')}?next={request.path}")
    pk = visible_alerts(request.user).filter(event_id=event_id).values_list("pk", flat=True).first()
    if pk is None:
        raise Http404(_("There is no such alert."))
    return HttpResponseRedirect(reverse("admin:detection_alert_change", args=[pk]))
