"""When a camera's scheduled snapshots are due. Pure.

Slots follow the Unix clock: every so many minutes from its beginning, so that no change of summer time skips or doubles one.
Each camera takes its turn some seconds into a slot, always the same, so that many cameras do not all fire at once.
"""

from __future__ import annotations

import hashlib
import math
import uuid

SPREAD_S = 60  # the shortest slot
LATEST_S = 30.0  # a picture may be that late; later its slot was missed
_NAMES = uuid.UUID("5f6e1f0a-3d0c-5c1b-9a55-6f1f2c7a4e10")  # of our own, for RFC 9562 version 5


def turn_of(camera_id: str) -> int:
    """Seconds into a slot at which the camera takes its turn, 0 to 59."""
    return int.from_bytes(hashlib.sha256(camera_id.encode()).digest()[:4]) % SPREAD_S


def next_due(now: float, *, minutes: int, camera_id: str) -> float:
    """The first turn of the camera after `now`. Unix seconds, whole ones."""
    period, turn = minutes * 60, turn_of(camera_id)
    return float((math.floor((now - turn) / period) + 1) * period + turn)


def slot_of(due: float, *, minutes: int) -> int:
    """When the slot began in which that turn lies. Unix seconds."""
    period = minutes * 60
    return math.floor(due / period) * period


def is_missed(due: float, now: float) -> bool:
    """Whether it is too late for the turn: nothing is made up, a picture of another time would only seem to be of its slot."""
    return now - due > LATEST_S


def slot_id(camera_id: str, slot: int) -> str:
    """The request_id of the camera's picture of that slot: whoever asks again asks for the same."""
    return str(uuid.uuid5(_NAMES, f"{slot} {camera_id}"))
