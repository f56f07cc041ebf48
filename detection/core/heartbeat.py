"""When a sleeping camera shows a picture all the same. No clock is read here: moments come in as arguments."""

from __future__ import annotations

HEARTBEAT_S = 3.0  # never longer than this between two pictures, if packets come ...
CLEAR_HEARTBEAT_S = (
    4.5  # ... or than this where the packets' sizes tell what moves: every second key frame of the usual 2 s
)
MARGIN_S = 0.17  # so that a packet is picked a little before


class Heartbeat:
    """Picks the packets at which a sleeping camera is looked at: key frames, because they cost least.

    A key frame is left out when the next one still comes in time; where key frames are rarer than `within`, any
    packet is picked, and everything up to it must be decoded.
    """

    def __init__(self) -> None:
        self._last = float("-inf")
        self._key_at: float | None = None
        self._group_s = float("inf")

    def seen(self, now: float) -> None:
        """A picture was shown."""
        self._last = now

    def key(self, now: float) -> None:
        """A key frame came, wanted or not; tells how far apart they are."""
        if self._key_at is not None:
            self._group_s = now - self._key_at
        self._key_at = now

    def due(self, now: float, *, key: bool, within: float = HEARTBEAT_S) -> bool:
        """Whether the packet of that moment must be looked at, at most `within` seconds after the last. Call `key` before
        for a key frame.
        """
        since = now - self._last
        return since + MARGIN_S + (self._group_s if key else 0.0) > within
