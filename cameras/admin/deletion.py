"""Deleting a device in the admin: with its history and what it has in Redis, or not at all; rows that go with another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.conf import settings
from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from cameras.issued import ConfigVersion
from cameras.models import ROI, Binding, Camera, Device
from cameras.provisioning import delete_device
from cameras.regions import LIFT_MASKS
from cameras.services import cloud_redis
from edgesite.redis_clients import describe

Row = TypeVar("Row", bound=models.Model)

# What goes with a device, and how it is reached from there. Config versions need no permission of their own: nobody may
# delete one alone, whoever may delete the device decides about its history.
GOES: list[tuple[type[models.Model], str]] = [
    (Camera, "device"),
    (ROI, "camera__device"),
    (Binding, "roi__camera__device"),
    (ConfigVersion, "device"),
]


# What other apps say of cameras that are about to go: each is asked with them, and answers sentences.
deletion_notes: list[Callable[[Iterable[Camera]], list[str]]] = []


def notes_on(cameras: Iterable[Camera]) -> list[str]:
    """What whoever deletes them should know."""
    gone = list(cameras)
    return [sentence for note in deletion_notes for sentence in note(gone)]


class GoesWithAnother(admin.ModelAdmin[Row]):
    """Rows that nobody deletes by themselves, and that go with the row that they belong to.

    parent_right: who may delete that one decides about them. Django asks them too, on the other's page and list; were the
    answer no, nothing that has such rows could ever be deleted.
    """

    parent_right = ""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        page = (request.resolver_match.url_name if request.resolver_match else None) or ""
        own = page.startswith(f"{self.opts.app_label}_{self.opts.model_name}_")
        of_deleting = page.endswith(("_delete", "_changelist"))
        return of_deleting and not own and request.user.has_perm(self.parent_right)

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """For menus."""
        return super().get_model_perms(request) | {"delete": False}


class DeviceDeletion(admin.ModelAdmin[Device]):
    """One device at a time, after a page that says what goes and what stays."""

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_deleted_objects(
        self, objs: Iterable[Device], request: HttpRequest
    ) -> tuple[list[Any], dict[Any, int], set[Any], list[Any]]:
        """Counts, where Django would list (and decrypt) every version ever issued."""
        devices = list(objs)
        counts: dict[Any, int] = {}
        needed = {Device._meta.verbose_name} if not self.has_delete_permission(request) else set()
        for model, way in GOES:
            number = model._default_manager.filter(**{f"{way}__in": devices}).count()
            if number:
                counts[model._meta.verbose_name_plural] = number
            permission = f"{model._meta.app_label}.delete_{model._meta.model_name}"
            if number and model is not ConfigVersion and not request.user.has_perm(permission):
                needed.add(model._meta.verbose_name)
        masks = ROI.objects.filter(camera__device__in=devices, mask=True)
        if masks.exists() and not request.user.has_perm(LIFT_MASKS):  # as each of their pages asks
            needed.add(ROI._meta.get_field("mask").verbose_name)
        stays = _("Its alerts and their pictures stay. To keep everything else too, revoke it instead: %(command)s.")
        sentences = [
            _(
                "The history of its configuration goes too: its versions can be neither read nor rolled back to any more."
            ),
            _("The box is shut out and its configuration is taken out of Redis; what it runs now it goes on running."),
            stays % {"command": "manage.py revoke_device"},
            *notes_on(Camera.objects.filter(device__in=devices)),
        ]
        names = [f"{capfirst(str(Device._meta.verbose_name))}: {device}" for device in devices]
        return [*names, sentences], counts, needed, []

    def delete_model(self, request: HttpRequest, obj: Device) -> None:
        delete_device(client=cloud_redis(settings.CLOUD_REDIS_URL), device_id=obj.pk)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except RedisError as error:
            text = _("Not deleted: %(problem)s. Its configuration would stay there; try again when that is mended.")
            messages.error(request, text % {"problem": describe(error)})
            return HttpResponseRedirect(reverse("admin:cameras_device_change", args=[object_id]))
