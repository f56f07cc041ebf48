"""Reads of pictures on request, limited to what the person may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from django.utils import timezone

from cameras.asking import outcome
from cameras.choices import RequestState
from cameras.frames import Frame, FrameAnswer
from cameras.models import Camera, Device
from edgesite.told import told
from recordings.extracts.logbook import note_once
from recordings.extracts.selectors import of_own_sites
from recordings.models import SnapshotRequest
from recordings.snapshots import FRAMES, SNAPSHOTS, UNKNOWN, request_snapshot
from recordings.taking_up import SOON
from recordings.uploads.grants import Grant

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SERVED = Q(key__startswith=f"{FRAMES}/") | Q(key__startswith=f"{SNAPSHOTS}/")


def visible_snapshots(user: User | AnonymousUser) -> QuerySet[SnapshotRequest]:
    """Requests for pictures of cameras that the person may see, whoever asked."""
    return SnapshotRequest.objects.filter(of_own_sites(user))


def may_see_snapshot(user: User | AnonymousUser, key: str) -> bool:
    """A picture is seen by those who see its camera."""
    return _given(user, key).exists()


def note_snapshot_viewed(user: User | AnonymousUser, key: str) -> None:
    """Notes that the picture under this key is given to the person. Raises DatabaseError: then it is not given."""
    picture = _given(user, key).order_by("-id").first()  # of several under one key the newest stands there
    if picture is not None:
        note_once(picture, user, now=timezone.now())


def _given(user: User | AnonymousUser, key: str) -> QuerySet[SnapshotRequest]:
    return visible_snapshots(user).filter(key=key, state=RequestState.READY)


def _asked_of(device: Device, key: str) -> bool:
    """Whether this box was asked for the picture and may still answer."""
    asked = SnapshotRequest.objects.filter(device_id=device.pk, key=key, state=RequestState.WAITING)
    return asked.filter(deadline__gte=timezone.now()).exists()


SNAPSHOT_GRANT = Grant(_asked_of, most=20 * 1024 * 1024, replaces=True)


def snapshot_url(request: SnapshotRequest) -> str | None:
    """Where the picture can be fetched, root-relative; None while there is none, and where it is not the hub that serves it.

    The request in it makes the URL another one when the picture is.
    """
    served = request.key.startswith((f"{FRAMES}/", f"{SNAPSHOTS}/"))
    ready = served and request.state == RequestState.READY
    return f"/api/media/{quote(request.key)}?v={quote(request.request_id)}" if ready else None


def snapshot_message(request: SnapshotRequest) -> dict[str, Any]:
    """The request as the API gives it. Times are Unix seconds."""
    return {
        "request_id": request.request_id,
        "camera_id": request.camera_id,
        "state": request.state,
        "requested_at": request.requested_at.timestamp(),
        "deadline": request.deadline.timestamp(),
        "url": snapshot_url(request),
        "at": request.at.timestamp() if request.at else None,
        "width": request.width or None,
        "height": request.height or None,
        "message": request.message,
    }


class SnapshotFrames:
    """The frames of pages (`cameras.frames`) are snapshots, one kept for each camera."""

    def newest(self, camera: Camera) -> Frame | None:
        boxes = Device.objects.filter(site__devices=camera.device_id).values(
            "pk"
        )  # another site's may have had the ID before
        rows = SnapshotRequest.objects.filter(SERVED, camera=camera, state=RequestState.READY, device_id__in=boxes)
        ready = rows.order_by("-id").first()
        return _frame(ready) if ready else None

    def ask(self, camera: Camera, *, author: str) -> str:
        return request_snapshot(camera=camera, author=author, folder=FRAMES).request_id

    def answer(self, camera: Camera, request_id: str) -> FrameAnswer:
        request = SnapshotRequest.objects.filter(camera=camera, request_id=request_id).first()
        if request is None:
            return FrameAnswer("error", message=told(UNKNOWN))
        request = outcome(request)
        if request.state == RequestState.READY:
            return FrameAnswer("ready", frame=_frame(request))
        if request.state == RequestState.ERROR:
            return FrameAnswer("error", message=told(request.message), soon=request.message.endswith(SOON))
        return FrameAnswer("waiting")


def _frame(request: SnapshotRequest) -> Frame | None:
    url = snapshot_url(request)
    return Frame(url, request.at, request.width, request.height) if url and request.at else None
