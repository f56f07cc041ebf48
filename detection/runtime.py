"""The edge's running parts: turns a config document into readers and pipelines, and tells how they are."""

from __future__ import annotations

import functools
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import structlog

from cameras.core.algorithms import Registry
from cameras.core.document import Camera, Document
from detection.analyser import Analyser, CameraSlot
from detection.core.rules.registry import check_rules
from detection.ingest.attention import WatchBudget
from detection.ingest.reader import CameraReader
from detection.ingest.streams import Streams
from detection.pipeline import CameraPipeline
from detection.plan import Plan, make_plan

log = structlog.get_logger(__name__)

LEFT_S = 10.0  # so long after an order the document may come that says why
STOP_S = 3.0  # for all readers together; one that is still inside FFmpeg then ends by itself


class Runtime:
    """Applies documents: only what changed restarts, an ROI edit costs no camera a frame.

    only: run just these cameras (all when empty); the attribute is None for all, and takes effect with the next `apply`.
    budget: for watching noisy cameras, of this process. transport: for RTSP. idle: cameras in which nothing moves are decoded
    as little as possible. recall: what a camera's rules knew when they last ran (`RuleMemory`).
    """

    def __init__(
        self,
        *,
        analyser: Analyser,
        registry: Registry,
        only: frozenset[str] = frozenset(),
        transport: str = "tcp",
        folder: Path,
        idle: bool = True,
        recall: Callable[[str], object] | None = None,
        budget: WatchBudget | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.analyser = analyser
        self.registry = registry
        self.only: frozenset[str] | None = only or None
        self.transport = transport
        self.folder = folder
        self.idle = idle
        self.recall = recall
        self._budget = budget or WatchBudget()
        self._cameras: dict[str, Camera] = {}
        self._enabled: dict[str, bool] = {}
        self._monotonic = monotonic
        self._left: list[tuple[float, CameraSlot]] = []
        self._document: Document | None = None
        self._leaving: dict[str, CameraSlot] = {}

    def apply(self, document: Document) -> None:
        """Makes the document the running one. Raises ValueError before anything changed when a rule cannot be made."""
        content = document.content
        wanted = {
            c.camera_id: c
            for c in content.cameras
            if c.enabled and c.analyse and (self.only is None or c.camera_id in self.only)
        }
        plans = {camera_id: make_plan(content, camera_id, self.registry, document.pixels) for camera_id in wanted}
        for plan in plans.values():
            check_rules(plan.bindings)
        slots: dict[str, CameraSlot] = {}
        ended: list[CameraSlot] = []
        begun: list[tuple[CameraSlot, CameraSlot | None]] = []  # with the one that has the same source open until then
        for camera_id, camera in wanted.items():
            slot, was = self.analyser.slots.get(camera_id), self._cameras.get(camera_id)
            if slot is not None and _same_source(was, camera):
                slot.plan = plans[camera_id]
                slot.broken = ""  # what the document before did is not this one's fault
            else:
                old = slot
                if old is not None:
                    ended.append(old)
                slot = self._new_slot(camera, plans[camera_id], old)
                begun.append((slot, old if was is not None and was.rtsp_url == camera.rtsp_url else None))
            slots[camera_id] = slot
        ended += [slot for camera_id, slot in self.analyser.slots.items() if camera_id not in wanted]
        analysed = {c.camera_id for c in content.cameras if c.enabled and c.analyse}
        # Told as running until their last state is stored: only then may another process begin with it.
        self._leaving = {slot.plan.camera_id: slot for slot in ended if slot.plan.camera_id in analysed - wanted.keys()}
        self.analyser.slots = slots
        self._cameras = wanted
        self._enabled = {c.camera_id: c.enabled for c in content.cameras}
        _tell_to_stop(ended)
        self._let_go(ended, plans, analysed=analysed, same=document is self._document)
        self._document, self._leaving = document, {}
        _exchange(ended, begun)

    def _let_go(self, ended: list[CameraSlot], plans: dict[str, Plan], *, analysed: set[str], same: bool) -> None:
        """Closes the alerts that nothing looks after any more. A camera that another process is to analyse keeps its own, and
        what its rules know is stored for that one."""
        # An order to leave a camera may come just before the document that says why, and other orders (`same` document as
        # before) in between. Later it is its successor's, whose state and alerts this process knows nothing of.
        now = self._monotonic()
        left = [(at, slot) for at, slot in self._left if now - at <= LEFT_S]
        for slot in (*(slot for _, slot in left), *ended):
            plan = plans.get(slot.plan.camera_id)
            if slot.plan.camera_id not in analysed or (plan is not None and slot in ended):
                self.analyser.let_go(slot, plan)
        leaving = self._leaving.values()
        for slot in leaving:
            self.analyser.hand_over(slot)
        away = analysed - plans.keys()
        self._left = [(at, slot) for at, slot in left if same and slot.plan.camera_id in away]
        self._left += [(now, slot) for slot in ended if slot in leaving or not slot.gone]

    def _new_slot(self, camera: Camera, plan: Plan, old: CameraSlot | None) -> CameraSlot:
        reader = CameraReader(
            camera.camera_id,
            self._streams(camera),
            max_fps=camera.max_fps,
            transport=self.transport,
            on_frame=self.analyser.frame_ready,
            on_state=lambda camera, state: None,  # read when a report is made
            stop=None,
            idle=self.idle,
            budget=self._budget,
        )
        slot = CameraSlot(reader, plan, CameraPipeline(self.analyser.detector.classes))
        if old is not None:
            slot.newest, slot.inherit = old.newest, old.known
        elif self.recall is not None:
            slot.inherit = functools.partial(self.recall, camera.camera_id)
        return slot

    def _streams(self, camera: Camera) -> Streams:
        if camera.sub_url is None:
            return Streams(camera.rtsp_url)
        return Streams(camera.rtsp_url, camera.sub_url, self.analyser.detector.input_size)

    def unhealthy(self) -> str:
        """Why the running document is not healthy; empty when it is. A camera that is away is not the document's fault."""
        for camera_id, slot in self.analyser.slots.items():
            if slot.broken:
                return f"camera {camera_id}: {slot.broken}"
        return ""

    def health(self) -> dict[str, Any]:
        """`disk_free` (bytes), and every camera's state with its details, for the report."""
        words: dict[str, str] = {}
        details: dict[str, dict[str, Any]] = {}
        slots = self.analyser.slots  # read before those that are leaving, which are noted before they leave
        slots = {**self._leaving, **slots}
        for camera_id, enabled in self._enabled.items():
            slot = slots.get(camera_id)
            if slot is None:
                words[camera_id] = "off" if enabled else "disabled"
                continue
            state = slot.reader.state
            words[camera_id] = state.word
            details[camera_id] = {
                "since": round(state.since, 3),
                "reason": state.reason or slot.broken,
                "last_frame_at": state.last_frame_at,
                "view": slot.view.trouble or "clear",
                **_stream_told(slot),
            }
        return {"disk_free": shutil.disk_usage(self.folder).free, "cameras": words, "camera_details": details}

    def close(self) -> None:
        """Stops every reader."""
        slots = list(self.analyser.slots.values())
        _tell_to_stop(slots)
        _exchange(slots, [])


def _tell_to_stop(slots: Iterable[CameraSlot]) -> None:
    """All are told before one is waited for: a camera that is silent takes its time to end."""
    for slot in slots:
        slot.reader.stop(0.0)


def _exchange(ended: Iterable[CameraSlot], begun: Sequence[tuple[CameraSlot, CameraSlot | None]]) -> None:
    """Starts the new readers, then waits for those that were told to stop; all of it takes at most STOP_S.

    begun: each with the slot that must have ended first, because it may hold the same source (a webcam) open.
    """
    deadline = time.monotonic() + STOP_S
    for slot, before in begun:
        if before is None:
            slot.reader.start()
    for slot, before in begun:
        if before is not None:
            before.reader.stop(max(0.0, deadline - time.monotonic()))
            slot.reader.start()
    for slot in ended:
        slot.reader.stop(max(0.0, deadline - time.monotonic()))


def _same_source(old: Camera | None, new: Camera) -> bool:
    said = [(camera.rtsp_url, camera.sub_url, camera.max_fps) for camera in (old, new) if camera is not None]
    return len(said) == 2 and said[0] == said[1]


def _stream_told(slot: CameraSlot) -> dict[str, str]:
    """Of a camera with a sub-stream: which one is read, and what is wrong with the other."""
    streams = slot.reader.streams
    return {"stream": streams.word, "stream_note": streams.note} if streams.sub else {}
