"""Exports in the admin: the list, one of them with its player and who watched it, protecting, deleting; and timelines."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import OuterRef, QuerySet, Subquery, TextField
from django.db.models.functions import Cast
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.urls import path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from cameras.admin.base import VisibleOnly
from cameras.admin.chips import chip
from cameras.selectors import visible_cameras
from edgesite.told import told
from recordings.core.extracts import UNDER_WAY
from recordings.extracts.errors import ExtractError
from recordings.extracts.logbook import steps_of
from recordings.extracts.models import Extract, ExtractState, ExtractStep
from recordings.extracts.selectors import (
    camera_of,
    extract_message,
    file_name,
    media_url,
    of_own_sites,
    visible_exports,
    with_place,
    zone_of,
)
from recordings.extracts.services import delete_extract, protect
from recordings.timeline.pages import OPERATE, SEE

KINDS = {"waiting": "busy", "cutting": "busy", "storing": "busy", "ready": "good", "failed": "bad"}
LOG_SHOWN = 200


def state_chip(extract: Extract) -> SafeString:
    """extract: from `with_place`."""
    label, before = str(extract.get_state_display()), getattr(extract, "before", 0)
    if extract.state == ExtractState.WAITING and before:
        label = ngettext("%(state)s, %(count)d before it", "%(state)s, %(count)d before it", before) % {
            "state": label, "count": before,
        }  # fmt: skip
    elif extract.state in UNDER_WAY:
        label = f"{label} {extract.progress} %"
    return chip(KINDS.get(extract.state, "off"), label, title=told(extract.message))


def stretch(extract: Extract | ExtractStep, zone: str) -> str:
    """From when to when, by the clock of the camera's site; of a picture its moment."""
    begin, end = (at.astimezone(ZoneInfo(zone)) for at in (extract.begin, extract.end))
    if begin == end:
        return f"{begin:%Y-%m-%d %H:%M:%S} {zone}"
    until = f"{end:%H:%M:%S}" if end.date() == begin.date() else f"{end:%Y-%m-%d %H:%M:%S}"
    return f"{begin:%Y-%m-%d %H:%M:%S}–{until} {zone}"


