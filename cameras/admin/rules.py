from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError as ParametersError

from cameras.admin.audit import AuditedAdmin
from cameras.admin.base import PublishingAdmin, SiteLimitedChoices, VisibleOnly
from cameras.admin.schedule_choices import ScheduleChoices
from cameras.audit import site_of
from cameras.core.algorithms import registry
from cameras.forms import BindingForm, LabelledFormSet, ROIForm
from cameras.models import ROI, Binding
from cameras.places import check_places
from cameras.regions import LIFT_MASKS
from cameras.schedules import check_schedule


class BindingFormSet(LabelledFormSet):
    def clean(self) -> None:
        """A new ROI is in no row yet that the binding's own check could find."""
        super().clean()
        site = site_of(ROI, self.instance.camera_id, "camera__device__site")
        for form in self.forms:
            given = form.cleaned_data
            try:
                check_schedule(getattr(given.get("schedule"), "schedule_id", None), site=site)
            except ValidationError as error:
                form.add_error(None, error)
            if self.instance._state.adding and not form.errors and not given.get("DELETE"):
                self._check_places(form, str(given.get("algo_code")), given.get("params"))

    def _check_places(self, form: ModelForm[Binding], algo_code: str, params: object) -> None:
        with suppress(KeyError, ParametersError):  # which the binding's own check tells
            try:
                check_places(registry.parameters(algo_code, params), camera=self.instance.camera_id)  # type: ignore[arg-type]
            except ValidationError as error:
                form.add_error(None, error)


class BindingInline(ScheduleChoices, SiteLimitedChoices, admin.TabularInline[Binding, ROI]):
    page_path = "devices__cameras__rois"
    model = Binding
    form = BindingForm
    formset = BindingFormSet
    fields = ["algo_code", "params", "severity", "schedule", "priority", "enabled"]
    extra = 0
    show_change_link = True


def _may_lift(request: HttpRequest, roi: ROI | None) -> bool:
    return not (roi is not None and roi.mask) or request.user.has_perm(LIFT_MASKS)


@admin.register(ROI)
class ROIAdmin(AuditedAdmin[ROI], PublishingAdmin[ROI]):
    site_path = "camera__device__site"
    nothing_yet = _(
        "ROIs show here: the areas and lines on the pictures of cameras. They are best drawn on a camera's "
        "page, under Regions."
    )
    form = ROIForm
    list_display = ["roi_id", "name", "camera", "roi_type", "points", "enabled", "mask", "priority"]
    list_filter = [("camera__device__site", VisibleOnly), ("camera", VisibleOnly), "roi_type", "enabled", "mask"]
    search_fields = ["roi_id", "name", "camera__camera_id", "camera__name"]
    list_select_related = ["camera"]
    fields = ["roi_id", "name", "camera", "roi_type", "coordinates", "enabled", "mask", "priority"]
    inlines = [BindingInline]

    def has_change_permission(self, request: HttpRequest, obj: ROI | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_lift(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: ROI | None = None) -> bool:
        """Also asked for each row that a list's action, or deleting the camera, would take along."""
        return super().has_delete_permission(request, obj) and _may_lift(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: ROI | None = None) -> Any:
        return ["roi_id"] if obj else []

    def device_ids(self, rows: QuerySet[ROI]) -> set[str]:
        return set(rows.values_list("camera__device_id", flat=True))

    @admin.display(description=_("points"))
    def points(self, roi: ROI) -> int:
        return len(roi.coordinates)


@admin.register(Binding)
class BindingAdmin(ScheduleChoices, AuditedAdmin[Binding], PublishingAdmin[Binding]):
    page_path = "devices__cameras__rois__bindings"
    site_path = "roi__camera__device__site"
    nothing_yet = _(
        "Bindings show here: which algorithm watches which region, how severe its alerts are, and when it "
        "runs. They are best added beside the picture, on a camera's page under Regions."
    )
    form = BindingForm
    list_display = ["bind_id", "roi", "camera", "algorithm", "severity", "schedule", "enabled", "priority"]
    list_filter = [
        ("roi__camera__device__site", VisibleOnly), ("roi__camera", VisibleOnly), "algo_code", "severity",
        ("schedule", VisibleOnly), "enabled",
    ]  # fmt: skip
    search_fields = ["bind_id", "roi__roi_id", "roi__name", "roi__camera__camera_id", "algo_code"]
    list_select_related = ["roi__camera", "schedule"]
    fields = ["bind_id", "roi", "algo_code", "params", "severity", "schedule", "enabled", "priority"]

    def get_readonly_fields(self, request: HttpRequest, obj: Binding | None = None) -> Any:
        return ["bind_id"] if obj else []

    def device_ids(self, rows: QuerySet[Binding]) -> set[str]:
        return set(rows.values_list("roi__camera__device_id", flat=True))

    @admin.display(description=_("algorithm"), ordering="algo_code")
    def algorithm(self, binding: Binding) -> str:
        """As people call it; its code where this hub knows it no more."""
        return next((gettext(a.label) for a in registry.all() if a.code == binding.algo_code), binding.algo_code)

    @admin.display(description=_("camera"), ordering="roi__camera")
    def camera(self, binding: Binding) -> str:
        return str(binding.roi.camera)
