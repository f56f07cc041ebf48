"""Testing a camera's connection from its page: begin, and ask for the outcome."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cameras.admin.regions import BodyError, body_of, json_call
from cameras.asking import outcome
from cameras.camera_forms import SOURCE_FIELDS, SourceForm
from cameras.choices import RequestState
from cameras.core.probe import same_shape
from cameras.core.regions import UNSTORABLE
from cameras.core.stream_urls import SUB, sub_stream
from cameras.core.values import check_source
from cameras.models import Camera, Device
from cameras.probing.models import CameraProbe
from cameras.probing.services import ANSWER_SECONDS, UNKNOWN, request_probe
from cameras.selectors import visible_cameras, visible_sites
from edgesite.core.urls import mask_url
from edgesite.told import told

H265 = ("hevc", "h265")
TESTED = "tested"  # which stream: "" or "sub"


class ConnectionTest(admin.ModelAdmin[Camera]):
    """`POST test` with `{}` for what the box runs, or the form's SOURCE_FIELDS as they were typed; `GET test/ID` until it is
    done. `connection` is the button on the camera's page. With `"tested": "sub"` besides, the sub-stream is opened.

    On the page that adds a camera the same below `add/`, with the chosen `device` besides: nothing is stored but the answer.
    """

    def get_urls(self) -> list[Any]:
        site = self.admin_site
        own = [
            path("add/test", json_call(site, self._begin_new, "POST"), name="cameras_camera_test_new"),
            path("add/test/<str:request_id>", json_call(site, self._told_new, "GET"), name="cameras_camera_tested_new"),
            path("<str:pk>/test", json_call(site, self._begin, "POST"), name="cameras_camera_test"),
            path("<str:pk>/test/<str:request_id>", json_call(site, self._told, "GET"), name="cameras_camera_tested"),
        ]
        return own + super().get_urls()

    @admin.display(description=gettext_lazy("connection"))
    def connection(self, camera: Camera) -> SafeString:
        saved = not camera._state.adding
        url = (
            reverse("admin:cameras_camera_test", args=[camera.pk])
            if saved
            else reverse("admin:cameras_camera_test_new")
        )
        return render_to_string(
            "admin/cameras/camera/connection.html", {"url": url, "seconds": ANSWER_SECONDS, "saved": saved}
        )

    def _camera(self, request: HttpRequest, pk: str) -> Camera:
        """Whoever may change the camera could have its box open any URL anyway: by saving it."""
        camera = visible_cameras(cast(Any, request.user)).filter(pk=pk).first()
        if camera is None:
            raise Http404
        if not request.user.has_perm("cameras.change_camera"):
            raise PermissionDenied
        return camera

    def _begin(self, request: HttpRequest, pk: str) -> HttpResponse:
        camera = self._camera(request, pk)
        url, main = _typed(camera, body_of(request, *SOURCE_FIELDS, TESTED))
        probe = request_probe(camera=camera, author=request.user.get_username(), url=url, main=main)
        return JsonResponse({"request_id": probe.request_id, "tested": mask_url(url or camera.rtsp_url)})

    def _told(self, request: HttpRequest, pk: str, request_id: str) -> HttpResponse:
        return _answer(CameraProbe.objects.filter(camera=self._camera(request, pk), request_id=request_id).first())

    def _begin_new(self, request: HttpRequest) -> HttpResponse:
        """Whoever may add a camera could have the box open any URL anyway: by saving it."""
        if not request.user.has_perm("cameras.add_camera"):
            raise PermissionDenied
        body = body_of(request, *SOURCE_FIELDS, TESTED, "device")
        code = body.pop("device", "")
        usable = isinstance(code, str) and not UNSTORABLE.search(code)
        device = _visible_devices(request).filter(pk=code).first() if usable else None
        if device is None:
            raise BodyError(_("Choose a device first: its box opens the stream."))
        camera = Camera(device=device)
        url, main = _typed(camera, body)
        if not url:
            raise BodyError(_("Give the stream URL first, or build it from the camera's make."))
        probe = request_probe(camera=camera, author=request.user.get_username(), url=url, main=main)
        return JsonResponse({"request_id": probe.request_id, "tested": mask_url(url)})

    def _told_new(self, request: HttpRequest, request_id: str) -> HttpResponse:
        """Only to who asked: nobody else knows what was typed."""
        if not request.user.has_perm("cameras.add_camera"):
            raise PermissionDenied
        mine = {"camera": None, "requested_by": request.user.get_username(), "device__in": _visible_devices(request)}
        return _answer(CameraProbe.objects.filter(request_id=request_id, **mine).first())


def _visible_devices(request: HttpRequest) -> QuerySet[Device]:
    """What the form's list of devices holds."""
    return Device.objects.filter(site__in=visible_sites(request.user))


