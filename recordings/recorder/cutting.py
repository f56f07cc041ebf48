"""From a stopped task to a clip in a file. It waits for no storage: what is cut is stored by `Uploads`, in its own time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import structlog
from django.utils.translation import gettext_noop

from cameras.core.document import Document
from edgesite.upload_record import UploadRecord
from recordings.core.ffmpeg import Tool
from recordings.core.names import clip_key, clip_name
from recordings.core.segments import Segment, holes
from recordings.core.tasks import MOST_HOLES, State
from recordings.recorder.clip_work import NOT_CUT, ClipWork
from recordings.recorder.clips import ClipError, make_clip
from recordings.recorder.keeping import FULL
from recordings.recorder.segment_store import SegmentStore
from recordings.recorder.task_store import Task
from recordings.recorder.tasks import NO_PICTURES, NO_TOOL, NOTHING, Tasks

log = structlog.get_logger(__name__)

GONE = gettext_noop("What was recorded is no longer on the box, and no clip of it was stored.")


@dataclass(slots=True, kw_only=True)
class Cuts(ClipWork):
    """Clips of stopped tasks. short: bytes that the disk lacks although retention took all that it may."""

    STATE: ClassVar[State] = "stopping"
    PROBLEM: ClassVar[str] = NOT_CUT

    tasks: Tasks
    segments: SegmentStore
    document: Callable[[], Document | None]
    tool: Tool | None
    short: Callable[[], int] = int

    def step(self) -> bool:
        self._make_room(self.short())
        return ClipWork.step(self)

    def may_begin(self, task: Task) -> bool:
        return task.task_id in self.tasks.ready

    def work(self, task: Task) -> None:
        key = self._free_key(task)
        told = self.made(task, self.work_file(key))
        if told is None:
            found = self.segments.between(task.camera_id, start=_start(task), end=self._end(task))
            self.fail(task, GONE if found else f"{NOTHING}: {NO_PICTURES}")
            return
        self.store.change(task, "uploading", now=self.clock(), key=key, object_name=key, error="", **told)

    def pieces(self, task: Task) -> list[Segment]:
        """What there still is of what its clip is made of."""
        found = self.segments.between(task.camera_id, start=_start(task), end=self._end(task))
        return [s for s in found if (self.folder / "segments" / s.path).is_file()]

    def made(self, task: Task, target: Path) -> dict[str, Any] | None:
        """The facts of its clip, which stands in `target` now; None when there is nothing to make one of.

        Any thread may call it. Raises ClipError, OSError, Stopped, EdgeStoreError.
        """
        pieces, end = self.pieces(task), self._end(task)
        if not pieces:
            return None
        if self.tool is None:
            raise ClipError(NO_TOOL, retryable=True)
        clip = make_clip(
            pieces, folder=self.folder / "segments", target=target, end=end, tool=self.tool, stop=self.stop
        )
        gaps = [(round(a, 3), round(b, 3)) for a, b in holes(clip.of(pieces), start=_start(task), end=end)]
        return {
            "local_file": str(clip.file), "sha256": clip.sha256, "bytes": clip.size, "duration": round(clip.seconds, 3),
            "gaps": gaps[:MOST_HOLES],
        }  # fmt: skip

    def _end(self, task: Task) -> float:
        return task.stopped_at or self.clock()

    def _free_key(self, task: Task) -> str:
        document = self.document()
        zone = document.content.site.time_zone if document else "UTC"
        started = _start(task)
        name = clip_name(camera_id=task.camera_id, task_name=task.task_name, started=started, time_zone=zone)
        event = bool(task.alert_id)
        key = clip_key(camera_id=task.camera_id, name=name, started=started, time_zone=zone, event=event)
        stem = key.removesuffix(".mp4")
        used, number = self.store.keys_like(stem), 2
        while key in used:
            key, number = f"{stem}-{number}.mp4", number + 1
        return key

    # -- a full disk ---------------------------------------------------------------------------------------------------

    def _make_room(self, missing: int) -> None:
        """On a full disk the oldest clips of alerts go: else a hub that is away for long ends recording, and alerts with it.

        With each the segments go that it was made of. What somebody asked for stays, and what is being sent just now.
        """
        if missing <= 0:
            return
        for task in self.store.in_states("uploading"):
            if missing <= 0:
                return
            if task.alert_id and self.claims.take(task.task_id):
                try:
                    missing -= self._give_up(task)
                finally:
                    self.claims.leave(task.task_id)

    def _give_up(self, task: Task) -> int:
        """How many bytes that makes free."""
        held = self.store.get(task.task_id)
        if held is None or held.state != "uploading":  # it was stored before it was claimed
            return 0
        log.error("clip of an alert is given up", task=task.task_id, reason=FULL)
        self.fail(held, FULL)
        return 2 * int(held.told.get("bytes", 0))

    def let_go(self, work: Path) -> None:
        """Without asking the storage, which may hang: parts that it has of the file are taken away as stale in a day."""
        UploadRecord(work).forget()
        work.unlink(missing_ok=True)


def _start(task: Task) -> float:
    return task.started_at or task.asked_at
