"""The command `trial`: a test alert takes the way of every alert, through the outbox to the hub."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from edgesite.commands import Command
from edgesite.edge_store.database import EdgeStoreError
from edgesite.edge_store.outbox import NewAlert, Outbox
from edgesite.ids import uuid7

log = structlog.get_logger(__name__)

KIND = "trial"
LANE = ""  # of the outbox: no camera's, so that it neither waits for a camera's alerts nor holds them up


@dataclass(slots=True)
class Trials:
    """Of one box. What cannot be stored is told by nothing: that is what the hub waits to find out."""

    device_id: str
    outbox: Outbox
    clock: Callable[[], float] = time.time

    def mine(self, command: Command) -> bool:
        return True

    def obey(self, command: Command, left_s: float) -> None:
        event_id = uuid7()
        body = {
            "type": "trial",
            "event_id": event_id,
            "device_id": self.device_id,
            "request_id": command.request_id,
            "timestamp": round(self.clock(), 3),
        }
        try:
            self.outbox.add_alerts([NewAlert(event_id, LANE, body, kind=KIND)], now=self.clock())
        except EdgeStoreError as error:
            log.error("test alert not stored", request_id=command.request_id, reason=str(error))
            return
        log.info("test alert raised", event_id=event_id, request_id=command.request_id)

    def refuse(self, command: Command) -> None:
        log.warning("test alert refused, too many wait", request_id=command.request_id)
