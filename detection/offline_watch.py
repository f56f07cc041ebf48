"""The detector over a stored video: its frames in order, each with what the model finds, as fast as the machine can.

Inference of several frames runs side by side, one detector a thread; on one core one after the other in the caller's.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from detection.core.detections import Detections, ScoreLimit
from detection.core.motion import REUSED_S
from detection.core.stillness import StillGate
from detection.core.view import shrunk
from detection.cores import usable_cores
from detection.inference.detector import Detector
from detection.ingest.frame import Frame, small_grey
from detection.ingest.timing import RateGate
from detection.offline_video import VideoFile

P = ParamSpec("P")
T = TypeVar("T")

AHEAD = 3  # frames under way for each detector: enough that none waits, few enough that memory stays small


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
    """Frames through detectors of one model side by side, one thread each. ahead: how many are to be under way."""

    def __init__(self, detectors: Sequence[Detector], min_score: ScoreLimit) -> None:
        self._idle: SimpleQueue[Detector] = SimpleQueue()
        for detector in detectors:
            self._idle.put(detector)
        self._fit = detectors[0].fit
        self._min_score = min_score
        self._pool: Executor = _AtOnce()
        self.ahead = 0
        if usable_cores() > 1:
            self._pool, self.ahead = ThreadPoolExecutor(len(detectors), "offline"), AHEAD * len(detectors)
        self._latest: tuple[Frame, Future[Watched]] | None = None

    def submit(self, index: int, frame: Frame) -> Future[Watched]:
        # Scaled at once, by the thread that decoded it: the picture is still in the processor's cache.
        scaled = frame.scaled_bgr(*self._fit(frame.width, frame.height))
        self._latest = frame, self._pool.submit(self._find, index, frame, scaled)
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
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _find(self, index: int, frame: Frame, scaled: NDArray[np.uint8]) -> Watched:
        detector = self._idle.get()  # never waits: there are no more threads than detectors
        try:
            return Watched(index, frame, detector.detect(scaled, min_score=self._min_score), shrunk(scaled))
        finally:
            self._idle.put(detector)


def watch(
    video: VideoFile,
    *,
    detectors: Sequence[Detector],
    camera_id: str,
    min_score: ScoreLimit,
    fps: float | None = None,
    began_at: float = 0.0,
    still: StillGate | None = None,
) -> Generator[Watched, None, None]:
    """Every frame (of at most `fps` a second, chosen as the live detector's `max_fps` does) with its detections.

    detectors: of one model; as many frames are inferred side by side. min_score: the smallest that is reported. Frames come
    in order. still: leaves out what a live camera would not show; whoever takes the frames tells it of tracks before the
    next one. Closing the generator ends its threads. Raises IngestError, ModelError; ValueError for an `fps` of 0 or less.
    """
    gate = None if fps is None else RateGate(fps)
    inference = _Inference(detectors, min_score)
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
