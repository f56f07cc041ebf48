"""Messages that a box sends in English, for a reader."""

from __future__ import annotations

from django.utils.translation import gettext


def told(message: str) -> str:
    """The message in the reader's language, part by part between colons as far as they have a translation: its sentence,
    the reason after it, and what that is about."""
    whole = gettext(message) if message else ""
    head, colon, rest = message.partition(": ")
    if whole != message or not colon:
        return whole
    return f"{gettext(head) if head else ''}{colon}{told(rest)}"
