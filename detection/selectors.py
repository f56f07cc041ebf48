"""Reads of alerts and of what cameras are doing, limited to what the person may see."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from cameras.models import Camera
from cameras.selectors import sites_are_limited, visible_cameras, visible_devices
from cameras.states import camera_state
from detection.models import Alert, AlertState
from edgesite import redis_keys
from edgesite.core.cursor import decode_number, encode_place
from edgesite.redis_clients import Client, get_texts
from recordings.alert_clips.selectors import alerts_of_clip
from recordings.core.names import capture_of, full_id
from recordings.evidence.models import Evidence

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def visible_alerts(user: User | AnonymousUser) -> QuerySet[Alert]:
    """Alerts of the devices that the person may see, if the role may see alerts at all; newest first."""
    if not user.is_authenticated or not user.has_perm("detection.view_alert"):
        return Alert.objects.none()
    alerts = Alert.objects.order_by("-id")
    return alerts.filter(device__in=visible_devices(user)) if sites_are_limited(user) else alerts


def encode_cursor(alert: Alert) -> str:
    """An opaque place in the list of alerts."""
    return encode_place("a", str(alert.pk))


def decode_cursor(cursor: str) -> int:
    """The alert's number. Raises ValueError for anything that `encode_cursor` did not make."""
    return decode_number("a", cursor)


def capture_url(alert: Alert) -> str | None:
    """Where the picture can be fetched, root-relative; None until it is stored."""
    return f"/api/media/{quote(alert.capture)}" if alert.capture and alert.capture_ready else None


LONGEST_LATER_S = 60.0  # a box whose clock jumped in between, or that was taken over, may tell any moment


@dataclass(frozen=True, slots=True)
class FullPicture:
    """The second picture of an alert. url: root-relative. taken_at: its own moment; None of older boxes."""

    url: str
    taken_at: datetime | None

    def later_s(self, alert: Alert) -> float | None:
        """Seconds after the analysed picture; None when that is not known."""
        later = (self.taken_at - alert.timestamp).total_seconds() if self.taken_at else -1.0
        return later if 0 <= later <= LONGEST_LATER_S else None


def full_pictures(alerts: Iterable[Alert]) -> dict[str, FullPicture]:
    """By event ID the full pictures that can be fetched; an alert whose first picture is still on its way has none yet.

    One query, none where no alert can have one.
    """
    wanted = {full_id(a.event_id): a for a in alerts if a.capture and (a.capture_ready or a.capture_problem)}
    if not wanted:
        return {}
    stored = Evidence.objects.filter(event_id__in=wanted, lost=False, removed_at=None).order_by("pk")
    return {
        wanted[event_id].event_id: FullPicture(f"/api/media/{quote(key)}", taken_at)
        for event_id, device_id, key, taken_at in stored.values_list("event_id", "device_id", "key", "taken_at")
        if device_id == wanted[event_id].device_id
    }


def may_see_capture(user: User | AnonymousUser, key: str) -> bool:
    """A capture is seen by those who see an alert that it belongs to."""
    return visible_alerts(user).filter(capture__in={key, capture_of(key)}).exists()


def may_see_clip(user: User | AnonymousUser, key: str) -> bool:
    """The clip of an alert is seen by those who see the alert."""
    return visible_alerts(user).filter(event_id__in=alerts_of_clip(key)).exists()


def open_alerts() -> QuerySet[Any, Any]:
    """Identifiers of the alerts that nobody has looked at."""
    return Alert.objects.filter(state=AlertState.OPEN).order_by().values("event_id")


def _seconds(at: datetime | None) -> float | None:
    return at.timestamp() if at else None


def alert_message(alert: Alert, *, camera_name: str = "", full: FullPicture | None = None) -> dict[str, Any]:
    """The alert as the API and the live page give it: the event's fields (DESIGN 5.5) and the hub's own."""
    return {
        "type": "event",
        "event_id": alert.event_id,
        "device_id": alert.device_id,
        "camera_id": alert.camera_id,
        "camera_name": camera_name or alert.camera_id,
        "roi_id": alert.roi_id,
        "roi_name": alert.roi_name or alert.roi_id,
        "bind_id": alert.bind_id,
        "algo_code": alert.algo_code,
        "phase": alert.phase,
        "severity": alert.severity,
        "timestamp": alert.timestamp.timestamp(),
        "data": alert.data,
        "ended_at": _seconds(alert.ended_at),
        "duration_s": alert.duration_s,
        "end_data": alert.end_data,
        "capture": alert.capture or None,
        "capture_url": capture_url(alert),
        "capture_problem": alert.capture_problem,
        "full_capture_url": full.url if full else None,
        "full_capture_at": _seconds(full.taken_at) if full else None,
        "state": alert.state,
        "acknowledged_by": alert.acknowledged_by,
        "acknowledged_at": _seconds(alert.acknowledged_at),
        "resolved_by": alert.resolved_by,
        "resolved_at": _seconds(alert.resolved_at),
        "assignee": alert.assignee,
        "verdict": alert.verdict,
        "verdict_reason": alert.verdict_reason,
        "escalated_at": _seconds(alert.escalated_at),
        "updates": alert.updates,
        "part_of": alert.part_of_id,
        "occurrences": alert.occurrences,
        "last_at": _seconds(alert.last_at),
        "whole_ended_at": _seconds(alert.whole_end),
        "whole_duration_s": alert.whole_duration_s,
        "received_at": alert.received_at.timestamp(),
        "cursor": encode_cursor(alert),
    }


def newest_stats(client: Client, camera_ids: list[str]) -> dict[str, dict[str, Any]]:
    """The newest statistics message of each camera that has one not older than 10 s. Raises RedisError."""
    values = get_texts(client, [redis_keys.hub_stats(c) for c in camera_ids])
    return {c: json.loads(v) for c, v in zip(camera_ids, values, strict=True) if v}


def camera_message(camera: Camera) -> dict[str, Any]:
    """The camera as the API and the live page give it."""
    state = camera_state(camera)
    now = datetime.now(UTC).timestamp()
    return {
        "camera_id": camera.pk,
        "name": str(camera),
        "location": camera.location,
        "device_id": camera.device_id,
        "device_name": str(camera.device),
        "site": camera.device.site.name,
        "time_zone": camera.device.site.time_zone,
        "enabled": camera.enabled,
        "analyse": camera.analyse,
        "state": state.word,
        "reason": state.reason,
        "since": state.since,
        "last_frame_at": state.last_frame_at,
        "last_frame_age_s": None if state.last_frame_at is None else round(max(0.0, now - state.last_frame_at), 3),
    }


def cameras_for(user: User | AnonymousUser) -> list[dict[str, Any]]:
    """Every camera that the person may see."""
    return [camera_message(c) for c in visible_cameras(user).order_by("device__site__name", "name", "camera_id")]
