"""Staged publishes: the list, and the pages behind it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from cameras.admin import rollout_pages as pages
from cameras.admin import rollout_start
from cameras.admin.list_filters import RunningFilter
from cameras.admin.rollout_chips import rollout_chip, sentence_for
from cameras.rollouts.models import DeviceState, Rollout
from cameras.rollouts.texts import loaded
from cameras.selectors import sites_are_limited, visible_sites

SEE = "cameras.view_configversion"  # who may read the history may read how it came to be


@admin.register(Rollout)
class RolloutAdmin(admin.ModelAdmin[Rollout]):
    """Of a staged publish a person sees what concerns the devices that they may see; one without any does not exist."""

    list_display: list[Any] = ["number", "condition", "progress", "short_reason", "author", "started"]
    list_filter = [RunningFilter, "state"]
    search_fields = ["reason", "author", "devices__device__device_id"]
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rollout]:
        rows = super().get_queryset(request)
        mine = Q()
        if sites_are_limited(request.user):
            mine = Q(devices__device__site__in=visible_sites(request.user))
            rows = rows.filter(pk__in=Rollout.objects.filter(mine).values("pk"))
        confirmed = mine & Q(devices__state=DeviceState.CONFIRMED)
        size = Count("devices", filter=mine or None, distinct=True)
        return rows.annotate(size=size, done=Count("devices", filter=confirmed, distinct=True))

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("start/", view(require_POST(rollout_start.start)), name="cameras_rollout_start"),
            path("<int:pk>/stop/", view(self.stop_view), name="cameras_rollout_stop"),
            path("<int:pk>/decide/", view(self.decide_view), name="cameras_rollout_decide"),
            path("<int:pk>/roll-back/", view(self.roll_back_view), name="cameras_rollout_roll_back"),
        ]
        return own + super().get_urls()

    def _rollout(self, request: HttpRequest, pk: int) -> Rollout:
        rollout = self.get_queryset(request).filter(pk=pk).first()
        if rollout is None or not self.has_view_permission(request, rollout):
            raise Http404
        return rollout

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page of one staged publish, in place of a form: nothing of it is edited."""
        if not object_id.isdecimal() or len(object_id) > 18:
            raise Http404
        return pages.rollout_page(request, self._rollout(request, int(object_id)))

    def stop_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return pages.stop(request, self._rollout(request, pk))

    def decide_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return pages.decide(request, self._rollout(request, pk))

    def roll_back_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return pages.roll_back(request, self._rollout(request, pk))

    @admin.display(description=gettext_lazy("staged publish"), ordering="pk")
    def number(self, rollout: Rollout) -> str:
        return str(rollout)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def condition(self, rollout: Rollout) -> SafeString:
        return rollout_chip(rollout)

    @admin.display(description=gettext_lazy("devices"))
    def progress(self, rollout: Rollout) -> str:
        numbers = {"confirmed": rollout.done, "size": rollout.size}  # type: ignore[attr-defined]
        return _("%(confirmed)s of %(size)s confirmed") % numbers

    @admin.display(description=gettext_lazy("reason"))
    def short_reason(self, rollout: Rollout) -> str:
        return Truncator(rollout.reason).chars(60) or "–"

    @admin.display(description=gettext_lazy("started"), ordering="created_at")
    def started(self, rollout: Rollout) -> str:
        return _("%(time)s ago") % {"time": timesince(rollout.created_at)}

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        @admin.display(description=gettext_lazy("why"))
        def why(rollout: Rollout) -> str:
            return sentence_for(request.user, loaded(rollout.stop_reason or rollout.note)) or "–"

        return [*self.list_display, why]

    def has_view_permission(self, request: HttpRequest, obj: Rollout | None = None) -> bool:
        return request.user.has_perm(SEE)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(SEE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Rollout | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Rollout | None = None) -> bool:
        return False
