"""What of an object decides whether it is inside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely

from cameras.core.geometry import GeometryError, outline, points_inside
from detection.core.detections import Detections
from detection.core.rules import make_rule
from detection.core.rules.region import Region, overlap_share
from detection.core.scene import Scene
from detection.core.tracking import Tracks
from tests.detection.rule_scenes import NAMES, binding, made


def box(*corners: float) -> Tracks:
    found = Detections(np.array([corners], np.float32), np.array([0.8], np.float32), np.array([0], np.int32))
    return Tracks(np.array([1], np.int64), found)


@pytest.mark.parametrize(
    ("corners", "bottom", "centre", "most", "all_of_it"),
    [
        ((0.3, 0.3, 0.5, 0.6), True, True, True, True),
        ((0.4, 0.0, 0.5, 0.3), True, False, False, False),  # the feet only
        ((0.4, 0.5, 0.5, 0.8), False, True, True, False),  # the feet are below the region
        ((0.4, 0.6, 0.5, 0.9), False, False, False, False),
        ((0.4, 0.1, 0.5, 0.25), True, False, False, False),
        ((0.65, 0.3, 0.74, 0.5), True, True, True, False),  # five ninths
        ((0.75, 0.3, 0.8, 0.5), False, False, False, False),
    ],
)
def test_each_anchor_has_its_own_inside(
    corners: tuple[float, ...], *, bottom: bool, centre: bool, most: bool, all_of_it: bool
) -> None:
    for params, expected in (
        ({}, bottom),
        ({"anchor": "center"}, centre),
        ({"anchor": "overlap"}, most),
        ({"anchor": "overlap", "min_overlap": 1.0}, all_of_it),
    ):
        region = Region(binding("intrusion", **params))
        assert bool(region.inside(box(*corners), NAMES)) is expected, params


@pytest.mark.parametrize("code", ["intrusion", "loitering"])
def test_rules_about_a_stay_use_it(code: str) -> None:
    half_in = box(0.4, 0.5, 0.5, 0.8)
    assert made(code, dwell_s=0).step(half_in, NAMES, 1.0) == []
    (event,) = made(code, dwell_s=0, anchor="center").step(half_in, NAMES, 1.0)
    assert event.algo_code == code


def test_rules_about_a_number_use_it() -> None:
    half_in = box(0.4, 0.5, 0.5, 0.8)
    assert len(made("leave_post", absent_s=0).step(half_in, NAMES, 1.0)) == 1
    assert made("leave_post", absent_s=0, anchor="center").step(half_in, NAMES, 1.0) == []
    assert made("occupancy", max_persons=0, dwell_s=0).step(half_in, NAMES, 1.0) == []
    assert len(made("occupancy", max_persons=0, dwell_s=0, anchor="overlap").step(half_in, NAMES, 1.0)) == 1


def test_overlap_is_the_share_of_the_box() -> None:
    area = shapely.Polygon([(0, 0), (0.5, 0), (0.5, 0.5), (0, 0.5)])
    boxes = np.array([[0, 0, 0.2, 0.2], [0.4, 0.4, 0.6, 0.6], [0.4, 0, 0.6, 0.5], [0.3, 0.3, 0.3, 0.4]], np.float32)
    assert overlap_share(area, boxes) == pytest.approx(np.array([1, 0.25, 0.5, 0]), abs=1e-5)


@pytest.mark.parametrize("code", ["intrusion", "loitering", "leave_post", "occupancy"])
def test_a_line_is_no_region(code: str) -> None:
    given: dict[str, Any] = {"max_persons": 1} if code == "occupancy" else {}
    made_for = binding(code, **given)
    line = replace(made_for, roi_type="line", points=((0.1, 0.1), (0.9, 0.9)))
    with pytest.raises(ValueError, match="cannot be bound to a line"):
        make_rule(line)
    with pytest.raises(GeometryError):
        Region(line)


def crowd(count: int, *, seed: int) -> Tracks:
    """Boxes anywhere, of all classes and scores."""
    random = np.random.default_rng(seed)
    start, size = random.random((count, 2)) * 0.9, random.random((count, 2)) * 0.2
    found = Detections(
        np.hstack([start, start + size]).astype(np.float32),
        random.random(count).astype(np.float32),
        random.integers(-1, len(NAMES) + 1, count).astype(np.int32),
    )
    return Tracks(np.arange(count, dtype=np.int64) + 7, found)


@pytest.mark.parametrize("count", [0, 1, 10, 256])
@pytest.mark.parametrize(
    "points", [((0.2, 0.2), (0.7, 0.7)), ((0.1, 0.1), (0.9, 0.2), (0.7, 0.9), (0.2, 0.6)), tuple(
        (0.5 + 0.4 * np.cos(angle), 0.5 + 0.3 * np.sin(angle)) for angle in np.linspace(0, 6, 60).tolist()
    )],
)  # fmt: skip
def test_many_are_judged_like_one(count: int, points: tuple[tuple[float, float], ...]) -> None:
    """However the region looks (also from a scene that it shares with others): class, score and anchor decide."""
    kind = "rectangle" if len(points) == 2 else "polygon"
    ring = np.array(outline(kind, points))
    tracks = crowd(count, seed=count)
    scene = Scene.of(tracks, NAMES)
    assert Scene.of(scene, NAMES) is scene
    boxes = tracks.detections.boxes
    for anchor, y in (("bottom_center", boxes[:, 3]), ("center", (boxes[:, 1] + boxes[:, 3]) / 2)):
        for classes, least in ((("person",), 0.4), (("person", "dog"), 0.0), (("car",), 0.9)):
            given = replace(
                binding("intrusion", anchor=anchor, classes=classes, min_score=least), points=points, roi_type=kind
            )
            ids = [NAMES.index(name) for name in classes]
            wanted = np.isin(tracks.detections.class_ids, ids) & (tracks.detections.scores >= least)
            anchors = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, y], axis=1).astype(np.float32)
            expected = set(tracks.ids[wanted & points_inside(ring, anchors)].tolist())
            region = Region(given)
            assert region.inside(scene, NAMES) == region.inside(tracks, NAMES) == expected
    share = overlap_share(shapely.Polygon(ring), boxes)
    persons = (tracks.detections.class_ids == 0) & (tracks.detections.scores >= 0.4)
    region = Region(replace(binding("intrusion", anchor="overlap", min_overlap=0.3), points=points, roi_type=kind))
    assert region.inside(scene, NAMES) == set(tracks.ids[persons & (share >= 0.3)].tolist())
