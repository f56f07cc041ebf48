"""Wires the edge worker: what `run_detector` runs, and what tests run in one process."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from redis.exceptions import RedisError

from cameras.core.algorithms import registry
from cameras.lead import Lead
from cameras.reporting import ReportSender
from cameras.sync import ConfigSync
from detection.analyser import Analyser
from detection.broadcast import Broadcast
from detection.inference.detector import Detector
from detection.runtime import Runtime
from detection.sink import AlertSink
from edgesite.confinement import live_channels
from edgesite.delivery import Delivery
from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError
from edgesite.edge_store.documents import DocumentStore
from edgesite.edge_store.outbox import Outbox
from edgesite.redis_clients import connect, describe
from edgesite.worker import Loop

log = structlog.get_logger(__name__)

EXPECTED = (RedisError, EdgeStoreError)


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """What an edge worker needs to know; `cameras` empty means all of the device's."""

    device_id: str
    store: Path
    cloud_redis_url: str
    local_redis_url: str
    transport: str = "tcp"
    cameras: frozenset[str] = frozenset()


def explain(error: Exception) -> str:
    return describe(error) if isinstance(error, RedisError) else str(error)


@dataclass(slots=True, eq=False)
class EdgeWorker:
    """Everything of one `run_detector` process. Raises EdgeStoreError when the edge store cannot be opened."""

    settings: EdgeSettings
    detector: Detector
    stop: threading.Event
    threads: list[threading.Thread] = field(default_factory=list)
    loops: list[Loop] = field(init=False)
    sink: AlertSink = field(init=False)
    runtime: Runtime = field(init=False)
    sync: ConfigSync = field(init=False)
    lead: Lead = field(init=False)
    database: EdgeDatabase = field(init=False)
    analyser: Analyser = field(init=False)
    outbox: Outbox = field(init=False)

    def __post_init__(self) -> None:
        s = self.settings
        self.database = EdgeDatabase(s.store)
        self.outbox = Outbox(self.database)
        self.lead = Lead(s.store)
        channels = live_channels(device_id=s.device_id, redis_url=s.cloud_redis_url)
        delivery = Delivery(s.device_id, connect(s.cloud_redis_url), self.outbox, events_channel=channels.events)
        self.sink = AlertSink(
            device_id=s.device_id, outbox=self.outbox, wake=delivery.wake, stop=self.stop, clock=time.time
        )
        self.analyser = Analyser(self.detector, self.sink)
        self.runtime = Runtime(
            analyser=self.analyser,
            registry=registry,
            only=s.cameras,
            transport=s.transport,
            folder=s.store.parent,
        )
        cloud = connect(s.cloud_redis_url)
        self.sync = ConfigSync(
            device_id=s.device_id,
            cloud=cloud,
            local=connect(s.local_redis_url),
            documents=DocumentStore(self.database),
            registry=registry,
            apply=self.runtime.apply,
            unhealthy=self.runtime.unhealthy,
            sender=ReportSender(cloud, health=self._health),
        )
        broadcast = Broadcast(
            device_id=s.device_id,
            client=connect(s.cloud_redis_url),
            analyser=self.analyser,
            stats_channel=channels.stats,
        )
        self.loops = [
            self._loop("config", self.lead.only(self.sync.step, self.sync.follow), idle_s=0.5),
            self._loop("analyse", self.analyser.step, idle_s=0.0),
            self._loop("pictures", self.sink.step, idle_s=0.0),
            self._loop("deliver", self.lead.only(delivery.step), idle_s=0.5),
            self._loop("broadcast", broadcast.step, idle_s=0.1),
        ]

    def _loop(self, name: str, step: Any, *, idle_s: float) -> Loop:
        return Loop(name, step, self.stop, idle_s, EXPECTED, explain)

    def _health(self) -> dict[str, Any]:
        return {"outbox": self.outbox.count(), **self.runtime.health()}

    def start(self) -> None:
        """Boots from the store and starts every loop."""
        if self.lead.held() and (swept := self.sink.sweep()):
            log.info("evidence of an earlier run settled", pictures=swept)
        self.sync.boot()
        self.threads = [loop.start() for loop in self.loops]

    def close(self, *, timeout: float = 4.0) -> bool:
        """Ends everything; True when all threads ended in time. The stop event must be set."""
        self.runtime.close()
        deadline = time.monotonic() + timeout
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        ended = not any(t.is_alive() for t in self.threads)
        self.sink.drain()
        self.lead.release()
        if ended:
            self.database.close()
        return ended