@admin.register(Extract)
class ExtractAdmin(admin.ModelAdmin[Extract]):
    """Who sees the camera sees its exports, who may change the camera makes, protects and deletes them."""

    list_display = ["what", "condition", "of_camera", "length", "hiding", "size", "requested_by", "kept"]
    list_filter = ["protected", "hiding", ("camera", VisibleOnly)]
    search_fields = ["code", "called", "requested_by"]  # see `get_search_results`
    list_per_page = 50
    show_full_result_count = False
    actions = None
    change_list_template = "admin/recordings/extract/change_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Extract]:
        return with_place(visible_exports(request.user)).prefetch_related("camera__device__site")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Extract], search_term: str
    ) -> tuple[QuerySet[Extract], bool]:
        """Not by a join with the camera, which an export may outlive."""
        named = visible_cameras(request.user).filter(pk=OuterRef("camera_id")).order_by().values("name")[:1]
        searched = queryset.annotate(code=Cast("camera_id", TextField()), called=Subquery(named))
        return super().get_search_results(request, searched, search_term)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(SEE)

    def has_view_permission(self, request: HttpRequest, obj: Extract | None = None) -> bool:
        return request.user.has_perm(SEE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # they begin on a timeline

    def has_change_permission(self, request: HttpRequest, obj: Extract | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Extract | None = None) -> bool:
        return False  # a page of its own says what goes

    # -- the list ------------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("time"), ordering="begin")
    def what(self, extract: Extract) -> str:
        return stretch(extract, zone_of(extract))

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def condition(self, extract: Extract) -> SafeString:
        return state_chip(extract)

    @admin.display(description=gettext_lazy("camera"), ordering="camera_id")
    def of_camera(self, extract: Extract) -> str:
        return camera_name(extract)

    @admin.display(description=gettext_lazy("length"))
    def length(self, extract: Extract) -> str:
        return length_of((extract.end - extract.begin).total_seconds())

    @admin.display(description=gettext_lazy("size"), ordering="bytes")
    def size(self, extract: Extract) -> str:
        return filesizeformat(extract.bytes) if extract.bytes else "–"

    @admin.display(description=gettext_lazy("kept until"), ordering="expires_at")
    def kept(self, extract: Extract) -> str:
        return kept_until(extract)

    # -- pages ---------------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("log/", view(require_safe(self.log)), name="recordings_extract_log"),
            path("<int:pk>/change/", view(require_safe(self.show)), name="recordings_extract_change"),
            path("<int:pk>/progress/", view(require_safe(self.progress)), name="recordings_extract_progress"),
            path("<int:pk>/protect/", view(require_POST(self.protect)), name="recordings_extract_protect"),
            path("<int:pk>/delete/", view(self.remove), name="recordings_extract_delete"),
            *super().get_urls(),
        ]

    def _extract(self, request: HttpRequest, pk: int, *, operate: bool = False) -> Extract:
        extract = self.get_queryset(request).filter(pk=pk).first()
        if extract is None:
            raise Http404(_("There is no such export. Its time may be over, or somebody deleted it."))
        if operate and not request.user.has_perm(OPERATE):
            raise PermissionDenied
        return extract

    def _render(self, request: HttpRequest, template: str, title: str, **more: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": title, "opts": Extract._meta, **more}
        response = render(request, f"admin/recordings/extract/{template}", context)
        response["Cache-Control"] = "private, no-store"
        return response

    def show(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The film, what it is, and who did what with it."""
        extract = self._extract(request, pk)
        zone, camera = zone_of(extract), camera_name(extract)
        gaps = [tuple(f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%H:%M:%S}" for at in gap) for gap in extract.gaps]
        return self._render(
            request,
            "export.html",
            _("Export of %(camera)s") % {"camera": camera},
            extract=extract,
            camera=camera,
            gone=camera_of(extract) is None,
            chip=state_chip(extract),
            stretch=stretch(extract, zone),
            length=length_of((extract.end - extract.begin).total_seconds()),
            gaps=gaps,
            kept=kept_until(extract),
            under_way=extract.state in UNDER_WAY,
            message=told(extract.message),
            url=media_url(extract),
            name=file_name(extract),
            at=extract.begin.timestamp(),
            steps=steps_of(extract),
            may_operate=request.user.has_perm(OPERATE),
        )

    def progress(self, request: HttpRequest, pk: int) -> HttpResponse:
        """For the page's poll."""
        extract = self._extract(request, pk)
        return JsonResponse(extract_message(extract) | {"chip": state_chip(extract)})

    def protect(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST with `protected` = 1 or 0."""
        extract = self._extract(request, pk, operate=True)
        wanted = request.POST.get("protected") == "1"
        if protect(extract, author=request.user.get_username(), protected=wanted):
            text = _("It is kept until somebody lifts the protection.") if wanted else _("It is no longer protected.")
            messages.success(request, text)
        return HttpResponseRedirect(reverse("admin:recordings_extract_change", args=[extract.pk]))

    def remove(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET: asks. POST: deletes it."""
        extract = self._extract(request, pk, operate=True)
        if request.method == "POST":
            try:
                delete_extract(extract, author=request.user.get_username())
            except ExtractError as error:
                messages.error(request, told(str(error)))
                return HttpResponseRedirect(reverse("admin:recordings_extract_change", args=[extract.pk]))
            messages.success(request, _("The export was deleted. Its file goes within minutes; the log tells when."))
            return HttpResponseRedirect(reverse("admin:recordings_extract_changelist"))
        return self._render(
            request, "delete.html", _("Delete this export?"), extract=extract, camera=camera_name(extract),
            stretch=stretch(extract, zone_of(extract)),
            length=length_of((extract.end - extract.begin).total_seconds()),
        )  # fmt: skip

    def log(self, request: HttpRequest) -> HttpResponse:
        """Who watched and exported what, `?page=`: for those who look after people, of the cameras that they may see."""
        if not request.user.has_perm("auth.view_user"):
            raise PermissionDenied
        cameras = {c.pk: c for c in visible_cameras(request.user)}
        steps = ExtractStep.objects.filter(of_own_sites(request.user))
        page = Paginator(steps, LOG_SHOWN).get_page(request.GET.get("page"))
        told_of = [
            {
                "step": s,
                "camera": cameras[s.camera_id],
                "stretch": stretch(s, cameras[s.camera_id].device.site.time_zone),
            }
            for s in page
        ]
        return self._render(request, "log.html", _("Who watched and exported recordings"), steps=told_of, page=page)


def length_of(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def camera_name(extract: Extract) -> str:
    camera = camera_of(extract)
    return str(camera) if camera else _("%(camera)s (deleted)") % {"camera": extract.camera_id}


def kept_until(extract: Extract) -> str:
    if extract.protected:
        return _("protected")
    zone = zone_of(extract)
    return f"{extract.expires_at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"
