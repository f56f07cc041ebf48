"""Detectors side by side, and whose turn it is."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest
from structlog.testing import capture_logs

from detection.core.detections import Detections
from detection.inference import pool as module
from detection.inference.detector import Detector
from detection.inference.pool import DetectorPool, Turns, load_detectors
from detection.ingest.attention import SHARE, WatchBudget
from tests.detection.accelerators import CPU, CUDA, pretend_accelerator, refusing, silent_fall_back


@dataclass(eq=False)
class Camera:
    """Frames that wait are numbers; how many workers were at it at once."""

    frames: list[int] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    inside: int = 0
    most: int = 0


def _turns(cameras: dict[str, Camera]) -> Turns[Camera]:
    return Turns(lambda: cameras, lambda camera: bool(camera.frames))


def _take(turns: Turns[Camera], wait_s: float = 0.0) -> Camera | None:
    with turns.turn(wait_s) as camera:
        if camera is not None:
            camera.seen.append(camera.frames.pop(0))
        return camera


def test_every_camera_gets_its_turn_however_much_another_one_has() -> None:
    cameras = {"busy": Camera(list(range(100))), "a": Camera([1, 2]), "b": Camera([1, 2])}
    turns = _turns(cameras)
    order = [_take(turns) for _ in range(6)]
    assert order == [cameras["busy"], cameras["a"], cameras["b"]] * 2


def test_who_was_served_longest_ago_comes_first() -> None:
    cameras = {name: Camera([1]) for name in "abc"}
    turns = _turns(cameras)
    assert [_take(turns) for _ in "abc"] == list(cameras.values())
    cameras["c"].frames, cameras["b"].frames = [2], [2]
    assert [_take(turns) for _ in range(3)] == [cameras["b"], cameras["c"], None]


def test_a_camera_is_with_one_worker_at_a_time() -> None:
    cameras = {"a": Camera([1, 2])}
    turns = _turns(cameras)
    with turns.turn(0.0) as first:
        assert first is cameras["a"]
        assert _take(turns) is None
    assert _take(turns) is cameras["a"]


def test_an_error_inside_a_turn_does_not_keep_the_camera() -> None:
    cameras = {"a": Camera([1])}
    turns = _turns(cameras)
    with pytest.raises(RuntimeError), turns.turn(0.0):
        raise RuntimeError
    assert _take(turns) is cameras["a"]


def test_cameras_may_come_and_go() -> None:
    cameras = {"a": Camera([1]), "b": Camera([1])}
    turns = _turns(cameras)
    assert _take(turns) is cameras["a"]
    gone = cameras.pop("b")
    cameras["c"] = Camera([1])
    assert [_take(turns), _take(turns)] == [cameras["c"], None]
    assert gone.frames == [1]


def test_a_new_frame_ends_the_waiting_and_nothing_the_time() -> None:
    cameras = {"a": Camera()}
    turns = _turns(cameras)
    began = time.monotonic()
    assert _take(turns, 0.05) is None
    assert time.monotonic() - began >= 0.05
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(_take, turns, 20.0)
        time.sleep(0.05)
        cameras["a"].frames.append(1)
        turns.wake()
        assert waiting.result(5) is cameras["a"]


def test_who_waits_for_a_busy_camera_gets_it_as_soon_as_it_is_free() -> None:
    cameras = {"a": Camera([1, 2])}
    turns = _turns(cameras)
    with ThreadPoolExecutor(1) as threads:
        with turns.turn(0.0) as first:
            assert first is not None
            first.frames.pop()
            waiting = threads.submit(_take, turns, 20.0)
            time.sleep(0.05)
        assert waiting.result(5) is cameras["a"]


def test_workers_together_miss_no_frame_and_mix_up_no_camera() -> None:
    cameras = {f"c{n}": Camera() for n in range(5)}
    turns, count = _turns(cameras), 60
    end = threading.Event()

    def work() -> None:
        while not end.is_set() or any(camera.frames for camera in cameras.values()):
            with turns.turn(5.0 if not end.is_set() else 0.0) as camera:
                if camera is None:
                    continue
                camera.inside += 1
                camera.most = max(camera.most, camera.inside)
                number = camera.frames.pop(0)
                time.sleep(0.0005)
                camera.seen.append(number)
                camera.inside -= 1

    with ThreadPoolExecutor(3) as threads:
        workers = [threads.submit(work) for _ in range(3)]
        for number in range(count):
            for camera in cameras.values():
                camera.frames.append(number)
                turns.wake()
        end.set()
        for _ in workers:
            turns.wake()
        for worker in workers:
            worker.result(20)
    assert [camera.seen for camera in cameras.values()] == [list(range(count))] * 5
    assert {camera.most for camera in cameras.values()} == {1}


class Slow:
    """A detector that notices a second thread."""

    classes, provider, weights, input_size, score = ("person",), "cpu", "int8", (32, 32), 0.3
    processor = True

    def __init__(self, everybody: threading.Barrier) -> None:
        self.everybody, self.users, self.most = everybody, 0, 0

    def shared(self) -> list[Slow]:
        return [self] if self.provider == "CPUExecutionProvider" else [self, self, self]

    def detect(self, scaled: object, *, min_score: object = None) -> Detections:
        self.users += 1
        self.most = max(self.most, self.users)
        self.everybody.wait(10)
        self.users -= 1
        return Detections.empty()


def test_a_pool_uses_all_its_detectors_at_once_and_each_by_one_thread() -> None:
    together = threading.Barrier(2)  # passes only when two are inside at the same time
    slow = [Slow(together), Slow(together)]
    pool = DetectorPool(cast(Any, slow))
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda _: pool.detect(np.zeros((2, 2, 3), np.uint8)), range(8)))
    assert len(results) == 8
    assert [each.most for each in slow] == [1, 1]


def test_a_pool_says_what_its_detectors_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "usable_cores", lambda: 3)
    pool, one = DetectorPool.load(provider="cpu"), Detector.load(provider="cpu")
    assert (pool.size, pool.provider, pool.weights, pool.classes) == (3, one.provider, one.weights, one.classes)
    assert pool.fit(1920, 1080) == one.fit(1920, 1080)
    assert pool.describe() == one.describe() | {"sessions": 3}
    assert pool.describe()["file"] == "nanodet_int8.onnx"
    assert one.describe()["sessions"] == 1
    picture = np.random.default_rng(2).integers(0, 256, (234, 416, 3), np.uint8)
    found, expected = pool.detect(picture, min_score=0.02), one.detect(picture, min_score=0.02)
    np.testing.assert_array_equal(found.boxes, expected.boxes)
    assert len(found)


@pytest.mark.parametrize(
    ("provider", "sessions", "size"), [("CPUExecutionProvider", 2, 2), ("CUDAExecutionProvider", 1, 3)]
)
def test_an_accelerator_gets_one_session_that_is_shared(
    monkeypatch: pytest.MonkeyPatch, provider: str, sessions: int, size: int
) -> None:
    loaded: list[dict[str, Any]] = []

    def load(*_: object, **options: Any) -> Slow:
        loaded.append(options)
        slow = Slow(threading.Barrier(1))
        slow.provider = provider
        return slow

    monkeypatch.setattr(module, "usable_cores", lambda: 2)
    monkeypatch.setattr(Detector, "load", load)
    assert (len(loaded), DetectorPool.load().size, len(loaded)) == (0, size, sessions)
    assert all(options["threads"] == 1 for options in loaded)


def test_an_accelerator_that_does_not_start_is_tried_once_for_all_detectors(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = pretend_accelerator(monkeypatch, CUDA, silent_fall_back)
    monkeypatch.setattr(module, "usable_cores", lambda: 3)
    with capture_logs() as logs:
        detectors = load_detectors()
    assert [each.provider for each in detectors] == [CPU] * 3
    assert asked == ["nanodet_fp16.onnx"]
    assert [line["event"] for line in logs].count("accelerator does not start") == 1


def test_an_accelerator_s_network_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = pretend_accelerator(monkeypatch, CUDA, refusing())
    (detector,) = load_detectors()
    assert (detector.provider, asked) == (CUDA, ["nanodet_fp16.onnx"])


def test_every_part_counts_the_cores_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1})
    assert len(load_detectors(provider="cpu")) == 2
    assert WatchBudget().cores == 2 * SHARE
