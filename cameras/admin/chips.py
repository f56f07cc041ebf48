"""State chips: shape, word and colour together (LOOK.md)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cameras.admin.sentences import noted_text
from cameras.models import Camera, Device, DeviceStatus, Site
from cameras.services import latest_version
from cameras.states import camera_state, drift_of, runs_older_release, sync_state
from edgesite.metrics import number
from edgesite.told import told

SHAPES = {"good": "●", "busy": "◐", "warn": "▲", "bad": "▲", "off": "○"}


def chip(kind: str, text: str, *, title: str = "") -> SafeString:
    """kind: good, busy, warn, bad or off. title: what it tells when pointed at."""
    title = format_html(' title="{}"', title) if title else ""
    return format_html(
        '<span class="chip chip-{}"{}><span aria-hidden="true">{}</span> {}</span>', kind, title, SHAPES[kind], text
    )


def ago(moment: datetime) -> str:
    """`12 minutes ago`; what is younger than a minute was just now."""
    now = timezone.now()
    fresh = now - moment < timedelta(minutes=1)
    return _("just now") if fresh else _("%(time)s ago") % {"time": timesince(moment, now)}


def sync_chip(device: Device) -> SafeString:
    """Desired against reported: in sync, pending, refused, reverted, drifted, offline.

    A device that does not come from `with_newest_version` costs a query.
    """
    kind, text, title = _sync(device)
    return chip(kind, text, title=title)


def sync_chip_text(device: Device) -> tuple[str, str]:
    """The same as its kind and its words."""
    return _sync(device)[:2]


def _sync(device: Device) -> tuple[str, str, str]:
    """kind, text and title of the chip."""
    state, sha256 = sync_state(device, sha256=_newest_sha256(device)), _newest_sha256(device)
    if state == "not_published":
        return "bad", _("not published: %(problem)s") % {"problem": noted_text(device)}, ""
    if state == "redis_ahead":
        return "bad", _("Redis holds a newer configuration than this hub; begin a new epoch"), ""
    status: DeviceStatus | None = getattr(device, "status", None)
    if status is None or status.reported_at is None:
        return "off", _("never reported"), ""
    if state == "offline":
        return _offline(status.reported_at, device.site)
    if state == "drifted":
        return "bad", _drift_text(drift_of(device, sha256=sha256), status), ""
    return _reported(state, device, status)


def _newest_sha256(device: Device) -> str:
    if not hasattr(device, "newest_sha256"):
        newest = latest_version(device)
        device.newest_sha256 = newest.sha256 if newest else None  # type: ignore[attr-defined]  # as the annotation is
    return device.newest_sha256 or ""  # type: ignore[attr-defined]


def _reported(state: str, device: Device, status: DeviceStatus) -> tuple[str, str, str]:
    if state == "refused" and runs_older_release(status):
        return "bad", _("refused: the box runs an older release than this hub; update the box"), status.reason
    if state in ("refused", "reverted"):
        word = _("refused") if state == "refused" else _("reverted")
        return "bad", f"{word}: {status.reason}", ""
    if state == "in_sync":
        return "good", _("in sync"), ""
    if not device.last_version:
        return "off", _("nothing published yet"), ""
    numbers = {"applied": status.applied, "wanted": device.last_version}
    return "busy", _("pending %(applied)s → %(wanted)s") % numbers, ""


def _drift_text(why: str, status: DeviceStatus) -> str:
    """What the box runs instead, and what to do: it does not settle by waiting."""
    texts = {
        "content": _("drifted: runs other content as version %(version)s than this hub issued; begin a new epoch"),
        "version": _("drifted: runs version %(version)s, which this hub never issued; begin a new epoch"),
        "epoch": _("drifted: runs version %(version)s of a later epoch than this hub's; begin a new epoch"),
        "unissued": _("drifted: runs version %(version)s of somebody else, and nothing is published here; publish"),
    }
    return texts[why] % {"version": status.applied}


def _offline(since: datetime, site: Site) -> tuple[str, str, str]:
    """Since when, in the site's time: the hour alone for today, with the day for longer ago."""
    zone = ZoneInfo(site.time_zone)
    then, now = since.astimezone(zone), timezone.now()
    text = date_format(then, "H:i" if then.date() == now.astimezone(zone).date() else "Y-m-d H:i")
    age = _("%(time)s ago") % {"time": timesince(since, now)}
    title = f"{date_format(then, 'DATETIME_FORMAT')} {site.time_zone} ({age})"
    return "off", _("offline since %(time)s") % {"time": text}, title


def last_picture(camera: Camera) -> SafeString | str:
    """How old the newest picture is that the camera's box had from it, its moment in the site's time when pointed at."""
    seconds = number(camera_state(camera).last_frame_at)
    if seconds is None:
        return "–"
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
        there = moment.astimezone(ZoneInfo(camera.device.site.time_zone))
    except (OverflowError, ValueError, OSError):  # a number that is no moment
        return "–"
    title = f"{date_format(there, 'DATETIME_FORMAT')} {camera.device.site.time_zone}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', moment.isoformat(timespec="seconds"), title, ago(moment)
    )


def site_chip(*, cameras_down: int, out_of_sync: int, devices: int) -> SafeString:
    """What is wrong at a site, in numbers. devices: how many there are at all."""
    texts = [
        ngettext("%(count)s camera down", "%(count)s cameras down", cameras_down) % {"count": cameras_down},
        ngettext("%(count)s device out of sync", "%(count)s devices out of sync", out_of_sync) % {"count": out_of_sync},
    ]
    wrong = [text for text, count in zip(texts, (cameras_down, out_of_sync), strict=True) if count]
    if wrong:
        return chip("warn", ", ".join(wrong))
    return chip("good", _("nothing is wrong")) if devices else chip("off", _("no device yet"))


CAMERA_KINDS = {"live": "good", "connecting": "busy", "lost": "bad", "unknown": "warn"}


def camera_chip(camera: Camera) -> SafeString:
    """What the camera is doing, since when and why."""
    return chip(CAMERA_KINDS.get(camera_state(camera).word, "off"), camera_text(camera))


def camera_text(camera: Camera) -> str:
    """What the camera is doing and why, in words."""
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
    return f"{text}: {told(state.reason)}" if state.reason else text
