"""Pictures on request: the hub asks the one box that has the camera, and keeps what it answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from cameras.asking import REVOKED, SILENT, ask, asked_for, settle, tell_box
from cameras.choices import RequestState
from cameras.models import Camera
from cameras.states import camera_state
from edgesite.ids import uuid7
from edgesite.storage import StorageError, check_key
from recordings.access import is_own_folder
from recordings.core.names import safe_name, unique_name
from recordings.core.snapshots import SnapshotAnswer
from recordings.failed import keep_newest
from recordings.models import SnapshotOrigin, SnapshotRequest
from recordings.objects.services import answer_for

log = structlog.get_logger(__name__)

KIND = "snapshot"
ANSWER_SECONDS = 5.0  # an answer, good or bad, within this
TELL_SECONDS = 0.5  # which the box does not have of it: its answer must reach the hub in time
MOST_WAITING = 100
REPLACED_KEPT = timedelta(minutes=2)  # whoever asked for it may still be looking for the answer
FRAMES, SNAPSHOTS = "frames", "snapshots"  # folders: one picture a camera for pages; one for each request
SCHEDULED = f"{SNAPSHOTS}/scheduled"  # what the hub takes by itself, by camera and day

DISABLED = gettext_noop("The camera is disabled. Enable it on its page and publish.")
STOPPED = gettext_noop("Detection is stopped on this camera, so its box has no picture of it. Start detection.")
NEVER = gettext_noop("The camera's box has never reported. Start run_detector on it.")
BAD_KEY = gettext_noop("The key must be a relative path without “..”, outside the folders that are the product's own.")
UNKNOWN = gettext_noop("Nobody asked for this picture, or a newer one has replaced it. Ask for a new one.")
TOO_MANY = gettext_noop("Too many pictures of this camera are being asked for. Try again in some seconds.")


def request_snapshot(
    *,
    camera: Camera,
    author: str,
    key: str = "",
    folder: str = SNAPSHOTS,
    request_id: str = "",
    seconds: float = ANSWER_SECONDS,
    ordered: bool = False,
) -> SnapshotRequest:
    """Asks the camera's box for a picture, to be stored under `key` (empty: a name of our own in `folder`).

    Whatever goes wrong, also at once, is the request's answer: state `error` with a message. The same request_id again is
    the same request, and asks nothing. seconds: until its deadline. ordered: an order refers to it, and takes it away
    some time. In a transaction the box is asked after its commit.
    """
    request = planned(camera=camera, author=author, key=key, folder=folder, request_id=request_id, seconds=seconds)
    new = True
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except IntegrityError:
        found = SnapshotRequest.objects.filter(request_id=request.request_id).first()
        if found is None:
            raise
        request, new = found, False
    if new:
        if not ordered:
            keep_newest(SnapshotRequest.objects.filter(camera=camera, state=RequestState.ERROR, order=None))
        transaction.on_commit(partial(_begin, request))
    if not (new and transaction.get_connection().in_atomic_block):  # there nobody has been asked yet
        request.refresh_from_db()
    return request


def planned(
    *,
    camera: Camera,
    author: str,
    key: str = "",
    folder: str = SNAPSHOTS,
    request_id: str = "",
    seconds: float = ANSWER_SECONDS,
    counted: bool = True,
) -> SnapshotRequest:
    """The request as `request_snapshot` would store it; nothing is stored, and nobody asked. counted: whether it matters
    how many wait already.
    """
    now, name, wrong_key = timezone.now(), request_id or uuid7(), _key_problem(key)
    problem = wrong_key or _problem(camera, counted=counted)
    return SnapshotRequest(
        request_id=name,
        camera=camera,
        device_id=camera.device_id,
        requested_by=author[:150],
        requested_at=now,
        deadline=now + timedelta(seconds=seconds),
        key=("" if wrong_key else key) or _own_key(camera.pk, folder, name, now),
        origin=SnapshotOrigin.SCHEDULE if folder == SCHEDULED else SnapshotOrigin.REQUEST,
        state=RequestState.ERROR if problem else RequestState.WAITING,
        message=problem,
    )


def _own_key(camera_id: str, folder: str, request_id: str, now: datetime) -> str:
    """Under `frames` the newest replaces the one before: a page that is opened often fills no disk. Only its own: names
    that become the same on a disk are kept apart.
    """
    if folder == FRAMES:
        return f"{FRAMES}/{unique_name(camera_id)}.jpg"
    if folder == SCHEDULED:
        return f"{scheduled_folder(camera_id)}/{now.astimezone(UTC):%Y%m%d}/{safe_name(request_id)}.jpg"
    return f"{SNAPSHOTS}/{now.astimezone(UTC):%Y%m%d}/{safe_name(camera_id)}_{safe_name(request_id)}.jpg"


def scheduled_folder(camera_id: str) -> str:
    """Where all of the camera's scheduled snapshots stand, a folder for each day (UTC)."""
    return f"{SCHEDULED}/{unique_name(camera_id)}"


