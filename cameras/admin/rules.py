from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cameras.admin.audit import AuditedAdmin
from cameras.admin.base import PublishingAdmin, VisibleOnly
from cameras.forms import BindingForm, ROIForm
from cameras.models import ROI, Binding


class BindingInline(admin.TabularInline[Binding, ROI]):
    model = Binding
    form = BindingForm
    fields = ["algo_code", "params", "severity", "priority", "enabled"]
    extra = 0
    show_change_link = True


@admin.register(ROI)
class ROIAdmin(AuditedAdmin[ROI], PublishingAdmin[ROI]):
    site_path = "camera__device__site"
    form = ROIForm
    list_display = ["roi_id", "name", "camera", "roi_type", "points", "enabled", "priority"]
    list_filter = [("camera__device__site", VisibleOnly), ("camera", VisibleOnly), "roi_type", "enabled"]
    search_fields = ["roi_id", "name", "camera__camera_id", "camera__name"]
    list_select_related = ["camera"]
    fields = ["roi_id", "name", "camera", "roi_type", "coordinates", "enabled", "priority"]
    inlines = [BindingInline]

    def get_readonly_fields(self, request: HttpRequest, obj: ROI | None = None) -> Any:
        return ["roi_id"] if obj else []

    def device_ids(self, rows: QuerySet[ROI]) -> set[str]:
        return set(rows.values_list("camera__device_id", flat=True))

    @admin.display(description=_("points"))
    def points(self, roi: ROI) -> int:
        return len(roi.coordinates)


@admin.register(Binding)
class BindingAdmin(AuditedAdmin[Binding], PublishingAdmin[Binding]):
    site_path = "roi__camera__device__site"
    form = BindingForm
    list_display = ["bind_id", "roi", "camera", "algo_code", "severity", "enabled", "priority"]
    list_filter = [
        ("roi__camera__device__site", VisibleOnly), ("roi__camera", VisibleOnly), "algo_code", "severity", "enabled",
    ]  # fmt: skip
    search_fields = ["bind_id", "roi__roi_id", "roi__name", "roi__camera__camera_id", "algo_code"]
    list_select_related = ["roi__camera"]
    fields = ["bind_id", "roi", "algo_code", "params", "severity", "enabled", "priority"]

    def get_readonly_fields(self, request: HttpRequest, obj: Binding | None = None) -> Any:
        return ["bind_id"] if obj else []

    def device_ids(self, rows: QuerySet[Binding]) -> set[str]:
        return set(rows.values_list("roi__camera__device_id", flat=True))

    @admin.display(description=_("camera"), ordering="roi__camera")
    def camera(self, binding: Binding) -> str:
        return str(binding.roi.camera)
