"""The analysing loop: newest frames of all cameras in turn → inference → pipeline → statistics and alerts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from detection.core.motion import MotionMeter
from detection.core.statistics import StatsWindow
from detection.inference.detector import Detector
from detection.ingest.frame import Frame
from detection.ingest.reader import CameraReader
from detection.pipeline import CameraPipeline, Observation, Plan
from detection.sink import AlertSink

log = structlog.get_logger(__name__)

SAMPLING = 8  # motion is measured on every eighth pixel of the scaled picture


@dataclass(slots=True, eq=False)
class CameraSlot:
    """A running camera. `plan` is swapped by the configuration thread, everything else belongs to the analyser."""

    reader: CameraReader
    plan: Plan
    pipeline: CameraPipeline
    motion: MotionMeter = field(default_factory=MotionMeter)
    stats: StatsWindow = field(default_factory=StatsWindow)
    newest: Frame | None = None
    broken: str = ""


@dataclass(slots=True, eq=False)
class Analyser:
    """One thread calls `step`. slots: the running cameras, replaced as a whole, never changed in place."""

    detector: Detector
    sink: AlertSink
    slots: dict[str, CameraSlot] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    frames: int = 0
    _ready: threading.Event = field(default_factory=threading.Event)
    _turn: int = 0

    def frame_ready(self) -> None:
        """A reader has a new frame. Any thread."""
        self._ready.set()

    def step(self, *, wait_s: float = 0.5) -> bool:
        """Analyses at most one frame of each camera, beginning with another camera each time, so that all get their turn."""
        if not self._ready.wait(wait_s):
            return False
        self._ready.clear()
        slots = list(self.slots.values())
        self._turn += 1
        for index in range(len(slots)):
            slot = slots[(index + self._turn) % len(slots)]
            frame = slot.reader.take()
            if frame is not None:
                self._analyse(slot, frame)
        return True

    def _analyse(self, slot: CameraSlot, frame: Frame) -> None:
        try:
            plan = slot.plan.sized(frame.width, frame.height)
            slot.pipeline.use(plan)
            observation = self._observe(slot, frame, plan.lowest_score)
            for event in observation.events:
                self.sink.raise_alert(event, frame, plan)
        except Exception as error:
            # One camera's trouble (a picture that cannot be scaled, a rule's defect) must not cost the others a frame.
            if not slot.broken:
                log.exception("a frame could not be analysed", camera=frame.camera_id)
            slot.broken = f"{type(error).__name__}: {error}"
            return
        if slot.broken:
            log.info("frames are analysed again", camera=frame.camera_id)
        slot.broken = ""
        slot.newest = frame
        self.frames += 1
        latency = max(0.0, self.clock() - frame.timestamp)
        slot.stats.analysed(self.monotonic(), latency_s=latency, persons=observation.persons)

    def _observe(self, slot: CameraSlot, frame: Frame, min_score: float) -> Observation:
        width, height = self.detector.fit(frame.width, frame.height)
        scaled = frame.scaled_bgr(width, height)
        slot.stats.moved(slot.motion.update(scaled[::SAMPLING, ::SAMPLING, 1]))
        detections = self.detector.detect(scaled, min_score=min_score)
        return slot.pipeline.step(detections, media_time=frame.media_time, generation=frame.generation)
