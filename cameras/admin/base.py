"""What every configuration page shares: sites that the person may see, and publishing what was saved."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from cameras.admin.sentences import problem_text
from cameras.core.strict_json import DocumentError
from cameras.issued import ConfigVersion
from cameras.models import ROI, Binding, Camera, Device, Site
from cameras.schedules import Schedule
from cameras.selectors import visible_sites
from cameras.services import publish_edit

Row = TypeVar("Row", bound=models.Model)
if TYPE_CHECKING:
    from django.contrib.admin.options import BaseModelAdmin

    BaseAdmin = BaseModelAdmin[Any]
else:
    BaseAdmin = object

# How each kind of row is reached from its site.
SITE_PATH: dict[type[models.Model], str] = {
    Site: "pk",
    Device: "site",
    Camera: "device__site",
    ROI: "camera__device__site",
    Binding: "roi__camera__device__site",
    Schedule: "site",
}


def row_page(request: HttpRequest, row: models.Model, template: str, title: str, **more: Any) -> HttpResponse:
    """A page of one row, which its templates know as `original` and by its kind's name. template: in its kind's folder."""
    kind = row._meta.model_name or ""
    context = {
        **admin.site.each_context(request),
        "title": title,
        "opts": row._meta,
        "original": row,
        kind: row,
        **more,
    }
    return render(request, f"admin/{row._meta.app_label}/{kind}/{template}", context)


NAMED_DEVICES = 5  # beyond it one sentence tells of them all


MOST_OFFERED = 100  # choices of a filter: nobody looks through more, and each of them costs time on every list


class VisibleOnly(admin.RelatedFieldListFilter):
    """A list's filter that offers only rows of the sites that the person may see.

    Of very many it offers only the chosen one, which a link brought along: the search finds the others by name.
    """

    def field_choices(self, field: Any, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Any:
        rows = field.related_model._default_manager.filter(
            **{f"{SITE_PATH[field.related_model]}__in": visible_sites(request.user)}
        ).order_by(*self.field_admin_ordering(field, request, model_admin))
        found = list(rows[: MOST_OFFERED + 1])
        if len(found) > MOST_OFFERED:
            with suppress(ValueError, ValidationError):  # nonsense in the address, which the list itself refuses
                found = []
                found = list(rows.filter(pk__in=self.lookup_val or ()))
        return [(row.pk, str(row)) for row in found]

    def has_output(self) -> bool:
        """What was chosen counts, also where there is nothing else to choose."""
        return super().has_output() or self.lookup_val is not None


class SiteLimitedChoices(BaseAdmin):
    """Choices hold only rows of the sites that the person may see."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        path = SITE_PATH.get(db_field.related_model)
        if path is not None:
            rows = db_field.related_model._default_manager.all()
            rows = rows.filter(**{f"{path}__in": visible_sites(request.user)})
            kwargs["queryset"] = rows & kwargs["queryset"] if kwargs.get("queryset") is not None else rows
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class SiteLimitedAdmin(SiteLimitedChoices, admin.ModelAdmin[Row]):
    """Lists, pages and choices hold only rows of the sites that the person may see."""

    site_path = ""

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Row]:
        rows = super().get_queryset(request)
        return rows.filter(**{f"{self.site_path}__in": visible_sites(request.user)})


class PublishingAdmin(SiteLimitedAdmin[Row]):
    """After a save or a deletion, in its transaction: a new config version for each device concerned."""

    def device_ids(self, rows: models.QuerySet[Row]) -> set[str]:
        """The devices whose document holds these rows."""
        raise NotImplementedError

    def _of(self, row: Row) -> set[str]:
        return self.device_ids(self.model._default_manager.filter(pk=row.pk))

    def _locked(self, device_ids: set[str]) -> set[str]:
        """The same devices, their rows locked before any row below them: so do rollback and import, and in another order
        two people's edits could wait for each other. A site stands above its devices."""
        if self.model is not Site:
            list(Device.objects.select_for_update().filter(pk__in=device_ids).order_by("pk").values_list("pk"))
        return device_ids

    def save_model(self, request: HttpRequest, obj: Row, form: Any, change: bool) -> None:
        # A row that moves to another device changes both.
        before = self._locked(self._of(obj)) if change else set()
        request._edited_devices = getattr(request, "_edited_devices", set()) | before  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: ModelForm[Row], formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        edited: set[str] = getattr(request, "_edited_devices", set())
        self.publish(request, edited | self._of(form.instance))

    def delete_model(self, request: HttpRequest, obj: Row) -> None:
        devices = self._locked(self._of(obj))
        super().delete_model(request, obj)
        self.publish(request, devices)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Row]) -> None:
        with transaction.atomic():
            devices = self._locked(self.device_ids(queryset))
            super().delete_queryset(request, queryset)
            self.publish(request, devices)

    def publish(self, request: HttpRequest, device_ids: set[str]) -> None:
        """Issues and announces, and tells the person what happened."""
        self.tell(request, publish_edit(device_ids=device_ids, author=request.user.get_username()))

    def tell(self, request: HttpRequest, results: Mapping[str, ConfigVersion | Exception]) -> None:
        """results: of `publish_edit`."""
        versions = {d: r for d, r in results.items() if not isinstance(r, Exception)}
        for device_id, result in results.items():
            if isinstance(result, DocumentError):
                text = _("Saved, but not published to %(device)s: %(problem)s. The box goes on with what it has.")
                messages.warning(request, text % {"device": device_id, "problem": problem_text(result)})
            elif isinstance(result, Exception):
                text = _("Saved, but not published to %(device)s: %(problem)s")
                messages.error(request, text % {"device": device_id, "problem": problem_text(result)})
            elif len(versions) <= NAMED_DEVICES:
                text = _("Published to %(device)s as version %(version)s.")
                messages.info(request, text % {"device": device_id, "version": result.version})
        if len(versions) > NAMED_DEVICES:
            messages.info(request, _("Published to %(count)s devices.") % {"count": len(versions)})
