"""Opaque cursors of lists: a place, of a kind, as URL-safe text."""

from __future__ import annotations

import base64
import binascii

LONGEST_NUMBER = 19  # digits of the largest number that a database holds


def encode_place(kind: str, place: str) -> str:
    """kind: one letter that says which list the cursor belongs to."""
    return base64.urlsafe_b64encode(f"{kind}{place}".encode()).decode().rstrip("=")


def decode_place(kind: str, cursor: str) -> str:
    """The place. Raises ValueError for anything that `encode_place` did not make for a list of this kind."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, UnicodeError, ValueError):
        raise ValueError("not a cursor") from None
    if not text.startswith(kind) or encode_place(kind, text.removeprefix(kind)) != cursor:
        raise ValueError("not a cursor")
    return text.removeprefix(kind)


def decode_number(kind: str, cursor: str) -> int:
    """The place when it is a row's or a version's number. Raises ValueError as `decode_place`."""
    place = decode_place(kind, cursor)
    if not (place.isascii() and place.isdecimal()) or len(place) > LONGEST_NUMBER or str(int(place)) != place:
        raise ValueError("not a cursor")
    return int(place)
