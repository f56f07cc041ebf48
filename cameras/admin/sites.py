from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from cameras.admin import transfer
from cameras.admin.audit import AuditedAdmin
from cameras.admin.base import PublishingAdmin
from cameras.admin.chips import site_chip
from cameras.admin.list_filters import AttentionFilter, fleet_for
from cameras.admin.rights import UnlimitedOnly
from cameras.models import Site, SiteAccess
from cameras.transfer.writing import FORMATS


@admin.register(Site)
class SiteAdmin(AuditedAdmin[Site], PublishingAdmin[Site]):
    site_path = "pk"
    nothing_yet = _("Sites show here: places with a time zone, which schedules and dates follow.")
    list_display = ["name", "time_zone", "devices_count"]
    search_fields = ["name"]
    list_filter = [AttentionFilter, "time_zone"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Site]:
        return super().get_queryset(request).annotate(devices_count=Count("devices"))

    def get_list_display(self, request: HttpRequest) -> Any:
        """With what is wrong at each site, of the fleet, which is read once for a page."""
        fleet = fleet_for(request)
        down, out = fleet.down_by_site(), fleet.out_of_sync_by_site()

        @admin.display(description=_("state"))
        def state(site: Site) -> SafeString:
            return site_chip(cameras_down=down[site.pk], out_of_sync=out[site.pk], devices=site.devices_count)  # type: ignore[attr-defined]  # annotated above

        return ["name", state, "time_zone", "devices_count"]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("<int:pk>/export/<str:kind>/", view(require_GET(self.export_view)), name="cameras_site_export"),
            path("<int:pk>/import/", view(self.import_view), name="cameras_site_import"),
            path("<int:pk>/import/confirm/", view(require_POST(self.confirm_view)), name="cameras_site_import_confirm"),
        ]
        return own + super().get_urls()

    def _site(self, request: HttpRequest, pk: int) -> Site:
        site = self.get_queryset(request).filter(pk=pk).first()
        if site is None or not self.has_view_permission(request, site):
            raise Http404
        return site

    def export_view(self, request: HttpRequest, pk: int, kind: str) -> HttpResponse:
        return transfer.export(request, self._site(request, pk), kind)

    def import_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return transfer.import_page(request, self._site(request, pk))

    def confirm_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return transfer.import_confirm(request, self._site(request, pk), self)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["may_export"] = [kind for kind in FORMATS if transfer.may_export(request, kind)]
        context["may_import"] = transfer.may_import(request)
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("devices"), ordering="devices_count")
    def devices_count(self, site: Site) -> int:
        return site.devices_count  # type: ignore[attr-defined,no-any-return]  # annotated above

    def device_ids(self, rows: QuerySet[Site]) -> set[str]:
        return {d for d in rows.values_list("devices__pk", flat=True) if d}


@admin.register(SiteAccess)
class SiteAccessAdmin(AuditedAdmin[SiteAccess], UnlimitedOnly[SiteAccess]):
    nothing_yet = _("Who may see only some sites shows here. Without an entry a person sees all of them.")
    list_display = ["user", "all_sites"]
    list_filter = ["all_sites", "sites"]
    search_fields = ["user__username"]
    filter_horizontal = ["sites"]
    autocomplete_fields = ["user"]
