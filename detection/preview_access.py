"""Who may see a camera live, and what keeps its box from showing it; and telling the box to."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from cameras.asking import REVOKED, SILENT
from cameras.core.regions import RegionProblem, RegionsError
from cameras.drafts import DraftPart, draft_of
from cameras.models import Camera
from cameras.regions import regions_of
from cameras.regions_data import may_edit
from cameras.selectors import visible_cameras
from cameras.services import cloud_redis
from cameras.states import camera_state
from detection.live import FORBIDDEN, LOGGED_OUT, AccessDeniedError, user_of_session
from edgesite.commands import LONGEST_BODY, send_command
from edgesite.ids import uuid7
from recordings.snapshots import DISABLED, NEVER, STOPPED

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "watch"
LEASE_S = 12.0
COMMAND_S = 6.0
WIDTH, RATE = 640, 5.0

OLD = gettext_noop("The program of the camera's box is too old to show this. Update it.")
TOO_LARGE = gettext_noop("The regions have too many points to be tried at once. Save them, or try fewer.")


@dataclass(frozen=True, slots=True)
class Access:
    """What was true at `checked_at` (steady clock, seconds). problem: why the box shows nothing, in English; or empty."""

    user: User
    camera: Camera
    problem: str
    checked_at: float


def access_to(session_key: str | None, camera_id: str) -> Access:
    """Raises AccessDeniedError: FORBIDDEN also for a camera that does not exist."""
    started = time.monotonic()
    user = user_of_session(session_key)
    if user is None:
        raise AccessDeniedError(LOGGED_OUT)
    camera = visible_cameras(user).filter(pk=camera_id).first()
    if camera is None:
        raise AccessDeniedError(FORBIDDEN)
    return Access(user, camera, _problem(camera), started)


def _problem(camera: Camera) -> str:
    if camera.device.revoked_at is not None:
        return REVOKED
    state = camera_state(camera)
    if state.word == "disabled":
        return DISABLED
    if state.word == "offline":
        return NEVER if state.since is None else SILENT
    status = getattr(camera.device, "status", None)
    known = status.health.get("commands") if status is not None else None
    if not isinstance(known, list) or KIND not in known:
        return OLD
    return STOPPED if state.word == "off" else ""


def draft_for(access: Access, rois: Any) -> DraftPart:
    """What of the sent regions the box is to try; of somebody who may change nothing, what is stored. Raises RegionsError."""
    given = rois if may_edit(access.user) else regions_of(access.camera.pk)
    return draft_of(access.camera, given)


def problem_texts(problems: list[RegionProblem]) -> list[dict[str, Any]]:
    """As the editor's page takes them, in the active language."""
    return [
        {"roi_id": p.roi_id, "index": p.index, "field": p.where, "message": _(p.template) % p.values} for p in problems
    ]


def send_watch(camera: Camera, *, watch_id: str, draft: int, content: Mapping[str, Any] | None) -> None:
    """Tells the camera's box to watch; content None: as before. Raises RedisError, and RegionsError when it is too much."""
    body = {
        "camera_id": camera.pk, "watch_id": watch_id, "draft": draft, "seconds": LEASE_S, "width": WIDTH, "rate": RATE,
        "content": None if content is None else dict(content),
    }  # fmt: skip
    if content is not None and len(json.dumps(body)) > LONGEST_BODY:
        raise RegionsError([RegionProblem(-1, None, "rois", TOO_LARGE)])
    send_command(
        cloud_redis(settings.CLOUD_REDIS_URL),
        device_id=camera.device_id,
        request_id=uuid7(),
        kind=KIND,
        seconds=COMMAND_S,
        body=body,
    )
