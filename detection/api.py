"""Cameras, live numbers and alerts over HTTP (DESIGN 5.6)."""

from __future__ import annotations

import functools
from typing import Any, Literal

from django.conf import settings
from django.http import HttpRequest
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field
from redis.exceptions import RedisError

from cameras.models import Camera
from cameras.selectors import visible_cameras
from detection.models import Alert
from detection.places import at_camera, told_alerts
from detection.scheduler import DetectionScheduler
from detection.selectors import (
    camera_message,
    cameras_for,
    decode_cursor,
    encode_cursor,
    newest_stats,
    visible_alerts,
)
from edgesite.api_auth import require
from edgesite.redis_clients import Client, connect, describe

router = Router()

OPERATE = "cameras.change_camera"  # the admin's buttons ask for the same


class CameraOut(Schema):
    """A camera and what it is doing. Times are Unix seconds."""

    camera_id: str
    name: str
    location: str
    device_id: str
    device_name: str
    site: str
    time_zone: str
    enabled: bool
    analyse: bool
    state: str
    reason: str
    since: float | None
    last_frame_at: float | None
    last_frame_age_s: float | None


class CameraList(Schema):
    items: list[CameraOut]
    next: str | None = None


class ExecutorOut(Schema):
    """How what runs the camera is: `starting`, `running`, `crashed`, `stopping` or `waiting`. since: Unix seconds."""

    executor: str
    group: str
    state: str
    restarts: int
    reason: str
    since: float | None


class DetectionOut(Schema):
    """What is desired of a camera and what its box reports. in_effect: null while the box is silent."""

    camera_id: str
    desired: Literal["running", "stopped"]
    state: str
    reason: str
    since: float | None
    in_effect: bool | None
    executor: ExecutorOut | None


class IntentOut(DetectionOut):
    """changed: whether it was desired otherwise before. published: whether `version`, the newest, says so; if not, why."""

    changed: bool
    published: bool
    version: int | None
    problem: str


class AlertOut(Schema):
    """The event's fields (DESIGN 5.5) and the hub's own. `ended_at` is null while it goes on and where a rule tells of no
    end; `end_data` is what the rule said then. `capture_url` is null until the picture can be fetched there.

    `full_capture_url`: of a camera whose sub-stream is analysed, a picture of the main stream, taken shortly after the
    analysed one: at `full_capture_at`, null when the box did not tell. Boxes drawn on the first fit the second by shares of
    its own size.

    `part_of`: the alert that this one repeats and stands as. Of an alert with repeats `occurrences` counts it and them,
    `last_at` is the last beginning, `whole_ended_at` and `whole_duration_s` tell of all together."""

    type: Literal["event"]
    event_id: str
    device_id: str
    camera_id: str
    camera_name: str
    roi_id: str
    roi_name: str
    bind_id: str
    algo_code: str
    phase: str
    severity: str
    timestamp: float
    data: dict[str, Any]
    ended_at: float | None
    duration_s: float | None
    end_data: dict[str, Any]
    capture: str | None
    capture_url: str | None
    capture_problem: str
    full_capture_url: str | None
    full_capture_at: float | None
    state: Literal["open", "acknowledged", "resolved"]
    acknowledged_by: str
    acknowledged_at: float | None
    resolved_by: str
    resolved_at: float | None
    assignee: str
    verdict: Literal["", "true", "false"]
    verdict_reason: str
    escalated_at: float | None
    updates: int
    part_of: str | None
    occurrences: int
    last_at: float | None
    whole_ended_at: float | None
    whole_duration_s: float | None
    received_at: float
    cursor: str


class AlertList(Schema):
    items: list[AlertOut]
    next: str | None = None


class AlertQuery(Schema):
    """`after` is the `next` of the page before, or the `cursor` of any alert."""

    after: str | None = None
    camera: str | None = Field(None, max_length=128, pattern=r"^[^\x00-\x1f]+$")
    state: Literal["open", "acknowledged", "resolved"] | None = None
    repeats: bool = Field(True, description="`false` leaves out alerts that are part of another one.")
    order: Literal["newest", "oldest"] = Field(
        "newest", description="`oldest` makes a feed: ask again after the last cursor."
    )
    limit: int = Field(100, ge=1, le=500)


class Problem(Schema):
    detail: Any


