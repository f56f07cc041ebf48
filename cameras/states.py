"""What cameras are doing, as their boxes reported it last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from cameras.models import Camera, DeviceStatus

OFFLINE_AFTER_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class CameraState:
    """What a camera is doing: `live`, `connecting`, `lost`, `disabled`, `off` (not analysed), `offline` (its box is
    silent) or `unknown`. since, last_frame_at: Unix seconds."""

    word: str
    reason: str = ""
    since: float | None = None
    last_frame_at: float | None = None


def camera_state(camera: Camera, *, now: datetime | None = None) -> CameraState:
    """The state that the camera's box reported last, or why there is none."""
    status: DeviceStatus | None = getattr(camera.device, "status", None)
    detail = status.health.get("camera_details", {}).get(camera.pk, {}) if status else {}
    last_frame = detail.get("last_frame_at")
    if not camera.enabled:
        return CameraState("disabled", last_frame_at=last_frame)
    if status is None or status.reported_at is None:
        return CameraState("offline", reason="the box has never reported")
    silent = ((now or timezone.now()) - status.reported_at).total_seconds()
    if silent > OFFLINE_AFTER_SECONDS:
        since = status.reported_at.timestamp()
        return CameraState("offline", reason="the box is silent", since=since, last_frame_at=last_frame)
    if not camera.analyse:
        return CameraState("off", last_frame_at=last_frame)
    word = status.health.get("cameras", {}).get(camera.pk)
    if not isinstance(word, str):
        return CameraState("unknown", reason="the box does not run this camera yet")
    return CameraState(word, reason=detail.get("reason", ""), since=detail.get("since"), last_frame_at=last_frame)
