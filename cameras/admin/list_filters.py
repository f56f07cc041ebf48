"""Filters by state: what boxes report is no column that the database could be asked for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from cameras.fleet import Fleet, fleet_of
from cameras.rollouts.reading import RUNNING

SYNC_WORDS = {
    "not_published": gettext_lazy("not published"),
    "redis_ahead": gettext_lazy("Redis is ahead"),
    "refused": gettext_lazy("refused"),
    "reverted": gettext_lazy("reverted"),
    "drifted": gettext_lazy("drifted"),
    "offline": gettext_lazy("offline"),
    "never": gettext_lazy("never reported"),
    "pending": gettext_lazy("pending"),
    "in_sync": gettext_lazy("in sync"),
}
CAMERA_WORDS = {
    "lost": gettext_lazy("lost"),
    "offline": gettext_lazy("box offline"),
    "unknown": gettext_lazy("unknown"),
    "connecting": gettext_lazy("connecting"),
    "live": gettext_lazy("live"),
    "off": gettext_lazy("not analysed"),
    "disabled": gettext_lazy("disabled"),
}


def fleet_for(request: HttpRequest) -> Fleet:
    """The person's devices and cameras, read once for a page."""
    known: Fleet | None = getattr(request, "_fleet", None)
    if known is None:
        known = request._fleet = fleet_of(request.user)  # type: ignore[attr-defined]
    return known


class StateFilter(admin.SimpleListFilter):
    """Rows whose state, as the fleet tells it, is the chosen one."""

    def matching(self, fleet: Fleet, value: str) -> Collection[Any]:
        """Keys of the rows that stay."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        value = self.value()
        if value is None:
            return queryset
        return queryset.filter(pk__in=self.matching(fleet_for(request), value))


class SyncFilter(StateFilter):
    title, parameter_name = gettext_lazy("configuration"), "sync"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("out", _("out of sync")), *SYNC_WORDS.items()]

    def matching(self, fleet: Fleet, value: str) -> Collection[Any]:
        return fleet.out_of_sync() if value == "out" else [d for d, s in fleet.sync.items() if s == value]


class DiskFilter(StateFilter):
    title, parameter_name = gettext_lazy("disk"), "disk"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("low", _("little left"))]

    def matching(self, fleet: Fleet, value: str) -> Collection[Any]:
        return fleet.short_of_disk()


class CameraStateFilter(StateFilter):
    title, parameter_name = gettext_lazy("state"), "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("down", pgettext_lazy("cameras", "down")), *CAMERA_WORDS.items()]

    def matching(self, fleet: Fleet, value: str) -> Collection[Any]:
        return fleet.down() if value == "down" else [c for c, word in fleet.cameras.items() if word == value]


class AttentionFilter(StateFilter):
    """Sites with a device out of sync or a camera down."""

    title, parameter_name = gettext_lazy("attention"), "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("needed", _("needed"))]

    def matching(self, fleet: Fleet, value: str) -> Collection[Any]:
        return fleet.troubled_sites()


class RunningFilter(admin.SimpleListFilter):
    title, parameter_name = gettext_lazy("course"), "running"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("running"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        return queryset if self.value() is None else queryset.filter(state__in=RUNNING)