def _answer(probe: CameraProbe | None) -> HttpResponse:
    if probe is None:
        return JsonResponse({"state": "error", "message": _(UNKNOWN)})
    probe = outcome(probe)
    if probe.state == RequestState.ERROR:
        return JsonResponse({"state": "error", "message": told(probe.message)})
    if probe.state == RequestState.WAITING:
        return JsonResponse({"state": "waiting"})
    told_of = {"facts": probe.facts, "notes": notes_on(probe.facts), "picture": probe.picture}
    return JsonResponse({"state": "ready", **told_of})


def _typed(camera: Camera, body: dict[str, Any]) -> tuple[str, str]:
    """The URL to be tested, empty for the one that the box runs; and of a sub-stream that of the main one.

    Raises BodyError, whose text repeats no secret.
    """
    for name, value in body.items():
        if not isinstance(value, str):
            raise BodyError(f"{name}: {_('must be text; put it in quotes')}")
        if UNSTORABLE.search(value):
            raise BodyError(f"{name}: {_('holds a character that cannot be stored')}")
    sub = body.pop(TESTED, "") == SUB
    if sub and not camera._state.adding:
        body = {"rtsp_url": mask_url(camera.rtsp_url), "sub_url": mask_url(camera.sub_url)} | body
    elif not sub:
        body.pop("sub_url", None)  # whatever is wrong with it
    if not any(value.strip() for name, value in body.items() if name != "stream"):
        return "", ""
    form = SourceForm(body, stored=camera)
    if not form.is_valid():
        field, problems = next(iter(form.errors.items()))
        raise BodyError(f"{form.fields[field].label}: {problems[0]}")
    main: str = form.cleaned_data["rtsp_url"]
    url = sub_stream(main, form.cleaned_data["sub_url"]) if sub else main
    if not url:
        raise BodyError(_("Give the sub-stream first."))
    try:
        check_source(url)
    except ValueError as error:
        raise BodyError(_("The URL %(problem)s.") % {"problem": _(str(error))}) from None
    return url, main if sub else ""


def notes_on(facts: dict[str, Any]) -> list[str]:
    """What a person should know of a stream like that, and what to do."""
    notes = []
    if facts.get("codec") in H265:
        notes.append(
            _("The stream is H.265. It works, but browsers do not play it: recordings are converted, which costs time.")
        )
    if (facts.get("gop_s") or 0) > 4 or (facts.get("gop_s") is None and facts.get("watched_s", 0) > 4):
        notes.append(_("Key frames are far apart. Set the camera to one every 2 seconds."))
    if not same_shape(*(facts.get(key) or 0 for key in ("width", "height", "main_width", "main_height"))):
        notes.append(
            _(
                "Its picture has another shape than the main stream's. Where the camera cuts it instead of squeezing it, "
                "regions do not fit: set the same shape in the camera."
            )
        )
    if facts.get("fps") is not None and facts["fps"] < 5:
        notes.append(_("Few pictures come in a second. Quick movements may be missed."))
    return notes
