"""Frame to alert in one process: readers, analyser, rules' memory, alerts and live numbers, and the loops that drive them."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path

from cameras.core.algorithms import registry
from detection.analyser import Analyser
from detection.broadcast import Broadcast
from detection.coverage import LOOK_SECONDS, CoverageKeeper
from detection.full_pictures import FullPictures
from detection.inference.detector import Detector
from detection.inference.pool import DetectorPool
from detection.ingest.attention import WatchBudget
from detection.ingest.reader import CameraReader
from detection.pacing import Pacing
from detection.rule_memory import RuleMemory
from detection.runtime import Runtime
from detection.sink import AlertSink
from edgesite.confinement import live_channels
from edgesite.edge_store.coverage import CoverageStore
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.outbox import Outbox
from edgesite.edge_store.owners import Owner
from edgesite.redis_clients import connect
from edgesite.worker import Step
from recordings.evidence.keeper import box_spool


class Analysis:
    """loops: name, step and idle seconds of each thread that this needs. wake: called when there is something to deliver."""

    def __init__(
        self,
        *,
        device_id: str,
        store: Path,
        cloud_redis_url: str,
        transport: str,
        detector: Detector | DetectorPool,
        database: EdgeDatabase,
        stop: threading.Event,
        wake: Callable[[], None] = lambda: None,
        budget: WatchBudget | None = None,
    ) -> None:
        self.detector = detector
        self._owner = Owner(store)
        outbox = Outbox(database, owner=self._owner.name)
        self.sink = AlertSink(
            device_id=device_id, outbox=outbox, wake=wake, stop=stop, clock=time.time, spool=box_spool(store)
        )
        self.analyser = Analyser(detector, self.sink)
        full = FullPictures(self.sink.captures, self._reader)
        self.sink.on_picture = full.want
        slots = lambda: {name: slot.pipeline for name, slot in self.analyser.slots.items()}  # noqa: E731
        self.memory = RuleMemory(database, slots, self.sink)
        self.coverage = CoverageKeeper(CoverageStore(database), lambda: self.analyser.slots)
        self.runtime = Runtime(
            analyser=self.analyser,
            recall=self.memory.recall,
            registry=registry,
            transport=transport,
            folder=store.parent,
            budget=budget,
        )
        channels = live_channels(device_id=device_id, redis_url=cloud_redis_url)
        broadcast = Broadcast(
            device_id=device_id,
            client=connect(cloud_redis_url),
            analyser=self.analyser,
            stats_channel=channels.stats,
        )
        self.loops: list[tuple[str, Step, float]] = [
            *((f"analyse {number}", self.analyser.step, 0.0) for number in range(1, self._sessions() + 1)),
            ("pictures", self.sink.step, 0.0),
            ("full pictures", full.step, 0.0),
            ("broadcast", broadcast.step, 0.1),
            ("memory", self.memory.step, 2.0),
            ("coverage", self.coverage.step, LOOK_SECONDS),
            ("pace", functools.partial(self._pace, Pacing(self.analyser)), 0.25),
        ]

    def _pace(self, pacing: Pacing) -> bool:
        # Asked each time: an accelerator that fails is left for the processor.
        return self.detector.processor and pacing.step()

    def _reader(self, camera_id: str) -> CameraReader | None:
        slot = self.analyser.slots.get(camera_id)
        return slot.reader if slot else None

    def _sessions(self) -> int:
        return self.detector.size if isinstance(self.detector, DetectorPool) else 1

    def finish(self, *, ended: bool) -> None:
        """After the threads: stores what is left. ended: none of them runs any more."""
        self.sink.drain()
        if ended:
            self.memory.close()
            self.coverage.close()
        self._owner.close()
