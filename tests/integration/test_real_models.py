"""Trained networks of families that users bring, against what others read in them: another program, or slow loops.

Of SSD and RT-DETR none is to be had ready from a package: those are tested on outputs made by hand
(tests/detection/test_inference_families.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detection.core.track_motion import overlap
from detection.inference.detector import Detector
from detection.inference.session import open_session
from tests.servers.real_models import PICODET, YOLOV8, YOLOX, Package, model_folder

WIDTH, HEIGHT = 520, 320  # four fifths of it are whole pixels: programs differ in how they round
WORDS = {
    "A": ((40, 80), (20, 20, 160)),
    "R": ((170, 120), (160, 40, 20)),
    "8": ((300, 70), (20, 90, 20)),
    "K": ((90, 210), (90, 20, 110)),
    "Z": ((250, 220), (10, 10, 10)),
}
# What the package's own program finds in the picture below (its loops, its NMS at 0.45, scores above 0.1), on x86-64 with
# onnxruntime 1.31: x1, y1, x2, y2 in pixels, score.
FOUND = [
    ((89.362, 164.588, 131.508, 210.760), 0.911),
    ((170.163, 76.613, 211.339, 120.514), 0.903),
    ((38.907, 35.228, 83.203, 80.971), 0.885),
    ((248.899, 175.585, 289.173, 218.480), 0.839),
    ((299.671, 26.174, 340.015, 68.857), 0.835),
]


def drawn() -> NDArray[np.uint8]:
    """Five letters; without smoothed edges, so that it is the same with every version of the drawing library."""
    picture = np.full((HEIGHT, WIDTH, 3), (150, 190, 170), np.uint8)
    for word, (place, colour) in WORDS.items():
        cv2.putText(picture, word, place, cv2.FONT_HERSHEY_DUPLEX, 2.0, colour, 4, cv2.LINE_8)
    return picture


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_a_trained_yolox_gives_what_its_own_program_reads_in_it(test_cache: Path) -> None:
    detector = Detector.load(model_folder(test_cache, YOLOX), provider="cpu")
    size = detector.fit(WIDTH, HEIGHT)
    assert size == (416, 256)
    found = detector.detect(np.asarray(cv2.resize(drawn(), size, interpolation=cv2.INTER_LINEAR), np.uint8))
    assert detector.classes == ("character",)
    assert found.class_ids.tolist() == [0] * len(FOUND)
    expected = np.array([box for box, _ in FOUND])
    boxes = found.boxes.astype(np.float64) * [WIDTH, HEIGHT, WIDTH, HEIGHT]
    assert np.diag(overlap(expected, boxes)).min() > 0.97  # both fall from the best score
    assert found.scores.tolist() == pytest.approx([score for _, score in FOUND], abs=0.02)


Found = tuple[int, float, NDArray[np.float64]]  # class, score, x1 y1 x2 y2 in pixels of the network's input


def blob_of(spec: dict[str, Any], picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], int, int]:
    """The input as the family's own programs make it, in float64; width and height of the picture in it."""
    width, height = spec["width"], spec["height"]
    scale = min(width / picture.shape[1], height / picture.shape[0])
    inside = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    if spec["letterbox"] == "stretch":
        inside = (width, height)
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[: inside[1], : inside[0]] = cv2.resize(picture, inside, interpolation=cv2.INTER_AREA)
    shares = (canvas[..., ::-1] / 255.0 - np.array(spec["mean"])) / np.array(spec["std"])
    return shares.transpose(2, 0, 1)[None].astype(np.float32), *inside


def read_yolov8(outputs: list[NDArray[np.float32]], least: float) -> Iterator[Found]:
    for x, y, w, h, *scores in outputs[0][0].T.tolist():
        for kind, score in enumerate(scores):
            if score >= least:
                yield kind, score, np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])


def read_picodet(outputs: list[NDArray[np.float32]], least: float) -> Iterator[Found]:
    """Distances to the edges are expectations over eight bins, in strides; rows of cells, the finest first."""
    for stride, scores, bins in zip((8, 16, 32, 64), outputs[:4], outputs[4:], strict=True):
        columns = -(-608 // stride)
        for cell, (of_classes, logits) in enumerate(zip(scores[0].tolist(), bins[0].astype(np.float64), strict=True)):
            if max(of_classes) < least:
                continue
            shares = np.exp(logits.reshape(4, 8))
            left, top, right, bottom = (shares * np.arange(8)).sum(1) / shares.sum(1)
            x, y = cell % columns + 0.5, cell // columns + 0.5
            for kind, score in enumerate(of_classes):
                if score >= least:
                    yield kind, score, stride * np.array([x - left, y - top, x + right, y + bottom])


def kept(found: list[Found], limit: float) -> list[Found]:
    """What no better one of its class overlaps by more, the best first."""
    best: list[Found] = []
    for each in sorted(found, key=lambda one: -one[1]):
        if all(o[0] != each[0] or overlap(o[2][None], each[2][None])[0, 0] <= limit for o in best):
            best.append(each)
    return best


def frames(clip: Path) -> Iterator[NDArray[np.uint8]]:
    """One in every nine seconds."""
    with av.open(str(clip)) as file:
        for number, frame in enumerate(file.decode(video=0)):
            if number % 90 == 45:
                yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("package", "read"), [(YOLOV8, read_yolov8), (PICODET, read_picodet)])
def test_trained_networks_give_what_slow_loops_read_in_them(
    test_cache: Path, street_clip: Path, package: Package, read: Any
) -> None:
    folder = model_folder(test_cache, package)
    detector, session = Detector.load(folder, provider="cpu"), open_session(folder / "network.onnx")
    spec, outputs, limits = (package.manifest[key] for key in ("input", "outputs", "thresholds"))
    names = [outputs["output"]] if "output" in outputs else [*outputs["scores"], *outputs["distances"]]
    compared = 0
    for picture in frames(street_clip):
        blob, width, height = blob_of(spec, picture)
        raw = session.run(names, {spec["name"]: blob})
        expected = kept(list(read(raw, limits["score"])), limits["nms_iou"])
        size = detector.fit(picture.shape[1], picture.shape[0])
        assert size == (width, height)
        found = detector.detect(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8))
        assert found.class_ids.tolist() == [kind for kind, _, _ in expected]
        assert found.scores.tolist() == pytest.approx([score for _, score, _ in expected], abs=1e-3)
        for box, (_, _, pixels) in zip(found.boxes, expected, strict=True):
            np.testing.assert_allclose(box, np.clip(pixels / ([width, height] * 2), 0, 1), atol=2e-3)
        compared += len(expected)
    assert compared >= 5
