"""The NanoDet family on outputs that were made by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detection.inference.candidates import MAX_CANDIDATES
from detection.inference.errors import ModelError
from detection.inference.manifest import DEFAULT_MODEL, ModelManifest
from detection.inference.nanodet import NanoDet
from detection.inference.preprocess import Letterbox
from detection.inference.session import Tensor

BOX = Letterbox(64, 48, 64, 64)
CELLS = 8 * 8 + 4 * 4 + 2 * 2
BINS = 11


def _adapter(**outputs: Any) -> NanoDet:
    document = json.loads((DEFAULT_MODEL / "manifest.json").read_bytes())
    document["classes"] = ["person", "car", "dog"]
    document["outputs"] |= outputs
    return NanoDet(ModelManifest.model_validate(document))


def _nothing() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits of improbable scores ``(1, 3, cells)``, and distances ``(1, 44, cells)`` of one and two bins in turn."""
    logits = np.full((1, 3, CELLS), -8.0, np.float32)
    edges = np.full((4, BINS, CELLS), -60.0, np.float32)
    for side, place in enumerate((1, 2, 1, 2)):  # left 1, top 2, right 1, bottom 2 strides
        edges[side, place] = 60.0
    return logits, edges.reshape(1, 4 * BINS, CELLS)


def _logit(score: float) -> float:
    return float(np.log(score / (1 - score)))


def test_a_cell_becomes_a_box_around_its_centre() -> None:
    logits, distances = _nothing()
    logits[0, 1, 8 * 3 + 4] = _logit(0.8)  # stride 8, row 3, column 4: its centre is (36, 28)
    found = _adapter().decode([logits, distances], BOX, 0.3)
    np.testing.assert_allclose(found.boxes, [[28 / 64, 12 / 48, 44 / 64, 44 / 48]], rtol=1e-5)
    np.testing.assert_allclose(found.scores, [0.8], rtol=1e-5)
    assert found.class_ids.tolist() == [1]
    assert [str(each.dtype) for each in (found.boxes, found.scores, found.class_ids)] == ["float32", "float32", "int32"]


def test_each_stride_has_its_own_cells() -> None:
    logits, distances = _nothing()
    logits[0, 0, 64 + 4 * 1 + 2] = _logit(0.9)  # stride 16, row 1, column 2: centre (40, 24)
    logits[0, 2, 64 + 16 + 1] = _logit(0.7)  # stride 32, row 0, column 1: centre (48, 16)
    found = _adapter().decode([logits, distances], BOX, 0.3)
    np.testing.assert_allclose(found.boxes, [[24 / 64, 0, 56 / 64, 1], [16 / 64, 0, 1, 1]], rtol=1e-5)
    assert found.class_ids.tolist() == [0, 2]


def test_a_distance_is_the_expectation_over_the_bins() -> None:
    logits, distances = _nothing()
    logits[0, 0, 8 * 3 + 4] = _logit(0.9)
    left = np.full(BINS, -60.0)
    left[2], left[3] = 0.0, np.log(3.0)  # a quarter and three quarters: 2.75 strides of 8 pixels
    distances[0, :BINS, 8 * 3 + 4] = left
    found = _adapter().decode([logits, distances], BOX, 0.3)
    np.testing.assert_allclose(found.boxes[0, 0], (36 - 22) / 64, rtol=1e-5)


def test_a_centre_may_be_a_corner_of_the_cell() -> None:
    logits, distances = _nothing()
    logits[0, 0, 8 * 3 + 4] = _logit(0.9)
    found = _adapter(centre=0.0).decode([logits, distances], BOX, 0.3)
    np.testing.assert_allclose(found.boxes, [[24 / 64, 8 / 48, 40 / 64, 40 / 48]], rtol=1e-5)


@pytest.mark.parametrize("scores_are", ["logits", "probabilities"])
@pytest.mark.parametrize("layout", ["channels-first", "cells-first"])
@pytest.mark.parametrize("form", ["two", "one", "by stride", "one by stride"])
def test_every_layout_says_the_same(scores_are: str, layout: str, form: str) -> None:
    random = np.random.default_rng(3)
    logits = random.normal(-2, 1, (1, 3, CELLS)).astype(np.float32)
    distances = random.normal(0, 1, (1, 4 * BINS, CELLS)).astype(np.float32)
    expected = _adapter().decode([logits, distances], BOX, 0.3)
    assert len(expected) > 5

    scores = logits if scores_are == "logits" else (1 / (1 + np.exp(-logits))).astype(np.float32)
    joined = form.startswith("one")
    outputs = [np.concatenate([scores, distances], axis=1)] if joined else [scores, distances]
    if form.endswith("by stride"):
        outputs = [part for each in outputs for part in np.split(each, [64, 64 + 16], axis=2)]
    if layout == "cells-first":
        outputs = [np.ascontiguousarray(each.transpose(0, 2, 1)) for each in outputs]
    names: dict[str, Any] = {"scores": "all", "distances": "all"} if joined else {}
    if form.endswith("by stride"):
        names = {"scores": ["a8", "a16", "a32"], "distances": ["a8", "a16", "a32"] if joined else ["d8", "d16", "d32"]}
    adapter = _adapter(scores_are=scores_are, layout=layout, **names)
    found = adapter.decode(outputs, BOX, 0.3)
    assert len(adapter.output_names) == len(outputs)
    np.testing.assert_allclose(found.boxes, expected.boxes, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-4)
    assert found.class_ids.tolist() == expected.class_ids.tolist()


