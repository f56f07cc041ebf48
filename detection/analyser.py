"""The analysing loop: newest frames of all cameras in turn → inference → pipeline → statistics and alerts.

As many threads may run it as the detector has sessions: a camera is with one of them at a time.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import structlog
from numpy.typing import NDArray

from detection.core.detections import Detections, limits_by_class
from detection.core.motion import MotionMeter
from detection.core.statistics import StatsWindow
from detection.inference.detector import Detector
from detection.inference.pool import DetectorPool, Turns
from detection.ingest.frame import Frame
from detection.ingest.reader import CameraReader
from detection.pipeline import CameraPipeline, Observation, Plan
from detection.second_stage import SecondStage
from detection.sink import AlertSink

log = structlog.get_logger(__name__)

REUSED_S = (
    6.5  # of media time: a sleeping camera's picture that shows nothing new is looked at by the model at least so often
)
SAMPLING = 8  # motion is measured on every eighth pixel of the scaled picture


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the model found in an earlier picture of a camera, and how it was asked."""

    media_time: float
    generation: int
    size: tuple[int, int]
    limits: NDArray[np.float32]
    detections: Detections

    def answers(self, frame: Frame, limits: NDArray[np.float32]) -> bool:
        """Whether it also holds for `frame`, which shows the same."""
        return (
            frame.same_as == self.media_time
            and frame.media_time - self.media_time < REUSED_S
            and (frame.generation, frame.width, frame.height) == (self.generation, *self.size)
            and limits is self.limits
        )


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
    seen: Seen | None = None


@dataclass(slots=True, eq=False)
class Analyser:
    """`step` may be called by several threads, at most as many at once as the detector has sessions (one: one thread).

    slots: the running cameras, replaced as a whole, never changed in place. frames: analysed so far.
    """

    detector: Detector | DetectorPool
    sink: AlertSink
    slots: dict[str, CameraSlot] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    frames: int = 0
    second_stage: SecondStage = field(default_factory=SecondStage)
    _counting: threading.Lock = field(default_factory=threading.Lock)
    _turns: Turns[CameraSlot] = field(init=False)

    def __post_init__(self) -> None:
        self._turns = Turns(lambda: self.slots, lambda slot: slot.reader.waiting)

    def frame_ready(self) -> None:
        """A reader has a new frame. Any thread."""
        self._turns.wake()

    def step(self, *, wait_s: float = 0.5) -> bool:
        """Analyses one frame, of the camera that has waited longest for its turn."""
        with self._turns.turn(wait_s) as slot:
            frame = None if slot is None else slot.reader.take()
            if slot is None or frame is None:
                return False
            self._analyse(slot, frame)
        return True

    def _analyse(self, slot: CameraSlot, frame: Frame) -> None:
        try:
            plan = slot.plan.sized(frame.width, frame.height)
            slot.pipeline.use(plan)
            limits = limits_by_class(tuple(self.detector.classes), plan.classes, plan.lowest_score)
            observation = self._observe(slot, frame, limits)
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
        if len(observation.tracks):
            slot.reader.keep_awake()
        slot.newest = frame
        with self._counting:
            self.frames += 1
        latency = max(0.0, self.clock() - frame.timestamp)
        slot.stats.analysed(self.monotonic(), latency_s=latency, persons=observation.persons)

    def _observe(self, slot: CameraSlot, frame: Frame, limits: NDArray[np.float32]) -> Observation:
        detections = self._detect(slot, frame, limits)
        return slot.pipeline.step(
            detections,
            media_time=frame.media_time,
            generation=frame.generation,
            wall_time=frame.timestamp,
            look=functools.partial(self.second_stage.look, frame),
        )

    def _detect(self, slot: CameraSlot, frame: Frame, limits: NDArray[np.float32]) -> Detections:
        if slot.seen is not None and slot.seen.answers(frame, limits):
            slot.stats.moved(0.0)
            return slot.seen.detections
        width, height = self.detector.fit(frame.width, frame.height)
        scaled = frame.scaled_bgr(width, height)
        slot.stats.moved(slot.motion.update(scaled[::SAMPLING, ::SAMPLING, 1]))
        detections = self.detector.detect(scaled, min_score=limits)
        slot.seen = Seen(frame.media_time, frame.generation, (frame.width, frame.height), limits, detections)
        return detections
