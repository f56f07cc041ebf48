"""Stills of alerts: encoded and kept in a thread of their own, under a path that is known before.

What was promised with an alert ends in one of two ways, once: stored, with its hash and its place in the chain of evidence,
or lost for a reason. Where the storage is not this machine's own files, the picture first stands in the spool; `Uploads`
brings it there.
"""

from __future__ import annotations

import functools
import hashlib
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from edgesite import storage
from edgesite.core.chain import Content
from edgesite.edge_store.database import EdgeStoreError
from edgesite.edge_store.evidence import EvidenceStore
from edgesite.edge_store.outbox import Outbox, PendingEvidence
from edgesite.edge_store.owners import clear_up, lives
from edgesite.ids import uuid7
from edgesite.spool import Spool
from edgesite.storage import StorageError

log = structlog.get_logger(__name__)

QUEUE = 32  # pictures are large
TRIES = 3
MOST_UNDONE = 5000  # what falls out, the sweep of the next start settles
TOO_MANY = "too many pictures at once"
NOT_ENCODED = "the picture could not be encoded"
NOT_WRITTEN = "the storage could not be written"
STOPPED = "the box stopped before the picture was stored"


class Picture(Protocol):
    """What a capture is made of."""

    def jpeg(self) -> bytes:
        """At most 1920×1080, quality 85."""


@dataclass(frozen=True, slots=True)
class _Job:
    event_id: str
    key: str
    picture: Picture


@dataclass(slots=True)
class Captures:
    """spool: where pictures wait for their way to the storage; None where the storage is this machine's own files.

    wake: called when there is something to deliver. One thread calls `step`, any may call `save`.
    """

    outbox: Outbox
    wake: Callable[[], None]
    stop: threading.Event
    clock: Callable[[], float]
    spool: Spool | None = None
    _jobs: queue.Queue[_Job] = field(default_factory=lambda: queue.Queue(QUEUE))
    _undone: deque[Callable[[], None]] = field(default_factory=lambda: deque(maxlen=MOST_UNDONE))
    _told: bool = False  # that the store takes nothing

    def save(self, *, event_id: str, key: str, picture: Picture | None) -> None:
        """Queues the picture that an alert promised. None, and one too many, is lost at once and said so."""
        try:
            if picture is None:
                raise queue.Full
            self._jobs.put_nowait(_Job(event_id, key, picture))
        except queue.Full:
            self._settle(event_id, key, TOO_MANY)

    @property
    def has_room(self) -> bool:
        """Whether a picture that is an addition may be queued: half of the places are for those that alerts promised."""
        return self._jobs.qsize() < QUEUE // 2

    def step(self, *, wait_s: float = 0.3) -> bool:
        """Keeps one waiting picture. Called by the picture thread."""
        self._try_again()
        try:
            job = self._jobs.get(timeout=wait_s)
        except queue.Empty:
            return False
        self._keep(job)
        return True

    def drain(self) -> None:
        """At the end: keeps what still waits."""
        while not self._jobs.empty():
            self.step()
        self._try_again()

    def _try_again(self) -> None:
        """What the edge store did not take (a full disk), as far as it does now. Only this thread takes from it."""
        for _ in range(len(self._undone)):
            before = len(self._undone)
            self._undone.popleft()()
            if len(self._undone) >= before:
                return  # it came back: there is still no room
        self._told = False

    def _keep(self, job: _Job) -> None:
        try:
            jpeg = job.picture.jpeg()
        except Exception:  # whatever FFmpeg and OpenCV raise: the alert must not wait for its picture for ever
            log.exception("picture could not be encoded", event_id=job.event_id)
            self._settle(job.event_id, job.key, NOT_ENCODED)
            return
        for attempt in range(TRIES):
            try:
                self._put(job.key, jpeg)
            except StorageError as error:
                log.warning("picture not stored", event_id=job.event_id, reason=str(error), attempt=attempt + 1)
                if not error.retryable or attempt + 1 == TRIES or self.stop.wait(1 + attempt):
                    self._settle(job.event_id, job.key, NOT_WRITTEN)
                    return
            else:
                self._kept(Content(job.event_id, job.key, hashlib.sha256(jpeg).hexdigest(), len(jpeg)))
                return

    def _put(self, key: str, jpeg: bytes) -> None:
        if self.spool is None:
            storage.put(key, jpeg)
        else:
            self.spool.put(key, jpeg)

    def _kept(self, content: Content) -> None:
        if self.spool is None:
            self._settle(content.event_id, content.key, "", content)
            return
        try:
            if not EvidenceStore(self.outbox.database).spooled(content):
                self.spool.remove(content.key)  # its alert was dropped meanwhile
        except StorageError as error:
            log.warning("file left for the next start", key=content.key, reason=str(error))
        except EdgeStoreError as error:
            self._later(functools.partial(self._kept, content), content.event_id, error)

    def _settle(self, event_id: str, key: str, reason: str, content: Content | None = None) -> None:
        try:
            report_picture(
                self.outbox, event_id=event_id, key=key, reason=reason, content=content, keep=False, now=self.clock()
            )
        except EdgeStoreError as error:
            self._later(functools.partial(self._settle, event_id, key, reason, content), event_id, error)
            return
        self.wake()

    def _later(self, act: Callable[[], None], event_id: str, error: EdgeStoreError) -> None:
        if not self._told:
            log.error("evidence is reported when there is room again", event_id=event_id, reason=str(error))
        self._told = True
        self._undone.append(act)

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
            self._settle_left(item)
        clear_up(store)
        return len(pending)

    def _settle_left(self, item: PendingEvidence) -> None:
        try:
            found = self._found(item.key)
        except StorageError as error:
            log.warning("evidence left for the next start", event_id=item.event_id, reason=str(error))
            return
        if found is None:
            self._settle(item.event_id, item.key, STOPPED)
        else:
            self._kept(Content(item.event_id, item.key, *found))

    def _found(self, key: str) -> tuple[str, int] | None:
        """Hash and size of what stands under the key; None when nothing does."""
        if self.spool is not None:
            return self.spool.digest(key)
        try:
            file, size = storage.open_object(key)
        except FileNotFoundError:
            return None
        with file:
            return hashlib.sha256(file.read()).hexdigest(), size


def report_picture(
    outbox: Outbox, *, event_id: str, key: str, reason: str, content: Content | None, keep: bool, now: float
) -> bool:
    """Tells the hub that an alert's picture is stored, or lost for a reason, once. Raises EdgeStoreError."""
    new_id = uuid7()
    body: dict[str, Any] = {
        "type": "evidence",
        "event_id": new_id,
        "alert_id": event_id,
        "key": key,
        "status": "lost" if reason else "stored",
        "sha256": content.sha256 if content else "",
        "bytes": content.size if content else 0,
        "reason": reason,
    }
    return outbox.settle_evidence(event_id=event_id, new_id=new_id, body=body, now=now, content=content, keep=keep)
