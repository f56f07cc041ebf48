"""From the hub to the browsers' sockets: hints and newest numbers over the channel layer's group `live`."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import structlog
from channels.layers import get_channel_layer

log = structlog.get_logger(__name__)

GROUP = "live"
SEND_SECONDS = 3.0


class LivePusher:
    """Sends group messages from threads. One event loop of its own keeps one connection to the channel layer.

    A message that cannot be sent is dropped: every one is a hint or is soon replaced, and a socket that missed some reads
    the database when the next one comes.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="live-pusher", daemon=True)
        self._thread.start()
        self._failing = False

    def _send(self, message: dict[str, Any]) -> None:
        layer = get_channel_layer()
        if layer is None:
            return
        future: Future[None] = asyncio.run_coroutine_threadsafe(layer.group_send(GROUP, message), self._loop)
        try:
            future.result(SEND_SECONDS)
        except Exception as error:  # whatever the layer's backend raises: the hint is dropped, the hub goes on
            future.cancel()
            if not self._failing:
                log.warning("live pages are not reached", reason=type(error).__name__)
            self._failing = True
        else:
            if self._failing:
                log.info("live pages are reached again")
            self._failing = False

    def alerts(self, *, newest: int, changed: list[str]) -> None:
        """Alerts up to the row `newest` are there; those with the event ids `changed` are new or different."""
        self._send({"type": "live.alerts", "newest": newest, "changed": changed[:200]})

    def stats(self, *, messages: list[dict[str, Any]], newest: int) -> None:
        self._send({"type": "live.stats", "stats": messages, "newest": newest})

    def cameras(self, camera_ids: list[str]) -> None:
        self._send({"type": "live.cameras", "camera_ids": camera_ids})

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(2)
