"""Small ONNX files, real ones, written byte by byte: no package for writing them is needed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

FLOAT, UINT8, INT64, STRING, FLOAT16, DOUBLE = 1, 2, 7, 8, 10, 11
KINDS = {"float32": FLOAT, "uint8": UINT8, "int64": INT64}
Shape = tuple[int | str, ...]
Input = tuple[str, int, Shape]


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


def _node(operator: str, source: str, target: str) -> bytes:
    return _field(1, _field(1, source) + _field(2, target) + _field(4, operator))


def _model(graph: bytes) -> bytes:
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 17))


def squeezing(image: Input, outputs: Mapping[str, Shape]) -> bytes:
    """Every output is the input squeezed; what shape that gives is open before a run, so any can be declared."""
    name, kind, shape = image
    graph = _field(2, "small") + _field(11, _value(name, kind, shape))
    for output, declared in outputs.items():
        graph += _node("Squeeze", name, output) + _field(12, _value(output, kind, declared))
    return _model(graph)


def averaging(image: Input, output: str) -> bytes:
    """The mean of each channel of an input ``(1, channels, h, w)``: ``(1, channels, 1, 1)``."""
    name, kind, shape = image
    graph = _field(2, "mean") + _field(11, _value(name, kind, shape)) + _node("GlobalAveragePool", name, output)
    return _model(graph + _field(12, _value(output, kind, (1, shape[1], 1, 1))))


def finding(image: Input, fixed: Mapping[str, NDArray[Any]], scores: str) -> bytes:
    """A detector of three things: these boxes and labels, and as scores the mean of each channel, ``(1, 3, 1, 1)``."""
    name, kind, shape = image
    graph = _field(2, "finding") + _field(11, _value(name, kind, shape)) + _node("GlobalAveragePool", name, scores)
    return _model(graph + _field(12, _value(scores, kind, (1, shape[1], 1, 1))) + _constants(fixed))


def answering(inputs: list[Input], outputs: Mapping[str, NDArray[Any]]) -> bytes:
    """Whatever comes in, these arrays come out."""
    return _model(_field(2, "fixed") + b"".join(_field(11, _value(*each)) for each in inputs) + _constants(outputs))


def naming(image: Input, output: str, label: str) -> bytes:
    """A classifier that gives no scores: its output is always this text, ``(1,)``."""
    texts = _field(1, 1) + _field(2, STRING) + _field(6, label) + _field(8, "label")
    graph = _field(2, "naming") + _field(11, _value(*image)) + _field(5, texts) + _node("Identity", "label", output)
    return _model(graph + _field(12, _value(output, STRING, (1,))))


def _constants(outputs: Mapping[str, NDArray[Any]]) -> bytes:
    """Outputs that are always these arrays."""
    graph = b""
    for name, array in outputs.items():
        kind = KINDS[str(array.dtype)]
        sizes = b"".join(_field(1, size) for size in array.shape)
        graph += _field(5, sizes + _field(2, kind) + _field(8, f"{name}-value") + _field(9, array.tobytes()))
        graph += _node("Identity", f"{name}-value", name) + _field(12, _value(name, kind, array.shape))
    return graph


def write_model(folder: Path, content: bytes, document: dict[str, Any]) -> Path:
    """The file and its manifest in `folder`, with the size and hash that belong to it."""
    (folder / "a.onnx").write_bytes(content)
    entry = {"file": "a.onnx", "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (folder / "manifest.json").write_text(json.dumps(document | {"files": {"fp32": entry}}))
    return folder
