"""A box on a real Redis and a real edge store that can be cut off, filled up, and killed at any of its reads and writes."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from cameras.core.document import Document
from cameras.reporting import ReportSender
from cameras.sync import ConfigSync
from edgesite import redis_keys
from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError
from edgesite.edge_store.documents import DocumentStore
from edgesite.redis_clients import Client
from tests.cameras.documents import DEVICE, REGISTRY
from tests.fakes import Clock

START = 1_763_798_400.0
SICK_AFTER_SECONDS = 3.0  # within the health window


class Killed(BaseException):
    """SIGKILL: nothing of the program runs after it, no handler of errors either."""


class Fuse:
    """Kills at the n-th moment from now; there is one before and one after every read and write of the box."""

    def __init__(self) -> None:
        self.left: int | None = None

    def moment(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Killed

    def around(self, work: Callable[[], Any]) -> Any:
        self.moment()
        answer = work()
        self.moment()
        return answer


class Line:
    """A client whose server may be out of reach. Waiting for a stream costs no real time, only the box's."""

    def __init__(self, client: Client, fuse: Fuse, clock: Clock) -> None:
        self.client, self.fuse, self.clock = client, fuse, clock
        self.down = False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            return self.fuse.around(lambda: self._call(name, arguments, options))

        return call

    def _call(self, name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if self.down:
            raise RedisConnectionError("cut off")
        waited = options.pop("block", None)
        answer = getattr(self.client, name)(*arguments, **options)
        if waited and not answer:
            self.clock.advance(waited / 1000)
        return answer


class Disk(EdgeDatabase):
    """The edge store. room: transactions that still fit, None: any number."""

    def __init__(self, path: Path, fuse: Fuse) -> None:
        self.fuse = fuse
        self.room: int | None = None
        super().__init__(path)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        if self.room == 0:
            raise EdgeStoreError("The edge store cannot be written: database or disk is full", retryable=True)
        self.room = None if self.room is None else self.room - 1
        self.fuse.moment()
        with super().transaction() as db:
            yield db
            self.fuse.moment()  # everything is written, nothing is committed
        self.fuse.moment()


class Process:
    """One life of the worker. What a document does to it, its name says: good, unappliable, sick, late."""

    def __init__(
        self, path: Path, cloud: Line, local: Line, fuse: Fuse, clock: Clock, skew: Callable[[], float]
    ) -> None:
        self.fuse, self.clock = fuse, clock
        self.disk = Disk(path, fuse)
        self.documents = DocumentStore(self.disk)
        self.parts: Document | None = None
        self.parts_since = 0.0
        self.tries: list[tuple[str, int]] = []
        self.refusals = 0
        wall = lambda: START + clock.now + skew()  # noqa: E731
        self.sync = ConfigSync(
            device_id=DEVICE,
            cloud=cast(Client, cloud),
            local=cast(Client, local),
            documents=self.documents,
            registry=REGISTRY,
            apply=lambda document: fuse.around(lambda: self._apply(document)),
            unhealthy=self._unhealthy,
            sender=ReportSender(cast(Client, cloud), health=lambda: {"cameras": {}}, monotonic=clock),
            clock=wall,
            monotonic=clock,
        )

    def _apply(self, document: Document) -> None:
        self.tries.append(document.number)
        self.parts, self.parts_since = document, self.clock.now  # a bad one gets as far as here, too
        if kind(document) == "unappliable":
            raise ValueError("a rule cannot be made")

    def _unhealthy(self) -> str:
        assert self.parts is not None
        sick_after = {"sick": 0.0, "late": SICK_AFTER_SECONDS}.get(kind(self.parts))
        if sick_after is None or self.clock.now - self.parts_since < sick_after:
            return ""
        return "camera vid1: broken"

    def run(self, work: Callable[[], Any]) -> str:
        """Does it as the worker's loop would; what hindered it: "", "cut off" or "full". Killed goes through."""
        with capture_logs() as logs:
            try:
                work()
            except RedisError:
                return "cut off"
            except EdgeStoreError:
                return "full"
            finally:
                self.refusals += [e["event"] for e in logs].count("configuration refused")
        return ""


def kind(document: Document) -> str:
    return name(document).partition(" ")[0]


def name(document: Document) -> str:
    """A bare document has no site: its first camera says it."""
    return document.content.site.name or document.content.cameras[0].camera_name


def report(client: Client) -> dict[str, Any]:
    """The box's report as the hub reads it; empty when there is none."""
    return cast("dict[str, Any]", json.loads(cast("str | None", client.get(redis_keys.report(DEVICE))) or "{}"))
