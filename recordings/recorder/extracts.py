"""Extracts on the box: cuts what the hub orders of what is recorded, stores it, and says how far it is.

Nothing of it is kept on the box. The hub repeats an order until it has heard of the end, so after a restart everything begins
again; what nobody asks for any more is forgotten.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import structlog
from django.utils.translation import gettext_noop

from edgesite.commands import Command
from edgesite.destination import ObjectStorage, destination
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.outbox import insert_event
from edgesite.ids import uuid7
from edgesite.storage import StorageError, forget_parts
from recordings.core.extracts import UNDER_WAY, ExtractOrder, ExtractReport, Purpose, State
from recordings.core.ffmpeg import Tool
from recordings.core.names import safe_name
from recordings.core.segments import Segment, holes
from recordings.core.tasks import MOST_HOLES, one_line
from recordings.recorder.clips import Clip, ClipError, Stopped, make_clip
from recordings.recorder.extract_jobs import Job, Unwanted
from recordings.recorder.hidden_clips import make_hidden_clip
from recordings.recorder.segment_store import SegmentStore, Span
from recordings.recorder.tasks import CLOSING_SECONDS, EARLY_SECONDS, GROWING_SECONDS, NO_TOOL

log = structlog.get_logger(__name__)

KIND, KIND_HIDDEN = "cut", "cut_hidden"
MOST_JOBS = 50
FORGOTTEN_SECONDS = (
    60.0  # without the hub asking again; what is being cut, which costs more to begin anew, stays longer
)
SPARE = 512 * 1024 * 1024  # bytes that an extract leaves free for what is being recorded
NO_ROOM = gettext_noop(
    "The box has too little free disk space for it. Ask for a shorter time, or make room on the box."
)
NOTHING = gettext_noop("Nothing of this time is kept on the box.")
NOT_CUT = gettext_noop("It could not be cut")
NOT_STORED = gettext_noop("It could not be stored yet")


class Writer(Protocol):
    """As much of a segmenter as says whether there is more to come."""

    @property
    def quiet(self) -> bool: ...

    @property
    def recording(self) -> bool: ...


@dataclass(slots=True)
class Extracts:
    """Of one box. Orders come in a thread of their own; one thread calls `step` for each purpose.

    folder: OUTPUT_DIR. segmenters: of the cameras that are being recorded. free: bytes on a folder's disk.
    """

    folder: Path
    database: EdgeDatabase
    segments: SegmentStore
    segmenters: Mapping[str, Writer]
    tool: Tool | None
    stop: threading.Event
    clock: Any = time.time
    monotonic: Any = time.monotonic
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
    _jobs: dict[str, Job] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        """At the start: what a recorder that was killed left. Raises OSError."""
        work = self.folder / "extracts"
        for file in work.glob("*") if work.is_dir() else ():
            file.unlink(missing_ok=True)

    # -- the hub's orders (edgesite.command_listener.Handler) ----------------------------------------------------------

    def mine(self, command: Command) -> bool:
        return True

    def obey(self, command: Command, left_s: float) -> None:
        """Takes the order on, or says how far it is. Raises EdgeStoreError."""
        try:
            order = ExtractOrder.model_validate(dict(command.body))
            if (order.hide is not None) != (command.kind == KIND_HIDDEN):
                raise ValueError("the command says another thing than its body of what is hidden")
        except ValueError:
            log.warning("order that cannot be read ignored", request_id=command.request_id)
            return
        with self._lock:
            job = self._jobs.get(order.extract_id)
            if job is None:
                if sum(j.state in UNDER_WAY for j in self._jobs.values()) >= MOST_JOBS:
                    log.warning("too many extracts at once, it is not begun yet", extract=order.extract_id)
                    return  # the hub asks again
                file = self.folder / "extracts" / f"{safe_name(order.extract_id)}.mp4"
                job = self._jobs[order.extract_id] = Job(order, file, self.monotonic())
                log.info("extract ordered", extract=order.extract_id, camera=order.camera_id, purpose=order.purpose)
            job.heard_at = self.monotonic()
        self._tell(job)

    def refuse(self, command: Command) -> None:
        log.warning("order refused", request_id=command.request_id)  # the hub sends it again

    def spans(self) -> list[Span]:
        """What retention must leave: of orders that are not cut yet."""
        with self._lock:
            jobs = [j.order for j in self._jobs.values() if j.state in ("waiting", "cutting")]
        return [(o.camera_id, o.begin, o.end) for o in jobs]

    # -- the work ------------------------------------------------------------------------------------------------------

    def step(self, purpose: Purpose) -> bool:
        """Brings one order a step on; whether there was one. Raises EdgeStoreError."""
        self._forget()
        job = self._next(purpose)
        if job is None:
            return False
        try:
            self._store(job) if job.state == "storing" else self._cut(job)
        except Stopped:
            self._drop(job)
            return False
        except (OSError, StorageError, ClipError) as error:
            if self.stop.is_set():
                return False
            self._set_aside(job, error)
        return True

    def _drop(self, job: Job) -> None:
        """What is not wanted any more while it is being cut. When the recorder ends, the hub asks anew after its start."""
        with self._lock:
            self._jobs.pop(job.order.extract_id, None)
        log.info("extract given up", extract=job.order.extract_id)

    def _forget(self) -> None:
        """What the hub no longer asks for; the file of one that is being worked on stays until its worker is here again."""
        old = self.monotonic() - FORGOTTEN_SECONDS
        with self._lock:
            gone = [i for i, j in self._jobs.items() if j.heard_at < old and j.state != "cutting"]
            jobs = [self._jobs.pop(i) for i in gone]
        for job in jobs:
            job.file.unlink(missing_ok=True)
            forget_parts(job.file)

    def _next(self, purpose: Purpose) -> Job | None:
        now = self.monotonic()
        with self._lock:
            waiting = [j for j in self._jobs.values() if j.order.purpose == purpose and j.state in UNDER_WAY]
        return next((j for j in waiting if j.due <= now and (j.state != "waiting" or self._closed(j.order))), None)

    def _closed(self, order: ExtractOrder) -> bool:
        """Whether everything that was recorded of that time is in the index."""
        segmenter = self.segmenters.get(order.camera_id)
        if segmenter is None or segmenter.quiet:
            return True
        keeps_end = order.purpose == "export" and segmenter.recording  # who plays asks for what comes next anyway
        if self.clock() > order.end + (GROWING_SECONDS if keeps_end else CLOSING_SECONDS):
            return True
        newest = self.segments.newest(order.camera_id)
        return newest is not None and newest.end >= order.end - EARLY_SECONDS

    def _cut(self, job: Job) -> None:
        order = job.order
        found = self.segments.between(order.camera_id, start=order.begin, end=order.end)
        # What is only kept in case an alert comes is nobody's to watch yet.
        pieces = [s for s in found if not s.ring and (self.folder / "segments" / s.path).is_file()]
        problem = NO_TOOL if self.tool is None else NOTHING if not pieces else ""
        if problem or self.tool is None:
            self._end(job, "failed", problem)
            return
        job.whole = sum(s.size for s in pieces)
        if not self._room_for(job):
            self._end(job, "failed", NO_ROOM)
            return
        job.state = "cutting"
        clip = self._clip(job, pieces, self.tool)
        job.told = _facts(clip.of(pieces), order) | {
            "sha256": clip.sha256, "bytes": clip.size, "duration": round(clip.seconds, 3), "hidden": order.hidden,
        }  # fmt: skip
        job.state, job.message = "storing", ""
        self._tell(job)

    def _room_for(self, job: Job) -> bool:
        """Whether it can be cut without taking the room from what is being recorded.

        The next one goes when this one is stored; here, without a bucket or another hub, the stored one needs room too.
        """
        copies = 1 if destination(self.stop) else 2
        return self.free(self.folder) >= copies * job.whole + SPARE

    def _clip(self, job: Job, pieces: list[Segment], tool: Tool) -> Clip:
        """Nothing else decides whether something is hidden. Raises ClipError, OSError, Stopped."""
        folder, order, stop = self.folder / "segments", job.order, Unwanted(self.stop, job, self.monotonic)
        if order.hide is None:
            return make_clip(pieces, folder=folder, target=job.file, end=order.end, tool=tool, stop=stop)

        def done(share: float) -> None:
            job.share = share

        return make_hidden_clip(
            pieces, folder=folder, target=job.file, end=order.end, tool=tool, stop=stop, hide=order.hide, told=done
        )

    def _store(self, job: Job) -> None:
        if not job.file.is_file():
            job.state = "waiting"
            return
        place = destination(self.stop) or ObjectStorage(self.stop)
        try:
            place.send(job.order.key, job.file, sha256=job.told["sha256"], size=job.told["bytes"])
        finally:
            place.close()
        job.file.unlink(missing_ok=True)
        self._end(job, "ready", "")

    def _set_aside(self, job: Job, error: Exception) -> None:
        """What can help is tried again, later and later; the rest is the end."""
        told = one_line(f"{NOT_STORED if job.state == 'storing' else NOT_CUT}: {error}")
        if not getattr(error, "retryable", True):
            self._end(job, "failed", told)
            return
        job.due = self.monotonic() + job.backoff.next()
        job.state = "storing" if job.state == "storing" else "waiting"
        if job.message != told:
            log.warning("extract waits", extract=job.order.extract_id, reason=str(error))
            job.message = told
            self._tell(job)

    def _end(self, job: Job, state: State, message: str) -> None:
        job.state, job.message = state, message
        if state == "failed":
            job.told = {}
            job.file.unlink(missing_ok=True)
            forget_parts(job.file)
        log.info("extract finished", extract=job.order.extract_id, state=state, reason=message)
        self._tell(job)

    def _tell(self, job: Job) -> None:
        event_id, order = uuid7(), job.order
        report = ExtractReport(
            event_id=event_id, extract_id=order.extract_id, camera_id=order.camera_id, state=job.state,
            progress=job.progress, message=job.message, **(job.told if job.state == "ready" else {}),
        )  # fmt: skip
        with self.database.transaction() as db:
            insert_event(db, event_id, order.camera_id, "extract", report.body(), self.clock())


def _facts(pieces: list[Segment], order: ExtractOrder) -> dict[str, Any]:
    """When the first picture is, and what is missing."""
    gaps = holes(pieces, start=order.begin, end=order.end)
    told = [(round(a, 3), round(b, 3)) for a, b in gaps][:MOST_HOLES]
    return {"started_at": round(pieces[0].start, 3), "gaps": told}
