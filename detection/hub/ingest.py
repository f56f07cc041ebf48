"""Reads every device's event stream, stores, confirms (DESIGN section 3, edge to hub).

Order of acts: database commit, then confirmation, then removal from the stream. A kill between two of them repeats the
later ones; storing is idempotent, so nothing doubles, and nothing is confirmed that is not stored. The exception is the answer
to an integrator's picture, which is told before it is stored (`recordings.orders.early`): its entry there stands for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from django.db import Error as DatabaseProblem
from django.db import transaction
from redis.exceptions import ResponseError

from cameras.models import Device
from detection.core.events import EventError
from detection.hub.store import Known, look_up, store_event, tell_early
from edgesite import redis_keys
from edgesite.redis_clients import Client, Entry, read_group

log = structlog.get_logger(__name__)

CONSUMER = "run_hub"
BATCH = 200  # of one device
ENTRIES = 4000  # of all devices together: Redis counts by stream, and hundreds may come back at once
LEAST = 4
WAIT_MS = 500
NOTHING_S = 0.5  # between two looks for a device whose events can be read


def _is_wrong_type(error: ResponseError) -> bool:
    """Whether a key holds something else than the command is for; a pipeline's error says so after the command."""
    return "WRONGTYPE Operation" in str(error)


@dataclass(slots=True)
class Ingest:
    """One thread calls `step`. changed: told which alerts are new or different, after the commit.

    rest: waits so many seconds, less when the worker ends: without a device there is nothing in Redis to wait on.
    """

    client: Client
    changed: Callable[[list[str]], None]
    rest: Callable[[float], object] = time.sleep
    _grouped: set[str] = field(default_factory=set)
    _aside: set[str] = field(default_factory=set)  # a key of theirs is no stream; tried again at every step
    _pending: bool = True  # entries that were read but never acknowledged come first

    def step(self) -> bool:
        """Reads one batch of every stream, stores and confirms it. Raises RedisError, DatabaseError."""
        usable = self._make_groups(list(Device.objects.values_list("pk", flat=True)))
        if not usable:
            self.rest(NOTHING_S)
            return False
        try:
            batches = self._read(usable)
        except ResponseError as error:
            if "NOGROUP" not in str(error) and not _is_wrong_type(error):
                raise
            self._grouped.clear()  # Redis lost its data, or somebody wrote something else under a stream's name
            return True
        for device_id, entries in batches:
            self._take(device_id, entries)
        if not batches:
            self._pending = False
        return bool(batches)

    def _make_groups(self, device_ids: list[str]) -> list[str]:
        """The devices whose streams can be read; one that cannot must not stop the others. Raises RedisError."""
        for device_id in device_ids:
            if device_id in self._grouped:
                continue
            try:
                self._make_group(device_id)
            except ResponseError as error:
                if not _is_wrong_type(error):
                    raise
                self._set_aside(device_id)
                continue
            self._grouped.add(device_id)
            if device_id in self._aside:
                self._aside.discard(device_id)
                self._pending = True  # what was read before and never acknowledged
                log.info("device's events can be read again", device=device_id)
        return [d for d in device_ids if d in self._grouped]

    def _make_group(self, device_id: str) -> None:
        try:
            # From the beginning: a group made at `$` would miss what the device sent before.
            self.client.xgroup_create(redis_keys.events(device_id), redis_keys.EVENTS_GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        self.client.xlen(redis_keys.confirmations(device_id))  # refused when it is no stream either

    def _set_aside(self, device_id: str) -> None:
        self._grouped.discard(device_id)
        if device_id not in self._aside:
            self._aside.add(device_id)
            keys = [redis_keys.events(device_id), redis_keys.confirmations(device_id)]
            log.error("device set aside: one of its keys in Redis is no stream; delete it", device=device_id, keys=keys)

    def _read(self, device_ids: list[str]) -> list[tuple[str, list[Entry]]]:
        names = {redis_keys.events(d): d for d in device_ids}
        count = min(BATCH, max(LEAST, ENTRIES // len(device_ids)))
        wait = None if self._pending else WAIT_MS
        self._pending = True  # until everything below is acknowledged, a failure must read it again
        answer = read_group(
            self.client, list(names), group=redis_keys.EVENTS_GROUP, consumer=CONSUMER, count=count, block_ms=wait
        )
        return [(names[stream], entries) for stream, entries in answer.items()]

    def _take(self, device_id: str, entries: list[Entry]) -> None:
        changed: list[str] = []
        answers: list[dict[str, str]] = []
        left: list[dict[str, str]] = []
        for _, fields in entries:
            if tell_early(self.client, fields or {}, device_id):
                answers.append({"event_id": fields["event_id"], "status": "stored"})
            else:
                left.append(fields or {})
        if left:
            with transaction.atomic():
                known = look_up(left)
                answers += [self._store(device_id, fields, changed, known) for fields in left]
        if changed:
            self.changed(changed)
        try:
            self._confirm(device_id, [entry_id for entry_id, _ in entries], answers)
        except ResponseError as error:
            if not _is_wrong_type(error):
                raise
            self._set_aside(device_id)  # the device hears nothing, so it sends them again

    def _store(self, device_id: str, fields: dict[str, str], changed: list[str], known: Known) -> dict[str, str]:
        event_id = fields.get("event_id", "")
        try:
            alert = store_event(fields, device_id=device_id, known=known)
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
