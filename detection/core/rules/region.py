"""The area that a rule watches: which tracked objects count, and which of them are inside. Pure."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from cameras.core.algorithms import Anchor, RegionParameters
from cameras.core.geometry import BOUNDARY, Points, Ring, outline, points_inside
from detection.core.rules.base import Binding
from detection.core.scene import SIDE, Box, Scene, Standing, Which
from detection.core.tracking import Tracks

REGIONS = frozenset({"polygon", "rectangle"})
MANY = 300  # points times edges: from there on an array is faster than a loop
OUT, IN, EDGE = 0, 1, 2  # what is known of a cell of the picture: wholly outside, wholly inside, or neither


class Region:
    """The polygon of a binding, with the anchor that its parameters name.

    Most points lie in cells of the picture through which no edge goes: for those a look into a table is enough.

    Raises cameras.core.geometry.GeometryError (a ValueError) when the shape encloses no area.
    """

    def __init__(self, binding: Binding) -> None:
        params = binding.params
        anchor: Anchor = params.anchor if isinstance(params, RegionParameters) else "bottom_center"
        self._which = Which.of(params, anchor)
        self._least = params.min_overlap if isinstance(params, RegionParameters) and anchor == "overlap" else None
        self._points = outline(binding.roi_type, binding.points)
        self._key = repr((self._which, self._least, self._points))
        self._ring = Ring(self._points)
        self._cells = cells_of(self._points)
        xs, ys = zip(*self._points, strict=True)
        self._left, self._top = min(xs) - BOUNDARY, min(ys) - BOUNDARY
        self._right, self._bottom = max(xs) + BOUNDARY, max(ys) + BOUNDARY
        self._area = shapely.make_valid(shapely.Polygon(self._points))

    def inside(self, tracks: Tracks, class_names: Sequence[str]) -> set[int]:
        """Ids of the objects that count (class, score) and are inside; shared, not to be changed.

        Regions of the same shape, classes, score and anchor share the work, within one scene.
        """
        return Scene.of(tracks, class_names).once(self._key, self._find)

    def _find(self, scene: Scene) -> set[int]:
        if self._least is not None:
            return self._overlapping(scene, self._least)
        cells, holds = self._cells, self._ring.holds
        standing = scene.standing(self._which)
        if len(standing) * len(self._ring) > MANY:
            near = [row for row in standing if cells[row[0]] == EDGE]
            if len(near) * len(self._ring) > MANY:
                return self._by_array(near).union(row[3] for row in standing if cells[row[0]] == IN)
        return {i for cell, x, y, i in standing if (kind := cells[cell]) and (kind == IN or holds(x, y))}

    def _by_array(self, near: list[Standing]) -> set[int]:
        places = np.array([(x, y) for _, x, y, _ in near], dtype=np.float64)
        held = points_inside(np.array(self._points, dtype=np.float64), places).tolist()
        return {row[3] for row, is_inside in zip(near, held, strict=True) if is_inside}

    def _overlapping(self, scene: Scene, least: float) -> set[int]:
        found, unsure = set(), []
        for sight, _ in scene.counted(self._which).values():
            kind = self._kind_of(sight.box)
            if kind == IN:
                found.add(sight.track_id)
            elif kind == EDGE:
                unsure.append(sight)
        if unsure:
            share = overlap_share(self._area, np.array([sight.box for sight in unsure], dtype=np.float32))
            enough = (share >= least - BOUNDARY).tolist()
            found.update(sight.track_id for sight, is_enough in zip(unsure, enough, strict=True) if is_enough)
        return found

    def _kind_of(self, box: Box) -> int:
        """Whether all cells under a box are inside, or outside, or it takes a closer look."""
        x1, y1, x2, y2 = box
        if x2 < self._left or x1 > self._right or y2 < self._top or y1 > self._bottom:
            return OUT
        if not (0 <= x1 < x2 < 1 and 0 <= y1 < y2 < 1):
            return EDGE
        cells, left, right = self._cells, int(x1 * SIDE), int(x2 * SIDE) + 1
        kind = cells[int(y1 * SIDE) * SIDE + left]
        if kind == EDGE:
            return EDGE
        row = bytes([kind]) * (right - left)
        for start in range(int(y1 * SIDE) * SIDE, int(y2 * SIDE) * SIDE + 1, SIDE):
            if cells[start + left : start + right] != row:
                return EDGE
        return kind


@functools.lru_cache(maxsize=512)  # bindings share ROIs, and most ROIs outlive a change of the configuration
def cells_of(points: Points) -> bytes:
    """`OUT`, `IN` or `EDGE` for each cell of `scene.cell_of`; what lies beyond the picture is `EDGE`.

    A cell is `EDGE` when a part of the outline comes near it: the test is that of separating axes (of the cell's sides and
    of the part). No edge passes through any other cell, so that all its points are where its centre is.
    """
    ring = np.array(points, dtype=np.float64)
    ends = np.concatenate((ring[1:], ring[:1]))
    (middle_x, middle_y), (half_x, half_y) = ((ring + ends) / 2).T, ((ends - ring) / 2).T
    along = (np.arange(SIDE) + 0.5) / SIDE
    centres = np.stack((np.tile(along, SIDE), np.repeat(along, SIDE)), axis=1)
    reach = 0.5 / SIDE + 10 * BOUNDARY
    away_x, away_y = middle_x - centres[:, 0, None], middle_y - centres[:, 1, None]
    wide, high = np.abs(half_x), np.abs(half_y)
    touched = (np.abs(away_x) <= reach + wide) & (np.abs(away_y) <= reach + high)
    touched &= np.abs(away_x * half_y - away_y * half_x) <= reach * (wide + high)
    kinds = np.where(touched.any(axis=1), EDGE, np.where(points_inside(ring, centres), IN, OUT))
    return kinds.astype(np.uint8).tobytes() + bytes([EDGE])


def overlap_share(area: shapely.Geometry, boxes: NDArray[np.float32]) -> NDArray[np.float64]:
    """The share of each box ``(n, 4)`` that lies in the area: float64 ``(n,)``; a box without an area has none."""
    x1, y1, x2, y2 = (boxes[:, column].astype(np.float64) for column in range(4))
    whole = (x2 - x1) * (y2 - y1)
    common = shapely.area(shapely.intersection(area, shapely.box(x1, y1, x2, y2)))
    share: NDArray[np.float64] = np.where(whole > 0, common / np.maximum(whole, 1e-12), 0.0)
    return share
