"""Live numbers from the devices to the browsers: checked, kept for 10 s, passed on at a bounded rate, newest wins."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import structlog
from redis.client import PubSub

from cameras.models import Camera
from detection.hub.push import LivePusher
from detection.hub.relay import DeviceRelay
from detection.models import Alert
from edgesite import redis_keys
from edgesite.redis_clients import Client

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 0.5
KEPT_SECONDS = 10
KNOWN_SECONDS = 5.0
LARGEST = 16 * 1024
LATEST = 253_402_300_800  # the year 10000, in Unix seconds


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def parse_stats(text: str) -> dict[str, Any] | None:
    """A statistics message of DESIGN 5.5, or None when it is not one."""
    if len(text) > LARGEST:
        return None
    try:
        message = json.loads(text, parse_constant=_no_constant)
        json.dumps(message, allow_nan=False)  # 1e999 reads as a number that no JSON can hold
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("type") != "stats":
        return None
    at = message.get("timestamp")
    if not isinstance(at, int | float) or isinstance(at, bool) or not abs(at) < LATEST:
        return None
    if not isinstance(message.get("camera_id"), str) or not isinstance(message.get("data"), dict):
        return None
    return {"type": "stats", "camera_id": message["camera_id"], "timestamp": at, "data": message["data"]}


class StatsRelay:
    """One thread calls `step`. cloud: the devices' Redis; own: the hub's.

    What provisioned devices publish on their own channels goes to the plain ones and is taken from there like any other.
    """

    def __init__(
        self,
        *,
        cloud: Client,
        own: Client,
        pusher: LivePusher,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cloud = cloud
        self.own = own
        self.pusher = pusher
        self.clock = clock
        self.monotonic = monotonic
        self._subscription: PubSub | None = None
        self._newest: dict[str, dict[str, Any]] = {}
        self._flush_at = 0.0
        self._owners: dict[str, str] = {}
        self._known_until = 0.0
        self._devices = DeviceRelay(cloud, parse_stats=parse_stats, owner=self._owner)

    def step(self) -> bool:
        """Takes one message, if there is one, and passes on what has gathered. Raises RedisError."""
        try:
            if self._subscription is None:
                self._subscription = self.cloud.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
                self._subscription.subscribe(redis_keys.STATS_CHANNEL)
                self._subscription.psubscribe(*redis_keys.DEVICE_CHANNELS)
            message = self._subscription.get_message(timeout=0.1)
        except Exception:
            self._subscription = None
            raise
        if message is not None:
            self._take(message)
        if self.monotonic() >= self._flush_at:
            self._flush()
        return True

    def _take(self, message: dict[str, Any]) -> None:
        text = str(message["data"])
        if message["type"] == "pmessage":
            self._devices.take(str(message["channel"]), text)
            return
        stats = parse_stats(text)
        if stats is not None and self._owner(stats["camera_id"]) is not None:
            self._newest[stats["camera_id"]] = stats

    def _owner(self, camera_id: str) -> str | None:
        """The device of a camera; None for a camera that nobody entered."""
        if self.monotonic() >= self._known_until:
            self._owners = dict(Camera.objects.values_list("pk", "device_id"))
            self._known_until = self.monotonic() + KNOWN_SECONDS
        return self._owners.get(camera_id)

    def _flush(self) -> None:
        self._flush_at = self.monotonic() + FLUSH_SECONDS
        self._devices.flush(self.monotonic())
        gathered, self._newest = self._newest, {}
        with self.own.pipeline(transaction=False) as pipe:
            for camera_id, stats in gathered.items():
                # The age counts from the device's time stamp, as far as its clock can be believed.
                left = KEPT_SECONDS - max(0.0, self.clock() - stats["timestamp"])
                if left > 0:
                    pipe.set(redis_keys.hub_stats(camera_id), json.dumps(stats), px=max(1, int(left * 1000)))
            pipe.set(redis_keys.HUB_HEARTBEAT, str(self.clock()), ex=15)
            pipe.execute()
        newest = Alert.objects.order_by("-id").values_list("id", flat=True).first() or 0
        self.pusher.stats(messages=list(gathered.values()), newest=newest)
