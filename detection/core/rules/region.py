"""The area that a rule watches: which tracked objects count, and which of them are inside. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from cameras.core.algorithms import Anchor, RegionParameters
from cameras.core.geometry import BOUNDARY, Ring, outline, points_inside
from detection.core.rules.base import Binding
from detection.core.scene import Scene, Sight, Standing, Which
from detection.core.tracking import Tracks

REGIONS = frozenset({"polygon", "rectangle"})
MANY = 300  # points times edges: from there on an array is faster than a loop


class Region:
    """The polygon of a binding, with the anchor that its parameters name.

    Raises cameras.core.geometry.GeometryError (a ValueError) when the shape encloses no area.
    """

    def __init__(self, binding: Binding) -> None:
        params = binding.params
        anchor: Anchor = params.anchor if isinstance(params, RegionParameters) else "bottom_center"
        self._which = Which.of(params, anchor)
        self._least = params.min_overlap if isinstance(params, RegionParameters) and anchor == "overlap" else None
        self._points = outline(binding.roi_type, binding.points)
        self._ring = Ring(self._points)
        xs, ys = zip(*self._points, strict=True)
        self._left, self._top = min(xs) - BOUNDARY, min(ys) - BOUNDARY
        self._right, self._bottom = max(xs) + BOUNDARY, max(ys) + BOUNDARY
        self._is_box = len(self._points) == 4 and set(self._points) == {(x, y) for x in set(xs) for y in set(ys)}
        self._area = shapely.make_valid(shapely.Polygon(self._points))

    def inside(self, tracks: Tracks, class_names: Sequence[str]) -> set[int]:
        """Ids of the objects that count (class, score) and are inside."""
        scene = Scene.of(tracks, class_names)
        if self._least is not None:
            return self._overlapping(scene, self._least)
        xs, standing = scene.standing(self._which)
        first = bisect_left(xs, self._left)
        last = bisect_right(xs, self._right, first)
        if first == last:  # most objects of most frames are not even near
            return set()
        top, bottom = self._top, self._bottom
        near = [row for row in standing[first:last] if top <= row[1] <= bottom]
        if self._is_box:
            return {row[2] for row in near}
        if len(near) * len(self._ring) > MANY:
            return self._by_array(near)
        holds = self._ring.holds
        return {track_id for x, y, track_id in near if holds(x, y)}

    def _by_array(self, near: list[Standing]) -> set[int]:
        places = np.array([(x, y) for x, y, _ in near], dtype=np.float64)
        held = points_inside(np.array(self._points, dtype=np.float64), places).tolist()
        return {track_id for (_, _, track_id), is_inside in zip(near, held, strict=True) if is_inside}

    def _overlapping(self, scene: Scene, least: float) -> set[int]:
        near = [sight for sight, _ in scene.counted(self._which).values() if self._is_near(sight)]
        if not near:
            return set()
        share = overlap_share(self._area, np.array([sight.box for sight in near], dtype=np.float32))
        return {s.track_id for s, enough in zip(near, (share >= least - BOUNDARY).tolist(), strict=True) if enough}

    def _is_near(self, sight: Sight) -> bool:
        x1, y1, x2, y2 = sight.box
        near: bool = x2 >= self._left and x1 <= self._right and y2 >= self._top and y1 <= self._bottom
        return near


def overlap_share(area: shapely.Geometry, boxes: NDArray[np.float32]) -> NDArray[np.float64]:
    """The share of each box ``(n, 4)`` that lies in the area: float64 ``(n,)``; a box without an area has none."""
    x1, y1, x2, y2 = (boxes[:, column].astype(np.float64) for column in range(4))
    whole = (x2 - x1) * (y2 - y1)
    common = shapely.area(shapely.intersection(area, shapely.box(x1, y1, x2, y2)))
    share: NDArray[np.float64] = np.where(whole > 0, common / np.maximum(whole, 1e-12), 0.0)
    return share
