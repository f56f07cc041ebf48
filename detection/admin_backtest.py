"""Back-tests in the admin: starting one from a camera's page, watching it, comparing, cancelling, deleting."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from cameras.admin.base import VisibleOnly
from cameras.admin.chips import chip
from cameras.rollouts.texts import loaded, translated
from cameras.selectors import visible_cameras
from detection.backtest.forms import BackTestForm
from detection.backtest.models import BackTest
from detection.backtest.presenting import PER_PAGE, compared, told_result
from detection.backtest.selectors import backtest_cameras, may_backtest, visible_backtests
from detection.backtest.services import BackTestError, cancel_backtest, create_backtest, delete_backtest

KINDS = {"queued": "off", "running": "busy", "done": "good", "failed": "bad", "cancelled": "off"}


def state_chip(test: BackTest) -> SafeString:
    label = str(test.get_state_display())
    return chip(KINDS[test.state], f"{label} {test.progress:.0%}" if test.state == "running" else label)


@admin.register(BackTest)
class BackTestAdmin(admin.ModelAdmin[BackTest]):
    """Whoever may change the bindings of a camera sees its back-tests; for everybody else there are none."""

    list_display = ["number", "condition", "of_camera", "video_name", "author", "created_at"]
    list_filter = ["state", ("camera", VisibleOnly)]
    search_fields = ["camera__camera_id", "camera__name", "video_name", "author"]
    list_per_page = 50
    actions = None
    change_list_template = "admin/detection/backtest/change_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[BackTest]:
        seen = visible_backtests(request.user).select_related("camera")
        return seen.defer("contents", "result")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_backtest(request.user)

    def has_view_permission(self, request: HttpRequest, obj: BackTest | None = None) -> bool:
        return may_backtest(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # it begins on a camera's page

    def has_change_permission(self, request: HttpRequest, obj: BackTest | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: BackTest | None = None) -> bool:
        return may_backtest(request.user)

    @admin.display(description=gettext_lazy("number"), ordering="id")
    def number(self, test: BackTest) -> str:
        return str(test)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def condition(self, test: BackTest) -> SafeString:
        return state_chip(test)

    @admin.display(description=gettext_lazy("camera"), ordering="camera_id")
    def of_camera(self, test: BackTest) -> str:
        return str(test.camera)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("start/<str:camera_id>/", view(self.start), name="detection_backtest_start"),
            path("<int:pk>/progress/", view(self.progress), name="detection_backtest_progress"),
            path("<int:pk>/cancel/", view(require_POST(self.cancel)), name="detection_backtest_cancel"),
            path("<int:pk>/delete/", view(self.remove), name="detection_backtest_delete"),
            path("<int:pk>/change/", view(self.show), name="detection_backtest_change"),
            *super().get_urls(),
        ]

    def _test(self, request: HttpRequest, pk: int) -> BackTest:
        test = visible_backtests(request.user).select_related("camera__device__site").filter(pk=pk).first()
        if test is None:
            raise Http404
        return test

    def _render(self, request: HttpRequest, template: str, title: str, **more: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": title, "opts": BackTest._meta, **more}
        return render(request, f"admin/detection/backtest/{template}", context)

    def start(self, request: HttpRequest, camera_id: str) -> HttpResponse:
        """GET: the form. POST: queues it, or shows what is in the way."""
        if not visible_cameras(request.user).filter(pk=camera_id).exists():
            raise Http404
        camera = backtest_cameras(request.user).filter(pk=camera_id).first()
        if camera is None:
            raise PermissionDenied
        form = BackTestForm(camera, request.POST or None, request.FILES or None)
        problem = ""
        if request.method == "POST" and form.checked():
            given = form.cleaned_data
            try:
                test = create_backtest(
                    camera=camera,
                    author=request.user.get_username(),
                    fps=given["fps"],
                    bind_id=given["binding"],
                    began_at=given["began_at"],
                    upload=given["video"],
                    video_name=form.video_name,
                    video_s=form.video_s,
                    like=form.like if given["video"] is None else None,
                )
            except BackTestError as error:
                problem = capfirst(translated(error.sentence))
            else:
                return HttpResponseRedirect(reverse("admin:detection_backtest_change", args=[test.pk]))
        title = _("Back-test on a video: %(camera)s") % {"camera": camera}
        return self._render(request, "start.html", title, camera=camera, form=form, problem=problem)

    def show(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How far it is; then what each side raised, aligned by time."""
        test = self._test(request, pk)
        zone = ZoneInfo(test.camera.device.site.time_zone)
        rows = compared(test, zone) if test.state == "done" else []
        return self._render(
            request,
            "backtest.html",
            _("Back-test %(number)s") % {"number": test},
            original=test,
            test=test,
            chip=state_chip(test),
            reason=capfirst(translated(loaded(test.reason))),
            began_at=test.began_at and f"{test.began_at.astimezone(zone):%Y-%m-%d %H:%M:%S} {zone}",
            told=told_result(test, rows) if test.state == "done" else None,
            page=Paginator(rows, PER_PAGE).get_page(request.GET.get("page")),
        )

    def progress(self, request: HttpRequest, pk: int) -> HttpResponse:
        """For the page's poll."""
        test = self._test(request, pk)
        share = round(test.progress, 3)
        return JsonResponse({"state": test.state, "progress": share, "text": f"{share:.0%}", "chip": state_chip(test)})

    def cancel(self, request: HttpRequest, pk: int) -> HttpResponse:
        test = self._test(request, pk)
        if cancel_backtest(test_id=test.pk, author=request.user.get_username(), now=timezone.now()):
            messages.success(request, _("Cancelled."))
        else:
            messages.info(request, _("It had ended already."))
        return HttpResponseRedirect(reverse("admin:detection_backtest_change", args=[test.pk]))

    def remove(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET: asks. POST: deletes it with its files."""
        test = self._test(request, pk)
        if request.method == "POST":
            delete_backtest(test_id=test.pk, author=request.user.get_username())
            messages.success(request, _("Back-test %(number)s was deleted.") % {"number": pk})
            return HttpResponseRedirect(reverse("admin:detection_backtest_changelist"))
        shared = BackTest.objects.filter(video_key=test.video_key).exclude(pk=test.pk).exists()
        title = _("Delete back-test %(number)s?") % {"number": test}
        return self._render(request, "delete.html", title, original=test, test=test, shared=shared)
