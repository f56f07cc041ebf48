"""The ROI editor's page and the JSON that it reads and saves."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import structlog
from django.contrib import admin
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils.translation import gettext as _

from cameras.admin.base import row_page
from cameras.admin.chips import camera_text
from cameras.admin.sentences import problem_text
from cameras.core.reasons import worded
from cameras.core.regions import RegionsError
from cameras.core.strict_json import DocumentError, check_json
from cameras.frames import frames
from cameras.models import Camera
from cameras.regions import RevisionError, copy_regions, save_regions
from cameras.regions_data import editor_data, frame_message, may_edit
from cameras.selectors import visible_cameras

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = structlog.get_logger(__name__)

View = Callable[..., HttpResponse]
COPY = ("cameras.add_roi", "cameras.add_binding")


class BodyError(Exception):
    """The body of a request is not what this call takes."""


def json_call(site: admin.AdminSite, view: View, *methods: str) -> View:
    """A view that is called by a script: whatever goes wrong is an answer in JSON, also when the login has ended."""
    guarded = site.admin_view(view)

    @functools.wraps(view)
    def call(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not site.has_permission(request):
            return _refusal(401, _("You are not logged in any more. Log in again in another tab."))
        if request.method not in methods:
            return _refusal(405, _("This call does not exist."))
        try:
            return guarded(request, *args, **kwargs)
        except (PermissionDenied, Http404, Camera.DoesNotExist, RequestDataTooBig) as error:
            return _refusal(*_status_of(error))
        except BodyError as error:
            return JsonResponse({"detail": str(error), "errors": []}, status=422)
        except RegionsError as error:
            return JsonResponse(_problems(error), status=422)

    return call


def _refusal(status: int, text: str) -> JsonResponse:
    return JsonResponse({"detail": text}, status=status)


def _status_of(error: Exception) -> tuple[int, str]:
    if isinstance(error, PermissionDenied):
        return 403, _("Your role does not allow this.")
    if isinstance(error, RequestDataTooBig):
        return 413, _("This is too much for one save.")
    return 404, _("There is no such camera. It may have been deleted.")


def body_of(request: HttpRequest, *keys: str) -> dict[str, Any]:
    """The JSON object that was sent; NaN goes through, so that the check can name where it stands. Raises BodyError."""
    try:
        body = check_json(request.body or b"{}", constants=True)
    except DocumentError as error:
        raise BodyError(_("This is not valid JSON: %(problem)s") % {"problem": error.told(_)}) from None
    if not isinstance(body, dict):
        raise BodyError(_("This is not valid JSON: %(problem)s") % {"problem": _("must be keys with values")})
    if unknown := sorted(body.keys() - set(keys)):
        raise BodyError(f"{unknown[0][:60]}: {_('is an unknown key')}")
    return body


def _problems(error: RegionsError) -> dict[str, Any]:
    errors = [
        {"index": p.index, "roi_id": p.roi_id, "field": p.where, "message": worded(p.template, p.values, _)}
        for p in error.problems
    ]
    return {"detail": _("Not saved: some of it cannot be used."), "errors": errors}


class RegionPages(admin.ModelAdmin[Camera]):
    """The editor of a camera's ROIs and bindings, below the camera's own page."""

    def get_urls(self) -> list[Any]:
        site, base = self.admin_site, "<str:pk>/regions"
        own = [
            path(f"{base}/", site.admin_view(self.regions_page), name="cameras_camera_regions"),
            path(f"{base}/data", json_call(site, self._data, "GET", "PUT"), name="cameras_camera_regions_data"),
            path(f"{base}/copy", json_call(site, self._copy, "POST"), name="cameras_camera_regions_copy"),
            path(f"{base}/frame", json_call(site, self._frame, "POST"), name="cameras_camera_regions_frame"),
            path(
                f"{base}/frame/<str:request_id>",
                json_call(site, self._frame_answer, "GET"),
                name="cameras_camera_frame",
            ),
        ]
        return own + super().get_urls()

    def camera_of(self, request: HttpRequest, pk: str) -> Camera:
        """The camera, when the person may look at it. Raises Http404: who may not, does not learn that it exists."""
        camera = visible_cameras(_user(request)).filter(pk=pk).first()
        if camera is None:
            raise Http404
        return camera

    def regions_page(self, request: HttpRequest, pk: str) -> HttpResponse:
        """GET: the editor."""
        camera = self.camera_of(request, pk)
        title = _("Regions of %(camera)s") % {"camera": camera}
        return row_page(request, camera, "regions.html", title, data=_answer(request, camera))

    def _data(self, request: HttpRequest, pk: str) -> HttpResponse:
        camera = self.camera_of(request, pk)
        if request.method == "GET":
            return JsonResponse(_answer(request, camera))
        user = _user(request)
        if not may_edit(user):
            raise PermissionDenied
        body = body_of(request, "revision", "rois")
        try:
            published = save_regions(
                camera_id=camera.pk, revision=str(body.get("revision", "")), rois=body.get("rois"),
                author=user.get_username(), allowed=user.has_perm,
            )  # fmt: skip
        except RevisionError:
            text = _(
                "Somebody else saved the regions of this camera meanwhile. Nothing of yours was overwritten or lost."
            )
            return JsonResponse({"detail": text, "current": _answer(request, camera)}, status=409)
        answer = _answer(request, self.camera_of(request, pk))
        answer["publish"] |= _told(published.get(camera.device_id))
        return JsonResponse(answer)

    def _copy(self, request: HttpRequest, pk: str) -> HttpResponse:
        camera, user = self.camera_of(request, pk), _user(request)
        if not may_edit(user) or not user.has_perms(COPY):
            raise PermissionDenied
        body = body_of(request, "roi_ids", "camera_ids")
        roi_ids, camera_ids = _texts(body, "roi_ids"), _texts(body, "camera_ids")
        seen = visible_cameras(user).filter(pk__in=camera_ids).exclude(pk=camera.pk).count()
        if seen != len(camera_ids):
            raise BodyError(_("There is no such camera. It may have been deleted."))
        copied = copy_regions(camera_id=camera.pk, roi_ids=roi_ids, camera_ids=camera_ids, author=user.get_username())
        return JsonResponse({"copied": copied})

    def _frame(self, request: HttpRequest, pk: str) -> HttpResponse:
        camera = self.camera_of(request, pk)
        return JsonResponse({"request_id": frames().ask(camera, author=_user(request).get_username())})

    def _frame_answer(self, request: HttpRequest, pk: str, request_id: str) -> HttpResponse:
        answer = frames().answer(self.camera_of(request, pk), request_id)
        if answer.state == "error":
            return JsonResponse({"state": "error", "message": answer.message} | ({"soon": True} if answer.soon else {}))
        return JsonResponse({"state": answer.state} | (frame_message(answer.frame) or {}))


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _answer(request: HttpRequest, camera: Camera) -> dict[str, Any]:
    return editor_data(camera, _user(request), state_text=camera_text(camera))


def _told(result: object) -> dict[str, Any]:
    """What became of publishing what was saved; nothing when the device's changes wait, or nothing changed."""
    if isinstance(result, Exception):
        return {"problem": problem_text(result)}
    return {"version": getattr(result, "version", None), "problem": ""}


def _texts(body: dict[str, Any], key: str) -> set[str]:
    value = body.get(key)
    if not isinstance(value, list) or not all(isinstance(item, str) and "\x00" not in item for item in value):
        raise BodyError(f"{key}: {_('must be a list')}")
    return set(value)
