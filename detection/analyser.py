"""The analysing loop: newest frames of all cameras in turn → inference → pipeline → statistics and alerts.

As many threads may run it as the detector has sessions: a camera is with one of them at a time.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import av
import numpy as np
import structlog
from numpy.typing import NDArray

from detection.core.detections import Detections, limits_by_class
from detection.core.motion import REUSED_S, MotionMeter
from detection.core.overlay import objects_of
from detection.core.statistics import StatsWindow
from detection.core.view import Lens, Trouble, shrunk
from detection.inference.detector import Detector
from detection.inference.pool import DetectorPool, Turns
from detection.ingest.frame import Frame
from detection.ingest.reader import CameraReader
from detection.pipeline import CameraPipeline, Observation
from detection.plan import START_SCORE, Plan
from detection.second_stage import SecondStage
from detection.shared_stats import SharedStats
from detection.sink import AlertSink
from detection.watch import Watch
from detection.watching import Watches

log = structlog.get_logger(__name__)


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
    """A running camera. `plan` is swapped by the configuration thread, everything else belongs to the analyser.

    inherit: gives what the camera's rules knew so far. It is called at the first frame: only then has the last turn of the
    slot before this one ended. turn: held while a frame is analysed. gone: no frame of it is analysed any more. broken: what
    is wrong with the analysis, in words; failing: the newest frame could not be analysed at all.
    """

    reader: CameraReader
    plan: Plan
    pipeline: CameraPipeline
    motion: MotionMeter = field(default_factory=MotionMeter)
    stats: StatsWindow = field(default_factory=SharedStats)
    newest: Frame | None = None
    broken: str = ""
    seen: Seen | None = None
    view: Lens = field(default_factory=Lens)
    inherit: Callable[[], object] | None = None
    turn: threading.Lock = field(default_factory=threading.Lock)
    gone: bool = False
    failing: bool = False

    def take_up(self) -> None:
        """Before each frame: the rules take up what there is from before, once."""
        inherit, self.inherit = self.inherit, None
        if inherit is not None and (kept := inherit()) is not None:
            self.pipeline.restore(kept)

    def known(self) -> object:
        """What the rules know: the next slot's `inherit`, when this one has no turn any more."""
        return self.pipeline.snapshot() if self.inherit is None else self.inherit()


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
    watches: Watches | None = None
    last_turn_s: float = 3.0  # how long `let_go` waits
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

    def let_go(self, slot: CameraSlot, plan: Plan | None = None) -> None:
        """Ends the alerts of a slot that is no longer in `slots`, but those of rules that the camera keeps under `plan`.

        Without a plan, what its rules know (counts) is stored for when it comes back. It waits for the slot's last turn.
        """
        if not slot.turn.acquire(timeout=self.last_turn_s):
            log.warning(
                "alerts of a camera that went stay open", camera=slot.plan.camera_id, reason="its analysis hangs"
            )
            return
        try:
            slot.gone = True
            frame = slot.newest
            if slot.inherit is not None:  # there was no frame yet: its alerts are of an earlier run
                slot.take_up()
                slot.pipeline.use(_sized(slot.plan, frame))
            events = slot.pipeline.end(None if plan is None else _sized(plan, frame))
            if events:
                frame = frame or Frame(slot.plan.camera_id, av.VideoFrame(16, 16, "yuv420p"), 0.0, self.clock(), 0)
                self.sink.raise_alerts(events, frame, slot.plan, state=slot.pipeline.latest)
            elif plan is None and slot.pipeline.latest is not None and frame is not None:
                self.sink.keep_state(slot.plan.camera_id, slot.pipeline.latest)
        except Exception:  # whatever it is, the next document must still be applied
            log.exception("alerts of a camera that went stay open", camera=slot.plan.camera_id)
        finally:
            slot.turn.release()

    def hand_over(self, slot: CameraSlot) -> None:
        """Stores what the rules of a slot know that is no longer in `slots`, for the process that is to analyse its camera:
        its alerts go on there. It waits for the slot's last turn."""
        camera_id = slot.plan.camera_id
        if not slot.turn.acquire(timeout=self.last_turn_s):
            log.warning("the last state of rules was not stored", camera=camera_id, reason="its analysis hangs")
            return
        try:
            slot.gone = True
            if slot.newest is not None and isinstance(state := slot.known(), dict):
                slot.pipeline.latest = state  # nothing older may follow it
                self.sink.keep_state(camera_id, state)
        except Exception:  # whatever it is, the next document must still be applied
            log.exception("the last state of rules was not stored", camera=camera_id)
        finally:
            slot.turn.release()

    def _analyse(self, slot: CameraSlot, frame: Frame) -> None:
        with slot.turn:
            if not slot.gone:
                self._look_at(slot, frame)

    def _look_at(self, slot: CameraSlot, frame: Frame) -> None:
        try:
            plan = slot.plan.sized(frame.width, frame.height)
            slot.take_up()
            slot.pipeline.use(plan)
            watched = self.watches.of(frame.camera_id) if self.watches else ()
            detections, small = self._detect(slot, frame, self._limits(plan, watched))
            observation = self._observe(slot, frame, self._own(detections, plan) if watched else detections, small)
            if observation.events:
                state = slot.pipeline.latest = slot.pipeline.snapshot()
                objects = objects_of(observation.tracks, self.detector.classes)
                self.sink.raise_alerts(observation.events, frame, plan, state=state, objects=objects)
        except Exception as error:
            # One camera's trouble (a picture that cannot be scaled, say) must not cost the others a frame.
            if not slot.failing:
                log.exception("a frame could not be analysed", camera=frame.camera_id)
            slot.failing, slot.broken = True, f"{type(error).__name__}: {error}"
            return
        finally:
            slot.pipeline.settled = True
        if slot.failing:
            log.info("frames are analysed again", camera=frame.camera_id)
        slot.failing, slot.broken = False, slot.pipeline.trouble
        if len(observation.tracks):
            slot.reader.keep_awake()
        slot.newest = frame
        with self._counting:
            self.frames += 1
        latency = max(0.0, self.clock() - frame.timestamp) + frame.behind
        slot.stats.analysed(self.monotonic(), latency_s=latency, persons=observation.persons)
        if self.watches and watched:  # after the alerts are on their way
            second = self.second_stage.look
            self.watches.look(watched, frame, detections, trouble=slot.view.trouble, second_look=second)

    def _limits(self, plan: Plan, watched: Sequence[Watch] = ()) -> NDArray[np.float32]:
        """What the model is asked for: what the plan's rules and those of drafts look at."""
        plans = [plan, *(watch.draft.plan for watch in watched)]
        classes = frozenset[str]().union(*(each.classes for each in plans))
        return limits_by_class(tuple(self.detector.classes), classes, min(each.lowest_score for each in plans))

    def _own(self, detections: Detections, plan: Plan) -> Detections:
        """What the plan alone would have had: suppression is by class, and no weaker box takes a better one away."""
        return detections.pick(detections.scores >= self._limits(plan)[detections.class_ids])

    def _observe(self, slot: CameraSlot, frame: Frame, detections: Detections, small: NDArray[np.uint8]) -> Observation:
        slot.pipeline.settled = False
        return slot.pipeline.step(
            detections,
            media_time=frame.media_time,
            generation=frame.generation,
            reconnects=frame.reconnects,
            wall_time=frame.timestamp,
            visible=not self._look_through(
                slot, frame, small, recognised=bool((detections.scores >= START_SCORE).any())
            ),
            look=functools.partial(self.second_stage.look, frame),
        )

    def _look_through(self, slot: CameraSlot, frame: Frame, small: NDArray[np.uint8], *, recognised: bool) -> Trouble:
        """What is wrong with the camera's view, told when it changes."""
        before = slot.view.trouble
        trouble = slot.view.step(small, frame.media_time, generation=frame.generation, recognised=recognised)
        if trouble != before:
            log.info(
                "the camera's view changed", camera=frame.camera_id, view=trouble or "clear", before=before or "clear"
            )
        return trouble

    def _detect(
        self, slot: CameraSlot, frame: Frame, limits: NDArray[np.float32]
    ) -> tuple[Detections, NDArray[np.uint8]]:
        """What the model sees, or saw in a picture that this one cannot be told from; and the picture made small and grey.

        That is compared exactly, also of a sleeping camera: it may have frozen.
        """
        width, height = self.detector.fit(frame.width, frame.height)
        scaled = frame.scaled_bgr(width, height)
        small = shrunk(scaled)
        if slot.seen is not None and slot.seen.answers(frame, limits):
            slot.stats.moved(0.0, now=self.monotonic())
            return slot.seen.detections, small
        slot.stats.moved(slot.motion.update(small), now=self.monotonic())
        detections = self.detector.detect(scaled, min_score=limits)
        slot.seen = Seen(frame.media_time, frame.generation, (frame.width, frame.height), limits, detections)
        return detections, small


def _sized(plan: Plan, frame: Frame | None) -> Plan:
    return plan if frame is None or not plan.in_pixels else plan.sized(frame.width, frame.height)
