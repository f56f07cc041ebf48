"""Pictures of several threads through one network at once: the same results, nobody waits for company, nobody is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detection.inference.batches import JoinedRuns
from detection.inference.detector import Detector
from detection.inference.errors import ModelError
from detection.inference.pool import DetectorPool
from detection.inference.session import ON_CPU, Tensor
from tests.detection.accelerators import CUDA, pretend_accelerator, refusing

WAIT_S = 20.0


class Counting:
    """A network whose output is its input doubled. It computes only while `open` is set, and keeps the sizes of its runs."""

    def __init__(self) -> None:
        self.target, self.file = ON_CPU, "network.onnx"
        self.inputs: tuple[Tensor, ...] = ()
        self.outputs: tuple[Tensor, ...] = ()
        self.sizes: list[int] = []
        self.shapes: list[tuple[int, ...]] = []
        self.open, self.entered = threading.Event(), threading.Semaphore(0)
        self.error: Exception | None = None
        self.short = False
        self.inside = 0

    def run(self, names: Sequence[str], feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        self.inside += 1
        assert self.inside == 1, "two threads at once"
        array = feeds["image"]
        self.sizes.append(len(array))
        self.shapes.append(array.shape[1:])
        self.entered.release()
        assert self.open.wait(WAIT_S)
        self.inside -= 1
        if self.error is not None and len(array) > 1:
            raise self.error
        doubled = np.asarray(array * 2, np.float32)
        return [doubled[:1] if self.short else doubled for _ in names]


def _ask(joined: JoinedRuns, number: int, width: int = 4) -> float:
    (out,) = joined.run(["out"], {"image": np.full((1, width), number, np.float32)})
    assert out.shape == (1, width)
    return float(out[0, 0])


def _gather(network: Counting, joined: JoinedRuns, threads: ThreadPoolExecutor, asks: Sequence[tuple[int, int]]) -> Any:
    """One run has begun, and everybody else waits for it."""
    first = threads.submit(_ask, joined, *asks[0])
    assert network.entered.acquire(timeout=WAIT_S)
    others = [threads.submit(_ask, joined, *each) for each in asks[1:]]
    for _ in range(int(WAIT_S * 100)):
        if len(joined._waiting) == len(others):
            break
        threading.Event().wait(0.01)
    assert len(joined._waiting) == len(others)
    network.open.set()
    return [first, *others]


def test_what_gathers_during_a_run_goes_together_up_to_the_limit() -> None:
    network = Counting()
    joined = JoinedRuns(network, 4)
    with ThreadPoolExecutor(8) as threads:
        done = _gather(network, joined, threads, [(number, 4) for number in range(8)])
        assert [each.result(WAIT_S) for each in done] == [2.0 * number for number in range(8)]
    assert network.sizes == [1, 4, 3]


def test_a_picture_alone_runs_at_once() -> None:
    network = Counting()
    network.open.set()
    joined = JoinedRuns(network, 8)
    assert [_ask(joined, number) for number in (3, 5)] == [6.0, 10.0]
    assert network.sizes == [1, 1]


def test_pictures_of_other_shapes_go_by_themselves() -> None:
    network = Counting()
    joined = JoinedRuns(network, 8)
    with ThreadPoolExecutor(6) as threads:
        done = _gather(network, joined, threads, [(1, 4), (2, 4), (3, 6), (4, 4), (5, 6)])
        assert [each.result(WAIT_S) for each in done] == [2.0, 4.0, 6.0, 8.0, 10.0]
    assert sorted(zip(network.sizes, network.shapes, strict=True)) == [(1, (4,)), (2, (4,)), (2, (6,))]


@pytest.mark.parametrize(("error", "short"), [(ModelError("no memory", retryable=True), False), (None, True)])
def test_an_error_reaches_everybody_in_the_batch_and_nobody_else(error: ModelError | None, *, short: bool) -> None:
    network = Counting()
    network.error, network.short = error, short
    joined = JoinedRuns(network, 8)
    with ThreadPoolExecutor(4) as threads:
        alone, *together = _gather(network, joined, threads, [(number, 4) for number in range(4)])
        assert alone.result(WAIT_S) == 0.0
        for each in together:
            with pytest.raises(ModelError, match="no memory" if error else r"3 pictures gave \[1\] results") as caught:
                each.result(WAIT_S)
            assert caught.value.retryable is (error is not None)
    assert _ask(joined, 7) == 14.0


def test_an_unforeseen_error_leaves_nobody_waiting() -> None:
    network = Counting()
    network.error = MemoryError()
    joined = JoinedRuns(network, 8)
    with ThreadPoolExecutor(4) as threads:
        _, *together = _gather(network, joined, threads, [(number, 4) for number in range(4)])
        kinds = sorted(type(each.exception(WAIT_S)).__name__ for each in together)
    assert kinds == ["MemoryError", "ModelError", "ModelError"]
    assert _ask(joined, 7) == 14.0


def _pictures(count: int) -> list[NDArray[np.uint8]]:
    random = np.random.default_rng(5)
    return [random.integers(0, 256, (234, 416, 3), np.uint8) for _ in range(count)]


def test_batches_find_what_single_pictures_find(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default model, as on an accelerator but computed on the processor."""
    alone = Detector.load(provider="cpu", weights="fp32")
    pictures = _pictures(8)
    square = np.zeros((1, 3, 416, 416), np.float32)
    pretend_accelerator(monkeypatch, CUDA, refusing("fp16"))
    pool = DetectorPool.load()
    assert (pool.size, pool.provider, pool.weights) == (8, CUDA, "fp32")
    assert (pool.describe()["sessions"], pool.describe()["batch"]) == (1, 8)
    joined = pool._first._session
    assert isinstance(joined, JoinedRuns)
    sizes: list[int] = []
    run = joined._network.run

    def counted(names: Sequence[str], feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        sizes.append(len(feeds["image"]))
        return run(names, feeds)

    monkeypatch.setattr(joined._network, "run", counted)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda picture: pool.detect(picture, min_score=0.02), pictures * 2))
    assert sum(sizes) == 16
    assert max(sizes) > 1
    for picture, mine in zip(pictures * 2, found, strict=True):
        square[:] = alone._preprocessor._offset.reshape(3, 1, 1)  # black, as the filling is
        square[:, :, :256] = alone.prepare(picture)
        box = pool._first._preprocessor.letterbox(416, 234)
        expected = alone._adapter.decode(alone.run(square), box, 0.02)
        assert len(mine) == len(expected) > 0
        np.testing.assert_allclose(mine.scores, expected.scores, atol=1e-4)
        np.testing.assert_allclose(np.sort(mine.boxes, axis=0), np.sort(expected.boxes, axis=0), atol=1e-3)


def test_a_processor_takes_one_picture_at_a_time() -> None:
    detector = Detector.load(provider="cpu")
    assert detector.batch == 1
    assert detector.shared() == [detector]
    assert Tensor("image", (None, 3, None, None), "tensor(float)") in detector._session.inputs
