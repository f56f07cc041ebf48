"""Non-maximum suppression against a plain reference."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from detection.core.nms import ALL_PAIRS, nms

Box = tuple[int, int, int, int]


def _iou(a: Box, b: Box) -> Fraction:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return Fraction(0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return Fraction(width * height, sum(areas) - width * height)


def _reference(boxes: list[Box], scores: list[float], kinds: list[int], threshold: Fraction) -> list[int]:
    kept: list[int] = []
    for index in sorted(range(len(boxes)), key=lambda each: (-scores[each], each)):
        if all(kinds[index] != kinds[k] or _iou(boxes[index], boxes[k]) <= threshold for k in kept):
            kept.append(index)
    return kept


def _run(boxes: list[Box], scores: list[float], kinds: list[int], threshold: float) -> list[int]:
    shaped = np.array(boxes, np.float32).reshape(-1, 4)
    return [int(index) for index in nms(shaped, np.array(scores, np.float32), np.array(kinds, np.int32), threshold)]


@st.composite
def _box(draw: st.DrawFn) -> Box:
    x, y = draw(st.integers(0, 12)), draw(st.integers(0, 12))
    return x, y, x + draw(st.integers(0, 12)), y + draw(st.integers(0, 12))


@given(
    st.lists(st.tuples(_box(), st.integers(1, 8), st.integers(0, 2)), max_size=25),
    st.sampled_from([Fraction(0), Fraction(1, 10), Fraction(37, 100), Fraction(61, 100), Fraction(1)]),
)
def test_agrees_with_the_definition(candidates: list[tuple[Box, int, int]], threshold: Fraction) -> None:
    boxes = [box for box, _score, _kind in candidates]
    scores = [score / 8 for _box, score, _kind in candidates]
    kinds = [kind for _box, _score, kind in candidates]
    between = [value for a in boxes for b in boxes if (value := _iou(a, b)) not in (0, 1)]
    assume(all(abs(value - threshold) > Fraction(1, 10**5) for value in between))  # float32 cannot tell these apart

    assert _run(boxes, scores, kinds, float(threshold)) == _reference(boxes, scores, kinds, threshold)


def test_nothing_in_nothing_out() -> None:
    assert _run([], [], [], 0.5) == []


def test_the_best_of_overlapping_boxes_stays_in_each_class() -> None:
    box = (0, 0, 10, 10)
    shifted = (0, 1, 10, 11)  # overlap 9/11
    assert _run([box, shifted, box], [0.5, 0.9, 0.7], [0, 0, 4], 0.6) == [1, 2]


@pytest.mark.parametrize(("threshold", "kept"), [(0.8, [0]), (0.82, [0, 1])])
def test_the_threshold_is_an_intersection_over_union(threshold: float, kept: list[int]) -> None:
    assert _run([(0, 0, 10, 10), (0, 1, 10, 11)], [0.9, 0.5], [0, 0], threshold) == kept


def test_a_box_that_was_removed_removes_none() -> None:
    chain: list[Box] = [(0, 0, 10, 10), (0, 4, 10, 14), (0, 8, 10, 18)]  # 0 beats 1; 1 would beat 2
    assert _run(chain, [0.9, 0.8, 0.7], [0, 0, 0], 0.4) == [0, 2]


def test_many_boxes_give_what_few_give() -> None:
    """They are compared one after the other instead of each with each."""
    random = np.random.default_rng(8)
    corners = random.integers(0, 60, (2 * ALL_PAIRS, 2))
    sizes = random.integers(1, 16, corners.shape)
    boxes: list[Box] = [tuple(each) for each in np.hstack([corners, corners + sizes]).tolist()]
    scores, kinds = random.random(len(boxes)).tolist(), random.integers(0, 3, len(boxes)).tolist()
    kept = _run(boxes, scores, kinds, 0.4137)
    assert kept == _reference(boxes, scores, kinds, Fraction(4137, 10000))
    assert len(kept) < len(boxes)
