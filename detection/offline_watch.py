"""The detector over a stored video: its frames in order, each with what the model finds, as fast as the machine can.

Inference of several frames runs side by side, one detector a thread; on one core one after the other in the caller's.
"""

from __future__ import annotations

import contextlib
import functools
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray

from detection.core.detections import Detections, ScoreLimit
from detection.core.motion import REUSED_S
from detection.core.stillness import StillGate
from detection.core.view import shrunk
from detection.cores import usable_cores
from detection.inference.detector import Detector
from detection.inference.errors import ModelError
from detection.inference.session import CPU
from detection.ingest.frame import Frame, small_grey
from detection.ingest.timing import RateGate
from detection.offline_video import VideoFile

P = ParamSpec("P")
T = TypeVar("T")

TRIES = 3  # runs of one picture; live, an accelerator is given time, but here there is no clock
AHEAD = 3  # frames under way for each detector: enough that none waits, few enough that memory stays small

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A frame and what the detector gives for it, whatever rules make of that. index: 0-based, in the file.

    small: the picture as `Lens` takes it.
    """

    index: int
    frame: Frame
    detections: Detections
    small: NDArray[np.uint8]


class _AtOnce(Executor):
    """Works in the caller's thread: on one core others would only take turns with it, and each other's place in the cache."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        done: Future[T] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class _Inference:
    """Frames through detectors of one model side by side, one thread each. ahead: how many are to be under way.

    on_cpu: as for `watch`.
    """

    def __init__(
        self,
        detectors: Sequence[Detector],
        min_score: ScoreLimit,
        on_cpu: Callable[[], Sequence[Detector]] | None,
    ) -> None:
        self._idle: SimpleQueue[Detector] = SimpleQueue()
        for detector in detectors:
            self._idle.put(detector)
        self._fit = detectors[0].fit
        self._min_score = min_score
        self._on_cpu = on_cpu if detectors[0].provider != CPU else None
        self._pools: list[Executor] = []  # the latest gets the next frame
        self.ahead = 0
        self._share_out(len(detectors))
        self._latest: tuple[Frame, Future[Watched]] | None = None

    def submit(self, index: int, frame: Frame) -> Future[Watched]:
        # Scaled at once, by the thread that decoded it: the picture is still in the processor's cache.
        scaled = frame.scaled_bgr(*self._fit(frame.width, frame.height))
        self._latest = frame, self._pools[-1].submit(self._find, index, frame, scaled)
        return self._latest[1]

    def repeat(self, index: int, frame: Frame, reference_time: float) -> Watched | None:
        """The latest answer, where it was for the picture of that time and still holds (as live: `analyser.Seen`)."""
        if self._latest is None:
            return None
        before, answer = self._latest
        same = (before.width, before.height, before.generation) == (frame.width, frame.height, frame.generation)
        if not same or before.media_time != reference_time or frame.media_time - reference_time >= REUSED_S:
            return None
        scaled = frame.scaled_bgr(*self._fit(frame.width, frame.height))
        return Watched(index, frame, answer.result().detections, shrunk(scaled))

    def close(self) -> None:
        for pool in self._pools:  # a later one may come while an earlier one ends
            pool.shutdown(wait=True, cancel_futures=True)

    def _share_out(self, detectors: int) -> None:
        """From the next frame on among so many threads."""
        if usable_cores() > 1:
            self._pools.append(ThreadPoolExecutor(detectors, "offline"))
            self.ahead = AHEAD * detectors
        else:
            self._pools.append(_AtOnce())

    def _find(self, index: int, frame: Frame, scaled: NDArray[np.uint8]) -> Watched:
        detector = self._idle.get()  # waits only while an accelerator's frames and those after them are both under way
        try:
            try:
                found = self._tried(detector, scaled)
            except ModelError as error:
                detector = self._leave(detector, error)
                found = detector.detect(scaled, min_score=self._min_score)
            return Watched(index, frame, found, shrunk(scaled))
        finally:
            self._idle.put(detector)

    def _tried(self, detector: Detector, scaled: NDArray[np.uint8]) -> Detections:
        """What it finds, at the latest try where it runs on an accelerator. Raises ModelError."""
        for _ in range(TRIES - 1 if self._on_cpu else 0):
            with contextlib.suppress(ModelError):
                return detector.detect(scaled, min_score=self._min_score)
        return detector.detect(scaled, min_score=self._min_score)

    def _leave(self, detector: Detector, error: ModelError) -> Detector:
        """From now on those of the CPU in place of an accelerator's; one of them. Raises `error` where none takes over."""
        on_cpu, self._on_cpu = self._on_cpu, None
        if on_cpu is None or not error.retryable:
            raise error
        try:
            first, *more = on_cpu()
        except ModelError as why:
            raise error from why
        log.error("accelerator fails, going on on the CPU", provider=detector.provider, reason=str(error))
        for each in more:
            self._idle.put(each)
        self._share_out(1 + len(more))
        return first


def watch(
    video: VideoFile,
    *,
    detectors: Sequence[Detector],
    camera_id: str,
    min_score: ScoreLimit,
    fps: float | None = None,
    began_at: float = 0.0,
    still: StillGate | None = None,
    on_cpu: Callable[[], Sequence[Detector]] | None = None,
) -> Generator[Watched, None, None]:
    """Every frame (of at most `fps` a second, chosen as the live detector's `max_fps` does) with its detections.

    detectors: of one model; as many frames are inferred side by side. min_score: the smallest that is reported. Frames come
    in order. still: leaves out what a live camera would not show; whoever takes the frames tells it of tracks before the
    next one. on_cpu: the same model on the CPU, which goes on where an accelerator fails at one picture `TRIES` times in a row.
    Closing the generator ends its threads. Raises IngestError, ModelError; ValueError for an `fps` of 0 or less.
    """
    gate = None if fps is None else RateGate(fps)
    inference = _Inference(detectors, min_score, on_cpu)
    under_way: deque[Future[Watched]] = deque()
    try:
        for index, frame in video.frames(camera_id, began_at=began_at):
            now, again = frame.media_time, None
            if still is not None:
                still.sample(functools.partial(small_grey, frame.picture), now, frame.generation)
                while under_way and not still.is_awake(now):
                    yield under_way.popleft().result()  # somebody in it would keep the camera awake
            look = "awake" if still is None else still.look(now)
            if look == "skip" or (gate is not None and not gate.admits(now)):
                continue
            if still is not None and look == "same":
                again = inference.repeat(index, frame, still.reference_time)
            if again is not None:
                yield again
                continue
            under_way.append(inference.submit(index, frame))
            if len(under_way) > inference.ahead:  # meanwhile this thread decodes
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        inference.close()
