"""State chips: shape, word and colour together (LOOK.md)."""

from __future__ import annotations

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from cameras.models import Camera, Device, DeviceStatus
from cameras.states import OFFLINE_AFTER_SECONDS, camera_state

SHAPES = {"good": "●", "busy": "◐", "warn": "▲", "bad": "▲", "off": "○"}


def chip(kind: str, text: str) -> SafeString:
    """kind: good, busy, warn, bad or off."""
    return format_html(
        '<span class="chip chip-{}"><span aria-hidden="true">{}</span> {}</span>', kind, SHAPES[kind], text
    )


def sync_chip(device: Device) -> SafeString:
    """Desired against reported: in sync, pending, refused, reverted, offline."""
    if device.publish_error:
        return chip("bad", _("not published: %(problem)s") % {"problem": device.publish_error})
    if device.redis_ahead:
        return chip("bad", _("Redis holds a newer configuration than this hub; begin a new epoch"))
    status: DeviceStatus | None = getattr(device, "status", None)
    if status is None or status.reported_at is None:
        return chip("off", _("never reported"))
    if (timezone.now() - status.reported_at).total_seconds() > OFFLINE_AFTER_SECONDS:
        return chip("off", _("offline for %(time)s") % {"time": timesince(status.reported_at)})
    return _reported_chip(device, status)


def _reported_chip(device: Device, status: DeviceStatus) -> SafeString:
    if status.state in ("refused", "reverted") and status.observed >= device.last_version:
        word = _("refused") if status.state == "refused" else _("reverted")
        return chip("bad", f"{word}: {status.reason}")
    if status.epoch == device.epoch and status.applied == device.last_version:
        return chip("good", _("in sync"))
    numbers = {"applied": status.applied, "wanted": device.last_version}
    return chip("busy", _("pending %(applied)s → %(wanted)s") % numbers)


CAMERA_KINDS = {"live": "good", "connecting": "busy", "lost": "bad", "unknown": "warn"}


def camera_chip(camera: Camera) -> SafeString:
    """What the camera is doing, since when and why."""
    state = camera_state(camera)
    words = {
        "live": _("live"),
        "connecting": _("connecting"),
        "lost": _("lost"),
        "disabled": _("disabled"),
        "off": _("not analysed"),
        "offline": _("box offline"),
        "unknown": _("unknown"),
    }
    text = words.get(state.word, state.word)
    if state.reason:
        text = f"{text}: {state.reason}"
    return chip(CAMERA_KINDS.get(state.word, "off"), text)