def test_overlapping_cells_of_one_object_become_one_detection() -> None:
    logits, distances = _nothing()
    first, second = 8 * 3 + 4, 8 * 3 + 5
    logits[0, 0, first], logits[0, 0, second] = _logit(0.8), _logit(0.9)  # 8 of 16 pixels apart: overlap 1/3
    assert len(_adapter().decode([logits, distances], BOX, 0.3)) == 2

    sides = distances.reshape(4, BINS, CELLS)  # now the second reaches 2 strides to the left and none to the right
    sides[0, :, second], sides[2, :, second] = np.eye(BINS)[2] * 120 - 60, np.eye(BINS)[0] * 120 - 60
    found = _adapter().decode([logits, distances], BOX, 0.3)
    np.testing.assert_allclose(found.boxes, [[28 / 64, 12 / 48, 44 / 64, 44 / 48]], rtol=1e-5)
    np.testing.assert_allclose(found.scores, [0.9], rtol=1e-5)

    logits[0, 0, second], logits[0, 1, second] = -8.0, _logit(0.9)  # the same box, but another class
    assert _adapter().decode([logits, distances], BOX, 0.3).class_ids.tolist() == [1, 0]


@pytest.mark.parametrize(("min_score", "count"), [(0.49, 2), (0.51, 1), (0.71, 0), (1.0, 0)])
@pytest.mark.parametrize("scores_are", ["logits", "probabilities"])
def test_scores_below_the_limit_are_left_out(scores_are: str, min_score: float, count: int) -> None:
    scores, distances = _nothing()
    scores[0, 0, 9], scores[0, 0, 54] = _logit(0.5), _logit(0.7)
    if scores_are == "probabilities":
        scores = np.reciprocal(1 + np.exp(-scores), dtype=np.float32)
    assert len(_adapter(scores_are=scores_are).decode([scores, distances], BOX, min_score)) == count


def test_a_tiny_limit_keeps_the_best_candidates_only() -> None:
    logits, distances = _nothing()
    big = Letterbox(416, 416, 416, 416)
    cells = 52 * 52 + 26 * 26 + 13 * 13
    logits = np.random.default_rng(5).normal(-3, 1, (1, 3, cells)).astype(np.float32)
    distances = np.full((1, 4 * BINS, cells), -60.0, np.float32)
    distances[0, ::BINS] = 60.0  # boxes without an area: nothing is suppressed
    found = _adapter().decode([logits, distances], big, 0.0)
    assert len(found) == MAX_CANDIDATES
    best = np.sort(logits.ravel())[::-1][:MAX_CANDIDATES]
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp(-best)), rtol=1e-5)


def test_nothing_above_the_limit_is_an_empty_result() -> None:
    assert len(_adapter().decode(_nothing(), BOX, 0.3)) == 0


def test_numbers_that_are_not_finite_are_an_error() -> None:
    logits, distances = _nothing()
    logits[0, 0, 5] = 3.0
    distances[0, 0, 5] = np.nan
    with pytest.raises(ModelError, match="not finite"):
        _adapter().decode([logits, distances], BOX, 0.3)


@pytest.mark.parametrize("limit", [0.3, np.array([0.3, np.inf, np.inf], np.float32)])
def test_scores_that_are_no_numbers_are_an_error_and_not_nothing(limit: float | NDArray[np.float32]) -> None:
    logits, distances = _nothing()
    logits[0, 0, 5] = np.nan
    with pytest.raises(ModelError, match="gave scores that are no numbers"):
        _adapter().decode([logits, distances], BOX, limit)


def test_another_number_of_cells_is_an_error() -> None:
    logits, distances = _nothing()
    with pytest.raises(ModelError, match=f"gave {CELLS - 1} cells where the manifest's strides make {CELLS}"):
        _adapter().decode([logits[..., 1:], distances[..., 1:]], BOX, 0.3)


def _tensors(classes: int = 3, edges: int = 44, kind: str = "tensor(float)") -> list[Tensor]:
    return [Tensor("scores", (None, classes, None), kind), Tensor("distances", (None, edges, None), kind)]


@pytest.mark.parametrize(("scores", "distances"), [(["a", "b"], ["c", "d"]), (["a", "b", "c"], "d"), ("a", ["b"] * 3)])
def test_names_by_stride_are_as_many_as_strides(scores: Any, distances: Any) -> None:
    with pytest.raises(ModelError, match="one name each, or as many names as there are strides"):
        _adapter(scores=scores, distances=distances)


def test_outputs_that_are_promised_are_accepted() -> None:
    _adapter().check(_tensors())
    _adapter(scores="all", distances="all", layout="cells-first").check([Tensor("all", (1, 84, 47), "tensor(float)")])


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        (_tensors(classes=80), "'scores' of nanodet-g is .*80.* but 3 classes"),
        (_tensors(edges=32), "'distances' of nanodet-g is .*32.* 11 bins need"),
        (_tensors(kind="tensor(float16)"), "float16"),
        (_tensors()[:1], "no output 'distances', only scores"),
        ([Tensor("scores", (3, None), "tensor(float)"), _tensors()[1]], "'scores'"),
    ],
)
def test_outputs_that_are_not_promised_are_refused(outputs: list[Tensor], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        _adapter().check(outputs)


@pytest.mark.parametrize("layout", ["channels-first", "cells-first"])
def test_classes_that_nobody_asks_for_are_left_out(layout: str) -> None:
    logits, distances = _nothing()
    logits[0, :, 8 * 3 + 4] = [_logit(0.9), _logit(0.8), _logit(0.35)]
    if layout == "cells-first":
        logits, distances = (np.ascontiguousarray(each.transpose(0, 2, 1)) for each in (logits, distances))
    found = _adapter(layout=layout).decode([logits, distances], BOX, np.array([np.inf, 0.7, 0.3], np.float32))
    assert found.class_ids.tolist() == [1, 2]
    np.testing.assert_allclose(found.scores, [0.8, 0.35], rtol=1e-5)
