"""Hundreds of boxes come back at the same moment after days: what waits at the hub stays bounded, and nobody starves.

The boxes are the real `Delivery`; Redis and hub are simulated, with a clock of their own, so that the hub's speed is known.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self, cast

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from edgesite import redis_keys
from edgesite.core.window import LEAST, MOST
from edgesite.delivery import LATEST_START_S, Delivery
from edgesite.edge_store.outbox import Outbox, OutboxRow
from tests.fakes import Clock

BOXES, CAMERAS, ROWS = 500, 4, 200
TICK_S = 0.5


class Hub:
    """Redis streams and a hub that stores `rate` events a second, in the order in which they came."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.down = False
        self.waiting: deque[tuple[str, str, str]] = deque()  # device, entry, event
        self.there: set[str] = set()
        self.answers: dict[str, list[tuple[str, dict[str, str]]]] = {}
        self.stored: dict[str, list[str]] = {}
        self.most = 0
        self.entries = 0
        self._credit = 0.0

    def work(self, seconds: float) -> None:
        self._credit += self.rate * seconds
        while self.waiting and self._credit >= 1:
            self._credit -= 1
            device_id, entry, event_id = self.waiting.popleft()
            self.there.discard(entry)
            self.stored.setdefault(device_id, []).append(event_id)
            self.entries += 1
            told = (f"{self.entries}-0", {"event_id": event_id, "status": "stored"})
            self.answers.setdefault(redis_keys.confirmations(device_id), []).append(told)
        self._credit = min(self._credit, self.rate)

    def take(self, device_id: str, fields: dict[str, str]) -> str:
        self.entries += 1
        entry = f"{self.entries}-0"
        self.waiting.append((device_id, entry, fields["event_id"]))
        self.there.add(entry)
        self.most = max(self.most, len(self.waiting))
        return entry


class Line:
    """One box's connection."""

    def __init__(self, hub: Hub, device_id: str) -> None:
        self.hub, self.device_id = hub, device_id
        self.batch: list[dict[str, str]] = []

    def _check(self) -> None:
        if self.hub.down:
            raise RedisConnectionError("away")

    def pipeline(self, *, transaction: bool) -> Self:
        self.batch = []
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def xadd(self, stream: str, fields: dict[str, str]) -> None:
        self.batch.append(fields)

    def execute(self) -> list[str]:
        self._check()
        return [self.hub.take(self.device_id, fields) for fields in self.batch]

    def publish(self, channel: str, body: str) -> None:
        self._check()

    def xrange(self, stream: str, first: str, last: str) -> list[str]:
        self._check()
        return [first] if first in self.hub.there else []

    def xread(self, positions: dict[str, str], count: int, block: int) -> list[Any]:
        self._check()
        [(stream, position)] = positions.items()
        after = int(position.partition("-")[0])
        found = [e for e in self.hub.answers.get(stream, []) if int(e[0].partition("-")[0]) > after]
        return [(stream, found[:count])] if found else []


class Backlog:
    """As much of an outbox as the delivery asks for, in memory."""

    def __init__(self, device_id: str) -> None:
        self.cameras = {
            f"{device_id}-v{c}": deque(
                OutboxRow(n, f"{device_id}-v{c}-{n:04}", f"{device_id}-v{c}", "evidence", "{}")
                for n in range(ROWS // CAMERAS)
            )
            for c in range(CAMERAS)
        }

    def cameras_waiting(self) -> list[str]:
        return [camera_id for camera_id, rows in self.cameras.items() if rows]

    def head(self, camera_id: str, limit: int) -> list[OutboxRow]:
        rows = self.cameras[camera_id]
        return [rows[n] for n in range(min(limit, len(rows)))]

    def confirm(self, event_ids: Iterable[str]) -> None:
        for event_id in event_ids:
            rows = self.cameras[event_id.rpartition("-")[0]]
            assert rows[0].event_id == event_id, "confirmed out of order"
            rows.popleft()


class Fleet:
    def __init__(self, *, rate: float) -> None:
        self.clock = Clock(1000.0)
        self.hub = Hub(rate)
        self.boxes = [self._box(f"box-{n}", n) for n in range(BOXES)]

    def _box(self, device_id: str, number: int) -> Delivery:
        outbox = cast(Outbox, Backlog(device_id))
        line = cast(Any, Line(self.hub, device_id))
        return Delivery(device_id, line, outbox, monotonic=self.clock, rng=random.Random(number))

    def tick(self) -> None:
        for box in self.boxes:
            try:
                box.step(wait_s=0.0)
            except RedisConnectionError:
                continue
        if not self.hub.down:
            self.hub.work(TICK_S)
        self.clock.advance(TICK_S)

    def idle_then_away(self) -> None:
        """All have worked, then the hub is away for a day."""
        held = [box.outbox for box in self.boxes]
        empty = Backlog("none")
        empty.cameras = {}
        for box in self.boxes:
            box.outbox = cast(Outbox, empty)
        self.tick()
        self.hub.down = True
        for box, outbox in zip(self.boxes, held, strict=True):
            box.outbox = outbox
        self.tick()
        self.clock.advance(24 * 3600.0)
        self.tick()
        self.hub.down = False


@pytest.mark.parametrize("rate", [2000.0, 20_000.0])
def test_five_hundred_boxes_that_come_back_together_do_not_flood_the_hub(rate: float) -> None:
    fleet = Fleet(rate=rate)
    fleet.idle_then_away()
    began, ticks = fleet.clock.now, 0
    while sum(map(len, fleet.hub.stored.values())) < BOXES * ROWS:
        fleet.tick()
        ticks += 1
        assert ticks < 400
    # Never much more than what everybody begins with, or what a hub of this speed does within some seconds.
    assert fleet.hub.most <= max(2 * BOXES * LEAST, 4 * rate) < BOXES * ROWS
    # Nearly as fast as it can be: the hub is not left without work.
    assert fleet.clock.now - began < LATEST_START_S + 3 * BOXES * ROWS / rate + 10
    for device_id, stored in fleet.hub.stored.items():
        assert len(stored) == len(set(stored)) == ROWS
        for camera in range(CAMERAS):
            mine = [e for e in stored if e.startswith(f"{device_id}-v{camera}-")]
            assert mine == sorted(mine)


def test_they_do_not_begin_in_the_same_moment() -> None:
    fleet = Fleet(rate=1.0)
    fleet.idle_then_away()
    fleet.tick()  # they see that the hub is back
    assert not fleet.hub.waiting
    fleet.tick()
    first = len({device_id for device_id, _, _ in fleet.hub.waiting})
    assert 0 < first < BOXES / 3
    for _ in range(round(LATEST_START_S / TICK_S) + 1):
        fleet.tick()
    assert len({device_id for device_id, _, _ in fleet.hub.waiting}) == BOXES


def test_one_box_alone_reaches_the_largest_window() -> None:
    fleet = Fleet(rate=50_000.0)
    fleet.boxes = fleet.boxes[:1]
    cast(Any, fleet.boxes[0].outbox).cameras = {
        f"box-0-v{c}": deque(OutboxRow(n, f"box-0-v{c}-{n:05}", f"box-0-v{c}", "evidence", "{}") for n in range(2000))
        for c in range(8)
    }
    for _ in range(60):
        fleet.tick()
    assert fleet.boxes[0].window.size == MOST
    assert len(fleet.hub.stored["box-0"]) == 16_000
