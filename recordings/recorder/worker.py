"""Wires the recorder: what `run_recorder` runs, and what tests run in one process."""

from __future__ import annotations

import contextlib
import importlib
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import structlog
from redis.exceptions import RedisError

from cameras.core.algorithms import registry
from cameras.core.document import Document
from cameras.lead import Lead, Presence
from cameras.reporting import ReportSender
from cameras.sync import ConfigSync
from edgesite.command_listener import CommandListener, Lane
from edgesite.confinement import live_channels
from edgesite.delivery import Delivery
from edgesite.edge_store.commands import CommandStore
from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError, try_lock
from edgesite.edge_store.documents import DocumentStore
from edgesite.edge_store.losses import report_losses
from edgesite.edge_store.outbox import Outbox
from edgesite.redis_clients import connect, describe
from edgesite.worker import Loop, Step
from recordings.core.ffmpeg import Tool
from recordings.core.retention import Limits
from recordings.recorder import extracts
from recordings.recorder.clip_work import Claims
from recordings.recorder.cutting import Cuts
from recordings.recorder.events import Events
from recordings.recorder.extracts import Extracts
from recordings.recorder.forecasting import Forecasting
from recordings.recorder.hours import Hours
from recordings.recorder.indexing import Indexer
from recordings.recorder.keeping import Keeping
from recordings.recorder.reasons import Reasons
from recordings.recorder.recorder import Recorder
from recordings.recorder.segment_store import SegmentStore
from recordings.recorder.task_store import TaskStore
from recordings.recorder.tasks import KIND, Tasks
from recordings.recorder.telling import RecorderHealth
from recordings.recorder.uploads import Uploads

log = structlog.get_logger(__name__)

EXPECTED = (RedisError, EdgeStoreError)
ALONE_SECONDS = 60.0  # a detector that is installed with the recorder has been started by then


