"""Tasks on the box: takes the hub's orders, starts, stops, and says which cameras are to be recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from django.utils.translation import gettext_noop
from pydantic import ValidationError

from cameras.core.document import Camera, Document
from edgesite.commands import Command
from recordings.core.tasks import ASKED, MOST_REVISIONS, NO_FFMPEG, TaskOrder, next_state, one_line
from recordings.core.tasks import Camera as CameraWord
from recordings.recorder.segment_store import SegmentStore
from recordings.recorder.segmenter import Segmenter
from recordings.recorder.task_store import Task, TaskStore

log = structlog.get_logger(__name__)

KIND = "record"
CLOSING_SECONDS = 20.0  # a segment in progress is waited for so long
GROWING_SECONDS = 120.0  # the same while it is written: it ends at a key frame, of which some cameras send one a minute
EARLY_SECONDS = 0.3  # so much before the end the last segment may end
SET_BACK_SECONDS = 2.0  # a clock that is further back than a task's beginning was set

NO_TOOL = gettext_noop("ffmpeg is not installed on the box. Install it, or set FFMPEG_PATH.")
NO_CAMERA = gettext_noop("The box's configuration does not have this camera. Publish the device's configuration.")
DISABLED = gettext_noop("The camera is disabled in the configuration that the box runs. Enable it and publish.")
UNKNOWN = gettext_noop("The box does not know this task.")
NOTHING = gettext_noop("Nothing was recorded")
NO_PICTURES = gettext_noop("the camera sent no pictures")
BUSY = gettext_noop("The box has too many orders to follow at once. Try again in some seconds.")


@dataclass(slots=True)
class Tasks:
    """Of one box. Orders come in a thread of their own, `step` is called by the recorder's.

    has_tool: whether there is an ffmpeg. longest: seconds, whatever the hub says. ready: tasks whose clip can be cut.
    ordered: called when an order changed something, so that `step` comes soon.
    """

    store: TaskStore
    segments: SegmentStore
    segmenters: Mapping[str, Segmenter]
    document: Callable[[], Document | None]
    has_tool: bool
    longest: float
    clock: Callable[[], float] = time.time
    ready: frozenset[str] = frozenset()
    ordered: Callable[[], None] = lambda: None

    # -- the hub's orders (edgesite.command_listener.Handler) ----------------------------------------------------------

    def mine(self, command: Command) -> bool:
        return True

    def obey(self, command: Command, left_s: float) -> None:
        try:
            order = TaskOrder.model_validate(dict(command.body))
        except ValidationError:
            log.warning("order that cannot be read ignored", request_id=command.request_id)
            return
        now = self.clock()
        self._follow(order, self.store.get(order.task_id), now)
        self.ordered()

    def _follow(self, order: TaskOrder, held: Task | None, now: float) -> None:
        if order.action == "start":
            if held is not None:
                self.store.tell_again(held, now=now)
            else:
                self._begin(order, now)
        elif held is None:
            # Not 1: an edge store that was damaged and begun anew tells of a task that the hub knows more of.
            self._add(order, now, error=UNKNOWN, revision=min(max(1, int(now)), MOST_REVISIONS))
        elif held.state in ("starting", "recording"):
            self._stop(held, now, reason=order.reason or ASKED)
        else:
            self.store.tell_again(held, now=now)

    def refuse(self, command: Command) -> None:
        log.warning("order refused", request_id=command.request_id, reason=BUSY)  # the hub sends it again

    def _begin(self, order: TaskOrder, now: float) -> None:
        word = self._camera_word(order.camera_id)
        problem = {"gone": NO_CAMERA, "unknown": NO_CAMERA, "disabled": DISABLED}.get(word, "")
        if not self.has_tool:
            self._add(order, now, error=NO_TOOL, error_code=NO_FFMPEG)
        else:
            self._add(order, now, error=problem)

    def _add(self, order: TaskOrder, now: float, *, error: str = "", error_code: str = "", revision: int = 1) -> None:
        seconds = min(order.seconds, self.longest)
        told = {"error": error, "error_code": error_code} if error else {}
        state = "failed" if error else "starting"
        task = Task(order.task_id, order.camera_id, order.task_name, state, revision, now, seconds, told=told)  # type: ignore[arg-type]
        if self.store.add(task, now=now):
            log.info("recording task", task=task.task_id, camera=task.camera_id, state=state, problem=error)

    # -- the recorder's step -------------------------------------------------------------------------------------------

    def wanted(self) -> dict[str, str]:
        """The URLs of the cameras that some task wants recorded, by camera."""
        asked = {t.camera_id for t in self.store.in_states("starting", "recording")}
        return {c.camera_id: c.rtsp_url for c in self._cameras().values() if c.camera_id in asked and c.enabled}

    def asked(self) -> dict[str, float]:
        """Until when some task or alert wants cameras recorded, as far as that is over: Unix seconds."""
        now, found = self.clock(), dict[str, float]()
        for task in self.store.in_states("starting", "recording", "stopping"):
            until = min(now, now if task.stopped_at is None else task.stopped_at)
            found[task.camera_id] = max(until, found.get(task.camera_id, until))
        return found

    def step(self) -> None:
        """Moves every task that its camera, its configuration or the time moves. Raises EdgeStoreError."""
        now = self.clock()
        for held in self.store.in_states("starting", "recording"):
            if held.alert_id:
                continue  # moved by `Events`
            task = self._placed(held, now)
            segmenter = self.segmenters.get(task.camera_id)
            recording = segmenter is not None and segmenter.recording
            act = next_state(
                task.state, camera=self._camera_word(task.camera_id), recording=recording, now=now,
                asked_at=task.asked_at, started_at=task.started_at, seconds=task.seconds,
            )  # fmt: skip
            if act is None:
                continue
            state, reason = act
            if state == "recording":
                self.store.change(task, state, now=now, started_at=now)
                log.info("task records", task=task.task_id, camera=task.camera_id)
            else:
                self._stop(task, now, reason=reason)
        self.ready = frozenset(t.task_id for t in self.store.in_states("stopping") if self._closed(t, now))

    def _placed(self, task: Task, now: float) -> Task:
        """A task that begins after now, by a clock that was set back meanwhile, begins now: segments come by that clock."""
        begun = task.asked_at if task.started_at is None else task.started_at
        if now >= begun - SET_BACK_SECONDS:
            return task
        log.warning("the clock was set back, the task begins anew", task=task.task_id, seconds=round(begun - now, 1))
        if task.started_at is None:
            return self.store.change(task, task.state, now=now, asked_at=now) or task
        return self.store.change(task, task.state, now=now, asked_at=min(task.asked_at, now), started_at=now) or task

    def _stop(self, task: Task, now: float, *, reason: str) -> None:
        """It records no more; one that never saw a picture has failed."""
        if task.started_at is None:
            segmenter = self.segmenters.get(task.camera_id)
            why = (segmenter.reason if segmenter else "") or NO_PICTURES
            only = ("starting",)
            self.store.change(
                task,
                "failed",
                now=now,
                only=only,
                stopped_at=now,
                stop_reason=reason,
                error=one_line(f"{NOTHING}: {why}"),
            )
        else:
            self.store.change(task, "stopping", now=now, only=("recording",), stopped_at=now, stop_reason=reason)
        log.info("task stops", task=task.task_id, camera=task.camera_id, reason=reason)

    def _closed(self, task: Task, now: float) -> bool:
        """Whether everything that the task's clip needs is in the index."""
        segmenter = self.segmenters.get(task.camera_id)
        if segmenter is None or segmenter.quiet or task.stopped_at is None:
            return True
        newest = self.segments.newest(task.camera_id)
        reached = newest is not None and newest.end >= task.stopped_at - EARLY_SECONDS
        return reached or now > task.stopped_at + (GROWING_SECONDS if segmenter.recording else CLOSING_SECONDS)

    def _cameras(self) -> dict[str, Camera]:
        document = self.document()
        return {c.camera_id: c for c in document.content.cameras} if document else {}

    def _camera_word(self, camera_id: str) -> CameraWord:
        if self.document() is None:
            return "unknown"
        camera = self._cameras().get(camera_id)
        if camera is None:
            return "gone"
        return "ok" if camera.enabled else "disabled"
