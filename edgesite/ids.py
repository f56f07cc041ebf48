"""Identifiers that people and machines share."""

from __future__ import annotations

import secrets

import uuid_utils.compat

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # without look-alikes


def uuid7() -> str:
    """A new UUIDv7 as text: its order is the order of making (RFC 9562)."""
    return str(uuid_utils.compat.uuid7())


def short_id(prefix: str) -> str:
    """A readable random identifier such as `roi-7k3mw9pq` (39 bits of chance)."""
    return f"{prefix}-{''.join(secrets.choice(ALPHABET) for _ in range(8))}"