@dataclass(frozen=True, slots=True)
class RecorderSettings:
    """output: OUTPUT_DIR. ffmpeg: "" finds it. longest: seconds of a task."""

    device_id: str
    store: Path
    output: Path
    cloud_redis_url: str
    local_redis_url: str
    transport: str = "tcp"
    ffmpeg: str = ""
    loglevel: str = "warning"
    preset: str = "veryfast"
    longest: float = 3600.0
    limits: Limits = field(default_factory=Limits)

    def tool(self) -> Tool | None:
        """The ffmpeg that there is: the one that was named, the system's, or the one of the package imageio-ffmpeg."""
        path = shutil.which(self.ffmpeg or "ffmpeg")
        if path is None and not self.ffmpeg:
            with contextlib.suppress(ImportError, RuntimeError):
                path = shutil.which(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
        return Tool(path, self.loglevel, self.preset) if path else None


def explain(error: Exception) -> str:
    return describe(error) if isinstance(error, RedisError) else str(error)


class AnotherRecorderError(Exception):
    """Another process records into this folder."""

    retryable = True


@dataclass(slots=True, eq=False)
class RecorderWorker:
    """Everything of one `run_recorder` process. Its own loop, `record`, belongs to the main thread.

    Raises EdgeStoreError when the edge store cannot be opened, OSError for the folder, AnotherRecorderError.
    """

    settings: RecorderSettings
    stop: threading.Event
    monotonic: Callable[[], float] = time.monotonic
    threads: list[threading.Thread] = field(default_factory=list)
    loops: list[Loop] = field(init=False)
    record: Loop = field(init=False)
    recorder: Recorder = field(init=False)
    tasks: Tasks = field(init=False)
    cuts: Cuts = field(init=False)
    uploads: Uploads = field(init=False)
    extracts: Extracts = field(init=False)
    sync: ConfigSync = field(init=False)
    lead: Lead = field(init=False)
    database: EdgeDatabase = field(init=False)
    telling: RecorderHealth = field(init=False)
    _lock: IO[bytes] = field(init=False)
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        s, self._began = self.settings, self.monotonic()
        s.output.mkdir(parents=True, exist_ok=True)
        lock = try_lock(s.output / "recorder")
        if lock is None:
            raise AnotherRecorderError(f"another recorder writes into {s.output}")
        self._lock = lock
        try:
            self.database = EdgeDatabase(s.store)
        except BaseException:
            lock.close()
            raise
        self.lead = Lead(s.store, stand_back=Presence(s.store).fresh)
        self.telling = RecorderHealth(s.store)
        self._wire_recording()
        outbox = Outbox(self.database)
        channels = live_channels(device_id=s.device_id, redis_url=s.cloud_redis_url)
        delivery = Delivery(s.device_id, connect(s.cloud_redis_url), outbox, events_channel=channels.events)
        cloud = connect(s.cloud_redis_url)
        self.sync = ConfigSync(
            device_id=s.device_id,
            cloud=cloud,
            local=connect(s.local_redis_url),
            documents=DocumentStore(self.database),
            registry=registry,
            apply=lambda document: self.recorder.wake(),  # whose next look follows `current`
            unhealthy=lambda: "",
            arrived=self._may_confirm,
            sender=ReportSender(cloud, health=lambda: {"outbox": outbox.count(), "recording": self.recorder.health()}),
        )
        lane, cuts = Lane(self.tasks), Lane(self.extracts)
        listener = CommandListener(
            s.device_id,
            connect(s.cloud_redis_url),
            CommandStore(self.database),
            {KIND: lane, extracts.KIND: cuts, extracts.KIND_HIDDEN: cuts},
        )
        self.loops = [
            self._loop("config", self.lead.only(self.sync.step, self.sync.follow), idle_s=0.5),
            self._loop("deliver", self.lead.only(lambda: delivery.step(wait_s=0.5)), idle_s=0.5),
            self._loop("commands", listener.step, idle_s=0.0),
            self._loop("orders", lane.step, idle_s=0.0),
            self._loop("clips", self.cuts.step, idle_s=0.5),
            self._loop("uploads of clips", self.uploads.step, idle_s=0.5),
            self._loop("health", lambda: self.telling.tell(self.recorder.health), idle_s=0.5),
            self._loop("orders of extracts", cuts.step, idle_s=0.0),
            self._loop("extracts to play", lambda: self.extracts.step("play"), idle_s=0.25),
            self._loop("extracts to export", lambda: self.extracts.step("export"), idle_s=0.5),
            self._loop("losses", self.lead.only(self._tell_losses), idle_s=10.0),
            self._loop("hours", Hours(self.database).step, idle_s=5.0),
        ]
        self.record = self._loop("record", self.recorder.step, idle_s=0.0)

    def _wire_recording(self) -> None:
        s, tool = self.settings, self.settings.tool()
        if tool is None:
            log.error("there is no ffmpeg: nothing can be recorded; install it, or set FFMPEG_PATH")
        segments, store = SegmentStore(self.database), TaskStore(self.database)
        folder = s.output / "segments"
        folder.mkdir(exist_ok=True)
        segmenters: dict[str, Any] = {}
        self.tasks = Tasks(store, segments, segmenters, self._document, tool is not None, s.longest)
        reasons = Reasons(self._document, self.tasks.asked)
        events = Events(store, segments, self._document, s.longest)
        self.extracts = Extracts(s.output, self.database, segments, segmenters, tool, self.stop)
        self.extracts.clear()

        def think() -> None:
            events.step()
            self.tasks.step()
            reasons.step()

        keeping = Keeping(folder, segments, store, s.limits, own=reasons.terms, also=self.extracts.spans)
        self.recorder = Recorder(
            folder=folder,
            indexer=Indexer(folder, segments, reasons.is_ring),
            keeping=keeping,
            tool=tool,
            transport=s.transport,
            stop=self.stop,
            wanted=lambda: {**reasons.wanted(), **self.tasks.wanted()},
            think=think,
            sound=reasons.sound,
            segmenters=segmenters,
            forecasting=Forecasting(keeping),
        )
        self.tasks.ordered = self.recorder.wake
        claims = Claims()
        self.cuts = Cuts(
            folder=s.output, store=store, stop=self.stop, claims=claims, tasks=self.tasks, segments=segments,
            document=self._document, tool=tool, short=keeping.take_short,
        )  # fmt: skip
        self.uploads = Uploads(folder=s.output, store=store, stop=self.stop, claims=claims, cuts=self.cuts)

    def _document(self) -> Document | None:
        return self.sync.current

    def _tell_losses(self) -> bool:
        return report_losses(self.database, now=time.time())

    def _may_confirm(self) -> bool:
        """Whether the document needs no detector to be judged, or one has judged it since, or none ever ran on this box and
        none comes. Raises EdgeStoreError.
        """
        running = self.sync.running
        if running.current is None or not any(c.enabled and c.analyse for c in running.current.content.cameras):
            return True
        stored = self.sync.documents.confirmed()
        if stored is not None and stored.text == running.text:
            return True
        return self.monotonic() - self._began >= ALONE_SECONDS and not self.sync.documents.knows_detector()

    def _loop(self, name: str, step: Step, *, idle_s: float) -> Loop:
        expected = (*EXPECTED, OSError) if name == "health" else EXPECTED
        return Loop(name, step, self.stop, idle_s, expected, explain)

    def start(self) -> None:
        """Finds what a recorder that was killed left, boots from the store and starts every loop but `record`."""
        self.sync.boot(leads=False)  # how a recorder starts says nothing of a document
        document = self.sync.current
        self.recorder.sweep([c.camera_id for c in document.content.cameras] if document else [])
        self.threads = [loop.start() for loop in self.loops]

    def close(self, *, timeout: float = 4.5) -> bool:
        """Ends everything; True when all ended in time. The stop event must be set."""
        deadline = time.monotonic() + timeout
        ended = self.recorder.close(timeout=timeout - 1.0)
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        quiet = not any(t.is_alive() for t in self.threads)
        if quiet:
            self.sync.stop()
        with contextlib.suppress(OSError):
            self.telling.leave()
        self.lead.release()
        if quiet:
            self.database.close()
        self._lock.close()
        return ended and quiet
