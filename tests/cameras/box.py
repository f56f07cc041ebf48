"""A worker of a box on a fake Redis, fake clocks and a real edge store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cameras.core.document import Document
from cameras.reporting import ReportSender
from cameras.sync import ConfigSync
from cameras.sync_window import HEALTH_WINDOW_SECONDS
from edgesite import redis_keys
from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError
from edgesite.edge_store.documents import DocumentStore
from tests.cameras.documents import DEVICE, REGISTRY, content, document
from tests.fakes import Clock, FakeRedis

START = 1_763_798_400.0


class Box:
    """One worker on a box: what it runs, what it reports, and knobs to disturb it."""

    def __init__(self, path: Path, cloud: FakeRedis, clock: Clock) -> None:
        self.cloud, self.local, self.clock = cloud, FakeRedis(), clock
        self.database = EdgeDatabase(path)
        self.documents = DocumentStore(self.database)
        self.running: list[Document] = []
        self.sick = ""
        self.arrived = True
        self.cannot_apply: set[int] = set()
        self._record = self.documents.record
        self.sync = ConfigSync(
            device_id=DEVICE,
            cloud=cloud.client(),
            local=self.local.client(),
            documents=self.documents,
            registry=REGISTRY,
            apply=self.apply,
            unhealthy=lambda: self.sick,
            arrived=lambda: self.arrived,
            sender=ReportSender(cloud.client(), health=lambda: {"outbox": 0, "cameras": {}}, monotonic=clock),
            clock=lambda: START + clock.now,
            monotonic=clock,
        )

    def apply(self, document: Document) -> None:
        if document.header.version in self.cannot_apply:
            raise ValueError("a rule cannot be made")
        self.running.append(document)

    def full_from(self, state: str) -> None:
        """From now on the edge store has no room for documents in this state; an empty one: there is room again."""

        def record(**values: Any) -> None:
            if values["state"] == state:
                raise EdgeStoreError("disk full", retryable=True)
            self._record(**values)

        setattr(self.documents, "record", record)  # noqa: B010  mypy knows a method

    @property
    def version(self) -> int:
        return self.running[-1].header.version if self.running else 0

    def publish(self, version: int, **changes: Any) -> None:
        """As the hub does: document, number, hint."""
        text = document(content(site={"name": f"site {version}"}), version=version, **changes)
        self.put(text, version)

    def put(self, text: str, version: int) -> None:
        self.cloud.strings[redis_keys.config(DEVICE)] = text
        self.cloud.strings[redis_keys.version(DEVICE)] = str(version)
        self.hint(version)

    def hint(self, version: int, device_id: str = DEVICE) -> None:
        fields = {"device_id": device_id, "version": str(version), "action": "UPDATE"}
        self.cloud.xadd(redis_keys.HINT_STREAM, fields)

    def step(self, times: int = 1) -> None:
        for _ in range(times):
            self.sync.step()

    def pass_window(self) -> None:
        self.step()
        self.clock.advance(HEALTH_WINDOW_SECONDS)
        self.step()

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.cloud.strings[redis_keys.report(DEVICE)])
        return report

    @property
    def numbers(self) -> tuple[int, int, int, str]:
        r = self.report
        return r["observed"], r["applied"], r["confirmed"], r["state"]
