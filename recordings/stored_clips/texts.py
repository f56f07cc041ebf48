"""How long a clip is kept, in words."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from recordings.stored_clips.models import StoredClip


def kept_text(clip: StoredClip, *, zone: str, while_open: bool = False) -> str:
    """A sentence, "" for a clip that is not stored yet. zone: the site's. while_open: its alert is open."""
    if clip.removed_at is not None:
        return _("Its time was over on %(day)s: the file was removed.") % {"day": _day(clip.removed_at, zone)}
    if clip.stored_at is None:
        return ""
    if clip.protected:
        return _("Protected: kept until somebody lifts the protection.")
    until = clip.kept_until()
    if until is None:
        return _("Kept for good.")
    if while_open:
        return _("Kept until %(day)s, and as long as the alert is open.") % {"day": _day(until, zone)}
    return _("Kept until %(day)s.") % {"day": _day(until, zone)}


def _day(at: datetime, zone: str) -> str:
    return date_format(at.astimezone(ZoneInfo(zone)), "DATE_FORMAT")
