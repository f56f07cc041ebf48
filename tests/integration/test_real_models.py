"""A trained network of a family that users bring, against what another program reads in it.

Of the families, only YOLOX is to be had ready from a package; the others are tested on outputs made by hand
(tests/detection/test_inference_families.py).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detection.core.track_motion import overlap
from detection.inference.detector import Detector
from tests.servers.real_models import yolox_folder

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
    detector = Detector.load(yolox_folder(test_cache), provider="cpu")
    size = detector.fit(WIDTH, HEIGHT)
    assert size == (416, 256)
    found = detector.detect(np.asarray(cv2.resize(drawn(), size, interpolation=cv2.INTER_LINEAR), np.uint8))
    assert detector.classes == ("character",)
    assert found.class_ids.tolist() == [0] * len(FOUND)
    expected = np.array([box for box, _ in FOUND])
    boxes = found.boxes.astype(np.float64) * [WIDTH, HEIGHT, WIDTH, HEIGHT]
    assert np.diag(overlap(expected, boxes)).min() > 0.97  # both fall from the best score
    assert found.scores.tolist() == pytest.approx([score for _, score in FOUND], abs=0.02)
