"""Model families for tests: how each is described, outputs made here, and slow loops that read them by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.inference.detector import Detector
from tests.detection.onnx_files import FLOAT, INT64, Input, answering, write_model

SIDE, CLASSES, NMS_IOU, MIN_SCORE = 64, ("person", "car", "dog"), 0.5, 0.4
STRIDES = (8, 16, 32)
IMAGE: Input = ("image", FLOAT, (1, 3, SIDE, SIDE))
Arrays = dict[str, NDArray[Any]]
Box = tuple[float, float, float, float]
Candidate = tuple[int, float, Box]  # class, score, x1 y1 x2 y2 in pixels of the blob


@dataclass(frozen=True, slots=True)
class Family:
    """How a family is described, what its network gives, and what the slow loop reads in that."""

    name: str
    outputs: dict[str, Any]
    made: Callable[[], Arrays]
    read: Callable[[Arrays], Iterator[Candidate]]
    own_nms: bool = False
    sizes: str | None = None


def _cells() -> list[tuple[int, int, int]]:
    """Column, row and stride of every cell in the order of the outputs."""
    return [(x, y, s) for s in STRIDES for y in range(SIDE // s) for x in range(SIDE // s)]


def _random(*shape: int, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).random(shape)


def _around(centre_x: float, centre_y: float, width: float, height: float) -> Box:
    return centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def _yolox_offsets() -> Arrays:
    rows = _random(1, len(_cells()), 8, seed=1)
    rows[..., 2:4] = rows[..., 2:4] + 0.5  # wide enough to overlap
    return {"out": rows.astype(np.float32)}


def _read_offsets(arrays: Arrays) -> Iterator[Candidate]:
    for (column, row, stride), values in zip(_cells(), arrays["out"][0].tolist(), strict=True):
        x, y, w, h, objectness = values[:5]
        box = _around((x + column) * stride, (y + row) * stride, math.exp(w) * stride, math.exp(h) * stride)
        for kind, score in enumerate(values[5:]):
            yield kind, objectness * score, box


def _yolox_pixels() -> Arrays:
    rows = _random(1, len(_cells()), 8, seed=2)
    rows[..., :4] *= SIDE / 2
    return {"out": rows.astype(np.float32)}


def _read_pixels(arrays: Arrays) -> Iterator[Candidate]:
    for x, y, w, h, objectness, *scores in arrays["out"][0].tolist():
        for kind, score in enumerate(scores):
            yield kind, objectness * score, _around(x, y, w, h)


def _yolov8() -> Arrays:
    rows = _random(1, 7, 60, seed=3)
    rows[:, :4] *= SIDE / 2
    rows[:, 4:] **= 2
    return {"out": rows.astype(np.float32)}


def _read_yolov8(arrays: Arrays) -> Iterator[Candidate]:
    for x, y, w, h, *scores in arrays["out"][0].T.tolist():
        for kind, score in enumerate(scores):
            yield kind, score, _around(x, y, w, h)


def _yolov8_cells_first() -> Arrays:
    return {"out": np.ascontiguousarray(_yolov8()["out"].transpose(0, 2, 1))}


def _read_cells_first(arrays: Arrays) -> Iterator[Candidate]:
    return _read_yolov8({"out": arrays["out"].transpose(0, 2, 1)})


def _detr() -> Arrays:
    logits, boxes = _random(1, 30, 3, seed=4) * 8 - 6, _random(1, 30, 4, seed=5) * 0.6
    return {"logits": logits.astype(np.float32), "boxes": boxes.astype(np.float32)}


def _read_detr(arrays: Arrays) -> Iterator[Candidate]:
    for logits, box in zip(arrays["logits"][0].tolist(), arrays["boxes"][0].tolist(), strict=True):
        for kind, logit in enumerate(logits):
            yield kind, _sigmoid(logit), _around(*(SIDE * value for value in box))


def _boxes(count: int, scale: float, seed: int) -> NDArray[np.float32]:
    """x1, y1, x2, y2 with x1 < x2, y1 < y2."""
    low, size = _random(count, 2, seed=seed), _random(count, 2, seed=seed + 1)
    return np.concatenate([low, low + size], axis=1).astype(np.float32) * np.float32(scale / 2)


def ssd() -> Arrays:
    """As TensorFlow's: y before x, labels from 1, floats, how many of the places are used."""
    labels = (1 + np.arange(20, dtype=np.float32) % 3)[None]
    scores = np.linspace(0.95, 0.05, 20, dtype=np.float32)[None]
    return {
        "boxes": _boxes(20, 1.0, 8)[None][..., [1, 0, 3, 2]].copy(),
        "labels": labels,
        "scores": scores,
        "count": np.array([7], np.float32),
    }