def _key_problem(key: str) -> str:
    if not key:
        return ""
    try:
        check_key(key)
    except StorageError:
        return BAD_KEY
    return BAD_KEY if is_own_folder(key) else ""


def _waiting_for(camera: Camera) -> int:
    waiting = SnapshotRequest.objects.filter(camera=camera, state=RequestState.WAITING, deadline__gt=timezone.now())
    return waiting.count()


def _problem(camera: Camera, *, counted: bool) -> str:
    """Why asking the box is of no use; what the box itself knows better is left to it."""
    if camera.device.revoked_at is not None:
        return REVOKED
    if counted and _waiting_for(camera) >= MOST_WAITING:
        return TOO_MANY
    state = camera_state(camera)
    if state.word == "offline":
        return NEVER if state.since is None else SILENT
    return {"disabled": DISABLED, "off": STOPPED}.get(state.word, "")


def _begin(request: SnapshotRequest) -> None:
    """Asks first: every line of the log is time that the picture lacks."""
    ask_again(request)
    log_asked(request)


def log_asked(request: SnapshotRequest) -> None:
    about = {"camera": request.camera_id, "request_id": request.request_id, "author": request.requested_by}
    log.info("snapshot asked for", **about, problem=request.message)


def ask_again(request: SnapshotRequest) -> None:
    """Tells the box, which does a request once however often it is told of it; nothing when no time is left."""
    left = _left_of(request)
    if request.state == RequestState.WAITING and left > 0:
        ask(request, kind=KIND, seconds=left, body={"key": request.key})


def ask_first(request: SnapshotRequest, *, now: float) -> None:
    """Tells the box of a planned request that is not stored yet. now: by the Redis' clock. Raises RedisError."""
    tell_box(request, kind=KIND, seconds=_left_of(request), body={"key": request.key}, now=now)


def _left_of(request: SnapshotRequest) -> float:
    """Seconds that the box has for it."""
    return (request.deadline - timezone.now()).total_seconds() - TELL_SECONDS


def take_answer(answer: SnapshotAnswer, *, device_id: str) -> SnapshotRequest | None:
    """What a box answered; the request, as it was, if it was news. Repeated, late, of a request that is gone or of another
    box: it is not.
    """
    request = asked_for(SnapshotRequest, answer, device_id=device_id)
    if request is None:
        return None
    return request if _settled(request, answer) else None


def answers(answer: SnapshotAnswer, request: SnapshotRequest, *, device_id: str) -> bool:
    """Whether that box's answer is one to this request, and came in time for what it says."""
    asked = (request.request_id, request.camera_id, request.device_id)
    if asked != (answer.request_id, answer.camera_id, device_id):
        return False
    return answer.status == "error" or (answer.key == request.key and timezone.now() <= request.deadline)


def said_by(answer: SnapshotAnswer) -> dict[str, Any]:
    """What a request is with this answer, by the names of its fields."""
    if answer.status == "error" or answer.at is None:
        return {"state": RequestState.ERROR, "message": answer.message}
    at = datetime.fromtimestamp(answer.at, UTC)
    return {"state": RequestState.READY, "at": at, "width": answer.width, "height": answer.height}


def _settled(request: SnapshotRequest, answer: SnapshotAnswer) -> bool:
    if not answers(answer, request, device_id=request.device_id) or not settle(request, **said_by(answer)):
        return False
    if answer.status == "error":
        return True
    if request.key.startswith((f"{FRAMES}/", f"{SNAPSHOTS}/")):  # elsewhere it is the integrator's
        answer_for(request.key)
    if request.key.startswith(f"{FRAMES}/"):  # the picture before was replaced: its request says nothing any more
        old = timezone.now() - REPLACED_KEPT
        SnapshotRequest.objects.filter(camera=request.camera_id, key=request.key, requested_at__lt=old).delete()
    return True
