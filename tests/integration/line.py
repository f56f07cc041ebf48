"""One box and the hub on one real Redis, taking turns in one thread, so that every case is the same at each run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detection.hub.ingest import Ingest
from detection.models import Alert
from edgesite import redis_keys
from edgesite.delivery import Delivery
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.outbox import NewAlert, Outbox
from edgesite.redis_clients import connect
from tests.detection.alerts import alert_body
from tests.fakes import Clock
from tests.servers.redis import RedisServer

EVENTS, CONFIRMATIONS = redis_keys.events("box-1"), redis_keys.confirmations("box-1")
CAMERAS = ("vid1", "vid2", "vid3")


class Killed(BaseException):
    """A process that ended at this place."""


class Line:
    """One box and the hub. `edge` and `hub` can be thrown away and made anew, as a restart does."""

    def __init__(self, server: RedisServer, path: Path) -> None:
        self.server = server
        self.clock = Clock()
        self.database = EdgeDatabase(path)
        self.outbox = Outbox(self.database)
        self.raw = connect(server.url())
        self.raw.config_set("hz", 500)  # so often Redis looks whether a blocked reader has waited long enough
        self.sent: dict[str, list[str]] = {}
        self.told: list[str] = []
        self._count = 0
        self.restart_edge()
        self.restart_hub()

    def restart_edge(self) -> None:
        self.edge = Delivery("box-1", connect(self.server.url()), self.outbox, monotonic=self.clock)

    def restart_hub(self) -> None:
        self.hub = Ingest(client=connect(self.server.url()), changed=self.told.extend)

    def alert(self, camera_id: str = "vid1", **changes: Any) -> str:
        """An alert of that camera, in the outbox."""
        self._count += 1
        event_id = f"e{self._count:04}"
        body = alert_body(event_id, camera_id=camera_id, **changes)
        self.outbox.add_alerts([NewAlert(event_id, camera_id, body, body["capture"])], now=1.0)
        self.sent.setdefault(camera_id, []).append(event_id)
        self.edge.wake()
        return event_id

    def step_edge(self) -> None:
        self.clock.advance(0.5)
        self.edge.step(wait_s=0.001)

    def step_hub(self) -> None:
        """What was read before and not acknowledged, then what is new."""
        self.hub.step()
        self.hub.step()

    def pump(self, rounds: int = 200) -> None:
        """Both go on until everything is confirmed."""
        for _ in range(rounds):
            self.step_edge()
            self.step_hub()
            if self.outbox.count() == 0 and not self.edge._under_way:
                return
        raise AssertionError(f"{self.outbox.count()} events were not confirmed")

    def stored(self, camera_id: str) -> list[str]:
        """What the hub has of a camera, in the order of storing."""
        return list(Alert.objects.filter(camera_id=camera_id).order_by("id").values_list("event_id", flat=True))

    def assert_exactly_once_and_in_order(self) -> None:
        for camera_id, events in self.sent.items():
            assert self.stored(camera_id) == events
        assert Alert.objects.count() == sum(map(len, self.sent.values()))

    def dead_letters(self) -> dict[str, str]:
        """What the hub refused, with its reasons."""
        rows = self.database.rows("SELECT event_id, refused FROM outbox WHERE refused IS NOT NULL")
        return {row["event_id"]: row["refused"] for row in rows}


def die(*args: Any, **values: Any) -> Any:
    raise Killed


def expect_kill(act: Callable[[], Any]) -> None:
    with pytest.raises(Killed):
        act()
