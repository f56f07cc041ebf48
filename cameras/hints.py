"""The hint stream as a device reads it. A hint only says that something may be new: the document itself is read whole."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from edgesite import redis_keys
from edgesite.redis_clients import Client, entry_place, get_texts, last_entry, read_streams

WAIT_MS = 500
BATCH = 1000


@dataclass(slots=True)
class HintReader:
    """Follows `device_config_stream` for one device.

    mirror: writes keys to the local Redis, as far as it is there. rollback: told the entry and the number of a foreign
    ROLLBACK hint for this device.
    """

    device_id: str
    cloud: Client
    local: Client
    mirror: Callable[[dict[str, str]], None]
    rollback: Callable[[str, str], None]
    _position: str = ""
    _last_seen: str = field(default="")

    @property
    def connected(self) -> bool:
        """Whether a position in the stream is known. False after `lost` and before the first `catch_up`."""
        return bool(self._position)

    def lost(self) -> None:
        """The connection broke: the stream may be another one when it is back."""
        self._position = ""

    def catch_up(self) -> None:
        """Takes a position from which no later hint is missed; the document is read after it. Raises RedisError.

        Goes on where it stopped if the stream still reaches there (a foreign ROLLBACK may have come meanwhile), else at the
        stream's end: a position ahead of the server would starve. Called again with every poll, because a stream may be
        deleted without the connection breaking.
        """
        end = last_entry(self.cloud, redis_keys.HINT_STREAM)
        last = self._last_seen or self._mirrored()
        self._position = self._last_seen = last if last and entry_place(last) <= entry_place(end) else end

    def wait(self, *, wait_ms: int = WAIT_MS) -> bool:
        """Waits up to that long for hints; whether one was for this device (or for all). Raises RedisError.

        What `rollback` raises leaves the position before that hint: it is read again.
        """
        stream = redis_keys.HINT_STREAM
        entries = read_streams(self.cloud, {stream: self._position}, count=BATCH, block_ms=wait_ms).get(stream, [])
        hinted = False
        for entry_id, fields in entries:
            if fields.get("device_id", "") in ("", self.device_id):
                hinted = True
                if fields.get("action") == "ROLLBACK":
                    self.rollback(entry_id, fields.get("version", ""))
            self._position = self._last_seen = entry_id
        if entries:
            self.mirror({redis_keys.LOCAL_STREAM_LAST_ID: self._position})
        return hinted

    def _mirrored(self) -> str:
        with contextlib.suppress(RedisError):
            [position] = get_texts(self.local, [redis_keys.LOCAL_STREAM_LAST_ID])
            return position or ""
        return ""
