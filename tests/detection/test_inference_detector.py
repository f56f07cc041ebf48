"""The default model on real frames of the street clip."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detection.core.detections import Detections
from detection.inference.detector import Detector
from detection.inference.families import make_adapter
from detection.inference.manifest import DEFAULT_MODEL, load_manifest
from detection.inference.preprocess import Preprocessor

Pictures = dict[int, NDArray[np.uint8]]

# How many people a person sees in these frames, without those who are partly hidden or at the edge.
PEOPLE = {50: 4, 200: 6, 300: 6, 600: 6, 700: 6}
# Frame 300: boxes around the six people who walk there, drawn by hand, in pixels of 768 × 576.
FRAME_300 = np.array(
    [(184, 160, 220, 234), (241, 158, 266, 223), (296, 155, 326, 230),
     (312, 213, 346, 296), (582, 160, 610, 236), (616, 166, 645, 234)], np.float32,
)  # fmt: skip


@pytest.fixture(scope="module")
def int8() -> Detector:
    return Detector.load(provider="cpu")


@pytest.fixture(scope="module")
def fp32() -> Detector:
    return Detector.load(provider="cpu", weights="fp32")


@pytest.fixture(scope="module")
def frames(street_clip: Path) -> Pictures:
    """Frames by number, 768 × 576 BGR."""
    clip = cv2.VideoCapture(str(street_clip))
    kept: Pictures = {}
    for number in range(max(PEOPLE) + 1):
        assert clip.grab()
        if number in PEOPLE:
            kept[number] = np.asarray(clip.retrieve()[1], np.uint8)
    return kept


def _scaled(detector: Detector, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = detector.fit(picture.shape[1], picture.shape[0])
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _people(found: Detections, min_score: float) -> Detections:
    return found.pick((found.class_ids == 0) & (found.scores >= min_score))


def _overlaps(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersections over unions, ``(len(some), len(others))``."""
    low = np.maximum(some[:, None, :2], others[None, :, :2])
    high = np.minimum(some[:, None, 2:], others[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (some, others)]
    result: NDArray[np.float32] = shared / (areas[0][:, None] + areas[1][None] - shared)
    return result


def test_int8_is_the_choice_on_a_processor(int8: Detector, fp32: Detector) -> None:
    assert (int8.provider, int8.weights, fp32.weights) == ("CPUExecutionProvider", "int8", "fp32")
    assert int8.classes == fp32.classes
    assert int8.classes[0] == "person"
    assert int8.input_size == (416, 416)
    assert int8.fit(1920, 1080) == (416, 234)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_an_empty_picture_holds_nobody(int8: Detector, shade: int) -> None:
    found = int8.detect(np.full((234, 416, 3), shade, np.uint8))
    assert len(_people(found, 0.3)) == 0


def test_a_lower_score_lets_more_through(int8: Detector) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (312, 416, 3), np.uint8)
    found = int8.detect(noise, min_score=0.02)
    assert len(found) > len(int8.detect(noise))
    assert found.scores.min() >= 0.02
    assert (np.diff(found.scores) <= 0).all()


@pytest.mark.integration
@pytest.mark.parametrize("weights", ["int8", "fp32"])
def test_people_are_found(weights: str, request: pytest.FixtureRequest, frames: Pictures) -> None:
    detector: Detector = request.getfixturevalue(weights)
    for number, count in PEOPLE.items():
        found = _people(detector.detect(_scaled(detector, frames[number])), 0.5)
        assert count <= len(found) <= count + 2, f"frame {number}"
        assert ((found.boxes[:, 2:] > found.boxes[:, :2]) & (found.boxes >= 0)[:, :2] & (found.boxes <= 1)[:, 2:]).all()


@pytest.mark.integration
@pytest.mark.parametrize("weights", ["int8", "fp32"])
def test_people_are_where_they_are(weights: str, request: pytest.FixtureRequest, frames: Pictures) -> None:
    detector: Detector = request.getfixturevalue(weights)
    found = _people(detector.detect(_scaled(detector, frames[300])), 0.5)
    overlaps = _overlaps(found.boxes * np.array([768, 576, 768, 576], np.float32), FRAME_300)
    assert len(found) == len(FRAME_300)
    assert overlaps.max(axis=0).min() > 0.7
    assert overlaps.max(axis=1).min() > 0.7


