"""What a person reads of a task."""

from __future__ import annotations

from django.utils.translation import gettext, gettext_noop

REASONS = {
    "requested": gettext_noop("stopped"),
    "max_duration": gettext_noop("the longest time was over"),
    "camera_removed": gettext_noop("the camera left the configuration"),
    "camera_disabled": gettext_noop("the camera was disabled"),
}


def reason_text(reason: str) -> str:
    """Why a task stopped; a word that this hub does not know as it is."""
    return gettext(REASONS[reason]) if reason in REASONS else reason
