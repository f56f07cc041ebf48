"""ONNX files that are not what their manifest says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detection.inference.detector import Detector
from detection.inference.errors import ModelError
from detection.inference.manifest import DEFAULT_MODEL
from tests.detection.onnx_files import DOUBLE, FLOAT, FLOAT16, Shape, squeezing, write_model


def _folder(tmp_path: Path, content: bytes, **changes: Any) -> Path:
    document = json.loads((DEFAULT_MODEL / "manifest.json").read_bytes())
    document["classes"] = ["person", "car", "dog"]
    document["outputs"] |= {"bins": 2}
    document["input"] |= {"batch": 1}
    for place, value in changes.items():
        document[place] = document[place] | value if isinstance(value, dict) else value
    return write_model(tmp_path, content, document)


IMAGE: tuple[str, int, Shape] = ("image", FLOAT, ("batch", 3, "height", "width"))
OUTPUTS: dict[str, Shape] = {"scores": ("b", 3, "cells"), "distances": ("b", 8, "cells")}


def _refusal(folder: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        Detector.load(folder, provider="cpu")
    return caught.value


def test_a_file_that_keeps_its_manifests_promises_is_taken(tmp_path: Path) -> None:
    detector = Detector.load(_folder(tmp_path, squeezing(IMAGE, OUTPUTS)), provider="cpu")
    assert (detector.classes, detector.weights) == (("person", "car", "dog"), "fp32")
    assert detector.input_size == (416, 416)


@pytest.mark.parametrize("content", [b"\n", b"this is a text", b"\x00" * 100, b"\x08\x08\x3a\x02\xff\xff"])
def test_what_is_no_onnx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    error = _refusal(_folder(tmp_path, content))
    assert f"{tmp_path}/a.onnx is not a usable ONNX model" in str(error)
    assert "Export or copy it again" in str(error)
    assert not error.retryable


def test_half_an_onnx_file_is_refused(tmp_path: Path) -> None:
    whole = (DEFAULT_MODEL / "nanodet_int8.onnx").read_bytes()
    assert "is not a usable ONNX model" in str(_refusal(_folder(tmp_path, whole[: len(whole) // 2])))


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (("picture", FLOAT, IMAGE[2]), "the inputs are picture, the manifest says 'image'. Correct its input.name"),
        (("image", FLOAT16, IMAGE[2]), "input 'image' takes tensor(float16), not tensor(float). Export"),
        (("image", DOUBLE, IMAGE[2]), "takes tensor(double)"),
        (
            ("image", FLOAT, ("b", 1, "h", "w")),
            "has the shape (None, 1, None, None), the manifest makes (1, 3, 416, 416)",
        ),
        (("image", FLOAT, ("b", 3, 320, 320)), "has the shape (None, 3, 320, 320), the manifest makes"),
        (("image", FLOAT, ("b", "h", "w")), "has the shape (None, None, None), the manifest makes"),
        (("image", FLOAT, (4, 3, 416, 416)), "has the shape (4, 3, 416, 416), the manifest makes"),
        (("image", FLOAT, (1, 3, 416, 416)), "has a fixed size; remove input.trim_to"),
    ],
)
def test_another_input_is_refused(tmp_path: Path, image: tuple[str, int, Shape], said: str) -> None:
    error = _refusal(_folder(tmp_path, squeezing(image, OUTPUTS)))
    assert said in str(error)
    assert f"{tmp_path}/a.onnx" in str(error)
    assert not error.retryable


def test_a_fixed_size_is_taken_when_the_manifest_says_so(tmp_path: Path) -> None:
    image = ("image", FLOAT, (1, 3, 416, 416))
    folder = _folder(tmp_path, squeezing(image, OUTPUTS), input={"trim_to": None})
    assert Detector.load(folder, provider="cpu").prepare(np.zeros((234, 416, 3), np.uint8)).shape == (1, 3, 416, 416)


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ({"scores": OUTPUTS["scores"]}, "has no output 'distances', only scores"),
        (OUTPUTS | {"scores": ("b", 80, "cells")}, "3 classes and 2 bins need tensor(float) with 3 on axis 1"),
        (OUTPUTS | {"distances": ("b", 44, "cells")}, "need tensor(float) with 8 on axis 1"),
        (OUTPUTS | {"scores": ("cells", 3)}, "need tensor(float) with 3 on axis 1"),
    ],
)
def test_other_outputs_are_refused(tmp_path: Path, outputs: dict[str, Shape], said: str) -> None:
    error = _refusal(_folder(tmp_path, squeezing(IMAGE, outputs)))
    assert said in str(error)
    assert f"{tmp_path}/a.onnx" in str(error)


def test_the_wrong_number_of_classes_is_refused(tmp_path: Path) -> None:
    error = _refusal(_folder(tmp_path, squeezing(IMAGE, OUTPUTS), classes=["person", "car"]))
    assert "2 classes and 2 bins need tensor(float) with 2 on axis 1" in str(error)
