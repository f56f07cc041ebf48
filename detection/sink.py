"""Alerts into the outbox, their pictures into storage. The alert is durable before its picture is encoded."""

from __future__ import annotations

import hashlib
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from detection.core.events import alert_body
from detection.core.rules.base import RuleEvent
from detection.ingest.frame import Frame
from detection.open_alerts import StartedAlerts
from detection.pipeline import Plan
from edgesite import storage
from edgesite.edge_store.database import EdgeStoreError
from edgesite.edge_store.outbox import Outbox
from edgesite.edge_store.owners import clear_up, lives
from edgesite.ids import uuid7
from edgesite.storage import StorageError
from recordings.core.names import capture_key

log = structlog.get_logger(__name__)

QUEUE = 32
HELD = 1000
TRIES = 3


@dataclass(frozen=True, slots=True)
class _Alert:
    """An alert on its way to the disk. frame: for its picture; None when too many wait. note: as in `Outbox.add_alert`."""

    event_id: str
    camera_id: str
    body: dict[str, Any]
    key: str
    frame: Frame | None
    note: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class _Job:
    event_id: str
    key: str
    frame: Frame


class AlertSink:
    """Takes rules' events from the analyser. `raise_alert` returns when the alert is on disk; pictures follow in a thread.

    While the edge store cannot be written (a full disk) alerts are held in memory, in order, and written when it can be
    again. wake: called when there is something to deliver.
    """

    def __init__(
        self,
        *,
        device_id: str,
        outbox: Outbox,
        wake: Callable[[], None],
        stop: threading.Event,
        clock: Callable[[], float],
    ) -> None:
        self.device_id = device_id
        self.outbox = outbox
        self.wake = wake
        self.stop = stop
        self.clock = clock
        self.lost = 0
        self._jobs: queue.Queue[_Job] = queue.Queue(QUEUE)
        self._held: deque[_Alert] = deque()
        self._lock = threading.Lock()
        self._failing = False
        self._started = StartedAlerts(outbox.database)

    def raise_alert(self, event: RuleEvent, frame: Frame, plan: Plan) -> None:
        """Writes the alert, or holds it while the store cannot be written.

        An `updated` or `ended` event says in its data, as `started_event_id`, which alert it continues; it has no picture.
        """
        event_id = uuid7()
        starts = event.phase == "started"
        key = ""
        if starts:
            key = capture_key(
                camera_id=frame.camera_id, event_id=event_id, timestamp=frame.timestamp, time_zone=plan.time_zone
            )
        body = alert_body(
            event,
            event_id=event_id,
            device_id=self.device_id,
            camera_id=frame.camera_id,
            timestamp=frame.timestamp,
            capture=key,
        )
        with self._lock:
            if len(self._held) >= HELD:
                self.lost += 1
                log.error("alert lost", camera=frame.camera_id, algorithm=event.algo_code, held=HELD, lost=self.lost)
                return
            note = None
            if starts:
                note = self._started.note(frame.camera_id, event, event_id)
            elif (started := self._started.of(frame.camera_id, event)) is not None:
                body["data"] = {**event.data, "started_event_id": started}
            kept = frame if starts and len(self._held) < QUEUE else None  # pictures are large
            self._held.append(_Alert(event_id, frame.camera_id, body, key, kept, note))
        self.write_held()

    def write_held(self) -> None:
        """Writes what is held, oldest first, as far as the store takes it."""
        with self._lock:
            while self._held:
                alert = self._held[0]
                try:
                    self.outbox.add_alert(
                        event_id=alert.event_id,
                        camera_id=alert.camera_id,
                        body=alert.body,
                        capture=alert.key,
                        now=self.clock(),
                        note=alert.note,
                    )
                except EdgeStoreError as error:
                    if not self._failing:
                        log.error("alerts are held in memory", reason=str(error))
                    self._failing = True
                    return
                except Exception:  # a body that is no JSON: it must not hold up every alert behind it
                    self._held.popleft()
                    self.lost += 1
                    log.exception("alert lost", camera=alert.camera_id, event_id=alert.event_id, lost=self.lost)
                    continue
                self._held.popleft()
                self._failing = False
                self._written(alert)

    def _written(self, alert: _Alert) -> None:
        log.info(
            {"started": "alert raised", "updated": "alert goes on"}.get(alert.body["phase"], "alert ended"),
            event_id=alert.event_id,
            camera=alert.camera_id,
            roi=alert.body["roi_id"],
            algorithm=alert.body["algo_code"],
        )
        self.wake()
        if not alert.key:
            return
        try:
            if alert.frame is None:
                raise queue.Full
            self._jobs.put_nowait(_Job(alert.event_id, alert.key, alert.frame))
        except queue.Full:
            self._settle(alert.event_id, alert.key, "too many pictures at once")

    def step(self) -> bool:
        """Stores one waiting picture. Called by the picture thread."""
        if self._held:
            self.write_held()
        try:
            job = self._jobs.get(timeout=0.3)
        except queue.Empty:
            return False
        self._store(job)
        return True

    def _store(self, job: _Job) -> None:
        try:
            jpeg = job.frame.jpeg()
        except Exception:  # whatever FFmpeg and OpenCV raise: the alert must not wait for its picture for ever
            log.exception("picture could not be encoded", event_id=job.event_id)
            self._settle(job.event_id, job.key, "the picture could not be encoded")
            return
        for attempt in range(TRIES):
            try:
                storage.put(job.key, jpeg)
            except StorageError as error:
                log.warning("picture not stored", event_id=job.event_id, reason=str(error), attempt=attempt + 1)
                if not error.retryable or attempt + 1 == TRIES or self.stop.wait(1 + attempt):
                    self._settle(job.event_id, job.key, "the storage could not be written")
                    return
            else:
                self._settle(job.event_id, job.key, "", jpeg)
                return

    def _settle(self, event_id: str, key: str, reason: str, jpeg: bytes = b"") -> None:
        new_id = uuid7()
        body = {
            "type": "evidence",
            "event_id": new_id,
            "alert_id": event_id,
            "key": key,
            "status": "lost" if reason else "stored",
            "sha256": hashlib.sha256(jpeg).hexdigest() if jpeg else "",
            "bytes": len(jpeg),
            "reason": reason,
        }
        try:
            self.outbox.settle_evidence(event_id=event_id, new_id=new_id, body=body, now=self.clock())
        except EdgeStoreError as error:
            log.error("evidence not reported", event_id=event_id, reason=str(error))
            return
        self.wake()

    def sweep(self) -> int:
        """Settles pictures that a process promised which lives no more. Answers how many there were."""
        store = self.outbox.database.path
        left_by: dict[str, bool] = {}
        for item in self.outbox.pending_evidence():
            if item.owner not in left_by:
                left_by[item.owner] = not lives(store, item.owner)
        # Read again: what a process kept just before it ended is no longer there.
        pending = [item for item in self.outbox.pending_evidence() if left_by.get(item.owner)]
        for item in pending:
            try:
                file, _ = storage.open_object(item.key)
            except FileNotFoundError:
                self._settle(item.event_id, item.key, "the box stopped before the picture was stored")
            except StorageError as error:
                log.warning("evidence left for the next start", event_id=item.event_id, reason=str(error))
            else:
                with file:
                    self._settle(item.event_id, item.key, "", file.read())
        clear_up(store)
        return len(pending)

    def drain(self) -> None:
        """At the end: stores what still waits."""
        if self._held:
            self.write_held()
        while not self._jobs.empty():
            self.step()
        if self._held:
            log.error("alerts lost: the edge store could not be written up to the end", alerts=len(self._held))
