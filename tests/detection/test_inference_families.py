"""Every model family on real small ONNX files that give numbers made here, beside a slow loop that does the same by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detection.core.detections import Detections
from detection.inference.errors import ModelError
from detection.inference.families import FAMILIES
from tests.detection.model_families import CASES, MIN_SCORE, NMS_IOU, SIDE, Arrays, Box, Candidate, load_family, ssd

PICTURE = np.zeros((32, 64, 3), np.uint8)  # as `fit` gives for 16:8; half of the square is filling


def _overlap(a: Box, b: Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return shared / (sum(areas) - shared) if shared else 0.0


def _expected(candidates: list[Candidate], *, top: float, height: float, nms: bool) -> list[Candidate]:
    """Shares of the picture, cut at its border; the best first."""
    kept: list[Candidate] = []
    for kind, score, (x1, y1, x2, y2) in sorted(candidates, key=lambda each: -each[1]):
        x1, x2 = (min(max(x / SIDE, 0), 1) for x in (x1, x2))  # noqa: PLW2901
        y1, y2 = (min(max((y - top) / height, 0), 1) for y in (y1, y2))  # noqa: PLW2901
        box = (x1, y1, x2, y2)
        if not nms or all(other[0] != kind or _overlap(other[2], box) <= NMS_IOU for other in kept):
            kept.append((kind, score, box))
    return kept


def _same(found: Detections, expected: list[Candidate]) -> None:
    assert found.class_ids.tolist() == [kind for kind, _, _ in expected]
    np.testing.assert_allclose(found.scores, [score for _, score, _ in expected], rtol=1e-5)
    np.testing.assert_allclose(found.boxes, [box for _, _, box in expected], atol=1e-5)


@pytest.mark.parametrize("letterbox", ["top-left", "centre", "stretch"])
@pytest.mark.parametrize("case", CASES)
def test_a_family_gives_what_a_slow_loop_gives(tmp_path: Path, case: str, letterbox: str) -> None:
    family = CASES[case]
    arrays = family.made()
    detector = load_family(tmp_path, family, arrays, input={"letterbox": letterbox})
    assert detector.fit(1280, 640) == ((64, 64) if letterbox == "stretch" else (64, 32))
    found = detector.detect(np.zeros((64, 64, 3), np.uint8) if letterbox == "stretch" else PICTURE)
    candidates = [each for each in family.read(arrays) if each[1] >= MIN_SCORE]
    expected = _expected(
        candidates,
        top=16 if letterbox == "centre" else 0,
        height=64 if letterbox == "stretch" else 32,
        nms=not family.own_nms,
    )
    assert len(expected) >= 5
    assert family.own_nms or len(expected) < len(candidates)
    _same(found, expected)


@pytest.mark.parametrize("case", CASES)
def test_limits_by_class_let_only_these_through(tmp_path: Path, case: str) -> None:
    family = CASES[case]
    arrays = family.made()
    limits = np.array([np.inf, 0.3, 2.0], np.float32)
    found = load_family(tmp_path, family, arrays).detect(PICTURE, min_score=limits)
    candidates = [each for each in family.read(arrays) if each[0] == 1 and each[1] >= 0.3]
    _same(found, _expected(candidates, top=0, height=32, nms=not family.own_nms))
    assert len(found)


@pytest.mark.parametrize("case", CASES)
def test_each_call_has_its_own_limit(tmp_path: Path, case: str) -> None:
    detector = load_family(tmp_path, CASES[case], CASES[case].made())
    asked: list[Any] = [0.8, np.full(3, 0.3, np.float32), None, np.array([0.3, np.inf, np.inf], np.float32), 0.3]
    counts = [len(detector.detect(PICTURE, min_score=limit)) for limit in asked]
    assert counts[4] == counts[1] >= counts[2] > counts[0] > 0
    assert 0 < counts[3] < counts[1]


@pytest.mark.parametrize("case", CASES)
def test_nothing_above_the_limit_is_nothing(tmp_path: Path, case: str) -> None:
    detector = load_family(tmp_path, CASES[case], CASES[case].made())
    assert len(detector.detect(PICTURE, min_score=1.0)) == 0
    assert len(detector.detect(PICTURE, min_score=np.full(3, np.inf, np.float32))) == 0


@pytest.mark.parametrize("case", CASES)
def test_an_output_that_is_missing_is_named_with_the_file(tmp_path: Path, case: str) -> None:
    arrays = CASES[case].made()
    name = list(arrays)[-1]
    with pytest.raises(ModelError, match=rf"{tmp_path}/a\.onnx: small has no output '{name}', only .*other"):
        load_family(tmp_path, CASES[case], {("other" if key == name else key): array for key, array in arrays.items()})


@pytest.mark.parametrize("case", ["yolox", "yolov8", "yolov8 cells first", "detr"])
def test_another_number_of_classes_is_refused_with_the_file(tmp_path: Path, case: str) -> None:
    with pytest.raises(ModelError, match=rf"{tmp_path}/a\.onnx: Output .* 2 classes need .*Correct the manifest's"):
        load_family(tmp_path, CASES[case], CASES[case].made(), classes=["person", "car"])


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_in_outputs_is_named_with_folder_and_key(tmp_path: Path, case: str) -> None:
    wrong = CASES[case].outputs | {"colour": "red"}
    with pytest.raises(ModelError, match=rf"{tmp_path}: The manifest of small is broken: outputs\.colour: Extra"):
        load_family(tmp_path, CASES[case], CASES[case].made(), outputs=wrong)


def _changed(case: str, **arrays: NDArray[Any]) -> Arrays:
    return CASES[case].made() | arrays


@pytest.mark.parametrize(
    ("case", "arrays", "said"),
    [
        ("yolox", {"out": np.ones((1, 80, 8), np.float32)}, "gave 80 cells where the manifest's strides make 84"),
        ("yolox", {"out": np.full((1, 84, 8), 99, np.float32)}, "not finite"),
        ("detr", {"boxes": np.ones((1, 29, 4), np.float32)}, "30 queries with scores and 29 with boxes"),
        ("detr", {"boxes": np.full((1, 30, 4), np.nan, np.float32)}, "not finite"),
        ("ssd", {"labels": np.full((1, 20), 4, np.float32)}, "gave the label 4, but .* 3 classes from 1 on"),
        ("ssd", {"labels": np.full((1, 20), 0, np.float32)}, "gave the label 0, but"),
        ("ssd", {"scores": np.ones((1, 19), np.float32)}, "20 boxes, 20 labels and 19 scores"),
    ],
)
def test_outputs_that_make_no_sense_are_an_error(tmp_path: Path, case: str, arrays: Arrays, said: str) -> None:
    detector = load_family(tmp_path, CASES[case], _changed(case, **arrays))
    with pytest.raises(ModelError, match=said):
        detector.detect(PICTURE)


@pytest.mark.parametrize("limit", [0.3, np.full(3, 0.3, np.float32), np.array([np.inf, 0.3, np.inf], np.float32)])
@pytest.mark.parametrize("case", CASES)
def test_scores_that_are_no_numbers_are_an_error_and_not_nothing(
    tmp_path: Path, case: str, limit: float | NDArray[np.float32]
) -> None:
    arrays = {name: array.copy() for name, array in CASES[case].made().items()}
    scores = next(arrays[name] for name in ("scores", "logits", "out") if name in arrays)
    scores[...] = np.nan
    with pytest.raises(ModelError, match="small gave scores that are no numbers"):
        load_family(tmp_path, CASES[case], arrays).detect(PICTURE, min_score=limit)


def test_labels_below_the_limit_may_be_anything(tmp_path: Path) -> None:
    labels = ssd()["labels"]
    labels[0, ssd()["scores"][0] < MIN_SCORE] = -1
    assert len(load_family(tmp_path, CASES["ssd"], _changed("ssd", labels=labels)).detect(PICTURE)) == 7


def test_boxes_of_another_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"'boxes' of small has the shape \(1, 20, 5\); boxes are"):
        load_family(tmp_path, CASES["ssd"], _changed("ssd", boxes=np.ones((1, 20, 5), np.float32)))


def test_the_second_input_must_be_named_in_the_manifest(tmp_path: Path) -> None:
    family = CASES["detr with sizes"]
    with pytest.raises(ModelError, match=r"the inputs are image, sizes, the manifest says 'image'\. Correct"):
        load_family(tmp_path, family, family.made(), input={"sizes": None})


def test_the_second_input_is_told_width_and_height(tmp_path: Path) -> None:
    family = CASES["detr with sizes"]
    detector = load_family(tmp_path, family, family.made())
    fed: list[Any] = []
    run = detector._session.run
    detector._session.run = lambda names, feeds: fed.append(feeds) or run(names, feeds)  # type: ignore[method-assign, func-returns-value]
    detector.detect(PICTURE)
    np.testing.assert_array_equal(fed[0]["sizes"], [[64, 64]])
    assert fed[0]["sizes"].dtype == np.int64


def test_every_family_is_tested_here() -> None:
    assert {family.name for family in CASES.values()} | {"nanodet"} == set(FAMILIES)
