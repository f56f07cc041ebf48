"""Time-lapses of a camera in the admin: asking for one, watching it, who did what with it, deleting it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from cameras.admin.chips import chip
from cameras.models import Camera
from edgesite.told import told
from recordings.core.days import day_at
from recordings.core.films import RATES, SECONDS, UNDER_WAY
from recordings.extracts.logbook import steps_of
from recordings.snapping.presenting import is_filmed
from recordings.timelapses.models import TimeLapse
from recordings.timelapses.selectors import file_name, film_message, film_url, visible_films
from recordings.timelapses.services import FilmError, delete_film, request_film
from recordings.timeline.cameras import camera_of
from recordings.timeline.selectors import zone_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

OPERATE = "cameras.change_camera"
KINDS = {"waiting": "busy", "making": "busy", "ready": "good", "failed": "bad"}
SHOWN = 50
DAYS_OFFERED = 7
LENGTHS = (  # SECONDS in words
    gettext_lazy("10 s"), gettext_lazy("30 s"), gettext_lazy("1 min"), gettext_lazy("2 min"), gettext_lazy("5 min"),
)  # fmt: skip
FOLDER = "admin/recordings/timelapse"


def urls(site: admin.AdminSite) -> list[Any]:
    """Of the admin, below its app `recordings`."""
    page: Callable[..., Any] = site.admin_view
    one = "recordings/timelapses/<str:camera_id>/<int:pk>/"
    return [
        path("recordings/timelapses/<str:camera_id>/", page(films), name="recordings_timelapses"),
        path(one, page(require_safe(show)), name="recordings_timelapse"),
        path(f"{one}progress/", page(require_safe(progress)), name="recordings_timelapse_progress"),
        path(f"{one}delete/", page(remove), name="recordings_timelapse_delete"),
    ]


class FilmForm(forms.Form):
    """Days by the clock of the camera's site."""

    first = forms.DateField(
        label=gettext_lazy("First day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    last = forms.DateField(
        label=gettext_lazy("Last day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    seconds = forms.TypedChoiceField(
        label=gettext_lazy("At most so long"),
        choices=list(zip(SECONDS, LENGTHS, strict=True)),
        coerce=int,
        initial=30,
        help_text=gettext_lazy("Of more snapshots some are taken, evenly spread over the days."),
    )
    fps = forms.TypedChoiceField(
        label=gettext_lazy("Pictures a second"), choices=[(rate, str(rate)) for rate in RATES], coerce=int, initial=25
    )


def films(request: HttpRequest, camera_id: str) -> HttpResponse:
    """GET: the camera's films, and the form for another one. POST: asks for it."""
    camera, user = camera_of(request, camera_id), cast("User", request.user)
    may_operate = user.has_perm(OPERATE)
    if request.method == "POST":
        if not may_operate:
            raise PermissionDenied
        form = FilmForm(request.POST, label_suffix="")
        if form.is_valid():
            try:
                film = request_film(camera=camera, author=user.get_username(), **form.cleaned_data)
            except FilmError as error:
                form.add_error(None, told(str(error)))
            else:
                return HttpResponseRedirect(_page(film))
    else:
        form = FilmForm(initial=_offered(camera), label_suffix="")
    shown = visible_films(user).filter(camera=camera)[:SHOWN]
    return _render(
        request, "films.html", camera, _("Time-lapses of %(camera)s") % {"camera": camera}, form=form,
        films=[_line(film) for film in shown], may_operate=may_operate, filmable=form.is_bound or is_filmed(camera),
    )  # fmt: skip


def _offered(camera: Camera) -> dict[str, date]:
    today = day_at(timezone.now().timestamp(), time_zone=zone_of(camera))
    return {"first": today - timedelta(days=DAYS_OFFERED - 1), "last": today}


def _line(film: TimeLapse) -> dict[str, Any]:
    return {"film": film, "url": _page(film), "chip": state_chip(film), "days": days_of(film), "length": _length(film)}


def _page(film: TimeLapse) -> str:
    return reverse("admin:recordings_timelapse", args=[film.camera_id, film.pk])


def state_chip(film: TimeLapse) -> SafeString:
    label = str(film.get_state_display())
    if film.state == "making":
        label = f"{label} {film.progress} %"
    return chip(KINDS.get(film.state, "off"), label, title=told(film.message))


def days_of(film: TimeLapse) -> str:
    """From which day to which."""
    return f"{film.first}" if film.first == film.last else f"{film.first} – {film.last}"


def _length(film: TimeLapse) -> str:
    return f"{film.duration:.1f} s" if film.duration else "–"


def _film(request: HttpRequest, camera_id: str, pk: int, *, operate: bool = False) -> tuple[Camera, TimeLapse]:
    """Raises Http404: who may not see the camera does not learn of the film; PermissionDenied."""
    camera = camera_of(request, camera_id)
    film = visible_films(request.user).filter(camera=camera, pk=pk).first()
    if film is None:
        raise Http404(_("There is no such time-lapse. Its time may be over, or somebody deleted it."))
    if operate and not request.user.has_perm(OPERATE):
        raise PermissionDenied
    return camera, film


def _render(request: HttpRequest, template: str, camera: Camera, title: str, **more: Any) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": title, "opts": Camera._meta, "camera": camera, **more}
    response = render(request, f"{FOLDER}/{template}", context)
    response["Cache-Control"] = "private, no-store"
    return response


def show(request: HttpRequest, camera_id: str, pk: int) -> HttpResponse:
    """The film, what it is made of, and who did what with it."""
    camera, film = _film(request, camera_id, pk)
    return _render(
        request, "film.html", camera, _("Time-lapse of %(camera)s") % {"camera": camera},
        film=film, chip=state_chip(film), days=days_of(film), length=_length(film), url=film_url(film),
        name=file_name(film), message=told(film.message), under_way=film.state in UNDER_WAY, steps=steps_of(film),
        zone=zone_of(camera), may_operate=request.user.has_perm(OPERATE),
    )  # fmt: skip


def progress(request: HttpRequest, camera_id: str, pk: int) -> HttpResponse:
    """For the page's poll."""
    _camera, film = _film(request, camera_id, pk)
    return JsonResponse(film_message(film) | {"chip": state_chip(film)})


def remove(request: HttpRequest, camera_id: str, pk: int) -> HttpResponse:
    """GET: asks. POST: deletes it."""
    camera, film = _film(request, camera_id, pk, operate=True)
    if request.method == "POST":
        delete_film(film, author=request.user.get_username())
        messages.success(request, _("The time-lapse was deleted. Its file goes within minutes; the log tells when."))
        return HttpResponseRedirect(reverse("admin:recordings_timelapses", args=[camera.pk]))
    return _render(
        request,
        "delete.html",
        camera,
        _("Delete this time-lapse?"),
        film=film,
        days=days_of(film),
        length=_length(film),
    )
