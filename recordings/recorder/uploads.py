"""From a stopped task to a stored clip: cut, stored, read back and compared, and only then is the local file let go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.utils.translation import gettext_noop

from cameras.core.document import Document
from edgesite.core.backoff import Backoff
from edgesite.destination import ObjectStorage, destination
from edgesite.hub_upload import HubUpload, NotExpectedError
from edgesite.storage import StorageError, forget_parts, is_stored
from recordings.core.ffmpeg import Tool
from recordings.core.names import clip_key, clip_name
from recordings.core.segments import holes
from recordings.core.tasks import MOST_HOLES, one_line
from recordings.recorder.clips import ClipError, Stopped, make_clip
from recordings.recorder.keeping import FULL
from recordings.recorder.segment_store import SegmentStore
from recordings.recorder.task_store import Task, TaskStore
from recordings.recorder.tasks import NO_PICTURES, NO_TOOL, NOTHING, Tasks

log = structlog.get_logger(__name__)

NOT_CUT = gettext_noop("The clip could not be made")
NOT_STORED = gettext_noop("The clip is kept on the box and could not be stored yet")
GONE = gettext_noop("What was recorded is no longer on the box, and no clip of it was stored.")

GIVE_UP_SECONDS = 7 * 86_400.0  # so long the hub may refuse the clip of an alert or a deleted camera, not only be away


@dataclass(slots=True)
class Uploads:
    """One thread calls `step`: one task at a time, the oldest first. folder: OUTPUT_DIR.

    Its place in the work is the task's state, so that a kill repeats a part of it and loses nothing. short: bytes that the
    disk lacks although retention took all that it may.
    """

    folder: Path
    tasks: Tasks
    store: TaskStore
    segments: SegmentStore
    document: Callable[[], Document | None]
    tool: Tool | None
    stop: threading.Event
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    short: Callable[[], int] = int
    _later: dict[str, tuple[float, Backoff]] = field(default_factory=dict)

    def step(self) -> bool:
        """Raises EdgeStoreError."""
        self._make_room(self.short())
        now = self.monotonic()
        for task in self.store.in_states("stopping", "uploading"):
            due = self._later[task.task_id][0] if task.task_id in self._later else 0.0
            if now < due or (task.state == "stopping" and task.task_id not in self.tasks.ready):
                continue
            try:
                self._cut(task) if task.state == "stopping" else self._upload(task)
            except Stopped:
                return False
            except (OSError, StorageError, ClipError) as error:
                if self.stop.is_set():  # an upload ends between two parts, and goes on there after the start
                    return False
                self._set_aside(task, error)
            else:
                self._later.pop(task.task_id, None)
            return True
        return False

    def _set_aside(self, task: Task, error: Exception) -> None:
        """What can help is tried again, later and later; the rest is the task's end."""
        if isinstance(error, ClipError) and not error.retryable:
            log.error("clip cannot be made", task=task.task_id, reason=str(error))
            self._fail(task, f"{NOT_CUT}: {error}")
            return
        refused = isinstance(error, NotExpectedError) or not getattr(error, "retryable", True)
        if (
            refused
            and self.clock() - task.asked_at > GIVE_UP_SECONDS
            and (task.alert_id or self._is_gone(task.camera_id))
        ):
            # The hub takes no clip of an alert that it never got, or that somebody deleted, nor one of a deleted camera.
            log.error("clip is given up", task=task.task_id, reason=str(error))
            self._fail(task, str(error))
            return
        early = isinstance(error, NotExpectedError) and task.task_id not in self._later  # our report is under way
        _, backoff = self._later.get(task.task_id, (0.0, Backoff(1.0, 60.0)))
        self._later[task.task_id] = (self.monotonic() + backoff.next(), backoff)
        told = one_line(f"{NOT_CUT if task.state == 'stopping' else NOT_STORED}: {error}")
        if task.told.get("error") != told and not early:
            log.warning("clip waits", task=task.task_id, reason=str(error))
            self.store.change(task, task.state, now=self.clock(), error=told)

    def _is_gone(self, camera_id: str) -> bool:
        """Whether it is not the box's any more: its tasks went with it, and what they need would stay here for good."""
        document = self.document()
        return document is not None and all(camera.camera_id != camera_id for camera in document.content.cameras)

    def _make_room(self, missing: int) -> None:
        """On a full disk the oldest clips of alerts go: else a hub that is away for long ends recording, and alerts with it.

        With each the segments go that it was made of. What somebody asked for stays.
        """
        if missing <= 0:
            return
        for task in self.store.in_states("uploading"):
            if missing <= 0:
                return
            if task.alert_id:
                log.error("clip of an alert is given up", task=task.task_id, reason=FULL)
                self._fail(task, FULL)
                missing -= 2 * int(task.told.get("bytes", 0))

    def _fail(self, task: Task, error: str) -> None:
        """The end; what was cut of it goes, since nothing comes back to it."""
        if key := task.told.get("object_name"):
            work = self._work_file(str(key))
            work.unlink(missing_ok=True)
            forget_parts(work)
        self._later.pop(task.task_id, None)
        self.store.change(task, "failed", now=self.clock(), error=one_line(error))

    # -- the clip ------------------------------------------------------------------------------------------------------

    def _cut(self, task: Task) -> None:
        key = self._free_key(task)
        told = self._made(task, self._work_file(key))
        if told is not None:
            self.store.change(task, "uploading", now=self.clock(), key=key, object_name=key, error="", **told)

    def _made(self, task: Task, target: Path) -> dict[str, Any] | None:
        """The clip's facts; None when there is nothing to make one of, which is the task's end."""
        start, end = task.started_at or task.asked_at, task.stopped_at or self.clock()
        found = self.segments.between(task.camera_id, start=start, end=end)
        pieces = [s for s in found if (self.folder / "segments" / s.path).is_file()]
        if not pieces:
            recorded = bool(found) or task.state == "uploading"
            self._fail(task, GONE if recorded else f"{NOTHING}: {NO_PICTURES}")
            return None
        if self.tool is None:
            raise ClipError(NO_TOOL, retryable=True)
        clip = make_clip(
            pieces, folder=self.folder / "segments", target=target, end=end, tool=self.tool, stop=self.stop
        )
        gaps = [(round(a, 3), round(b, 3)) for a, b in holes(clip.of(pieces), start=start, end=end)]
        return {
            "local_file": str(clip.file), "sha256": clip.sha256, "bytes": clip.size, "duration": round(clip.seconds, 3),
            "gaps": gaps[:MOST_HOLES],
        }  # fmt: skip

    def _free_key(self, task: Task) -> str:
        document = self.document()
        zone = document.content.site.time_zone if document else "UTC"
        started = task.started_at or task.asked_at
        name = clip_name(camera_id=task.camera_id, task_name=task.task_name, started=started, time_zone=zone)
        event = bool(task.alert_id)
        key = clip_key(camera_id=task.camera_id, name=name, started=started, time_zone=zone, event=event)
        stem = key.removesuffix(".mp4")
        used, number = self.store.keys_like(stem), 2
        while key in used:
            key, number = f"{stem}-{number}.mp4", number + 1
        return key

    def _work_file(self, key: str) -> Path:
        _, camera, _, name = key.split("/")
        return self.folder / "clips" / camera / name

    # -- the storage ---------------------------------------------------------------------------------------------------

    def _upload(self, task: Task) -> None:
        key = str(task.told["object_name"])
        work = self._work_file(key)
        expected = {"sha256": task.told["sha256"], "size": task.told["bytes"]}
        place = destination(self.stop) or ObjectStorage(self.stop)
        hub = place if isinstance(place, HubUpload) else None
        try:
            if not work.is_file():
                # Perhaps a kill came between the deletion and its row.
                if (hub.is_stored if hub else is_stored)(key, **expected):
                    self._done(task, key, at_hub=hub is not None)
                    return
                told = self._made(task, work)
                if told is not None:
                    self.store.change(task, "uploading", now=self.clock(), **told)
                return
            place.send(key, work, **expected)
        finally:
            place.close()
        work.unlink()
        self._done(task, key, at_hub=hub is not None)

    def _done(self, task: Task, key: str, *, at_hub: bool) -> None:
        place: dict[str, Any]
        if at_hub:
            place = {"storage_type": "local", "local_file": "", "local_file_deleted": True}
        elif settings.S3_BUCKET:
            place = {"storage_type": "s3", "bucket": settings.S3_BUCKET, "local_file_deleted": True}
        else:
            place = {"storage_type": "local", "local_file": str(settings.MEDIA_ROOT / key)}
        state = "uploaded" if settings.S3_BUCKET else "completed"
        self.store.change(task, state, now=self.clock(), error="", **place)  # type: ignore[arg-type]
        log.info("recording stored", task=task.task_id, camera=task.camera_id, key=key)
