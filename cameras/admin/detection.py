"""Starting and stopping detection: two actions on the list of cameras, a button on a camera's page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from cameras.intent import set_analysis_of_all
from cameras.models import Camera


class DetectionButtons(admin.ModelAdmin[Camera]):
    """Whoever may change a camera may start and stop its detection."""

    actions = ["start_detection", "stop_detection"]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path(
                f"<str:pk>/{word}/",
                view(require_POST(self._press)),
                {"analyse": analyse},
                name=f"cameras_camera_{word}",
            )
            for word, analyse in (("start", True), ("stop", False))
        ]
        return own + super().get_urls()

    def _press(self, request: HttpRequest, pk: str, analyse: bool) -> HttpResponse:
        camera = self.get_queryset(request).filter(pk=pk).first()
        if camera is None or not self.has_view_permission(request, camera):
            raise Http404
        if not self.has_change_permission(request, camera):
            raise PermissionDenied
        self._set(request, [pk], analyse=analyse)
        return HttpResponseRedirect(reverse("admin:cameras_camera_change", args=[quote(pk)]))

    @admin.action(description=gettext_lazy("Start detection"), permissions=["change"])
    def start_detection(self, request: HttpRequest, cameras: QuerySet[Camera]) -> None:
        self._set(request, list(cameras.values_list("pk", flat=True)), analyse=True)

    @admin.action(description=gettext_lazy("Stop detection"), permissions=["change"])
    def stop_detection(self, request: HttpRequest, cameras: QuerySet[Camera]) -> None:
        self._set(request, list(cameras.values_list("pk", flat=True)), analyse=False)

    def _set(self, request: HttpRequest, pks: list[str], *, analyse: bool) -> None:
        intents = set_analysis_of_all(camera_ids=pks, analyse=analyse, author=request.user.get_username())
        for problem in sorted({i.problem for i in intents if i.problem}):
            names = ", ".join(i.camera_id for i in intents if i.problem == problem)
            text = _("Saved, but not published for %(cameras)s: %(problem)s.")
            messages.warning(request, text % {"cameras": names, "problem": _(problem)})
        sent = [i for i in intents if i.published and i.changed]
        if sent:
            messages.success(request, _sent(len(sent), analyse=analyse))
        elif not any(i.problem for i in intents):
            messages.info(request, _nothing(analyse=analyse))


def _sent(count: int, *, analyse: bool) -> str:
    if analyse:
        text = ngettext("Detection starts on %(count)s camera.", "Detection starts on %(count)s cameras.", count)
    else:
        text = ngettext("Detection stops on %(count)s camera.", "Detection stops on %(count)s cameras.", count)
    return text % {"count": count}


def _nothing(*, analyse: bool) -> str:
    return _("Detection was to run there already.") if analyse else _("Detection was not to run there already.")
