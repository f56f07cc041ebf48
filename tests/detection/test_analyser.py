"""The analysing loop: what keeps a camera awake, and which pictures the model need not look at."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, cast

import av
import numpy as np
import pytest

from detection.analyser import Analyser, CameraSlot
from detection.core.detections import Detections, limits_by_class
from detection.core.motion import REUSED_S
from detection.core.statistics import StatsWindow
from detection.core.view import PAIRS
from detection.ingest.frame import Frame
from detection.pipeline import CameraPipeline
from detection.plan import Plan

CLASSES = ("person",)


class Reader:
    """Hands out frames in order."""

    def __init__(self, *frames: Frame) -> None:
        self.frames = deque(frames)
        self.wanted = 0

    def take(self) -> Frame | None:
        return self.frames.popleft() if self.frames else None

    @property
    def waiting(self) -> bool:
        return bool(self.frames)

    def keep_awake(self) -> None:
        self.wanted += 1


class Detector:
    """Sees one person, or nobody."""

    classes = CLASSES

    def __init__(self, *, person: bool) -> None:
        self.person, self.asked = person, 0

    def fit(self, width: int, height: int) -> tuple[int, int]:
        return 32, 32

    def detect(self, picture: object, *, min_score: float) -> Detections:
        self.asked += 1
        if not self.person:
            return Detections.empty()
        box = np.array([[0.4, 0.4, 0.6, 0.9]], np.float32)
        return Detections(box, np.array([0.9], np.float32), np.zeros(1, np.int64))


def frame(media_time: float, *, same_as: float | None = None, generation: int = 0, width: int = 64) -> Frame:
    return Frame("vid1", av.VideoFrame(width, 64, "yuv420p"), media_time, 1000 + media_time, generation, same_as)


def run(*frames: Frame, person: bool = True) -> tuple[Reader, Detector, CameraSlot, Analyser]:
    reader, detector = Reader(*frames), Detector(person=person)
    slot = CameraSlot(cast(Any, reader), Plan("vid1"), CameraPipeline(CLASSES))
    analyser = Analyser(cast(Any, detector), cast(Any, None), {"vid1": slot}, clock=lambda: 1100.0)
    analyser.frame_ready()
    while analyser.step(wait_s=0.0):
        pass
    return reader, detector, slot, analyser


def test_all_that_a_camera_kept_is_analysed_after_one_call() -> None:
    reader, detector, _, analyser = run(*(frame(0.1 * n) for n in range(5)))
    assert analyser.frames == detector.asked == 5
    assert not reader.waiting


@pytest.mark.parametrize("person", [True, False])
def test_somebody_in_the_picture_keeps_the_camera_awake(person: bool) -> None:
    reader, *_ = run(frame(0.0), frame(2.0), person=person)
    assert reader.wanted == (2 if person else 0)


def test_a_picture_that_shows_nothing_new_is_analysed_without_the_model() -> None:
    _, detector, slot, analyser = run(frame(10.0), frame(12.0, same_as=10.0), frame(14.0, same_as=10.0))
    assert detector.asked == 1
    assert analyser.frames == 3
    assert slot.stats.snapshot(0.0)["persons"] == 1


def beat(number: int, *, seed: int) -> Frame:
    """The heartbeat of a sleeping camera; every second one cannot be told from the one before."""
    at, noise = 4.5 * number, np.random.default_rng(seed).integers(60, 180, (64, 64, 3), np.uint8)
    picture = av.VideoFrame.from_ndarray(noise, format="bgr24")
    return Frame("vid1", picture, at, 1000 + at, 0, at - 4.5 if number % 2 else None)


@pytest.mark.parametrize(("beats", "view"), [(4, ""), (5, "frozen")])
def test_a_camera_that_freezes_asleep_is_noticed_though_the_model_is_asked_rarely(beats: int, view: str) -> None:
    alive = [beat(number, seed=number) for number in range(PAIRS)]
    frozen = [beat(PAIRS + number, seed=999) for number in range(beats)]  # the fifth is 18 s after the first
    _, detector, slot, _ = run(*alive, *frozen, person=False)
    assert slot.view.trouble == view
    assert detector.asked == (PAIRS + beats + 1) // 2


@pytest.mark.parametrize(
    "second",
    [
        frame(12.0),
        frame(12.0, same_as=9.0),  # the picture that it resembles was never analysed
        frame(12.0, same_as=10.0, generation=1),
        frame(12.0, same_as=10.0, width=96),
        frame(10.1 + REUSED_S, same_as=10.0),
    ],
)
def test_every_other_picture_is_looked_at(second: Frame) -> None:
    _, detector, _, _ = run(frame(10.0), second)
    assert detector.asked == 2


def test_only_classes_that_somebody_looks_at_are_asked_for() -> None:
    limits = limits_by_class(("car", "person"), Plan("vid1").classes, 0.25)
    np.testing.assert_array_equal(limits, np.array([np.inf, 0.25], np.float32))
    assert limits is limits_by_class(("car", "person"), frozenset({"person"}), 0.25)
    with pytest.raises(ValueError, match="read-only"):
        limits[0] = 0.0


def test_threads_share_the_cameras_and_each_camera_keeps_its_order() -> None:
    """Two cameras, two threads: both at work at once, and no frame of a camera overtakes another."""
    together = threading.Barrier(2)  # passes only when two pictures are looked at at the same time
    order: dict[str, list[float]] = {"a": [], "b": []}

    class Both(Detector):
        def detect(self, picture: object, *, min_score: Any) -> Detections:
            together.wait(10)
            return super().detect(picture, min_score=min_score)

    class Noting(StatsWindow):
        def analysed(self, now: float, *, latency_s: float, persons: int) -> None:
            newest = next(slot.newest for slot in slots.values() if slot.stats is self)
            assert newest is not None
            order[newest.camera_id].append(newest.media_time)

    slots = {}
    for name in order:
        frames = (replace(frame(0.1 * n), camera_id=name) for n in range(6))
        slots[name] = CameraSlot(cast(Any, Reader(*frames)), Plan(name), CameraPipeline(CLASSES), stats=Noting())
    analyser = Analyser(cast(Any, Both(person=True)), cast(Any, None), slots, clock=lambda: 1100.0)

    def work() -> None:
        for _ in range(6):
            assert analyser.step(wait_s=10.0)

    with ThreadPoolExecutor(2) as threads:
        for worker in [threads.submit(work) for _ in range(2)]:
            worker.result(20)
    assert analyser.frames == 12
    assert order == {name: pytest.approx([0.1 * n for n in range(6)]) for name in order}


def test_a_covered_view_is_told_once_and_rules_hear_of_it(caplog: pytest.LogCaptureFixture) -> None:
    """Black pictures in which the model sees nobody; then somebody again, so that they cannot be that black."""
    told: list[bool] = []

    class Pipeline(CameraPipeline):
        def step(self, *rest: Any, visible: bool = True, **given: Any) -> Any:
            told.append(visible)
            return super().step(*rest, visible=visible, **given)

    black = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="bgr24")
    reader = Reader(*(replace(frame(float(second)), picture=black) for second in range(6)))
    detector = Detector(person=False)
    slot = CameraSlot(cast(Any, reader), Plan("vid1"), Pipeline(CLASSES))
    analyser = Analyser(cast(Any, detector), cast(Any, None), {"vid1": slot}, clock=lambda: 1100.0)
    analyser.frame_ready()
    while analyser.step(wait_s=0.0):
        detector.person = analyser.frames == 5
    assert told == [True, True, True, False, False, True]
    assert [line.count("view changed") for line in caplog.text.splitlines() if "view changed" in line] == [1, 1]


def test_what_a_picture_waited_before_it_was_read_counts_as_latency() -> None:
    waited = replace(frame(99.0), behind=2.5)
    _, _, slot, _ = run(waited)  # read 1 s ago, by the analyser's clock
    assert slot.stats.snapshot(time.monotonic())["latency_ms"] == 3500.0
