"""Several boxes' own sync on a real Redis: each reads, verifies, stores, applies, confirms or reverts, and reports."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from redis.exceptions import RedisError

from cameras.core.document import Document
from cameras.reporting import ReportSender
from cameras.sync import ConfigSync
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.documents import DocumentStore
from edgesite.redis_clients import connect
from tests.cameras.documents import REGISTRY
from tests.fakes import FakeRedis

FASTER = 10.0  # the health window's clock, so that a confirmation takes half a second


class RealBox:
    """A box in a thread. sick: what it finds wrong with the next version; versions: the numbers that it applied."""

    def __init__(self, device_id: str, folder: Path, url: str) -> None:
        self.device_id, self.folder, self.url = device_id, folder, url
        self.sick = ""
        self.versions: list[int] = []
        self._cameras: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=device_id, daemon=True)

    def _apply(self, document: Document) -> None:
        self.versions.append(document.header.version)
        self._cameras = [camera.camera_id for camera in document.content.cameras]

    def _health(self) -> dict[str, Any]:
        return {"outbox": 0, "cameras": dict.fromkeys(self._cameras, "live")}

    def _run(self) -> None:
        database = EdgeDatabase(self.folder / f"{self.device_id}.sqlite3")
        cloud = connect(self.url)
        sync = ConfigSync(
            device_id=self.device_id,
            cloud=cloud,
            local=FakeRedis().client(),
            documents=DocumentStore(database),
            registry=REGISTRY,
            apply=self._apply,
            unhealthy=lambda: self.sick if len(self.versions) > 1 else "",
            sender=ReportSender(cloud, health=self._health),
            monotonic=lambda: time.monotonic() * FASTER,
        )
        sync.boot()
        while not self._stop.is_set():
            with contextlib.suppress(RedisError):
                sync.step()
        cloud.close()
        database.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(10)
