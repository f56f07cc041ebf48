"""The device's report (DESIGN 5.3): what it has seen, runs and confirmed, and how it is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cameras.core.document import SCHEMAS
from edgesite import redis_keys
from edgesite.redis_clients import Client

RENEW_SECONDS = 2.0  # the contract allows 5
LONGEST_REASON = 1000


@dataclass(slots=True)
class Report:
    """The device's reported state. Versions are 0 while there is none.

    trouble: what hinders the box itself just now (a full disk); reported as the reason while the document gives none.
    """

    device_id: str
    epoch: str = ""
    observed: int = 0
    applied: int = 0
    confirmed: int = 0
    sha256: str = ""
    state: str = "trying"
    reason: str = ""
    attempt: int = 0
    trouble: str = ""

    def become(self, *, state: str, reason: str = "", attempt: int | None = None) -> None:
        self.state, self.reason = state, reason[:LONGEST_REASON]
        if attempt is not None:
            self.attempt = attempt

    def message(self, *, at: datetime, health: dict[str, Any]) -> dict[str, Any]:
        """The JSON object of DESIGN 5.3."""
        return {
            "device_id": self.device_id,
            "epoch": self.epoch,
            "observed": self.observed,
            "applied": self.applied,
            "confirmed": self.confirmed,
            "sha256": self.sha256,
            "state": self.state,
            "reason": self.reason or self.trouble[:LONGEST_REASON],
            "attempt": self.attempt,
            "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "schemas": list(SCHEMAS),
            "health": health,
        }


class ReportSender:
    """Writes the report when it changed and at least every RENEW_SECONDS. Raises RedisError."""

    def __init__(
        self, client: Client, *, health: Callable[[], dict[str, Any]], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.client = client
        self.health = health
        self.monotonic = monotonic
        self.connected = False
        self.local_connected = True
        self._last: dict[str, Any] = {}
        self._due = 0.0

    def send(self, report: Report, at: datetime) -> bool:
        """True when something was written."""
        health = {
            "cloud_redis_connected": self.connected,
            "local_redis_connected": self.local_connected,
            "stream_listener_active": self.connected,
            **self.health(),
        }
        message = report.message(at=at, health=health)
        essence = {k: v for k, v in message.items() if k not in ("at", "health")} | {"c": health.get("cameras")}
        now = self.monotonic()
        if essence == self._last and now < self._due:
            return False
        self.client.set(redis_keys.report(report.device_id), json.dumps(message, ensure_ascii=False))
        self._last, self._due = essence, now + RENEW_SECONDS
        return True
