"""Recordings in the admin: who sees the camera sees them, who may change the camera starts and stops them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from cameras.admin.base import VisibleOnly
from cameras.admin.chips import chip
from cameras.admin.deletion import GoesWithAnother, deletion_notes
from cameras.models import Camera
from cameras.selectors import visible_cameras
from edgesite.told import told
from recordings.core.tasks import plain
from recordings.extracts.logbook import steps_of
from recordings.tasks.deleting import PROTECTED, ClipProtectedError, delete_clip
from recordings.tasks.models import RecordingTask
from recordings.tasks.selectors import download_url, is_there, visible_tasks
from recordings.tasks.services import protect_task, running_task, start_task, stop_task
from recordings.tasks.texts import clip_text, moment_text, reason_text

if TYPE_CHECKING:
    TaskForm = forms.ModelForm[RecordingTask]
else:
    TaskForm = forms.ModelForm

KINDS = {
    "starting": "busy", "recording": "good", "stopping": "busy", "uploading": "busy", "uploaded": "off", "completed": "off",
    "failed": "bad",
}  # fmt: skip
SEE, OPERATE = "cameras.view_camera", "cameras.change_camera"


def protected_clips(cameras: Iterable[Camera]) -> list[str]:
    """For the pages that delete cameras: their recordings go with them, protected or not."""
    count = RecordingTask.objects.filter(camera__in=cameras, protected=True, removed_at=None).count()
    text = ngettext(
        "%(count)d protected recording goes too. Download it first if it is needed.",
        "%(count)d protected recordings go too. Download first what is needed of them.",
        count,
    )
    return [text % {"count": count}] if count else []


deletion_notes.append(protected_clips)


class StartForm(TaskForm):
    """Which camera, and what the recording is called."""

    class Meta:
        model = RecordingTask
        fields = ("camera", "task_name")
        labels = {"camera": gettext_lazy("camera"), "task_name": gettext_lazy("name")}

    def clean_task_name(self) -> str:
        name: str = self.cleaned_data["task_name"]
        try:
            return plain(name)
        except ValueError:
            raise forms.ValidationError(_("The name must not hold a control character.")) from None


@admin.register(RecordingTask)
class RecordingTaskAdmin(GoesWithAnother[RecordingTask]):
    form = StartForm
    parent_right = "cameras.delete_camera"
    list_display = ["name", "camera_name", "condition", "began", "length", "requested_by"]
    list_filter = ["state", ("camera", VisibleOnly)]
    search_fields = ["task_name", "camera__camera_id", "camera__name", "requested_by"]
    list_per_page = 50
    show_full_result_count = False
    actions = ["stop"]
    change_form_template = "admin/recordings/task/change_form.html"
    fields = [
        "player", "name", "camera_name", "condition", "problem", "began", "ended", "length", "gaps_told", "size", "kept",
        "object_name", "sha256", "requested_by",
    ]  # fmt: skip

    # -- who may ------------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[RecordingTask]:
        return visible_tasks(request.user).select_related("camera__device__site")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(SEE)

    def has_view_permission(self, request: HttpRequest, obj: RecordingTask | None = None) -> bool:
        return request.user.has_perm(SEE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(SEE) and request.user.has_perm(OPERATE)

    def has_change_permission(self, request: HttpRequest, obj: RecordingTask | None = None) -> bool:
        return False

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    # -- starting and stopping ------------------------------------------------------------------------------------------

    def get_fields(self, request: HttpRequest, obj: RecordingTask | None = None) -> Any:
        return self.fields if obj else ["camera", "task_name"]

    def get_readonly_fields(self, request: HttpRequest, obj: RecordingTask | None = None) -> Any:
        return self.fields if obj else []

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.related_model is Camera:
            kwargs["queryset"] = visible_cameras(request.user).filter(enabled=True)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        titled = {"title": _("Start a recording"), **(extra_context or {})}
        return super().add_view(request, form_url, titled)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> RecordingTask:
        """The form's row is a wish; what is stored is the task that comes of it, which the person is told."""
        wish = form.cleaned_data
        before = running_task(wish["camera"])
        author = request.user.get_username()
        task = start_task(camera=wish["camera"], task_name=wish["task_name"], author=author)
        if task.state == "failed":
            messages.error(request, told(task.error))
        elif before is not None and before.pk == task.pk:
            messages.warning(
                request, _("This camera is being recorded already: “%(name)s”.") % {"name": task.task_name}
            )
        else:
            messages.success(request, _("The recording starts."))
        return task

    def save_model(self, request: HttpRequest, obj: RecordingTask, form: Any, change: bool) -> None:
        return

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        return

    def response_add(
        self, request: HttpRequest, obj: RecordingTask, post_url_continue: str | None = None
    ) -> HttpResponse:
        return HttpResponseRedirect(_page(obj))

    def get_urls(self) -> list[Any]:
        press = self.admin_site.admin_view(require_POST(self._press_stop))
        protect = self.admin_site.admin_view(require_POST(self._press_protect))
        remove = self.admin_site.admin_view(self._remove_clip)
        return [
            path("<int:pk>/stop/", press, name="recordings_recordingtask_stop"),
            path("<int:pk>/protect/", protect, name="recordings_recordingtask_protect"),
            path("<int:pk>/remove_clip/", remove, name="recordings_recordingtask_remove_clip"),
            *super().get_urls(),
        ]

    def _operated(self, request: HttpRequest, pk: int) -> RecordingTask:
        task = self.get_queryset(request).filter(pk=pk).first()
        if task is None:
            raise Http404
        if not self.has_stop_permission(request):
            raise PermissionDenied
        return task

    def _press_stop(self, request: HttpRequest, pk: int) -> HttpResponse:
        task = self._operated(request, pk)
        stop_task(task, author=request.user.get_username())
        return HttpResponseRedirect(_page(task))

    def _press_protect(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST with `protected` = 1 or 0."""
        task, wanted = self._operated(request, pk), request.POST.get("protected") == "1"
        if protect_task(task, author=request.user.get_username(), protected=wanted):
            text = _("It is kept until somebody lifts the protection.") if wanted else _("It is no longer protected.")
            messages.success(request, text)
        return HttpResponseRedirect(_page(task))

    def _remove_clip(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET: asks, and changes nothing. POST: deletes the clip; the task stays."""
        task = self._operated(request, pk)
        if request.method == "POST":
            try:
                if delete_clip(task, author=request.user.get_username()):
                    messages.success(
                        request, _("The recording was deleted. Its file goes within minutes; the log tells when.")
                    )
            except ClipProtectedError as error:
                messages.error(request, told(str(error)))
        elif is_there(task) and not task.protected:
            texts = {"title": _("Delete this recording?"), "camera": str(task.camera), "length": self.length(task)}
            context = {**self.admin_site.each_context(request), "opts": self.opts, "task": task, **texts}
            context |= {"began": self.began(task), "size": self.size(task)}
            return render(request, "admin/recordings/task/delete.html", context)
        elif is_there(task):
            messages.error(request, told(PROTECTED))
        return HttpResponseRedirect(_page(task))

    @admin.action(description=gettext_lazy("Stop the selected recordings"), permissions=["stop"])
    def stop(self, request: HttpRequest, tasks: QuerySet[RecordingTask]) -> None:
        for task in tasks:
            stop_task(task, author=request.user.get_username())

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        task: RecordingTask | None = kwargs.get("obj")
        context["may_stop"] = bool(
            task and task.state in ("starting", "recording") and self.has_stop_permission(request)
        )
        context["steps"] = steps_of(task) if task else ()
        context["may_protect"] = bool(task and is_there(task) and self.has_stop_permission(request))
        return super().render_change_form(request, context, *args, **kwargs)

    # -- what is shown ------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("name"), ordering="task_name")
    def name(self, task: RecordingTask) -> str:
        return task.task_name

    @admin.display(description=gettext_lazy("camera"), ordering="camera")
    def camera_name(self, task: RecordingTask) -> str:
        return str(task.camera)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def condition(self, task: RecordingTask) -> SafeString:
        if task.deleted_at is not None:
            return chip("off", _("Deleted"), title=clip_text(task))
        return chip(KINDS[task.state], str(task.get_state_display()), title=told(task.error))

    @admin.display(description=gettext_lazy("begin"), ordering="requested_at")
    def began(self, task: RecordingTask) -> str:
        return moment_text(task, task.started_at or task.requested_at)

    @admin.display(description=gettext_lazy("end"))
    def ended(self, task: RecordingTask) -> str:
        if task.stopped_at is None:
            return "–"
        return f"{moment_text(task, task.stopped_at)} ({reason_text(task.stop_reason)})"

    @admin.display(description=gettext_lazy("length"), ordering="duration")
    def length(self, task: RecordingTask) -> str:
        whole = round(task.duration)
        return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}" if task.duration else "–"

    @admin.display(description=gettext_lazy("size"), ordering="bytes")
    def size(self, task: RecordingTask) -> str:
        return filesizeformat(task.bytes) if task.bytes else "–"

    @admin.display(description=gettext_lazy("kept"))
    def kept(self, task: RecordingTask) -> str:
        return clip_text(task) or "–"

    @admin.display(description=gettext_lazy("problem"))
    def problem(self, task: RecordingTask) -> str:
        return told(task.error) or "–"

    @admin.display(description=gettext_lazy("gaps"))
    def gaps_told(self, task: RecordingTask) -> SafeString | str:
        zone = ZoneInfo(task.camera.device.site.time_zone)
        shown = [
            (f"{datetime.fromtimestamp(a, zone):%H:%M:%S}", f"{datetime.fromtimestamp(b, zone):%H:%M:%S}")
            for a, b in task.gaps
        ]
        return format_html_join(", ", "{}–{}", shown) or "–"

    @admin.display(description=gettext_lazy("recording"))
    def player(self, task: RecordingTask) -> SafeString | str:
        url = download_url(task)
        if task.removed_at is not None:
            return clip_text(task)
        if not url:
            return _("not stored yet") if task.state != "failed" else "–"
        return format_html(
            '<video class="evidence" src="{0}" controls preload="metadata"></video><a href="{0}" download>{1}</a>',
            url, _("Download"),
        )  # fmt: skip


def _page(task: RecordingTask) -> str:
    return reverse("admin:recordings_recordingtask_change", args=[task.pk])
