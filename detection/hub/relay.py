"""From the channels of provisioned devices to the plain ones that everybody listens to (DESIGN 5.3).

The channel says who speaks: Redis lets a confined device publish on its own two only. The plain channels do not match the
patterns that the hub subscribes to, so that it never relays what it relayed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import structlog

from detection.core.events import LARGEST_BODY, EventError, parse_event
from edgesite import redis_keys
from edgesite.redis_clients import Client

log = structlog.get_logger(__name__)

EVENTS_AT_ONCE = 500  # of one device between two flushes
TELL_SECONDS = 60.0


class DeviceRelay:
    """One thread calls `take` and `flush`. Statistics go on at the flush, newest wins per camera; events at once.

    parse_stats: the message, or None when it is none. owner: the device that a camera belongs to. What is not the
    device's own, no message, or too much is dropped, counted, and said in at most one log line a minute.
    """

    def __init__(
        self,
        client: Client,
        *,
        parse_stats: Callable[[str], dict[str, Any] | None],
        owner: Callable[[str], str | None],
    ) -> None:
        self.client = client
        self.parse_stats = parse_stats
        self.owner = owner
        self.dropped = 0
        self._newest: dict[str, dict[str, Any]] = {}
        self._events: dict[str, int] = {}
        self._told_at: float | None = None
        self._told = 0

    def take(self, channel: str, text: str) -> None:
        """One message of a device's own channel. Raises RedisError."""
        plain, _, device_id = channel.rpartition(":")
        if plain == redis_keys.STATS_CHANNEL:
            taken = self._stats(device_id, text)
        else:
            taken = plain == redis_keys.EVENTS_CHANNEL and self._event(device_id, text)
        self.dropped += not taken

    def _stats(self, device_id: str, text: str) -> bool:
        stats = self.parse_stats(text)
        if stats is None or self.owner(stats["camera_id"]) != device_id:
            return False
        self._newest[stats["camera_id"]] = stats
        return True

    def _event(self, device_id: str, text: str) -> bool:
        if self._events.get(device_id, 0) >= EVENTS_AT_ONCE:
            return False
        event = _alert(text, device_id)
        if event is None or self.owner(event["camera_id"]) != device_id:
            return False
        self._events[device_id] = self._events.get(device_id, 0) + 1
        self.client.publish(redis_keys.EVENTS_CHANNEL, json.dumps(event, ensure_ascii=False))
        return True

    def flush(self, now: float) -> None:
        """Sends the statistics that gathered; now: monotonic seconds. Raises RedisError."""
        gathered, self._newest = self._newest, {}
        self._events.clear()
        if gathered:
            with self.client.pipeline(transaction=False) as pipe:
                for stats in gathered.values():
                    pipe.publish(redis_keys.STATS_CHANNEL, json.dumps(stats))
                pipe.execute()
        if self.dropped > self._told and (self._told_at is None or now - self._told_at >= TELL_SECONDS):
            log.warning("messages on devices' channels dropped", messages=self.dropped - self._told)
            self._told_at, self._told = now, self.dropped


def _alert(text: str, device_id: str) -> dict[str, Any] | None:
    """The alert that the device itself raised, in the form in which the hub stores it, or None.

    Read and written anew: of a key that stands there twice only the checked one remains.
    """
    if len(text) > LARGEST_BODY:
        return None
    try:
        given = json.loads(text)
        fields = {"kind": "alert", "event_id": given["event_id"], "body": text}
        return parse_event(fields, device_id=device_id).model_dump(mode="json")
    except (EventError, ValueError, TypeError, KeyError, RecursionError):
        return None
