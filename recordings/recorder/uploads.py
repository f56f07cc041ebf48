"""From a clip in a file to a stored one: read back and compared, and only then is the local file let go."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import structlog
from django.conf import settings
from django.utils.translation import gettext_noop

from edgesite.destination import ObjectStorage, destination
from edgesite.hub_upload import HubUpload, NotExpectedError
from edgesite.storage import StorageError, forget_parts, is_stored, sha256_of
from recordings.core.tasks import State
from recordings.recorder.clip_work import ClipWork
from recordings.recorder.cutting import GONE, Cuts
from recordings.recorder.task_store import Task

log = structlog.get_logger(__name__)

NOT_STORED = gettext_noop("The clip is kept on the box and could not be stored yet")
DAMAGED = gettext_noop(
    "The clip was damaged on the box's disk before it was stored, and what it was made of is no longer there."
)

GIVE_UP_SECONDS = 7 * 86_400.0  # so long the hub may refuse the clip of an alert or a deleted camera, not only be away
LOOK_SECONDS = 3600.0  # so often a clip that cannot be stored is read to see whether it is the reason itself


@dataclass(slots=True, kw_only=True)
class Uploads(ClipWork):
    """Clips that are to be stored. cuts: makes one anew that was lost or damaged."""

    STATE: ClassVar[State] = "uploading"
    PROBLEM: ClassVar[str] = NOT_STORED

    cuts: Cuts
    _looked: dict[Path, float] = field(default_factory=dict)  # when a clip's own file was read, of the monotonic clock

    def work(self, task: Task) -> None:
        key = str(task.told["object_name"])
        work = self.work_file(key)
        expected = {"sha256": task.told["sha256"], "size": task.told["bytes"]}
        place = destination(self.stop) or ObjectStorage(self.stop)
        hub = place if isinstance(place, HubUpload) else None
        try:
            if not work.is_file():
                # Perhaps a kill came between the deletion and its row.
                if (hub.is_stored if hub else is_stored)(key, **expected):
                    self._done(task, key, at_hub=hub is not None)
                else:
                    self._make_again(task, work)
                return
            place.send(key, work, **expected)
        except (StorageError, OSError):
            if self.stop.is_set() or not self._is_damaged(task, work):
                raise
            self._let_damaged_go(task, work)
            return
        finally:
            place.close()
        work.unlink()
        self._looked.pop(work, None)
        self._done(task, key, at_hub=hub is not None)

    def _make_again(self, task: Task, work: Path) -> None:
        told = self.cuts.made(task, work)
        if told is None:
            self.fail(task, GONE)
        else:
            self.store.change(task, "uploading", now=self.clock(), **told)

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

    def let_go(self, work: Path) -> None:
        self._looked.pop(work, None)
        work.unlink(missing_ok=True)
        forget_parts(work)

    # -- what cannot be stored -----------------------------------------------------------------------------------------

    def hopeless(self, task: Task, error: Exception) -> bool:
        """The hub takes no clip of an alert that it never got, or that somebody deleted, nor one of a deleted camera."""
        refused = isinstance(error, NotExpectedError) or not getattr(error, "retryable", True)
        old = self.clock() - task.asked_at > GIVE_UP_SECONDS
        return refused and old and (bool(task.alert_id) or self._is_gone(task.camera_id))

    def is_early(self, error: Exception) -> bool:
        return isinstance(error, NotExpectedError)  # our report is under way

    def _is_gone(self, camera_id: str) -> bool:
        """Whether it is not the box's any more: its tasks went with it, and what they need would stay here for good."""
        document = self.cuts.document()
        return document is not None and all(camera.camera_id != camera_id for camera in document.content.cameras)

    def _is_damaged(self, task: Task, work: Path) -> bool:
        """Whether the file is not what was cut any more: no storage and no hub would ever take it.

        Read at the first failure and then once an hour: a storage may be away for a week.
        """
        now, looked = self.monotonic(), self._looked.get(work)
        if looked is not None and now - looked < LOOK_SECONDS:
            return False
        self._looked[work] = now
        try:
            with work.open("rb") as file:
                return sha256_of(file, self.stop) != str(task.told["sha256"])
        except FileNotFoundError:
            return False  # the next turn makes it again
        except OSError as error:
            return error.errno == errno.EIO

    def _let_damaged_go(self, task: Task, work: Path) -> None:
        """It is cut again by the next turn; where nothing is left that it was made of, this is the task's end."""
        log.error("a clip was damaged on this box's disk", task=task.task_id, camera=task.camera_id, file=work.name)
        if self.cuts.pieces(task):
            self.let_go(work)
        else:
            self.fail(task, DAMAGED)
