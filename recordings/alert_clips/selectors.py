"""Reads of alerts' clips. Whether the person may see the alert is the caller's to ask (`detection.selectors`)."""

from __future__ import annotations

from urllib.parse import quote

from cameras.models import Device
from recordings.alert_clips.models import AlertClip
from recordings.core.names import clip_folder

FOLDER = "events"  # of the storage
STORED = ("uploaded", "completed")


def clip_of_alert(alert_id: str) -> AlertClip | None:
    return AlertClip.objects.filter(alert_id=alert_id).first()


def alerts_of_clip(key: str) -> list[str]:
    """The event ids of the alert whose stored clip has this key."""
    return list(
        AlertClip.objects.filter(object_name=key, state__in=STORED, removed_at=None).values_list("alert_id", flat=True)
    )


def clip_url(clip: AlertClip) -> str:
    """Where it can be fetched, root-relative; "" while it cannot."""
    there = clip.state in STORED and clip.removed_at is None
    return f"/api/media/{quote(clip.object_name)}" if there and clip.object_name else ""


def may_store_clip(device: Device, key: str) -> bool:
    """A box stores the clips of its own alerts, under the keys that it told, each in its camera's folder."""
    clips = AlertClip.objects.filter(device_id=device.pk, object_name=key)
    return any(key.startswith(f"{clip_folder(c, event=True)}/") for c in clips.values_list("camera_id", flat=True))
