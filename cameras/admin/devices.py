from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from cameras.admin import configuration as pages
from cameras.admin import rollout_start
from cameras.admin.audit import AuditedAdmin
from cameras.admin.base import PublishingAdmin, SiteLimitedAdmin, VisibleOnly
from cameras.admin.chips import ago, sync_chip
from cameras.admin.deletion import DeviceDeletion
from cameras.admin.list_filters import DiskFilter, SyncFilter
from cameras.admin.model_words import model_list
from cameras.admin.recorder_words import recorder_list
from cameras.admin.sentences import problem_text
from cameras.admin.waiting import capture_list, waiting_list
from cameras.issued import ConfigVersion
from cameras.models import Device, DeviceStatus
from cameras.states import with_newest_version
from edgesite.core.urls import mask_url
from edgesite.fields import DecryptionError


@admin.register(Device)
class DeviceAdmin(DeviceDeletion, AuditedAdmin[Device], PublishingAdmin[Device]):
    site_path = "site"
    nothing_yet = gettext_lazy(
        "Devices show here: the boxes beside the cameras, whether each runs what it should, and when it was "
        "last heard. A device needs a site."
    )
    list_display = ["device_id", "name", "site", "configuration", "version", "last_seen", "publish_on_save"]
    list_filter = [SyncFilter, DiskFilter, ("site", VisibleOnly), "publish_on_save"]
    search_fields = ["device_id", "name", "site__name"]
    list_select_related = ["site", "status"]
    actions = ["publish_in_stages"]
    readonly_fields = [
        "configuration", "version", "last_seen", "waits", "captures", "recorder", "detection_model", "epoch", "health",
        "revoked_at",
    ]  # fmt: skip
    fieldsets = [
        (None, {"fields": ["device_id", "name", "site", "publish_on_save"]}),
        (
            gettext_lazy("Reported"),
            {
                "fields": [
                    "configuration",
                    "version",
                    "last_seen",
                    "waits",
                    "captures",
                    "recorder",
                    "detection_model",
                    "health",
                    "epoch",
                    "revoked_at",
                ]
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Device]:
        return with_newest_version(super().get_queryset(request))

    def device_ids(self, rows: QuerySet[Device]) -> set[str]:
        return set(rows.values_list("pk", flat=True))

    def get_readonly_fields(self, request: HttpRequest, obj: Device | None = None) -> Any:
        return [*self.readonly_fields, "device_id"] if obj else self.readonly_fields

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("<str:pk>/configuration/", view(self.configuration_view), name="cameras_device_configuration"),
            path("<str:pk>/publish/", view(require_POST(self.publish_view)), name="cameras_device_publish"),
            path("<str:pk>/discard/", view(self.discard_view), name="cameras_device_discard"),
            path("<str:pk>/rollback/<str:number>/", view(self.rollback_view), name="cameras_device_rollback"),
            path("<str:pk>/new-epoch/", view(self.new_epoch_view), name="cameras_device_new_epoch"),
        ]
        return own + super().get_urls()

    def _device(self, request: HttpRequest, pk: str) -> Device:
        device = self.get_queryset(request).filter(pk=pk).first()
        if device is None or not self.has_view_permission(request, device):
            raise Http404
        return device

    def configuration_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        return pages.configuration_page(request, self._device(request, pk))

    def publish_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        return pages.publish(request, self._device(request, pk))

    def discard_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        return pages.discard(request, self._device(request, pk))

    def rollback_view(self, request: HttpRequest, pk: str, number: str) -> HttpResponse:
        return pages.rollback(request, self._device(request, pk), number)

    def new_epoch_view(self, request: HttpRequest, pk: str) -> HttpResponse:
        return pages.new_epoch(request, self._device(request, pk))

    @admin.action(description=gettext_lazy("Publish in stages…"), permissions=["publish"])
    def publish_in_stages(self, request: HttpRequest, devices: QuerySet[Device]) -> HttpResponse:
        return rollout_start.ask(request, set(devices.values_list("pk", flat=True)))

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(pages.PUBLISH)

    @admin.display(description=gettext_lazy("configuration"))
    def configuration(self, device: Device) -> SafeString:
        return sync_chip(device)

    @admin.display(description=gettext_lazy("version"), ordering="last_version")
    def version(self, device: Device) -> str:
        return str(device.last_version) if device.last_version else "–"

    @admin.display(description=gettext_lazy("last seen"), ordering="status__reported_at")
    def last_seen(self, device: Device) -> str:
        status: DeviceStatus | None = getattr(device, "status", None)
        if status is None or status.reported_at is None:
            return _("never")
        return ago(status.reported_at)

    @admin.display(description=gettext_lazy("alerts that wait"))
    def waits(self, device: Device) -> SafeString | str:
        status: DeviceStatus | None = getattr(device, "status", None)
        return waiting_list(status.health if status else None)

    @admin.display(description=gettext_lazy("alerts' pictures"))
    def captures(self, device: Device) -> SafeString | str:
        status: DeviceStatus | None = getattr(device, "status", None)
        return capture_list(status.health if status else None)

    @admin.display(description=gettext_lazy("recorder"))
    def recorder(self, device: Device) -> SafeString | str:
        status: DeviceStatus | None = getattr(device, "status", None)
        return recorder_list(status.health if status else None, zone=device.site.time_zone)

    @admin.display(description=gettext_lazy("detection model"))
    def detection_model(self, device: Device) -> SafeString | str:
        status: DeviceStatus | None = getattr(device, "status", None)
        return model_list(status.health if status else None)

    @admin.display(description=gettext_lazy("health"))
    def health(self, device: Device) -> SafeString | str:
        status: DeviceStatus | None = getattr(device, "status", None)
        if status is None or not status.health:
            return "–"
        return format_html(
            '<pre class="document" tabindex="0">{}</pre>', json.dumps(status.health, indent=2, ensure_ascii=False)
        )


@admin.register(ConfigVersion)
class ConfigVersionAdmin(SiteLimitedAdmin[ConfigVersion]):
    """History. Nothing here can be edited; camera credentials are masked."""

    site_path = "device__site"
    nothing_yet = gettext_lazy(
        "Every configuration that was issued for a box shows here, with who issued it and why. The first one "
        "is issued when a camera is saved or published."
    )
    list_display = ["device", "version", "issued_at", "author", "reason", "short_hash"]
    list_filter = [("device", VisibleOnly), "author"]
    search_fields = ["device__device_id", "reason", "sha256"]
    date_hierarchy = "issued_at"
    fields = ["device", "version", "rollback_of", "issued_at", "author", "reason", "sha256", "epoch", "masked"]

    @admin.display(description="SHA-256")
    def short_hash(self, version: ConfigVersion) -> str:
        return version.sha256[:12]

    @admin.display(description=gettext_lazy("document"))
    def masked(self, version: ConfigVersion) -> SafeString:
        try:
            document = json.loads(version.document)
        except DecryptionError as error:
            return format_html("{}", problem_text(error))
        for camera in document.get("cameras", []):
            camera.update({key: mask_url(camera[key]) for key in ("rtsp_url", "sub_url") if camera.get(key)})
        return format_html(
            '<pre class="document" tabindex="0">{}</pre>', json.dumps(document, indent=2, ensure_ascii=False)
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConfigVersion]:
        return super().get_queryset(request).select_related("device").defer("document")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ConfigVersion | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ConfigVersion | None = None) -> bool:
        return False
