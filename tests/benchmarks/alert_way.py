"""The way of an alert, timed at each place in one process: edge store → Redis → hub → browser's socket; and the bare parts.

Times are `time.perf_counter` of the process that plays box and browser; hub, web server and Redis are processes of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from channels_redis.core import RedisChannelLayer

from edgesite import redis_keys
from edgesite.delivery import Delivery
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.outbox import NewAlert, Outbox
from edgesite.ids import uuid7
from edgesite.redis_clients import connect
from tests.detection.alerts import alert_body
from tests.servers.stack import Stack, wait_until
from tests.servers.websocket import WebSocket

CAMERAS = 8
ARRIVE_S = 60.0


def percentile(values: list[float], share: float) -> float:
    """By the nearest rank; share: 0..1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(slots=True)
class Times:
    """Milliseconds of many alerts."""

    name: str
    ms: list[float]

    def line(self) -> str:
        return (
            f"  {self.name:<46}{statistics.median(self.ms):>9.1f}{percentile(self.ms, 0.99):>9.1f}{max(self.ms):>9.1f}"
        )


@dataclass(slots=True)
class Watched:
    """When each event was first seen somewhere. Written by one thread."""

    seen: dict[str, float] = field(default_factory=dict)

    def note(self, event_id: str) -> None:
        self.seen.setdefault(event_id, time.perf_counter())


@contextlib.contextmanager
def thread(step: Callable[[], None]) -> Iterator[None]:
    """Calls it again and again inside the block."""
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            step()

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join(15)


class Way:
    """A box with its store and its delivery, who hears the hub's confirmations, and a browser on the live page."""

    def __init__(self, stack: Stack, folder: Path, redis_url: str) -> None:
        self.stack, self.url = stack, redis_url
        self.outbox = Outbox(EdgeDatabase(folder / "edge.sqlite3"))
        self.delivery = Delivery("box-1", connect(redis_url), self.outbox)
        self.fired: dict[str, float] = {}
        self.confirmed, self.shown = Watched(), Watched()
        self._position = "0-0"
        self._raw = redis.Redis.from_url(redis_url, decode_responses=True)
        with contextlib.closing(stack.person()) as person:
            cookie = f"sessionid={person.cookies['sessionid']}"
        self.socket = WebSocket(stack.port, "/ws/live", headers={"Cookie": cookie})
        self.message: dict[str, Any] = {}  # one as the browser gets it

    def fire(self, number: int) -> None:
        """What a rule's event does: it is durable in the edge store, and delivery knows. Each of a binding of its own, since
        repeats of one would reach the page as a count."""
        event_id, camera_id = uuid7(), f"cam{number % CAMERAS}"
        body = alert_body(event_id, camera_id=camera_id, bind_id=f"b{number}", timestamp=time.time(), capture="")
        self.fired[event_id] = time.perf_counter()
        self.outbox.add_alerts([NewAlert(event_id, camera_id, body)], now=time.time())
        self.delivery.wake()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        try:
            with thread(self._deliver), thread(self._hear), thread(self._look):
                yield
        finally:
            self.socket.close()
            self._raw.close()
            self.delivery.client.close()

    def run(self, count: int, *, every_s: float) -> tuple[list[Times], float]:
        """Fires so many at a steady pace and waits until all were shown. The second value: seconds that firing took."""
        self.fired.clear()
        before = len(self.shown.seen)
        began = time.perf_counter()
        for number in range(count):
            time.sleep(max(0.0, began + number * every_s - time.perf_counter()))
            self.fire(before + number)
        took = time.perf_counter() - began
        for watched in (self.confirmed, self.shown):
            wait_until(lambda w=watched: self.fired.keys() <= w.seen.keys(), seconds=ARRIVE_S, what="all alerts")  # type: ignore[misc]
        to_hub = [1000 * (self.confirmed.seen[e] - at) for e, at in self.fired.items()]
        to_page = [1000 * (self.shown.seen[e] - at) for e, at in self.fired.items()]
        return [
            Times("rule fired → on the hub, confirmed to the box", to_hub),
            Times("rule fired → in the browser", to_page),
        ], took

    def _deliver(self) -> None:
        self.delivery.step(wait_s=0.2)

    def _hear(self) -> None:
        stream = redis_keys.confirmations("box-1")
        answer: Any = self._raw.xread({stream: self._position}, block=200)
        for _, entries in answer or ():
            for entry_id, fields in entries:
                self._position = entry_id
                if fields["status"] == "stored":
                    self.confirmed.note(fields["event_id"])

    def _look(self) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            message = json.loads(self.socket.receive())
            if message["type"] == "event":
                self.shown.note(message["event_id"])
                self.message = message


def raw_stream(url: str, body: str, count: int, *, every_s: float) -> Times:
    """The same body through a bare stream: XADD on one connection, XREAD on another."""
    written: dict[str, float] = {}
    seen: dict[str, float] = {}
    reader = redis.Redis.from_url(url, decode_responses=True)
    position = "0-0"

    def read() -> None:
        nonlocal position
        answer: Any = reader.xread({"raw:stream": position}, block=200)
        for _, entries in answer or ():
            for entry_id, _fields in entries:
                position = entry_id
                seen[entry_id] = time.perf_counter()

    with reader, redis.Redis.from_url(url, decode_responses=True) as writer, thread(read):
        began = time.perf_counter()
        for number in range(count):
            time.sleep(max(0.0, began + number * every_s - time.perf_counter()))
            at = time.perf_counter()
            entry: Any = writer.xadd("raw:stream", {"event_id": str(number), "kind": "alert", "body": body})
            written[entry] = at
        wait_until(lambda: written.keys() <= seen.keys(), seconds=ARRIVE_S, what="all entries")
    return Times("bare Redis stream, the same bytes", [1000 * (seen[e] - at) for e, at in written.items()])


def raw_layer(url: str, message: dict[str, Any], count: int, *, every_s: float) -> Times:
    """The message that the browser gets through a bare channel layer: `group_send` on one connection, `receive` on another."""

    async def measure() -> list[float]:
        prefix = uuid7()  # the group of an earlier measurement still has its channel
        sender, receiver = (RedisChannelLayer(hosts=[url], prefix=prefix, capacity=500) for _ in range(2))
        channel = await receiver.new_channel()
        await receiver.group_add("raw", channel)
        taken: list[float] = []

        async def receive() -> None:
            for _ in range(count):
                got = await receiver.receive(channel)
                taken.append(1000 * (time.perf_counter() - got["at"]))

        task = asyncio.create_task(receive())
        began = time.perf_counter()
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number * every_s - time.perf_counter()))
            await sender.group_send("raw", {"type": "raw", "message": message, "at": time.perf_counter()})
        await asyncio.wait_for(task, ARRIVE_S)
        for layer in (sender, receiver):
            await layer.close_pools()
        return taken

    return Times("bare channel layer, the same bytes", asyncio.run(measure()))
