"""Messages that a box sends in English, for a reader."""

from __future__ import annotations

from django.utils.translation import gettext


def told(message: str) -> str:
    """The message in the reader's language: its sentence, and the reason after the colon, as far as they have a translation."""
    head, colon, reason = message.partition(": ")
    return f"{gettext(head) if head else ''}{colon}{gettext(reason) if reason else ''}"
