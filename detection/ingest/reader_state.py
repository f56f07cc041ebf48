"""How a camera's reader is, and what it has counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CameraState:
    """How a camera is.

    word: ``connecting`` until the first picture or failure, then ``live`` or ``lost``. since: Unix seconds at which
    the word became true. reason: why it is lost, for people; else empty. last_frame_at: Unix seconds of the newest
    picture, None before the first: the newest decoded one, or asleep the newest that came and was kept.
    """

    word: Literal["connecting", "live", "lost"]
    since: float
    reason: str = ""
    last_frame_at: float | None = None


@dataclass(frozen=True, slots=True)
class ReaderCounters:
    """What happened since the start; none of these ever falls.

    decoded: pictures decoded. skipped: of those, not offered because of `max_fps` or, in a file, because they were
    late or, of a sleeping camera, because nothing had changed in them. dropped: offered, but a newer one came before
    anybody took them. taken: handed out by `take`. reconnects: times the camera came back. errors: failed connections
    and packets that could not be decoded. wakes: times it woke. missed: packets kept for waking and given up. shed: packets not
    decoded because the machine has too much to do.
    """

    decoded: int = 0
    dropped: int = 0
    taken: int = 0
    skipped: int = 0
    reconnects: int = 0
    errors: int = 0
    wakes: int = 0
    missed: int = 0
    shed: int = 0
