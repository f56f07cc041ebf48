"""Shapes are checked with words that help, and inside means what shapely says it means."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from cameras.core.geometry import (
    MAX_POINTS,
    ROI_TYPES,
    GeometryError,
    Points,
    Ring,
    outline,
    points_inside,
    validate_shape,
)

SQUARE = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5], [0.1, 0.5]]
L_SHAPE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.4], [0.4, 0.4], [0.4, 0.9], [0.1, 0.9]]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=20,
)
shares = st.floats(0, 1)
anything_like_points = st.lists(st.lists(shares | json_values, min_size=1, max_size=3), max_size=8)


@st.composite
def star_polygons(draw: st.DrawFn) -> Points:
    """Simple polygons, often not convex: corners at growing angles around the centre."""
    count = draw(st.integers(3, 12))
    angles = [(i + draw(st.floats(0.1, 0.9))) * 2 * math.pi / count for i in range(count)]
    radii = [draw(st.floats(0.1, 0.49)) for _ in angles]
    ring = tuple((0.5 + r * math.cos(a), 0.5 + r * math.sin(a)) for a, r in zip(angles, radii, strict=True))
    assume(shapely.Polygon(ring).is_valid)
    return ring


@pytest.mark.parametrize(
    ("roi_type", "points"),
    [
        ("polygon", SQUARE),
        ("polygon", L_SHAPE),
        ("polygon", [[0, 0], [1, 0], [0, 1]]),
        ("rectangle", [[0.1, 0.2], [0.3, 0.4]]),
        ("rectangle", [[0.3, 0.4], [0.1, 0.2]]),
        ("rectangle", [[0.1, 0.1], [0.6, 0.15], [0.5, 0.5], [0.05, 0.6]]),
        ("line", [[0.1, 0.1], [0.9, 0.9]]),
    ],
)
def test_good_shapes_keep_their_points(roi_type: str, points: list[list[float]]) -> None:
    assert validate_shape(roi_type, points) == tuple((float(x), float(y)) for x, y in points)


def test_what_was_validated_validates_to_the_same() -> None:
    once = validate_shape("polygon", [*SQUARE, SQUARE[0]])
    assert validate_shape("polygon", once) == once
    assert validate_shape("polygon", json.loads(json.dumps(once))) == once


def test_a_closed_ring_and_a_double_click_are_tidied_up() -> None:
    expected = validate_shape("polygon", SQUARE)
    assert validate_shape("polygon", [SQUARE[0], *SQUARE, SQUARE[0]]) == expected
    assert validate_shape("rectangle", [*SQUARE, SQUARE[0]]) == expected


def test_a_negative_zero_is_a_zero() -> None:
    (x, y), *_ = validate_shape("line", [[-0.0, -0.0], [1, 1]])
    assert math.copysign(1, x) == 1.0
    assert math.copysign(1, y) == 1.0


@pytest.mark.parametrize(
    ("roi_type", "points", "words"),
    [
        ("circle", SQUARE, "unknown kind of region 'circle'"),
        (None, SQUARE, "unknown kind of region"),
        ("polygon", None, "not null"),
        ("polygon", "0.1,0.2", "not a text"),
        ("polygon", {"x": 1}, "not an object"),
        ("polygon", [], "there are no points"),
        ("polygon", [0.1, 0.2, 0.3], "point 1 must be a pair [x, y], not a number"),
        ("polygon", [[0.1, 0.2], [[0.1, 0.2]], [0.3, 0.4]], "point 2 must be a pair [x, y], not 1 values"),
        ("polygon", [[0.1, 0.2], [0.1, 0.2, 0.3], [0, 0]], "point 2 must be a pair [x, y], not 3 values"),
        ("polygon", [[0.1, 0.2], [0.5, True], [0, 0]], "y of point 2 must be a number, not true or false"),
        ("polygon", [[0.1, 0.2], [0.5, "0.5"], [0, 0]], "y of point 2 must be a number, not a text"),
        ("polygon", [[0.1, 0.2], [0.5, 0.5], [math.nan, 0]], "x of point 3 is not a finite number"),
        ("polygon", [[0.1, 0.2], [0.5, -math.inf], [0, 0]], "y of point 2 is not a finite number"),
        ("polygon", [[0.1, 0.2], [1.5, 0.5], [0, 0]], "x of point 2 lies outside the picture (1.5)"),
        ("polygon", [[0.1, -0.01], [0.5, 0.5], [0, 0]], "y of point 1 lies outside the picture (-0.01)"),
        ("polygon", [[0.1, 10**5000], [0.5, 0.5], [0, 0]], "y of point 1 lies outside the picture"),
        ("polygon", [[0.1, 0.2], [0.5, 0.5]], "three or more distinct points, not 2"),
        ("polygon", [[0.1, 0.2], [0.5, 0.5], [0.5, 0.5], [0.1, 0.2]], "three or more distinct points, not 2"),
        ("polygon", [[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]], "encloses no area"),
        ("polygon", [[0.1, 0.1], [0.5, 0.5], [0.5, 0.1], [0.1, 0.5]], "crosses itself near (0.3, 0.3)"),
        ("polygon", [[0.1, 0.1], [0.5, 0.5], [0.5, 0.1], [0.1, 0.6]], "crosses itself near (0.3222, 0.3222)"),
        ("polygon", [*SQUARE, [0.1, 0.1], [0.05, 0.3]], "it comes to (0.1, 0.1) twice"),
        ("polygon", [[0.1, 0.1], [0.5, 0.1], [0.3, 0.1], [0.3, 0.5]], "itself"),
        ("polygon", [[0.001 * i, 0.5 + 0.3 * (i % 2)] for i in range(MAX_POINTS + 1)], "201 points are too many"),
        ("rectangle", [[0.1, 0.1]], "two corners or four distinct points, not 1"),
        ("rectangle", [[0.1, 0.1], [0.1, 0.1]], "two corners or four distinct points, not 1"),
        ("rectangle", SQUARE[:3], "two corners or four distinct points, not 3"),
        ("rectangle", [[0.1, 0.1], [0.1, 0.5]], "enclose no area"),
        ("rectangle", [SQUARE[0], SQUARE[2], SQUARE[1], [0.1, 0.7]], "the rectangle crosses itself"),
        ("line", [[0.1, 0.1]], "exactly two distinct points, not 1"),
        ("line", [[0.1, 0.1], [0.1, 0.1]], "exactly two distinct points, not 1"),
        ("line", [[0.1, 0.1], [0.1, 0.1 + 1e-7]], "nearly the same point"),
        ("line", SQUARE[:3], "exactly two distinct points, not 3"),
    ],
)
def test_bad_shapes_are_refused_with_words(roi_type: Any, points: object, words: str) -> None:
    with pytest.raises(GeometryError) as caught:
        validate_shape(roi_type, points)
    assert words in str(caught.value)


@given(roi_type=st.sampled_from(ROI_TYPES) | json_values, points=json_values | anything_like_points)
def test_any_json_gives_a_usable_shape_or_a_geometry_error(roi_type: Any, points: object) -> None:
    try:
        shape = validate_shape(roi_type, points)
    except GeometryError:
        return
    assert all(type(value) is float and 0 <= value <= 1 for point in shape for value in point)
    if roi_type != "line":
        assert shapely.Polygon(outline(roi_type, shape)).is_valid


def test_the_outline_of_two_corners_has_four() -> None:
    corners = ((0.1, 0.2), (0.5, 0.2), (0.5, 0.6), (0.1, 0.6))
    assert outline("rectangle", ((0.5, 0.2), (0.1, 0.6))) == corners
    assert outline("rectangle", corners) == corners
    assert outline("polygon", corners[:3]) == corners[:3]


def test_a_line_has_no_outline() -> None:
    with pytest.raises(GeometryError, match="encloses no area"):
        outline("line", ((0.1, 0.1), (0.9, 0.9)))


@given(star_polygons(), st.lists(st.tuples(st.floats(-0.2, 1.2), st.floats(-0.2, 1.2)), min_size=1, max_size=30))
def test_inside_is_what_shapely_says_away_from_the_edge(ring: Points, xy: list[tuple[float, float]]) -> None:
    shape = shapely.Polygon(ring)
    points = shapely.points(xy)
    clear = shapely.distance(shape.exterior, points) > 1e-5
    found = points_inside(np.array(ring), np.array(xy))
    assert found.dtype == np.bool_
    assert found[clear].tolist() == shapely.contains(shape, points)[clear].tolist()


@given(star_polygons(), st.integers(0, 11), st.floats(0, 1))
def test_corners_and_edges_are_inside_also_as_float32(ring: Points, index: int, share: float) -> None:
    polygon = np.array(ring)
    first, second = polygon[index % len(ring)], polygon[(index + 1) % len(ring)]
    on_edge = np.array([first, second, first + share * (second - first)])
    assert points_inside(polygon, on_edge).all()
    assert points_inside(polygon, on_edge.astype(np.float32)).all()


@given(
    star_polygons(),
    st.lists(st.tuples(st.floats(-0.2, 1.2), st.floats(-0.2, 1.2)), max_size=20),
    st.floats(0, 1),
    st.floats(-3e-6, 3e-6),
)
def test_a_ring_says_of_each_point_what_the_array_says(
    ring: Points, xy: list[tuple[float, float]], share: float, off: float
) -> None:
    corners = np.array(ring)
    edges = np.roll(corners, -1, axis=0) - corners
    normals = np.stack([edges[:, 1], -edges[:, 0]], axis=1) / np.hypot(*edges.T)[:, None]
    level = corners.copy()
    level[:, 0] -= 0.3  # rays that go exactly through a corner
    points = np.concatenate([np.array(xy).reshape(-1, 2), corners, corners + share * edges + off * normals, level])
    one_by_one = Ring(ring)
    assert len(one_by_one) == len(ring)
    assert [one_by_one.holds(x, y) for x, y in points.tolist()] == points_inside(corners, points).tolist()


def test_rays_through_corners_and_along_edges_are_counted_once() -> None:
    polygon = np.array(L_SHAPE)
    outside = np.array([[0.05, 0.1], [0.05, 0.4], [0.05, 0.9], [0.95, 0.4], [0.5, 0.9], [0.6, 0.41]])
    inside = np.array([[0.2, 0.4], [0.3, 0.4], [0.2, 0.89], [0.6, 0.39], [0.4, 0.9]])
    assert not points_inside(polygon, outside).any()
    assert points_inside(polygon, inside).all()


def test_no_points_and_no_numbers() -> None:
    polygon = np.array(SQUARE)
    assert points_inside(polygon, np.zeros((0, 2))).shape == (0,)
    assert points_inside(polygon, np.array([[math.nan, 0.2], [0.2, math.inf], [0.2, 0.2]])).tolist() == [
        False,
        False,
        True,
    ]
