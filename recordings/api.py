"""Stored pixels through the hub: the same session or token, permission checked, ranges answered."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest, HttpResponseBase
from ninja import Router, Schema
from ninja.errors import HttpError

from cameras.asking import outcome
from cameras.selectors import visible_cameras
from edgesite.api_auth import require
from edgesite.api_schema import GIVES_AN_OBJECT
from edgesite.storage import StorageError
from recordings.access import may_see, note_given
from recordings.selectors import snapshot_message, visible_snapshots
from recordings.serving import serve_object
from recordings.snapshots import request_snapshot

router = Router()


class SnapshotOut(Schema):
    """A picture that was asked for. `url` is there when the state is `ready`, `message` when it is `error`: what went wrong and
    what to do. Times are Unix seconds; by `deadline` the state is no longer `waiting`."""

    request_id: str
    camera_id: str
    state: Literal["waiting", "ready", "error"]
    requested_at: float
    deadline: float
    url: str | None
    at: float | None
    width: int | None
    height: int | None
    message: str


class Problem(Schema):
    detail: Any


@router.post("/cameras/{camera_id}/snapshots", response={200: SnapshotOut, 404: Problem}, tags=["snapshots"])
def ask_for_snapshot(request: HttpRequest, camera_id: str) -> dict[str, Any]:
    """Asks the camera's box for its newest frame in full resolution. Ask for the result until it is not `waiting`."""
    user = require(request, "cameras.view_camera")
    camera = visible_cameras(user).filter(pk=camera_id).first()
    if camera is None:
        raise HttpError(404, "There is no such camera.")
    return snapshot_message(request_snapshot(camera=camera, author=user.get_username()))


@router.get("/snapshots/{request_id}", response={200: SnapshotOut, 404: Problem}, tags=["snapshots"])
def snapshot_result(request: HttpRequest, request_id: str) -> dict[str, Any]:
    """What became of it, for everybody who may see the camera."""
    user = require(request, "cameras.view_camera")
    found = visible_snapshots(user).filter(request_id=request_id).first()
    if found is None:
        raise HttpError(404, "There is no such request.")
    return snapshot_message(outcome(found))


@router.get("/media/{path:key}", tags=["media"], openapi_extra=GIVES_AN_OBJECT)
def media(request: HttpRequest, key: str) -> HttpResponseBase:
    """The object under this storage key, when an alert or recording that the caller may see refers to it; else 404."""
    if not may_see(request.user, key):
        raise HttpError(404, "There is no such picture or recording, or it is not yours to see.")
    note_given(request.user, key)
    try:
        return serve_object(key, range_header=request.headers.get("Range", ""))
    except FileNotFoundError:
        raise HttpError(404, "It is no longer stored.") from None
    except StorageError as error:
        raise HttpError(503 if error.retryable else 404, "The storage cannot give it now.") from None
