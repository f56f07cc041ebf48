"""What cutting and storing clips have in common: one task at a time, the oldest first; what fails is set aside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import structlog
from django.utils.translation import gettext_noop

from edgesite.core.backoff import Backoff
from edgesite.storage import StorageError
from recordings.core.tasks import State, one_line
from recordings.recorder.clips import ClipError, Stopped
from recordings.recorder.task_store import Task, TaskStore

log = structlog.get_logger(__name__)

NOT_CUT = gettext_noop("The clip could not be made")


class Claims:
    """Tasks that somebody works on just now. Threads share it; nobody touches the file of a task that is another's."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._lock = threading.Lock()

    def take(self, task_id: str) -> bool:
        """Whether it is the caller's from now on, until `leave`."""
        with self._lock:
            free = task_id not in self._held
            self._held.add(task_id)
            return free

    def leave(self, task_id: str) -> None:
        with self._lock:
            self._held.discard(task_id)


@dataclass(slots=True, kw_only=True)
class ClipWork:
    """Brings the tasks of one state on. One thread calls `step`; the work on tasks of another state is another thread's.

    A task's place in the work is its state, so that a kill repeats a part of it and loses nothing. folder: OUTPUT_DIR.
    claims: shared by all that work on tasks.
    """

    STATE: ClassVar[State]
    PROBLEM: ClassVar[str]  # what goes before the reason why a task waits

    folder: Path
    store: TaskStore
    stop: threading.Event
    claims: Claims
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    _later: dict[str, tuple[float, Backoff]] = field(default_factory=dict)

    def step(self) -> bool:
        """Whether there was a task to bring on. Raises EdgeStoreError."""
        now, listed = self.monotonic(), self.store.in_states(self.STATE)
        self._later = {t.task_id: self._later[t.task_id] for t in listed if t.task_id in self._later}
        for task in listed:
            due = self._later[task.task_id][0] if task.task_id in self._later else 0.0
            if now < due or not self.may_begin(task) or not self.claims.take(task.task_id):
                continue
            try:
                held = self.store.get(task.task_id)  # somebody may have ended it before it was claimed
                if held is not None and held.state == self.STATE:
                    return self._worked(held)
            finally:
                self.claims.leave(task.task_id)
        return False

    def _worked(self, task: Task) -> bool:
        try:
            self.work(task)
        except Stopped:
            return False
        except (OSError, StorageError, ClipError) as error:
            if self.stop.is_set():  # an upload ends between two parts, and goes on there after the start
                return False
            self._set_aside(task, error)
        else:
            self._later.pop(task.task_id, None)
        return True

    def may_begin(self, task: Task) -> bool:
        """Whether what the work needs is there."""
        return True

    def work(self, task: Task) -> None:
        """Brings it on. Raises OSError, StorageError, ClipError, and Stopped when the recorder ends."""
        raise NotImplementedError

    def hopeless(self, task: Task, error: Exception) -> bool:
        """Whether trying again is of no use any more, though the error does not say so."""
        return False

    def _set_aside(self, task: Task, error: Exception) -> None:
        """What can help is tried again, later and later; the rest is the task's end."""
        if end := self._why_over(task, error):
            log.error("clip is given up", task=task.task_id, reason=str(error))
            try:
                self.fail(task, end)
            except OSError as stays:  # its file: others are not to wait behind it
                error = stays
            else:
                return
        first = task.task_id not in self._later
        _, backoff = self._later.get(task.task_id, (0.0, Backoff(1.0, 60.0)))
        self._later[task.task_id] = (self.monotonic() + backoff.next(), backoff)
        told = one_line(f"{self.PROBLEM}: {error}")
        if task.told.get("error") != told and not (first and self.is_early(error)):
            log.warning("clip waits", task=task.task_id, reason=str(error))
            self.store.change(task, task.state, now=self.clock(), error=told)

    def _why_over(self, task: Task, error: Exception) -> str:
        """Why it is the task's end; "" when trying again can help."""
        if isinstance(error, ClipError) and not error.retryable:
            return f"{NOT_CUT}: {error}"
        return str(error) if self.hopeless(task, error) else ""

    def is_early(self, error: Exception) -> bool:
        """Whether nothing is wrong: what the work waits for is under way."""
        return False

    def fail(self, task: Task, error: str) -> None:
        """The end; what was cut of it goes, since nothing comes back to it."""
        if key := task.told.get("object_name"):
            self.let_go(self.work_file(str(key)))
        self.store.change(task, "failed", now=self.clock(), error=one_line(error))

    def let_go(self, work: Path) -> None:
        """The clip's file is not needed any more."""
        work.unlink(missing_ok=True)

    def work_file(self, key: str) -> Path:
        """Where the clip lies until it is stored. key: in the storage."""
        _, camera, _, name = key.split("/")
        return self.folder / "clips" / camera / name
