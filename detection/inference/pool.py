"""Several detectors side by side, and whose turn it is: how a machine's cores are shared out among cameras.

On processors as many sessions with one thread each as there are cores do more than one session with all of them, since no
step of a network divides evenly; onnxruntime runs without Python's lock. An accelerator is one device: one session.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from detection.core.detections import Detections, ScoreLimit
from detection.cores import usable_cores
from detection.inference.detector import Detector
from detection.inference.manifest import DEFAULT_MODEL
from detection.inference.session import CPU

MAX_DETECTORS = 8  # each holds the weights and its working memory

Camera = TypeVar("Camera")


def load_detectors(
    folder: Path = DEFAULT_MODEL,
    *,
    weights: str | None = None,
    provider: str = "auto",
    count: int | None = None,
) -> list[Detector]:
    """Detectors of one model for a thread each: one a core (at most 8), or `count` of them; on an accelerator only one.

    weights, provider: as for `open_model`. Raises ModelError.
    """
    first = Detector.load(folder, weights=weights, provider=provider, threads=1)
    if first.provider != CPU:
        return [first]
    # What the first one found out holds for all: no second try of an accelerator that does not start.
    more = (count or min(usable_cores(), MAX_DETECTORS)) - 1
    return [first, *(Detector.load(folder, weights=first.weights, provider="cpu", threads=1) for _ in range(more))]


class DetectorPool:
    """A detector that any number of threads may use: `detect` takes one that is idle, or waits for it.

    classes, provider, processor, weights, input_size, score: as of Detector. size: how many pictures are inferred side by side.
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        """detectors: at least one, all of the same model."""
        first = detectors[0]
        self.classes, self.input_size, self.score = first.classes, first.input_size, first.score
        self.size = len(detectors)
        self._first = first
        self._idle: SimpleQueue[Detector] = SimpleQueue()
        for detector in detectors:
            self._idle.put(detector)

    @classmethod
    def load(
        cls,
        folder: Path = DEFAULT_MODEL,
        *,
        weights: str | None = None,
        provider: str = "auto",
        size: int | None = None,
    ) -> DetectorPool:
        """Of what `load_detectors` gives, `size` of them where it is given; an accelerator's one is shared.

        Raises ModelError.
        """
        first, *more = load_detectors(folder, weights=weights, provider=provider, count=size)
        return cls([*first.shared(), *more])

    @property
    def provider(self) -> str:
        return self._first.provider

    @property
    def processor(self) -> bool:
        return self._first.processor

    @property
    def weights(self) -> str:
        return self._first.weights

    def describe(self) -> dict[str, Any]:
        """As `Detector.describe`, with the number of sessions."""
        told = self._first.describe()
        return told if self._first.batch > 1 else told | {"sessions": self.size}

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """Width and height to which a picture of that size is to be scaled, in pixels."""
        return self._first.fit(width, height)

    def detect(self, scaled: NDArray[np.uint8], *, min_score: ScoreLimit | None = None) -> Detections:
        """As `Detector.detect`, from any thread."""
        with self.lent() as detector:
            return detector.detect(scaled, min_score=min_score)

    @contextmanager
    def lent(self) -> Iterator[Detector]:
        """A detector for the caller alone."""
        detector = self._idle.get()
        try:
            yield detector
        finally:
            self._idle.put(detector)


class Turns(Generic[Camera]):
    """Which camera's frame is analysed next, where several workers ask.

    Who was served longest ago comes first, so that a camera with many frames takes no other one's turn. A camera is with
    one worker at a time, so its frames keep their order. Nothing is queued here: each camera keeps its own newest frame.

    cameras: those there are, by id, whenever it is called. waiting: whether a camera has a frame.
    """

    def __init__(self, cameras: Callable[[], Mapping[str, Camera]], waiting: Callable[[Camera], bool]) -> None:
        self._cameras, self._waiting = cameras, waiting
        self._changed = threading.Condition()
        self._served: dict[str, None] = {}  # ids, those served longest ago first
        self._busy: set[str] = set()

    def wake(self) -> None:
        """Some camera has a new frame. Any thread; after the camera has it."""
        with self._changed:
            self._changed.notify()

    @contextmanager
    def turn(self, wait_s: float) -> Iterator[Camera | None]:
        """The camera whose turn it is, for the caller alone inside the block; None when none has a frame in time."""
        found = self._take(wait_s)
        if found is None:
            yield None
            return
        camera_id, camera = found
        try:
            yield camera
        finally:
            with self._changed:
                self._busy.discard(camera_id)
                self._changed.notify()  # it may have another frame by now

    def _take(self, wait_s: float) -> tuple[str, Camera] | None:
        with self._changed:
            found = self._next()
            deadline = time.monotonic() + wait_s
            while found is None and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
                found = self._next()
            if found is not None:
                self._busy.add(found[0])
            return found

    def _next(self) -> tuple[str, Camera] | None:
        cameras = self._cameras()
        if self._served.keys() != cameras.keys():
            fresh = {camera_id: None for camera_id in cameras if camera_id not in self._served}
            self._served = fresh | {camera_id: None for camera_id in self._served if camera_id in cameras}
        for camera_id in self._served:
            if camera_id not in self._busy and self._waiting(cameras[camera_id]):
                del self._served[camera_id]
                self._served[camera_id] = None
                return camera_id, cameras[camera_id]
        return None
