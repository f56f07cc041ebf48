"""A recording around each alert, on cameras whose policy says so.

The process that raises an alert notes it in the edge store (`alert_marks`) in the transaction of the alert itself; here the
note becomes a task that has begun some seconds before, because such a camera is recorded all the time: what no alert and
nothing else needs goes again (`ring`). From then on it is a task like any other: cut, stored and told by `Cuts` and `Uploads`.
Nothing waits for a detector: one that stalls makes no notes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from cameras.core.document import Document
from cameras.core.recording import EventPolicy
from recordings.core.tasks import DISABLED, GONE, LONGEST, OVER, event_end
from recordings.recorder.segment_store import SegmentStore
from recordings.recorder.task_store import Task, TaskStore

log = structlog.get_logger(__name__)

AT_ONCE = 200  # notes in one step
LATE_SECONDS = 3600.0  # an alert that is older was raised while nothing was recorded
SET_BACK_SECONDS = 60.0
NAME = "alert"


@dataclass(slots=True)
class Events:
    """One thread calls `step`. document: what the box runs. longest: seconds that a recording lasts after its alert began."""

    store: TaskStore
    segments: SegmentStore
    document: Callable[[], Document | None]
    longest: float
    clock: Callable[[], float] = time.time

    def step(self) -> bool:
        """Takes notes of alerts, and ends recordings whose time is over. Raises EdgeStoreError."""
        now = self.clock()
        document = self.document()
        if document is None:
            return False  # notes wait until it is known what is to be done with them
        policies = {c.camera_id: c.recording.events for c in document.content.cameras if c.enabled}
        marks = self.store.alert_marks(AT_ONCE)
        for mark in marks:
            self._take(mark, policies.get(mark["camera_id"]), now)
            self.store.forget_marks(mark["seq"])
        for task in self.running():
            self._look(task, self._why_over(task.camera_id, document), now)
        return bool(marks)

    def running(self) -> list[Task]:
        return [task for task in self.store.in_states("recording") if task.alert_id]

    def _take(self, mark: Any, policy: EventPolicy | None, now: float) -> None:
        """Once or twice, the outcome is the same: a kill may come before the note is forgotten."""
        at = float(mark["at"])
        task = self.store.get(mark["alert_id"])
        if task is not None:
            if task.state == "recording" and mark["phase"] != "started":
                self._go_on(task, policy or EventPolicy(), at, now, ended=mark["phase"] == "ended")
        elif policy is not None and mark["phase"] == "started":
            if now - at > LATE_SECONDS:
                log.warning("alert is too old to be recorded", camera=mark["camera_id"], alert=mark["alert_id"])
                return
            self._begin(mark, policy, at, now)

    def _begin(self, mark: Any, policy: EventPolicy, at: float, now: float) -> None:
        start = at - policy.pre_s
        self.segments.keep(mark["camera_id"], start=start, end=now)
        task = Task(
            mark["alert_id"], mark["camera_id"], f"{NAME}-{mark['alert_id'][-8:]}", "recording", 1, at, self.longest,
            start, event_end(at, post_s=policy.post_s, lasts=bool(mark["lasts"])), alert_id=mark["alert_id"],
        )  # fmt: skip
        if self.store.add(task, now=now):
            log.info("alert is recorded", camera=task.camera_id, alert=task.alert_id)

    def _go_on(self, task: Task, policy: EventPolicy, at: float, now: float, *, ended: bool) -> None:
        """An end sets when the recording is over, an update can only make it later."""
        end = at + policy.post_s
        if ended or (task.stopped_at is not None and end > task.stopped_at):
            self.store.change(task, "recording", now=now, stopped_at=min(end, task.asked_at + self.longest))

    def _look(self, task: Task, over: str, now: float) -> None:
        last = task.asked_at + self.longest
        end = last if task.stopped_at is None else min(task.stopped_at, last)
        reason = ""
        if over or now < task.asked_at - SET_BACK_SECONDS:  # the clock was set back: nothing more of it will come
            end, reason = min(end, max(now, task.asked_at)), over or OVER
        elif now >= end:
            reason = LONGEST if task.stopped_at is None or end == last else OVER
        if reason:
            self.store.change(task, "stopping", now=now, stopped_at=end, stop_reason=reason)
            log.info("alert is over", camera=task.camera_id, alert=task.alert_id, reason=reason)

    def _why_over(self, camera_id: str, document: Document) -> str:
        camera = next((c for c in document.content.cameras if c.camera_id == camera_id), None)
        if camera is None:
            return GONE
        return "" if camera.enabled else DISABLED
