"""A group's process: `run_detector --group NAME`. It analyses what its order says and follows the edge store.

It never leads: its parent syncs, delivers and reports. It ends when it is told to, and when no parent is there for long.
"""

from __future__ import annotations

import threading
import time

import structlog
from redis.exceptions import RedisError

from cameras.core.algorithms import registry
from cameras.reporting import ReportSender
from cameras.sync import ConfigSync
from detection.analysis import Analysis
from detection.commanding import command_loops, readers_of
from detection.core.groups import GroupReport
from detection.cores import usable_cores
from detection.edge_settings import EdgeSettings, explain
from detection.executors.seat import TAKEN, Seat
from detection.inference.pool import DetectorPool
from detection.ingest.attention import SHARE, WatchBudget
from detection.model_choice import detection_model, model_mark
from detection.waiting import wait_for
from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError
from edgesite.edge_store.documents import DocumentStore
from edgesite.redis_clients import connect
from edgesite.worker import Loop, Step

log = structlog.get_logger(__name__)

EXPECTED = (RedisError, EdgeStoreError, OSError)
FOLLOW_SECONDS, REPORT_SECONDS = 0.3, 1.0


class Lifeline:
    """From the first moment on, in a thread: signs of life, and the end when the parent stays away.

    trouble: for what the process waits before it can begin; shown as its cameras' reason. fatal: why it is about to end.
    """

    def __init__(self, seat: Seat, stop: threading.Event) -> None:
        self.seat = seat
        self.stop = stop
        self.trouble = ""
        self.fatal = ""
        self.worker: GroupWorker | None = None
        self._loop = Loop("signs of life", self.step, stop, REPORT_SECONDS, EXPECTED, explain)

    def start(self) -> threading.Thread:
        return self._loop.start()

    def step(self) -> bool:
        if self.seat.is_alone():
            log.warning("no parent gives a sign of life, ending", group=self.seat.name)
            self.stop.set()
        worker = self.worker
        report = worker.report() if worker else GroupReport(waiting=self.trouble, model=model_mark(), obeyed=())
        self.seat.report(report, fatal=self.fatal)
        return False


class GroupWorker:
    """provider: as for `choose_provider`. Raises ModelError, and EdgeStoreError when the edge store cannot be opened."""

    def __init__(self, settings: EdgeSettings, provider: str, stop: threading.Event, seat: Seat) -> None:
        self.seat = seat
        order = seat.order()
        own_cores = usable_cores() * (order.share if order else 1.0)
        self.model = model_mark()  # before it is loaded: what changes in between is another one's
        detector = DetectorPool.load(detection_model(), provider=provider, size=max(1, round(own_cores)))
        self.database = EdgeDatabase(settings.store)
        self.analysis = Analysis(
            device_id=settings.device_id,
            store=settings.store,
            cloud_redis_url=settings.cloud_redis_url,
            transport=settings.transport,
            detector=detector,
            database=self.database,
            stop=stop,
            budget=WatchBudget(SHARE * own_cores),
        )
        self.analysis.runtime.only = frozenset()
        cloud = connect(settings.cloud_redis_url)
        self.sync = ConfigSync(
            device_id=settings.device_id,
            cloud=cloud,
            local=connect(settings.local_redis_url),
            documents=DocumentStore(self.database),
            registry=registry,
            apply=self.analysis.runtime.apply,
            unhealthy=self.analysis.runtime.unhealthy,
            sender=ReportSender(cloud, health=dict),
        )
        self._trouble = ""
        self._obeyed: tuple[str, ...] = ()
        commands = command_loops(
            device_id=settings.device_id,
            cloud_redis_url=settings.cloud_redis_url,
            database=self.database,
            readers=lambda: readers_of(self.analysis.analyser),
            analyser=self.analysis.analyser,
            document=lambda: self.sync.current,
            stop=stop,
            transport=settings.transport,
            whole_box=False,
        )
        steps: list[tuple[str, Step, float]] = [("follow", self.step, FOLLOW_SECONDS), *self.analysis.loops, *commands]
        self.loops = [Loop(name, step, stop, idle_s, EXPECTED, explain) for name, step, idle_s in steps]
        self.threads: list[threading.Thread] = []

    def step(self) -> bool:
        """Takes up other cameras and another document; True when either came."""
        try:
            changed = self._obey()
            changed |= self.sync.follow()
        except Exception as error:
            self._trouble = f"the configuration could not be applied: {error}"
            raise
        self._trouble = ""
        return changed

    def _obey(self) -> bool:
        order, runtime = self.seat.order(), self.analysis.runtime
        if order is None or runtime.only == frozenset(order.cameras):
            return False
        before, runtime.only = runtime.only, frozenset(order.cameras)
        if self.sync.current is not None:
            try:
                runtime.apply(self.sync.current)
            except BaseException:
                runtime.only = before
                raise
        self._obeyed = order.cameras
        log.info("cameras of this group", group=self.seat.name, cameras=", ".join(order.cameras))
        return True

    def report(self) -> GroupReport:
        """Only cameras that are being analysed are named."""
        obeyed = self._obeyed  # before what runs: it tells that nothing of an earlier order does
        runtime, current = self.analysis.runtime, self.sync.current
        health = runtime.health()
        running = health["camera_details"]
        return GroupReport(
            sha256=current.header.sha256 if current and not self._trouble else "",
            cameras={camera: health["cameras"][camera] for camera in running},
            details=running,
            broken=self._trouble or runtime.unhealthy(),
            inference=self.analysis.detector.describe(),
            model=self.model,
            obeyed=obeyed,
        )

    def start(self) -> None:
        self.threads = [loop.start() for loop in self.loops]

    def close(self, *, timeout: float = 3.0) -> bool:
        """Ends everything; True when all threads ended in time. The stop event must be set."""
        self.analysis.runtime.close()
        deadline = time.monotonic() + timeout
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        ended = not any(t.is_alive() for t in self.threads)
        self.analysis.finish(ended=ended)
        if ended:
            self.database.close()
        return ended


def run_group(settings: EdgeSettings, name: str, provider: str, stop: threading.Event) -> int:
    """The whole life of a group's process; its exit status. Raises EdgeStoreError that no waiting helps."""
    seat = Seat(settings.run_folder, name)
    if not seat.take():
        log.warning("another process runs this group", group=name)
        return TAKEN
    life = Lifeline(seat, stop)
    life.start()

    def note(reason: str) -> None:
        life.trouble = reason

    try:
        worker = wait_for(lambda: GroupWorker(settings, provider, stop, seat), stop, note)
    except EdgeStoreError as error:
        life.fatal = str(error)
        life.step()
        raise
    if worker is None:
        return 0
    life.worker = worker
    worker.start()
    stop.wait()
    if worker.close():
        return 0
    log.error("a loop did not end in time", group=name)
    return 1
