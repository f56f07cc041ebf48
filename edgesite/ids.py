"""Identifiers that people and machines share."""

from __future__ import annotations

import secrets
import uuid

import uuid_utils.compat

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # without look-alikes


def uuid7() -> str:
    """A new UUIDv7 as text: its order is the order of making (RFC 9562)."""
    return str(uuid_utils.compat.uuid7())


def uuid7_after(*others: str) -> str:
    """A new UUIDv7 that comes after these UUIDv7 too, even when they were made by a clock that is ahead of ours."""
    fresh = uuid.UUID(uuid7())
    newest = max((uuid.UUID(other) for other in others if other), default=fresh)
    if fresh > newest:
        return str(fresh)
    random = fresh.int & ((1 << 80) - 1)  # all but the 48 bits of milliseconds
    return str(uuid.UUID(int=((newest.int >> 80) + 1 << 80) | random))


def short_id(prefix: str) -> str:
    """A readable random identifier such as `roi-7k3mw9pq` (39 bits of chance)."""
    return f"{prefix}-{''.join(secrets.choice(ALPHABET) for _ in range(8))}"
