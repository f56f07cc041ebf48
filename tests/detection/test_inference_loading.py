"""Which file runs where: weights by provider, and what happens when one is missing or refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from detection.inference.detector import Detector
from detection.inference.errors import ModelError
from detection.inference.loading import ACCELERATOR_WEIGHTS
from detection.inference.manifest import DEFAULT_MODEL
from tests.detection.accelerators import (
    CPU,
    CUDA,
    OPENVINO,
    TENSORRT,
    Accelerated,
    Start,
    no_driver,
    pretend_accelerator,
    refusing,
    silent_fall_back,
)
from tests.detection.onnx_files import FLOAT, Shape, squeezing, write_model

FILES = {weights: f"nanodet_{weights}.onnx" for weights in ("fp32", "fp16", "int8")}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The default model, to be damaged."""
    return Path(shutil.copytree(DEFAULT_MODEL, tmp_path / "model"))


def _left_out(logs: list[Any]) -> list[tuple[str, str]]:
    return [(line["weights"], line["provider"]) for line in logs if line["event"] == "weights left out"]


@pytest.mark.parametrize("provider", [CUDA, TENSORRT])
def test_accelerators_get_half_precision_and_batches(monkeypatch: pytest.MonkeyPatch, provider: str) -> None:
    asked = pretend_accelerator(monkeypatch, provider, refusing(provider=provider))
    told = Detector.load().describe()
    assert asked == [FILES["fp16"]]
    name = provider.removesuffix("ExecutionProvider")
    expected = {"model": "nanodet-g", "weights": "fp16", "file": FILES["fp16"], "provider": name, "device": ""}
    assert told == expected | {"sessions": 1, "batch": 8}


def test_intel_graphics_get_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = pretend_accelerator(monkeypatch, OPENVINO, refusing(provider=OPENVINO))
    told = Detector.load(provider="openvino").describe()
    assert asked == ["GPU:nanodet_fp16.onnx"]
    assert (told["provider"], told["device"], told["weights"], told["batch"]) == ("OpenVINO", "GPU", "fp16", 8)


def test_openvino_on_the_processor_gets_integers_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(file: str, on_cpu: Any) -> Any:  # onnxruntime falls back without an error when there are no graphics
        return on_cpu() if file.startswith("GPU:") else Accelerated(on_cpu(), OPENVINO)

    asked = pretend_accelerator(monkeypatch, OPENVINO, start)
    told = Detector.load(provider="openvino").describe()
    assert asked == ["GPU:nanodet_fp16.onnx", "CPU:nanodet_int8.onnx"]
    assert (told["provider"], told["device"], told["weights"], told["batch"]) == ("OpenVINO", "CPU", "int8", 1)


def test_weights_that_are_missing_give_way_to_the_next(monkeypatch: pytest.MonkeyPatch, copied: Path) -> None:
    (copied / FILES["fp16"]).unlink()
    asked = pretend_accelerator(monkeypatch, CUDA, refusing())
    with capture_logs() as logs:
        detector = Detector.load(copied)
    assert (asked, detector.weights, detector.file) == ([FILES["fp32"]], "fp32", FILES["fp32"])
    assert _left_out(logs) == [("fp16", CUDA)]
    with pytest.raises(ModelError, match=r"nanodet_fp16\.onnx is missing"):
        Detector.load(copied, weights="fp16", provider="cuda")


def test_a_processor_takes_floats_when_its_integers_are_damaged(copied: Path) -> None:
    (copied / FILES["int8"]).write_bytes(b"nothing")
    with capture_logs() as logs:
        detector = Detector.load(copied, provider="cpu")
    assert (detector.provider, detector.weights) == (CPU, "fp32")
    assert _left_out(logs) == [("int8", CPU)]


@pytest.mark.parametrize(
    ("refused", "taken"), [(["fp16"], "fp32"), (["fp16", "fp32"], "int8")], ids=["half", "all floats"]
)
def test_weights_that_are_refused_give_way(monkeypatch: pytest.MonkeyPatch, refused: list[str], taken: str) -> None:
    asked = pretend_accelerator(monkeypatch, CUDA, refusing(*refused))
    with capture_logs() as logs:
        detector = Detector.load(provider="cuda")
    assert asked == [FILES[each] for each in (*refused, taken)]
    assert (detector.provider, detector.weights) == (CUDA, taken)
    assert _left_out(logs) == [(each, CUDA) for each in refused]


class _Mad(Accelerated):
    """Gives no numbers, or does not run at all."""

    def __init__(self, native: Any, *, runs: bool) -> None:
        super().__init__(native, OPENVINO)
        self._runs = runs

    def run(self, names: list[str], feeds: dict[str, Any]) -> list[Any]:
        if not self._runs:
            raise RuntimeError("no engine could be built")
        return [np.full_like(array, np.nan) for array in self._native.run(names, feeds)]


@pytest.mark.parametrize("runs", [True, False])
def test_weights_must_give_numbers_before_they_are_taken(monkeypatch: pytest.MonkeyPatch, *, runs: bool) -> None:
    def start(file: str, on_cpu: Any) -> Any:
        return _Mad(on_cpu(), runs=runs) if "fp16" in file else Accelerated(on_cpu(), OPENVINO)

    pretend_accelerator(monkeypatch, OPENVINO, start)
    with capture_logs() as logs:
        told = Detector.load(provider="openvino").describe()
    assert (told["device"], told["weights"]) == ("GPU", "fp32")
    assert _left_out(logs) == [("fp16", OPENVINO)]


@pytest.mark.parametrize(
    ("start", "tried", "reason"),
    [
        (no_driver, [FILES[each] for each in ACCELERATOR_WEIGHTS], "libcudnn.so.9"),
        (silent_fall_back, [FILES["fp16"]], "fell back to CPUExecutionProvider"),
    ],
)
def test_auto_leaves_out_an_accelerator_that_does_not_start(
    monkeypatch: pytest.MonkeyPatch, start: Start, tried: list[str], reason: str
) -> None:
    asked = pretend_accelerator(monkeypatch, CUDA, start)
    with capture_logs() as logs:
        detector = Detector.load()
    assert asked == tried
    assert (detector.provider, detector.weights) == (CPU, "int8")
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("accelerator does not start", "warning"), ("model loaded", "info")
    ]  # fmt: skip
    assert logs[0]["provider"] == CUDA
    assert reason in logs[0]["reason"]


@pytest.mark.parametrize("start", [no_driver, silent_fall_back])
def test_a_provider_asked_for_by_name_must_run(monkeypatch: pytest.MonkeyPatch, start: Start) -> None:
    pretend_accelerator(monkeypatch, CUDA, start)
    with pytest.raises(ModelError, match=CUDA) as caught:
        Detector.load(provider="cuda")
    assert caught.value.retryable  # the driver may still be loading


def test_weights_asked_for_by_name_stay_when_the_accelerator_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_accelerator(monkeypatch, OPENVINO, no_driver)
    assert Detector.load(weights="fp32").weights == "fp32"


def test_batches_need_a_free_axis(copied: Path) -> None:

    document = json.loads((copied / "manifest.json").read_bytes())
    outputs: dict[str, Shape] = {"scores": ("b", 80, "cells"), "distances": (1, 44, "cells")}
    write_model(copied, squeezing(("image", FLOAT, ("b", 3, "h", "w")), outputs), document)
    with pytest.raises(ModelError, match=r"'distances' has the shape .*Set input\.batch to 1"):
        Detector.load(copied, provider="cpu")