@functools.lru_cache(maxsize=2)
def channel_redis(url: str) -> Client:
    """The process's client for the hub's own Redis."""
    return connect(url)


def _camera(request: HttpRequest, camera_id: str) -> Camera:
    user = require(request, "cameras.view_camera")
    camera = visible_cameras(user).filter(pk=camera_id).first()
    if camera is None:
        raise HttpError(404, "There is no such camera.")
    return camera


@router.get("/cameras", response=CameraList, tags=["cameras"])
def list_cameras(request: HttpRequest) -> dict[str, Any]:
    """Every camera that the caller may see, with its state and the age of its last frame."""
    return {"items": cameras_for(require(request, "cameras.view_camera")), "next": None}


@router.get("/cameras/{camera_id}", response={200: CameraOut, 404: Problem}, tags=["cameras"])
def one_camera(request: HttpRequest, camera_id: str) -> dict[str, Any]:
    return camera_message(_camera(request, camera_id))


@router.get("/cameras/{camera_id}/stats", response={200: dict[str, Any], 404: Problem}, tags=["cameras"])
def camera_stats(request: HttpRequest, camera_id: str) -> dict[str, Any]:
    """The newest statistics message (DESIGN 5.5); 404 when there is none or it is older than 10 s."""
    camera = _camera(request, camera_id)
    try:
        message = newest_stats(channel_redis(settings.CHANNEL_REDIS_URL), [camera.pk]).get(camera.pk)
    except RedisError as error:
        raise HttpError(503, f"{describe(error)}; see /readyz.") from None
    if message is None:
        raise HttpError(404, "No real-time stats available.")
    return message


@router.get("/cameras/{camera_id}/detection", response={200: DetectionOut, 404: Problem}, tags=["cameras"])
def detection_status(request: HttpRequest, camera_id: str) -> dict[str, Any]:
    """Whether the camera is to be analysed, and what its box reports."""
    [status] = DetectionScheduler.status([_camera(request, camera_id)])
    return status.message()


@router.post("/cameras/{camera_id}/start", response={200: IntentOut, 404: Problem}, tags=["cameras"])
def start_detection(request: HttpRequest, camera_id: str) -> dict[str, Any]:
    """From now on the camera is to be analysed. Asking again changes nothing."""
    return _desire(request, camera_id, analyse=True)


@router.post("/cameras/{camera_id}/stop", response={200: IntentOut, 404: Problem}, tags=["cameras"])
def stop_detection(request: HttpRequest, camera_id: str) -> dict[str, Any]:
    """From now on the camera is not to be analysed. Asking again changes nothing."""
    return _desire(request, camera_id, analyse=False)


def _desire(request: HttpRequest, camera_id: str, *, analyse: bool) -> dict[str, Any]:
    author = require(request, OPERATE).get_username()
    camera = _camera(request, camera_id)
    scheduler = DetectionScheduler(author=author)
    try:
        intent = (scheduler.start_detection if analyse else scheduler.stop_detection)(camera.pk)
    except Camera.DoesNotExist:  # deleted just now
        raise HttpError(404, "There is no such camera.") from None
    [status] = scheduler.status([_camera(request, camera_id)])
    outcome = {key: getattr(intent, key) for key in ("changed", "published", "version", "problem")}
    return status.message() | outcome


@router.get("/alerts", response={200: AlertList, 422: Problem}, tags=["alerts"])
def list_alerts(request: HttpRequest, query: Query[AlertQuery]) -> dict[str, Any]:
    """Alerts of the cameras that the caller may see, newest first; page on with `after`."""
    user = require(request, "detection.view_alert")
    alerts = visible_alerts(user)
    if query.camera is not None:
        alerts = at_camera(alerts, user, query.camera)
    if query.state is not None:
        alerts = alerts.filter(state=query.state)
    if not query.repeats:
        alerts = alerts.filter(part_of=None)
    if query.order == "oldest":
        alerts = alerts.order_by("id")
    if query.after is not None:
        try:
            place = decode_cursor(query.after)
        except ValueError:
            raise HttpError(422, "`after` is not a cursor of this list.") from None
        alerts = alerts.filter(id__gt=place) if query.order == "oldest" else alerts.filter(id__lt=place)
    page: list[Alert] = list(alerts[: query.limit + 1])
    more, page = len(page) > query.limit, page[: query.limit]
    return {"items": told_alerts(page), "next": encode_cursor(page[-1]) if more else None}
