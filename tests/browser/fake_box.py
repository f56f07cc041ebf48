"""What an edge box writes to the cloud Redis, without a box: the same keys and bodies (DESIGN 5.3 and 5.5)."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import redis

from edgesite import redis_keys
from edgesite.ids import uuid7
from recordings.core.names import full_id, full_key


def picture(colour: tuple[int, int, int], text: str = "", *, width: int = 640, height: int = 360) -> bytes:
    """A JPEG of one colour (BGR) with a text on it."""
    image = np.full((height, width, 3), colour, dtype=np.uint8)
    if text:
        cv2.putText(image, text, (16, height // 2), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (240, 240, 240), 2)
    return bytes(cv2.imencode(".jpg", image)[1])


class FakeBox:
    """media: the folder that the hub serves pictures from (a box that shares it with the hub)."""

    def __init__(self, url: str, device_id: str, media: Path) -> None:
        self.redis = redis.Redis.from_url(url)
        self.device_id = device_id
        self.media = media
        self.commands: list[str] = []  # that it can do

    def report(self, states: dict[str, str], **details: dict[str, Any]) -> None:
        """The device's report with each camera's state; details: `since`, `reason`, `last_frame_at` by camera."""
        now = time.time()
        seen = {c: {"since": now, "last_frame_at": now} | details.get(c, {}) for c in states}
        health = {"cameras": states, "camera_details": seen, "commands": self.commands}
        body = {
            "device_id": self.device_id, "epoch": "", "observed": 1, "applied": 1, "confirmed": 1, "sha256": "",
            "state": "applied", "reason": "", "attempt": 0, "at": datetime.now(UTC).isoformat(), "schemas": [1],
            "health": health,
        }  # fmt: skip
        self.redis.set(redis_keys.report(self.device_id), json.dumps(body))

    def still(self, camera_id: str, jpeg: bytes) -> None:
        self.redis.hset(redis_keys.still(self.device_id, camera_id), mapping={"jpeg": jpeg, "at": str(time.time())})

    def stats(self, camera_id: str, **data: Any) -> None:
        message = {"type": "stats", "camera_id": camera_id, "timestamp": time.time(), "data": data}
        self.redis.publish(redis_keys.STATS_CHANNEL, json.dumps(message))

    def alert(self, camera_id: str, **fields: Any) -> dict[str, Any]:
        """Sends an alert as the outbox does, of a rule of its own: no repeat of another; its body."""
        event_id = uuid7()
        body = {
            "type": "event", "event_id": event_id, "device_id": self.device_id, "camera_id": camera_id, "roi_id": "yard",
            "bind_id": f"rule-{event_id}", "algo_code": "intrusion", "phase": "started", "severity": "warning",
            "timestamp": time.time(), "data": {"dwell_s": 1.2}, "capture": f"captures/20261122/{event_id}.jpg",
        }  # fmt: skip
        body |= fields
        self._send(event_id, "alert", body)
        return body

    def evidence(self, alert: dict[str, Any], jpeg: bytes) -> None:
        """Stores the alert's picture and says so."""
        path = self.media / alert["capture"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg)
        self._stored(alert["event_id"], alert["capture"])

    def full_picture(self, alert: dict[str, Any], jpeg: bytes, *, later_s: float) -> None:
        """The same with a picture of the main stream, taken so long after the first."""
        key = full_key(alert["capture"])
        (self.media / key).write_bytes(jpeg)
        self._stored(full_id(alert["event_id"]), key, taken_at=alert["timestamp"] + later_s)

    def _stored(self, alert_id: str, key: str, **more: Any) -> None:
        event_id = uuid7()
        self._send(
            event_id, "evidence", {"event_id": event_id, "alert_id": alert_id, "key": key, "status": "stored"} | more
        )

    def _send(self, event_id: str, kind: str, body: dict[str, Any]) -> None:
        entry: Any = {"event_id": event_id, "kind": kind, "body": json.dumps(body)}
        self.redis.xadd(redis_keys.events(self.device_id), entry)
