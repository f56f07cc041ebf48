"""Live numbers and stills from the box: fire-and-forget, never in the way of detection."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import structlog

from detection.analyser import Analyser, CameraSlot
from detection.core.statistics import STALE_S, with_rules
from edgesite import redis_keys
from edgesite.redis_clients import Client

log = structlog.get_logger(__name__)

STATS_SECONDS = 1.0
STILL_SECONDS = 2.0
STILL_WIDTH, STILL_HEIGHT, STILL_QUALITY = 960, 540, 80
STILL_KEPT_SECONDS = 7 * 24 * 3600  # a dead camera keeps its last picture that long


class Broadcast:
    """One thread calls `step`: statistics of every camera once a second, a still every two."""

    def __init__(
        self,
        *,
        device_id: str,
        client: Client,
        analyser: Analyser,
        stats_channel: str = redis_keys.STATS_CHANNEL,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.device_id = device_id
        self.client = client
        self.analyser = analyser
        self.stats_channel = stats_channel
        self.clock = clock
        self.monotonic = monotonic
        self._due = 0.0
        self._still_due: dict[str, float] = {}
        self._still_of: dict[str, float] = {}

    def step(self) -> bool:
        """Publishes when a second has passed. Raises RedisError; what could not be sent is not sent later."""
        now = self.monotonic()
        if now < self._due:
            return False
        self._due = max(self._due + STATS_SECONDS, now)
        slots = dict(self.analyser.slots)
        with self.client.pipeline(transaction=False) as pipe:
            for camera_id, slot in slots.items():
                pipe.publish(self.stats_channel, self._message(camera_id, slot, now))
            pipe.execute()
        for camera_id, slot in slots.items():
            self._still(camera_id, slot, now)
        return True

    def _message(self, camera_id: str, slot: CameraSlot, now: float) -> str:
        counters = slot.reader.counters()
        slot.stats.reader(now, decoded=counters.decoded, dropped=counters.dropped)
        told = slot.pipeline.told
        # How far a rule was says nothing any more when no picture has come since.
        fresh = slot.newest is not None and self.clock() - slot.newest.timestamp <= STALE_S
        message = {
            "type": "stats",
            "camera_id": camera_id,
            "timestamp": round(self.clock(), 3),
            "data": with_rules(slot.stats.snapshot(now), told.numbers(fresh=fresh), told.bindings if fresh else {})
            | {"watch": slot.reader.watch, "wakes": counters.wakes, "missed": counters.missed, "shed": counters.shed}
            | {"view": (slot.view.trouble or "clear") if fresh else "unknown"}
            | ({"stream": slot.reader.streams.word} if slot.reader.streams.sub else {}),
        }
        return json.dumps(message)

    def _still(self, camera_id: str, slot: CameraSlot, now: float) -> None:
        frame = slot.newest
        if (
            frame is None
            or now < self._still_due.get(camera_id, 0.0)
            or self._still_of.get(camera_id) == frame.timestamp
        ):
            return
        self._still_due[camera_id] = now + STILL_SECONDS - 0.1
        self._still_of[camera_id] = frame.timestamp
        jpeg = frame.jpeg(quality=STILL_QUALITY, max_width=STILL_WIDTH, max_height=STILL_HEIGHT)
        key = redis_keys.still(self.device_id, camera_id)
        with self.client.pipeline(transaction=True) as pipe:
            pipe.hset(key, mapping={"jpeg": jpeg, "at": str(round(frame.timestamp, 3))})
            pipe.expire(key, STILL_KEPT_SECONDS)
            pipe.execute()
