"""ONNX files that are not what their manifest says. The files are real, small and written here byte by byte."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detection.inference.detector import DEFAULT_MODEL, Detector
from detection.inference.errors import ModelError

FLOAT, FLOAT16, DOUBLE = 1, 10, 11
Shape = tuple[int | str, ...]


def _number(value: int) -> bytes:
    """A base-128 varint, as in the protocol buffers encoding."""
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _number(number << 3) + _number(value)
    content = value.encode() if isinstance(value, str) else value
    return _number(number << 3 | 2) + _number(len(content)) + content


def _value(name: str, kind: int, shape: Shape) -> bytes:
    """ValueInfoProto of onnx.proto3: a name, an element type, and a size or a name for each axis."""
    axes = b"".join(_field(1, _field(1 if isinstance(size, int) else 2, size)) for size in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, axes)))


def _onnx(image: tuple[str, int, Shape], outputs: dict[str, Shape]) -> bytes:
    """ModelProto: every output is the input squeezed; what shape that gives is open before a run, so any can be declared."""
    name, kind, shape = image
    graph = _field(2, "small") + _field(11, _value(name, kind, shape))
    for output, declared in outputs.items():
        graph += _field(1, _field(1, name) + _field(2, output) + _field(4, "Squeeze"))
        graph += _field(12, _value(output, kind, declared))
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 17))


def _folder(tmp_path: Path, content: bytes, **changes: Any) -> Path:
    (tmp_path / "a.onnx").write_bytes(content)
    document = json.loads((DEFAULT_MODEL / "manifest.json").read_bytes())
    entry = {"file": "a.onnx", "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    document |= {"files": {"fp32": entry}, "classes": ["person", "car", "dog"]}
    document["outputs"] |= {"bins": 2}
    for place, value in changes.items():
        document[place] = document[place] | value if isinstance(value, dict) else value
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    return tmp_path


IMAGE: tuple[str, int, Shape] = ("image", FLOAT, ("batch", 3, "height", "width"))
OUTPUTS: dict[str, Shape] = {"scores": ("b", 3, "cells"), "distances": ("b", 8, "cells")}


def _refusal(folder: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        Detector.load(folder, provider="cpu")
    return caught.value


def test_a_file_that_keeps_its_manifests_promises_is_taken(tmp_path: Path) -> None:
    detector = Detector.load(_folder(tmp_path, _onnx(IMAGE, OUTPUTS)), provider="cpu")
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
    error = _refusal(_folder(tmp_path, _onnx(image, OUTPUTS)))
    assert said in str(error)
    assert f"{tmp_path}/a.onnx" in str(error)
    assert not error.retryable


def test_a_fixed_size_is_taken_when_the_manifest_says_so(tmp_path: Path) -> None:
    image = ("image", FLOAT, (1, 3, 416, 416))
    folder = _folder(tmp_path, _onnx(image, OUTPUTS), input={"trim_to": None})
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
    error = _refusal(_folder(tmp_path, _onnx(IMAGE, outputs)))
    assert said in str(error)
    assert f"{tmp_path}/a.onnx" in str(error)


def test_the_wrong_number_of_classes_is_refused(tmp_path: Path) -> None:
    error = _refusal(_folder(tmp_path, _onnx(IMAGE, OUTPUTS), classes=["person", "car"]))
    assert "2 classes and 2 bins need tensor(float) with 2 on axis 1" in str(error)
