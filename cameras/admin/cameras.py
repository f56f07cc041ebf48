from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from cameras.admin.audit import AuditedAdmin
from cameras.admin.base import VisibleOnly
from cameras.admin.chips import camera_chip, last_picture
from cameras.admin.cloning import CloneAndSwitch
from cameras.admin.connection import ConnectionTest
from cameras.admin.deletion import notes_on
from cameras.admin.detection import DetectionButtons
from cameras.admin.list_filters import CameraStateFilter
from cameras.admin.region_publish import RegionPublish
from cameras.admin.schedule_choices import ScheduleChoices
from cameras.camera_forms import CameraForm
from cameras.core.recording import COLUMNS as RECORDING
from cameras.core.snapping import COLUMNS as SNAPPING
from cameras.forms import LabelledFormSet, ROIForm
from cameras.models import ROI, Camera, Device
from cameras.regions import LIFT_MASKS
from cameras.regions_data import may_edit
from cameras.selectors import visible_sites
from edgesite.core.urls import mask_url

if TYPE_CHECKING:
    from django.contrib.auth.models import User


RECORDING_ROWS = [
    "record", "record_schedule", "record_events", ("event_pre_s", "event_post_s"), "record_sound",
    ("keep_days", "least_days", "keep_gib"),
]  # fmt: skip


MOST_LISTED = 100  # of what goes with a camera; how many go of each kind is said beside it


def _shortened(rows: list[Any]) -> list[Any]:
    """Of each of the nested lists the beginning: a camera may have tens of thousands of snapshots."""
    shown = [_shortened(row) if isinstance(row, list) else row for row in rows[:MOST_LISTED]]
    return shown if len(rows) <= MOST_LISTED else [*shown, "…"]


class ROIInline(admin.TabularInline[ROI, Camera]):
    model = ROI
    form = ROIForm
    formset = LabelledFormSet
    fields = ["name", "roi_type", "coordinates", "enabled", "mask", "priority"]
    extra = 0
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[ROI]:
        """Who may not lift masks finds none here that could be changed."""
        rows = super().get_queryset(request)
        return rows if request.user.has_perm(LIFT_MASKS) else rows.filter(mask=False)


@admin.register(Camera)
class CameraAdmin(
    RegionPublish, ConnectionTest, DetectionButtons, ScheduleChoices, AuditedAdmin[Camera], CloneAndSwitch
):
    site_path = "device__site"
    form = CameraForm
    nothing_yet = gettext_lazy(
        "Cameras show here: what each one is doing, how old its last picture is, and on which box. A camera "
        "needs a device."
    )
    list_display = ["camera_id", "name", "state", "last_picture", "device", "location", "source", "regions", "enabled"]
    list_filter = [CameraStateFilter, ("device__site", VisibleOnly), ("device", VisibleOnly), "enabled", "analyse"]
    search_fields = ["camera_id", "name", "location", "device__device_id"]
    list_select_related = ["device__site", "device__status"]
    fields = [
        "camera_id",
        "name",
        "device",
        "location",
        "rtsp_url",
        "sub_url",
        "enabled",
        "analyse",
        "max_fps",
        *RECORDING,
        *SNAPPING,
    ]
    page_path = "devices__cameras"
    actions = ["start_detection", "stop_detection", "enable", "disable", "clone_chosen"]
    inlines = [ROIInline]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        listed, *others = super().get_deleted_objects(objs, request)
        return [*notes_on(objs), *_shortened(listed)], *others

    def get_queryset(self, request: HttpRequest) -> QuerySet[Camera]:
        return super().get_queryset(request).annotate(roi_count=Count("rois"))

    def get_fields(self, request: HttpRequest, obj: Camera | None = None) -> Any:
        if obj is None:
            return self.fields
        names = [*self.fields[:2], "state", "last_picture", *self.fields[2:]]
        if self.has_change_permission(request, obj):
            return names
        # Who may only look is shown the stored value, without the form that masks it.
        shown: dict[Any, str] = {"rtsp_url": "source", "sub_url": "sub_source"}
        return [shown.get(name, name) for name in names]

    def get_fieldsets(self, request: HttpRequest, obj: Camera | None = None) -> Any:
        names = self.get_fields(request, obj)
        if "rtsp_url" not in names:
            return [(None, {"fields": names})]
        at = names.index("rtsp_url")
        helper = ["make", ("host", "port"), ("channel", "stream")]
        return [
            (None, {"fields": names[:at]}),
            (_("Stream"), {"fields": ["rtsp_url", ("user", "password"), "sub_url", "connection"]}),
            (_("Build the stream URL"), {"fields": helper, "classes": ["collapse"]}),
            (_("Analysis"), {"fields": [name for name in names[at + 2 :] if name not in RECORDING + SNAPPING]}),
            (_("Recording"), {"fields": RECORDING_ROWS}),
            (_("Snapshots"), {"fields": list(SNAPPING)}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Camera | None = None) -> Any:
        return ["camera_id", "source", "sub_source", "state", "last_picture", "connection"] if obj else ["connection"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The only device there is need not be chosen."""
        devices = Device.objects.filter(site__in=visible_sites(request.user)).order_by("pk")[:2]
        only = {"device": devices[0].pk} if len(devices) == 1 else {}
        return {**only, **super().get_changeform_initial_data(request)}

    def response_add(self, request: HttpRequest, obj: Camera, post_url_continue: str | None = None) -> HttpResponse:
        """A camera without regions raises no alert: who added one is led on."""
        leads_on = may_edit(cast("User", request.user)) and not {"_popup", "_addanother"} & request.POST.keys()
        if leads_on and not obj.rois.exists():
            url = reverse("admin:cameras_camera_regions", args=[obj.pk])
            text = _("Next: draw regions on the picture of %(camera)s") % {"camera": obj}
            messages.info(request, format_html('<a href="{}">{}</a>', url, text))
        return super().response_add(request, obj, post_url_continue)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["may_clone"] = self.has_clone_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=gettext_lazy("state"))
    def state(self, camera: Camera) -> SafeString:
        return camera_chip(camera)

    @admin.display(description=gettext_lazy("last picture"))
    def last_picture(self, camera: Camera) -> SafeString | str:
        return last_picture(camera)

    def device_ids(self, rows: QuerySet[Camera]) -> set[str]:
        return set(rows.values_list("device_id", flat=True))

    @admin.display(description=gettext_lazy("stream URL"))
    def source(self, camera: Camera) -> str:
        return mask_url(camera.rtsp_url)

    @admin.display(description=gettext_lazy("sub-stream"))
    def sub_source(self, camera: Camera) -> str:
        return mask_url(camera.sub_url)

    @admin.display(description=gettext_lazy("regions"), ordering="roi_count")
    def regions(self, camera: Camera) -> SafeString:
        count: int = camera.roi_count  # type: ignore[attr-defined]  # annotated above
        text = ngettext("%(count)d region", "%(count)d regions", count) % {"count": count}
        url = reverse("admin:cameras_camera_regions", args=[camera.pk])
        return format_html('<a href="{}" aria-label="{}" title="{}">{}</a>', url, text, text, count)
