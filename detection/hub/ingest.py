"""Reads every device's event stream, stores, confirms (DESIGN section 3, edge to hub).

Order of acts: database commit, then confirmation, then removal from the stream. A kill between two of them repeats the
later ones; storing is idempotent, so nothing doubles, and nothing is confirmed that is not stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from django.db import Error as DatabaseProblem
from django.db import transaction
from redis.exceptions import ResponseError

from cameras.models import Device
from detection.core.events import EventError
from detection.hub.store import store_event
from edgesite import redis_keys
from edgesite.redis_clients import Client, Entry, read_group

log = structlog.get_logger(__name__)

CONSUMER = "run_hub"
BATCH = 200
WAIT_MS = 500


@dataclass(slots=True)
class Ingest:
    """One thread calls `step`. changed: told which alerts are new or different, after the commit."""

    client: Client
    changed: Callable[[list[str]], None]
    _grouped: set[str] = field(default_factory=set)
    _pending: bool = True  # entries that were read but never acknowledged come first

    def step(self) -> bool:
        """Reads one batch of every stream, stores and confirms it. Raises RedisError, DatabaseError."""
        device_ids = list(Device.objects.values_list("pk", flat=True))
        if not device_ids:
            return False
        try:
            self._make_groups(device_ids)
            batches = self._read(device_ids)
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            self._grouped.clear()  # Redis lost its data
            return True
        for device_id, entries in batches:
            self._take(device_id, entries)
        if not batches:
            self._pending = False
        return bool(batches)

    def _make_groups(self, device_ids: list[str]) -> None:
        for device_id in device_ids:
            if device_id in self._grouped:
                continue
            try:
                # From the beginning: a group made at `$` would miss what the device sent before.
                self.client.xgroup_create(redis_keys.events(device_id), redis_keys.EVENTS_GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
            self._grouped.add(device_id)

    def _read(self, device_ids: list[str]) -> list[tuple[str, list[Entry]]]:
        names = {redis_keys.events(d): d for d in device_ids}
        wait = None if self._pending else WAIT_MS
        self._pending = True  # until everything below is acknowledged, a failure must read it again
        answer = read_group(
            self.client, list(names), group=redis_keys.EVENTS_GROUP, consumer=CONSUMER, count=BATCH, block_ms=wait
        )
        return [(names[stream], entries) for stream, entries in answer.items()]

    def _take(self, device_id: str, entries: list[Entry]) -> None:
        changed: list[str] = []
        answers: list[dict[str, str]] = []
        with transaction.atomic():
            for _, fields in entries:
                answers.append(self._store(device_id, fields or {}, changed))
        if changed:
            self.changed(changed)
        self._confirm(device_id, [entry_id for entry_id, _ in entries], answers)

    def _store(self, device_id: str, fields: dict[str, str], changed: list[str]) -> dict[str, str]:
        event_id = fields.get("event_id", "")
        try:
            alert = store_event(fields, device_id=device_id)
        except EventError as error:
            log.error("event refused", device=device_id, event_id=event_id, reason=str(error))
            return {"event_id": event_id, "status": "refused", "reason": str(error)}
        except DatabaseProblem:
            raise  # the database's trouble, not the event's
        except Exception as error:
            # A defect of ours must not hold up every other camera's events: the device keeps it as a dead letter.
            log.exception("event set aside", device=device_id, event_id=event_id)
            reason = f"the hub could not handle it ({type(error).__name__})"
            return {"event_id": event_id, "status": "refused", "reason": reason}
        if alert is not None:
            changed.append(alert)
        return {"event_id": event_id, "status": "stored"}

    def _confirm(self, device_id: str, entry_ids: list[str], answers: list[dict[str, str]]) -> None:
        stream = redis_keys.events(device_id)
        with self.client.pipeline(transaction=True) as pipe:
            for answer in answers:
                if answer["event_id"]:
                    pipe.xadd(
                        redis_keys.confirmations(device_id),
                        answer,  # type: ignore[arg-type]
                        maxlen=redis_keys.CONFIRMATIONS_LENGTH,
                        approximate=True,
                    )
            pipe.xack(stream, redis_keys.EVENTS_GROUP, *entry_ids)
            pipe.xdel(stream, *entry_ids)
            pipe.execute()
