"""Wires the edge worker: what `run_detector` runs, and what tests run in one process."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from redis.exceptions import RedisError

from cameras.core.algorithms import registry
from cameras.core.document import Document
from cameras.lead import Lead, Presence
from cameras.reporting import LONGEST_REASON, ReportSender
from cameras.sync import ConfigSync
from detection.analysis import Analysis
from detection.commanding import KINDS, command_loops, readers_of
from detection.coverage import CoverageTeller
from detection.edge_settings import EdgeSettings, explain
from detection.executors.awaiting import AwaitingExecutor
from detection.executors.base import Executor
from detection.executors.inline import InlineExecutor
from detection.executors.local import LocalProcessExecutor, end_leftovers
from detection.executors.reconciler import Reconciler
from detection.inference.detector import Detector
from detection.inference.pool import DetectorPool
from detection.left_behind import LeftBehind
from detection.model_watch import LOOK_SECONDS, NONE, ModelWatch
from detection.sink import AlertSink
from edgesite.confinement import live_channels
from edgesite.delivery import Delivery
from edgesite.edge_store.claims import Claims
from edgesite.edge_store.coverage import CoverageStore
from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError
from edgesite.edge_store.documents import DocumentStore
from edgesite.edge_store.outbox import Outbox
from edgesite.edge_store.owners import Owner
from edgesite.redis_clients import connect
from edgesite.storage import StorageError
from edgesite.worker import Loop, Step
from recordings.evidence.keeper import STEP_SECONDS, EvidenceKeeper, box_spool
from recordings.recorder.telling import RecorderHealth

log = structlog.get_logger(__name__)

EXPECTED = (RedisError, EdgeStoreError, StorageError)
SWEEP_SECONDS = 10.0
BEAT_SECONDS = 2.0
LEAD_SECONDS = 2.0  # a recorder gives the lead back in less


def every(seconds: float, step: Callable[[], object]) -> Step:
    """A step that does something only so often."""
    due = 0.0

    def turn() -> bool:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + seconds
            step()
        return False

    return turn


@dataclass(slots=True, eq=False)
class EdgeWorker:
    """Everything of one `run_detector` process. Raises EdgeStoreError when the edge store cannot be opened.

    detector: what analyses in this process; None when other processes do, or while there is no model for it. awaits: why not;
    such a worker does all but analyse, and another one takes its place when the model has come.
    """

    settings: EdgeSettings
    detector: Detector | DetectorPool | None
    stop: threading.Event
    awaits: str = ""
    threads: list[threading.Thread] = field(default_factory=list)
    loops: list[Loop] = field(init=False)
    analysis: Analysis | None = field(init=False)
    model_watch: ModelWatch = field(init=False)
    reconciler: Reconciler = field(init=False)
    sink: AlertSink = field(init=False)
    left_behind: LeftBehind = field(init=False)
    sync: ConfigSync = field(init=False)
    lead: Lead = field(init=False)
    presence: Presence = field(init=False)
    recorder: RecorderHealth = field(init=False)
    database: EdgeDatabase = field(init=False)
    outbox: Outbox = field(init=False)
    keeper: EvidenceKeeper = field(init=False)
    _owner: Owner = field(init=False)

    def __post_init__(self) -> None:
        s = self.settings
        self.model_watch = ModelWatch()
        self.database = EdgeDatabase(s.store)
        self.outbox = Outbox(self.database)
        self.lead, self.presence = Lead(s.store), Presence(s.store)
        self.recorder = RecorderHealth(s.store)
        channels = live_channels(device_id=s.device_id, redis_url=s.cloud_redis_url)
        self._owner = Owner(s.store)
        delivery = Delivery(
            s.device_id, connect(s.cloud_redis_url), self.outbox, events_channel=channels.events,
            claims=Claims(self.database, owner=self._owner.name),
        )  # fmt: skip
        self.keeper = EvidenceKeeper(self.database, self.stop, delivery.wake, delivery.at_rest)
        self._analyse_with(delivery.wake)
        cloud = connect(s.cloud_redis_url)
        teller = CoverageTeller(CoverageStore(self.database), delivery.wake, self.reconciler.unwatched)
        self.sync = ConfigSync(
            device_id=s.device_id,
            cloud=cloud,
            local=connect(s.local_redis_url),
            documents=DocumentStore(self.database),
            registry=registry,
            apply=self.reconciler.apply,
            unhealthy=self.reconciler.unhealthy,
            arrived=self.reconciler.arrived,
            sender=ReportSender(cloud, health=self._health),
        )
        self.loops = [
            self._loop("config", self.lead.only(self.sync.step, self.sync.follow), idle_s=0.5),
            self._loop("deliver", self.lead.only(delivery.step), idle_s=0.5),
            self._loop("upload", self.lead.only(self.keeper.upload_step), idle_s=1.0),
            self._loop("keep", self.lead.only(every(STEP_SECONDS, self.keeper.step)), idle_s=1.0),
            self._loop("tell coverage", self.lead.only(teller.step), idle_s=5.0),
            self._loop("sweep", self.lead.only(every(SWEEP_SECONDS, self._sweep)), idle_s=1.0),
            self._loop("presence", every(BEAT_SECONDS, self._be_present), idle_s=1.0),
            self._loop("model on the disk", self.model_watch.step, idle_s=LOOK_SECONDS),
        ]
        self.loops += [self._loop(name, step, idle_s=idle_s) for name, step, idle_s in self._command_loops()]
        if self.analysis is None:
            self.loops.append(self._loop("groups", self.reconciler.step, idle_s=0.1))
        else:
            self.loops += [self._loop(name, step, idle_s=idle_s) for name, step, idle_s in self.analysis.loops]

    def _analyse_with(self, wake: Callable[[], None]) -> None:
        s, detector = self.settings, self.detector
        self.analysis = None
        if detector is not None:
            self.analysis = Analysis(
                device_id=s.device_id,
                store=s.store,
                cloud_redis_url=s.cloud_redis_url,
                transport=s.transport,
                detector=detector,
                database=self.database,
                stop=self.stop,
                wake=wake,
            )
        self.sink = (
            self.analysis.sink
            if self.analysis
            else AlertSink(
                device_id=s.device_id,
                outbox=self.outbox,
                wake=wake,
                stop=self.stop,
                clock=time.time,
                spool=box_spool(s.store),
            )
        )
        self.reconciler = Reconciler(
            self._executor,
            registry=registry,
            folder=s.store.parent,
            only=s.cameras,
            most=s.processes if self.analysis is None else 1,
            largest=s.largest if self.analysis is None else None,
        )
        self.left_behind = LeftBehind(self.database, self.sink, self.reconciler.unwatched)

    def _command_loops(self) -> list[tuple[str, Step, float]]:
        analysis, s = self.analysis, self.settings
        return command_loops(
            device_id=s.device_id,
            cloud_redis_url=s.cloud_redis_url,
            database=self.database,
            readers=lambda: readers_of(analysis.analyser) if analysis else {},
            analyser=analysis.analyser if analysis else None,
            document=lambda: self.sync.current,
            stop=self.stop,
            transport=s.transport,
            whole_box=True,
            elsewhere=self._runs_elsewhere,
        )

    def _runs_elsewhere(self, camera_id: str) -> bool:
        """Whether another process may have the camera: a group's, or a worker for other cameras."""
        if self.settings.cameras and camera_id not in self.settings.cameras:
            return True
        document = self.sync.current if self.settings.executor == "processes" else None
        found = [c for c in document.content.cameras if c.camera_id == camera_id] if document else []
        return bool(found and found[0].enabled and found[0].analyse)

    def _executor(self, document: Callable[[], Document | None]) -> Executor:
        if self.analysis is not None:
            return InlineExecutor(self.analysis.runtime, document)
        if self.settings.executor == "inline":
            return AwaitingExecutor(lambda: self.awaits)
        folder, command = self.settings.run_folder, self.settings.group_command
        return LocalProcessExecutor(folder, command, model=lambda: self.model_watch.mark)

    def _loop(self, name: str, step: Any, *, idle_s: float) -> Loop:
        expected = (*EXPECTED, OSError) if name == "groups" else EXPECTED
        return Loop(name, step, self.stop, idle_s, expected, explain)

    def _health(self) -> dict[str, Any]:
        # In this order: what the chain's newest place stands for is at the hub, or among what waits.
        evidence = self.keeper.health()
        waiting = {"outbox": self.outbox.count(), "commands": list(KINDS), "test_alerts": True}
        recording = {"recording": self.recorder.read()}
        analysis = self.reconciler.health()
        inference = self.detector.describe() if self.detector else analysis.pop("inference", {})
        if notice := (f"{NONE}: {self.awaits}" if self.awaits else self.model_watch.notice):
            inference = {**inference, "notice": notice[:LONGEST_REASON]}
        return {**waiting, **recording, **evidence, **({"inference": inference} if inference else {}), **analysis}

    def _sweep(self) -> None:
        if swept := self.sink.sweep():
            log.info("evidence of a process that ended settled", pictures=swept)
        self.left_behind.step()

    def start(self) -> None:
        """Boots from the store and starts every loop."""
        if self._takes_lead():
            self._sweep()
            if self.analysis is not None:
                end_leftovers(self.settings.run_folder)
        if self.analysis is None:
            with contextlib.suppress(OSError):  # its loop tells
                self.reconciler.step()  # first what a predecessor left running: cameras stay where they are
        self.sync.boot(leads=self.lead.held())
        self.threads = [loop.start() for loop in self.loops]

    def _takes_lead(self) -> bool:
        """Waits for a recorder that leads to give the lead back: else this start would not count, and sweep nothing."""
        first = not self.presence.fresh()  # else a detector lives, and a recorder has not taken the lead
        self.presence.beat()
        ends = time.monotonic() + LEAD_SECONDS
        while first and not self.lead.held() and time.monotonic() < ends:
            if self.stop.wait(0.1):
                break
        return self.lead.held()

    def _be_present(self) -> None:
        """Raises EdgeStoreError."""
        self.presence.beat()
        self.sync.documents.note_detector()

    def close(self, *, timeout: float = 4.0) -> bool:
        """Ends everything; True when all ended in time. The stop event must be set."""
        deadline = time.monotonic() + timeout
        ended = self.reconciler.close(timeout=timeout - 0.5)
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        quiet = not any(t.is_alive() for t in self.threads)
        if self.analysis is not None:
            self.analysis.finish(ended=quiet)
        if quiet:  # one that hangs was brought down
            self.sync.stop()
        self.presence.leave()
        self.lead.release()
        self._owner.close()
        if quiet:
            self.database.close()
        return ended and quiet
