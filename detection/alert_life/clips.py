"""An alert's clip as its page shows it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from detection.models import Alert
from edgesite.told import told
from recordings.alert_clips.models import AlertClip
from recordings.alert_clips.selectors import clip_of_alert, clip_url


def clip_of(alert: Alert, zone: str) -> dict[str, str]:
    """url: where it plays, "" while it does not. span: from when to when it is. text: how it stands. Empty: there is none."""
    clip = clip_of_alert(alert.event_id)
    if clip is None:
        return {}
    url = clip_url(clip)
    return {"url": url, "span": _span(clip, zone), "text": "" if url else _text(clip)}


def _span(clip: AlertClip, zone: str) -> str:
    if clip.started_at is None or clip.stopped_at is None:
        return ""
    start, end = (at.astimezone(ZoneInfo(zone)) for at in (clip.started_at, clip.stopped_at))
    return f"{start:%H:%M:%S}–{end:%H:%M:%S}"


def _text(clip: AlertClip) -> str:
    if clip.state == "recording":
        return _("Being recorded.")
    if clip.state == "failed":
        return told(clip.error)
    return told(clip.error) or _("Being made and stored.")