def _read_ssd(arrays: Arrays) -> Iterator[Candidate]:
    for place in range(int(arrays["count"][0])):
        y1, x1, y2, x2 = (SIDE * value for value in arrays["boxes"][0][place].tolist())
        yield int(arrays["labels"][0][place]) - 1, float(arrays["scores"][0][place]), (x1, y1, x2, y2)


def _post_processed() -> Arrays:
    """As RT-DETR's and D-FINE's own export: pixels of the size that the second input told."""
    labels = np.random.default_rng(9).integers(0, 3, (1, 20))
    return {"labels": labels, "boxes": _boxes(20, SIDE, 10)[None], "scores": _random(1, 20, seed=12).astype(np.float32)}


def _read_post_processed(arrays: Arrays) -> Iterator[Candidate]:
    for label, box, score in zip(*(arrays[name][0].tolist() for name in ("labels", "boxes", "scores")), strict=True):
        yield label, score, tuple(box)


_NAMES = {"boxes": "boxes", "labels": "labels", "scores": "scores"}
CASES = {
    "yolox": Family("yolox", {"output": "out", "boxes_are": "offsets"}, _yolox_offsets, _read_offsets),
    "yolox decoded": Family("yolox", {"output": "out", "boxes_are": "pixels"}, _yolox_pixels, _read_pixels),
    "yolov8": Family("yolov8", {"output": "out"}, _yolov8, _read_yolov8),
    "yolov8 cells first": Family(
        "yolov8", {"output": "out", "layout": "cells-first"}, _yolov8_cells_first, _read_cells_first
    ),
    "detr": Family("detr", {"scores": "logits", "boxes": "boxes"}, _detr, _read_detr, own_nms=True),
    "ssd": Family(
        "decoded",
        _NAMES | {"count": "count", "order": "y1x1y2x2", "boxes_are": "shares", "first_label": 1},
        ssd,
        _read_ssd,
        own_nms=True,
    ),
    "detr with sizes": Family(
        "decoded", _NAMES | {"boxes_are": "pixels"}, _post_processed, _read_post_processed, own_nms=True, sizes="sizes"
    ),
}


def load_family(folder: Path, family: Family, arrays: Arrays, **changes: Any) -> Detector:
    image = {"name": "image", "width": SIDE, "height": SIDE, "layout": "nchw", "color": "rgb", "sizes": family.sizes}
    image |= {"letterbox": "top-left", "mean": [0, 0, 0], "std": [1, 1, 1]} | changes.pop("input", {})
    document = {
        "name": "small",
        "family": family.name,
        "version": "1",
        "classes": CLASSES,
        "input": image,
        "outputs": family.outputs,
        "thresholds": {"score": MIN_SCORE, "nms_iou": None if family.own_nms else NMS_IOU},
        "source": "a test",
        "licence": "MIT",
    }
    sizes: list[Input] = [] if family.sizes is None else [(family.sizes, INT64, (1, 2))]
    return Detector.load(
        write_model(folder, answering([IMAGE, *sizes], arrays), document | changes), provider="cpu", weights="fp32"
    )
