"""An alert's clip as its page shows it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from detection.alert_life.services import ACT
from detection.models import Alert, AlertState
from edgesite.told import told
from recordings.alert_clips.models import AlertClip
from recordings.alert_clips.selectors import clip_of_alert, clip_url
from recordings.stored_clips.services import protect
from recordings.stored_clips.texts import kept_text


def clip_of(alert: Alert, zone: str) -> dict[str, str | bool]:
    """url: where it plays, "" while it does not. span: from when to when it is. text: how it stands.

    kept: for how long. protected: whatever its age. Empty: there is none.
    """
    clip = clip_of_alert(alert.event_id)
    if clip is None:
        return {}
    url = clip_url(clip)
    return {
        "url": url, "span": _span(clip, zone), "text": "" if url else _text(clip), "protected": clip.protected,
        "kept": kept_text(clip, zone=zone, while_open=alert.state == AlertState.OPEN),
    }  # fmt: skip


def protect_clip(request: HttpRequest, alert: Alert) -> HttpResponse:
    """POST with `protected` = 1 or 0, by whoever may act on alerts; back to the alert's page."""
    if not request.user.has_perm(ACT):
        raise PermissionDenied
    clip, wanted = clip_of_alert(alert.event_id), request.POST.get("protected") == "1"
    if clip is not None and protect(clip, author=request.user.get_username(), protected=wanted):
        text = _("It is kept until somebody lifts the protection.") if wanted else _("It is no longer protected.")
        messages.success(request, text)
    return HttpResponseRedirect(reverse("admin:detection_alert_change", args=[alert.pk]))


def _span(clip: AlertClip, zone: str) -> str:
    if clip.started_at is None or clip.stopped_at is None:
        return ""
    start, end = (at.astimezone(ZoneInfo(zone)) for at in (clip.started_at, clip.stopped_at))
    return f"{start:%H:%M:%S}–{end:%H:%M:%S}"


def _text(clip: AlertClip) -> str:
    if clip.removed_at is not None:
        return ""  # `kept` says so
    if clip.state == "recording":
        return _("Being recorded.")
    if clip.state == "failed":
        return told(clip.error)
    return told(clip.error) or _("Being made and stored.")
