from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from cameras.admin.audit import AuditedAdmin
from cameras.admin.base import PublishingAdmin, VisibleOnly
from cameras.admin.chips import camera_chip
from cameras.admin.detection import DetectionButtons
from cameras.forms import CameraForm, ROIForm
from cameras.models import ROI, Camera
from edgesite.core.urls import mask_url


class ROIInline(admin.TabularInline[ROI, Camera]):
    model = ROI
    form = ROIForm
    fields = ["name", "roi_type", "coordinates", "enabled", "priority"]
    extra = 0
    show_change_link = True


@admin.register(Camera)
class CameraAdmin(DetectionButtons, AuditedAdmin[Camera], PublishingAdmin[Camera]):
    site_path = "device__site"
    form = CameraForm
    list_display = ["camera_id", "name", "state", "device", "location", "source", "roi_count", "enabled"]
    list_filter = [("device__site", VisibleOnly), ("device", VisibleOnly), "enabled", "analyse"]
    search_fields = ["camera_id", "name", "location", "device__device_id"]
    list_select_related = ["device__site", "device__status"]
    fields = ["camera_id", "name", "device", "rtsp_url", "location", "enabled", "analyse", "max_fps"]
    inlines = [ROIInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Camera]:
        return super().get_queryset(request).annotate(roi_count=Count("rois"))

    def get_fields(self, request: HttpRequest, obj: Camera | None = None) -> Any:
        if obj is None:
            return self.fields
        names = [*self.fields[:2], "state", *self.fields[2:]]
        if self.has_change_permission(request, obj):
            return names
        # Who may only look is shown the stored value, without the form that masks it.
        return ["source" if name == "rtsp_url" else name for name in names]

    def get_readonly_fields(self, request: HttpRequest, obj: Camera | None = None) -> Any:
        return ["camera_id", "source", "state"] if obj else []

    @admin.display(description=_("state"))
    def state(self, camera: Camera) -> SafeString:
        return camera_chip(camera)

    def device_ids(self, rows: QuerySet[Camera]) -> set[str]:
        return set(rows.values_list("device_id", flat=True))

    @admin.display(description=_("stream URL"))
    def source(self, camera: Camera) -> str:
        return mask_url(camera.rtsp_url)

    @admin.display(description=_("ROIs"), ordering="roi_count")
    def roi_count(self, camera: Camera) -> int:
        return camera.roi_count  # type: ignore[attr-defined,no-any-return]  # annotated above
