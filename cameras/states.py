"""What cameras are doing and which configuration boxes run, as the boxes reported it last."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from cameras.issued import ConfigVersion
from cameras.models import Camera, Device, DeviceStatus

OFFLINE_AFTER_SECONDS = 15.0
LONGEST_NOTE = 500
SYNC_STATES = (
    "in_sync", "pending", "refused", "reverted", "offline", "never", "drifted", "not_published", "redis_ahead",
)  # fmt: skip

# What `cameras.core.document` says on a box of what this hub's own reading of the same document found sound.
UNKNOWN_TO_BOX = re.compile(
    r": is an unknown (?:key|parameter)$|: unknown algorithm .*; known: |^schema: .* is not a schema that this box knows "
)


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
    note = detail.get("stream_note", "")  # of a sub-stream; boxes of other versions may mean anything by it
    reason = detail.get("reason", "") or (note[:LONGEST_NOTE] if isinstance(note, str) else "")
    return CameraState(word, reason=reason, since=detail.get("since"), last_frame_at=last_frame)


def with_newest_version(devices: QuerySet[Device]) -> QuerySet[Device]:
    """Adds `newest_sha256` and `newest_author` of the newest version in the device's epoch (None: there is none), and
    what `sync_state` reads."""
    newest = ConfigVersion.objects.filter(device=OuterRef("pk"), epoch=OuterRef("epoch")).order_by("-version")
    return devices.select_related("site", "status").annotate(
        newest_sha256=Subquery(newest.values("sha256")[:1]), newest_author=Subquery(newest.values("author")[:1])
    )


def sync_state(device: Device, *, sha256: str = "", now: datetime | None = None) -> str:
    """Desired configuration against reported, as one of SYNC_STATES.

    sha256: of the newest version; see `drift_of` for what it means that a box has `drifted`. "" asks nothing of that.
    `not_published`: the rows make no valid document. `redis_ahead`: the cloud Redis holds a newer document than this hub.
    """
    if device.publish_error or device.redis_ahead:
        return "not_published" if device.publish_error else "redis_ahead"
    status: DeviceStatus | None = getattr(device, "status", None)
    if status is None or status.reported_at is None:
        return "never"
    if ((now or timezone.now()) - status.reported_at).total_seconds() > OFFLINE_AFTER_SECONDS:
        return "offline"
    if drift_of(device, sha256=sha256):
        return "drifted"
    if status.state in ("refused", "reverted") and status.observed >= device.last_version:
        return status.state
    return "in_sync" if (status.epoch, status.applied) == (device.epoch, device.last_version) else "pending"


def runs_older_release(status: DeviceStatus) -> bool:
    """Whether the box refused the document because its release does not know something that this hub's writes."""
    return status.state == "refused" and UNKNOWN_TO_BOX.search(status.reason) is not None


def drift_of(device: Device, *, sha256: str = "") -> str:
    """Why no waiting brings the box to the wanted configuration; "" when it will come, or is there.

    `content`: it runs the wanted number with other content than the newest version's (sha256; "" asks nothing of that).
    `version`: a number of this epoch that was never issued. `epoch`: a later epoch, over which it takes nothing of this
    one. `unissued`: something, while nothing has been issued for it here.
    """
    status: DeviceStatus | None = getattr(device, "status", None)
    if status is None or not status.applied:
        return ""
    if status.epoch == device.epoch:
        other = bool(sha256 and status.sha256) and status.sha256 != sha256
        same = "content" if status.applied == device.last_version and other else ""
        return "version" if status.applied > device.last_version else same
    if status.epoch > device.epoch:  # UUIDv7: text order is the order of making
        return "epoch"
    return "" if device.last_version else "unissued"