@pytest.mark.integration
def test_integers_agree_with_floats(int8: Detector, fp32: Detector, frames: Pictures) -> None:
    for number, picture in frames.items():
        scaled = _scaled(fp32, picture)
        exact, fast = _people(fp32.detect(scaled), 0.5), _people(int8.detect(scaled), 0.35)
        overlaps = _overlaps(exact.boxes, fast.boxes)
        assert overlaps.max(axis=1).min() > 0.75, f"frame {number}"
        difference = np.abs(exact.scores - fast.scores[overlaps.argmax(axis=1)])
        assert difference.max() < 0.12, f"frame {number}"


@pytest.mark.integration
def test_half_precision_agrees_with_floats(fp32: Detector, frames: Pictures) -> None:
    half = Detector.load(provider="cpu", weights="fp16")
    for number, picture in frames.items():
        scaled = _scaled(fp32, picture)
        blob = fp32.prepare(scaled)
        for exact, near in zip(fp32.run(blob), half.run(blob), strict=True):
            np.testing.assert_allclose(near, exact, atol=0.03, err_msg=f"frame {number}")
        whole, people = _people(fp32.detect(scaled), 0.5), _people(half.detect(scaled), 0.49)
        overlaps = _overlaps(whole.boxes, people.boxes)
        assert overlaps.max(axis=1).min() > 0.98, f"frame {number}"
        np.testing.assert_allclose(people.scores[overlaps.argmax(axis=1)], whole.scores, atol=0.005)


def test_half_precision_is_another_file_that_gives_nearly_the_same(fp32: Detector) -> None:
    half = Detector.load(provider="cpu", weights="fp16")
    noise = np.random.default_rng(2).integers(0, 256, (312, 416, 3), np.uint8)
    differences = [
        np.abs(a - b).max() for a, b in zip(fp32.run(fp32.prepare(noise)), half.run(half.prepare(noise)), strict=True)
    ]
    assert (half.weights, half.file) == ("fp16", "nanodet_fp16.onnx")
    assert 0 < max(differences) < 0.03


@pytest.mark.integration
def test_leaving_out_the_filling_changes_nothing_that_matters(fp32: Detector, frames: Pictures) -> None:
    """What an accelerator gets, always the whole square, finds the same people as the trimmed picture on the CPU."""
    manifest = load_manifest(DEFAULT_MODEL)
    square, adapter = Preprocessor(manifest.input, trim=False), make_adapter(manifest)
    for picture in (frames[200], frames[200][100:532]):  # 4:3 and 16:9
        scaled = _scaled(fp32, picture)
        blob = square.prepare(scaled)
        box = square.letterbox(scaled.shape[1], scaled.shape[0])
        whole = _people(adapter.decode(fp32.run(blob), box, 0.3), 0.5)
        trimmed = _people(fp32.detect(scaled), 0.45)
        assert blob.shape[2:] == (416, 416)
        assert fp32.prepare(scaled).shape[2] < 416
        assert len(whole) >= 4
        assert _overlaps(whole.boxes, trimmed.boxes).max(axis=1).min() > 0.85


@pytest.mark.integration
def test_the_stages_are_what_detect_does_and_a_stride_changes_nothing(int8: Detector, frames: Pictures) -> None:
    scaled = _scaled(int8, frames[300])
    height, width = scaled.shape[:2]
    stages = int8.postprocess(int8.run(int8.prepare(scaled)), width, height, 0.4)
    padded = np.zeros((height, width + 16, 3), np.uint8)
    padded[:, :width] = scaled
    found = int8.detect(padded[:, :width], min_score=0.4)
    np.testing.assert_array_equal(found.boxes, stages.boxes)
    np.testing.assert_array_equal(found.scores, stages.scores)
    assert len(found) > 5
