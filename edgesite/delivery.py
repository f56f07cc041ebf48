"""From the outbox to the hub: send in order, keep until confirmed (DESIGN section 3, edge to hub).

Each camera has at most one batch under way, written by one MULTI, so that no loss in Redis can put a later event before an
earlier one. A batch that is still in the stream is waiting for the hub and is not sent again; one that is neither there nor
confirmed was lost and is. How much is under way at once follows how quickly the hub confirms (`SendWindow`), and after every
interruption a jittered moment passes first: hundreds of boxes that come back together must not flood the hub.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import structlog

from edgesite import redis_keys
from edgesite.core.window import SendWindow
from edgesite.edge_store.claims import Claims
from edgesite.edge_store.database import EdgeStoreError
from edgesite.edge_store.outbox import Outbox, OutboxRow
from edgesite.redis_clients import Client, read_streams

log = structlog.get_logger(__name__)

BATCH = 100
CHECK_SECONDS = 3.0
LATEST_START_S = 3.0  # after an interruption that lasted
LASTED_S = 10.0


@dataclass(slots=True)
class _Batch:
    """What is under way for one camera: rows by event id, and the newest entry they were written as."""

    rows: dict[str, OutboxRow]
    last_entry: str
    check_at: float
    sent_at: float
    missed: bool = False  # neither in the stream nor confirmed at the last look


@dataclass(slots=True)
class Delivery:
    """One thread calls `step`; any thread may call `wake`."""

    device_id: str
    client: Client
    outbox: Outbox
    monotonic: Callable[[], float] = time.monotonic
    events_channel: str = redis_keys.EVENTS_CHANNEL
    clock: Callable[[], float] = time.time
    claims: Claims | None = None
    rng: random.Random = field(default_factory=random.Random)
    window: SendWindow = field(default_factory=SendWindow)
    _not_before: float = 0.0
    _failed_at: float | None = None
    _under_way: dict[str, _Batch] = field(default_factory=dict)
    _announced: set[str] = field(default_factory=set)
    _position: str = "0-0"
    _news: threading.Event = field(default_factory=threading.Event)
    _sending: threading.Lock = field(default_factory=threading.Lock)

    def wake(self) -> None:
        """There is something new in the outbox."""
        self._news.set()

    @contextlib.contextmanager
    def at_rest(self) -> Iterator[set[str]]:
        """Inside the block nothing is sent. Its value: the events that were sent and are not confirmed. For any thread,
        but none that is inside a transaction of the edge store."""
        with self._sending:
            yield {event_id for batch in list(self._under_way.values()) for event_id in list(batch.rows)}

    def step(self, *, wait_s: float = 0.2) -> bool:
        """Takes confirmations, sends what is next. Raises RedisError, EdgeStoreError."""
        try:
            self._take_confirmations(wait_s)
            self._recheck()
            sent = self._may_send() and self._send()
        except Exception:
            self.window.interrupted()
            if self._failed_at is None:
                self._failed_at = self.monotonic()
            # Redis may come back as another one: every batch is looked at again, confirmations are read from the start.
            self._position = "0-0"
            for batch in self._under_way.values():
                batch.check_at = 0.0
            raise
        if not sent and not self._under_way:
            self._news.wait(wait_s)
            self._news.clear()
        return True

    def _may_send(self) -> bool:
        """Not in the first moments after the hub's Redis was away for long: other boxes come back just now, too."""
        now = self.monotonic()
        if self._failed_at is not None:
            self.client.xrange(redis_keys.events(self.device_id), "0-0", "0-0")  # raises while it is still away
            if now - self._failed_at > LASTED_S:
                self._not_before = now + self.rng.uniform(0.0, LATEST_START_S)
            self._failed_at = None
        return now >= self._not_before

    def _take_confirmations(self, wait_s: float) -> None:
        if not self._under_way:
            return
        stream = redis_keys.confirmations(self.device_id)
        block_ms = max(1, int(wait_s * 1000))
        answer = read_streams(self.client, {stream: self._position}, count=1000, block_ms=block_ms)
        stored: list[str] = []
        for entry_id, fields in answer.get(stream, []):
            self._position = entry_id
            event_id = fields.get("event_id", "")
            if not any(event_id in batch.rows for batch in self._under_way.values()):
                continue
            if fields.get("status") == "stored":
                stored.append(event_id)
            elif fields.get("status") == "refused":
                self._refused(event_id, fields.get("reason", ""))
        if stored:
            self.outbox.confirm(stored)
            for event_id in stored:
                self._done(event_id)

    def _refused(self, event_id: str, reason: str) -> None:
        log.error("the hub refused an event", event_id=event_id, reason=reason)
        self.outbox.refuse(event_id, reason)
        self._done(event_id)

    def _done(self, event_id: str) -> None:
        self._announced.discard(event_id)
        for camera_id, batch in list(self._under_way.items()):
            if batch.rows.pop(event_id, None) and not batch.rows:
                del self._under_way[camera_id]
                self.window.confirmed(self.monotonic() - batch.sent_at)

    def _recheck(self) -> None:
        """Forgets batches that Redis lost, so that they are sent again."""
        now = self.monotonic()
        for camera_id, batch in list(self._under_way.items()):
            if now < batch.check_at:
                continue
            batch.check_at = now + CHECK_SECONDS
            if self.client.xrange(redis_keys.events(self.device_id), batch.last_entry, batch.last_entry):
                continue  # it waits for the hub
            if not batch.missed:
                batch.missed = True
                self._position = "0-0"  # its confirmation may lie behind the place where this Redis stands
                batch.check_at = now + CHECK_SECONDS / 3
                continue
            del self._under_way[camera_id]
            self.window.interrupted()
            log.info("sending again what was not confirmed", camera=camera_id, events=len(batch.rows))

    def _send(self) -> bool:
        with self._sending:
            return self._send_next()

    def _send_next(self) -> bool:
        sent = False
        room = self.window.size - sum(len(batch.rows) for batch in self._under_way.values())
        for camera_id in self.outbox.cameras_waiting():
            if camera_id in self._under_way:
                continue
            if room <= 0:
                break
            if not self._claimed(camera_id):
                continue
            rows = self.outbox.head(camera_id, min(BATCH, room))
            if rows:
                room -= len(rows)
                self._under_way[camera_id] = self._write(rows)
                sent = True
        return sent

    def _claimed(self, camera_id: str) -> bool:
        """On a full disk no claim can be written; the lock of the worker that leads holds all the same."""
        try:
            return self.claims is None or self.claims.claim(camera_id, now=self.clock())
        except EdgeStoreError:
            return True

    def _write(self, rows: list[OutboxRow]) -> _Batch:
        stream = redis_keys.events(self.device_id)
        with self.client.pipeline(transaction=True) as pipe:
            for row in rows:
                pipe.xadd(stream, {"event_id": row.event_id, "kind": row.kind, "body": row.body})
            entries = pipe.execute()
        for row in rows:
            if row.kind == "alert" and row.event_id not in self._announced:
                self.client.publish(self.events_channel, row.body)
                self._announced.add(row.event_id)
        now = self.monotonic()
        return _Batch({r.event_id: r for r in rows}, str(entries[-1]), now + CHECK_SECONDS, now)
