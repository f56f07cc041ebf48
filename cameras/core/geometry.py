"""Shapes on a camera's picture: checking what people and documents give, and asking which points lie inside.

All coordinates are shares (0..1) of the picture's width and height, x to the right, y downwards.
"""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray

from cameras.core.reasons import Word, worded

Points = tuple[tuple[float, float], ...]

ROI_TYPES = ("polygon", "rectangle", "line")
MAX_POINTS = 200
MIN_AREA = 1e-6  # of the picture: about two pixels of a full HD one; smaller is a slip of the hand, not a region
MIN_LENGTH = 1e-4  # of a line: a fifth of a pixel of a full HD picture
BOUNDARY = 1e-6  # points come as float32 (steps of 6e-8): this near to an edge counts as on it, far below a pixel


class GeometryError(ValueError):
    """A shape that cannot be used: a sentence that says which point, counted from 1, and what is wrong with it.

    `template` and `values`: what it is made of, for a translation (`cameras.core.reasons.worded`).
    """

    def __init__(self, template: str, **values: object) -> None:
        self.template, self.values = template, values
        super().__init__(worded(template, values))


def validate_shape(roi_type: str, points: object) -> Points:
    """The points of a shape, checked and as floats, whatever JSON value `points` is.

    `polygon`: three or more distinct points with an area, not crossing or touching itself. `rectangle`: two opposite
    corners, or four points of any simple quadrilateral in drawing order (a rectangle seen in perspective is one too).
    `line`: two distinct points. A point that repeats the one before it, and a last point that repeats the first
    (a closed ring), are dropped. At most `MAX_POINTS` points.

    Raises GeometryError, and nothing else, when the value is not such a shape.
    """
    if not isinstance(roi_type, str) or roi_type not in ROI_TYPES:
        known, given = ", ".join(ROI_TYPES), repr(str(roi_type)[:40])
        raise GeometryError("unknown kind of region %(given)s: it must be one of %(known)s", given=given, known=known)
    if not isinstance(points, list | tuple):
        raise GeometryError("points must be a list of [x, y] pairs, not %(kind)s", kind=_kind(points))
    if not points:
        raise GeometryError("there are no points")
    if len(points) > MAX_POINTS:
        text = "%(count)s points are too many: at most %(most)s are allowed"
        raise GeometryError(text, count=len(points), most=MAX_POINTS)
    distinct = _without_repeats(tuple(_point(number, value) for number, value in enumerate(points, start=1)))
    if roi_type == "line":
        return _checked_line(distinct)
    if roi_type == "rectangle":
        return _checked_rectangle(distinct)
    if len(distinct) < 3:
        raise GeometryError("a polygon needs three or more distinct points, not %(count)s", count=len(distinct))
    return _checked_ring(Word("polygon"), distinct)


def outline(roi_type: str, points: Points) -> Points:
    """The corners of the area that a validated `polygon` or `rectangle` encloses, in drawing order, not closed.

    Two corners of a rectangle become four. Raises GeometryError for a line, which encloses nothing.
    """
    if roi_type == "line":
        raise GeometryError("a line encloses no area")
    if roi_type == "rectangle" and len(points) == 2:
        (x1, y1), (x2, y2) = points
        left, right, top, bottom = min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2)
        return (left, top), (right, top), (right, bottom), (left, bottom)
    return points


def points_inside(polygon: NDArray[np.float64], xy: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which of the points ``xy (n, 2)`` lie inside the polygon ``(m, 2)`` or within `BOUNDARY` of its edge: ``(n,)``.

    The ring need not be closed. Even-odd rule: a ray to the right of the point crosses the outline an odd number of
    times (M. Shimrat, "Algorithm 112: Position of point relative to polygon", CACM 5(8), 1962); the edge is tested by
    the distance to each segment. A point that is not a number is outside. O(n·m) in one piece of array arithmetic.
    """
    if len(xy) == 0:
        return np.zeros(0, dtype=np.bool_)
    ring = np.asarray(polygon, dtype=np.float64)
    points = np.asarray(xy, dtype=np.float64)
    finite: NDArray[np.bool_] = np.isfinite(points[:, 0]) & np.isfinite(points[:, 1])
    if not finite.all():
        points = np.where(finite[:, None], points, 0.0)
    edge = np.concatenate((ring[1:], ring[:1])) - ring  # np.roll takes ten times as long
    edge_x, edge_y = edge[:, 0], edge[:, 1]
    from_x = points[:, 0, None] - ring[:, 0]
    from_y = points[:, 1, None] - ring[:, 1]
    # A half-open test in y, so that a ray through a corner meets exactly one of its two edges or both or none.
    spans = (from_y < 0) != (from_y < edge_y)
    crosses = spans & ((edge_x * from_y - edge_y * from_x > 0) == (edge_y > 0))
    odd = np.count_nonzero(crosses, axis=1) % 2 == 1
    length2 = np.maximum(edge_x * edge_x + edge_y * edge_y, 1e-300)  # two equal corners make an edge of no length
    share = np.clip((from_x * edge_x + from_y * edge_y) / length2, 0.0, 1.0)
    distance2 = (from_x - share * edge_x) ** 2 + (from_y - share * edge_y) ** 2
    near = (distance2 <= BOUNDARY * BOUNDARY).any(axis=1)
    inside: NDArray[np.bool_] = (odd | near) & finite
    return inside


class Ring:
    """A polygon that is asked about one point at a time, in plain numbers: for a few points faster than arrays.

    points: its corners in order, not closed.
    """

    def __init__(self, points: Points) -> None:
        following = (*points[1:], points[0])
        edges = [(ax, ay, bx - ax, by - ay) for (ax, ay), (bx, by) in zip(points, following, strict=True)]
        self._edges = [(*edge, 2 * BOUNDARY * math.hypot(*edge[2:]) + 1e-15) for edge in edges]

    def __len__(self) -> int:
        """How many edges it has."""
        return len(self._edges)

    def holds(self, x: float, y: float) -> bool:
        """What `points_inside` says of the point, by the same formulas."""
        odd = False
        for start_x, start_y, edge_x, edge_y, reach in self._edges:
            from_x, from_y = x - start_x, y - start_y
            cross = edge_x * from_y - edge_y * from_x  # its distance from the endless line, times the edge's length
            if -reach <= cross <= reach and _is_on(edge_x, edge_y, from_x, from_y):
                return True
            if (from_y < 0) != (from_y < edge_y) and (cross > 0) == (edge_y > 0):
                odd = not odd
        return odd


def _is_on(edge_x: float, edge_y: float, from_x: float, from_y: float) -> bool:
    """Whether a point, seen from the start of an edge, is within `BOUNDARY` of the edge."""
    length2 = max(edge_x * edge_x + edge_y * edge_y, 1e-300)
    share = min(max((from_x * edge_x + from_y * edge_y) / length2, 0.0), 1.0)
    return (from_x - share * edge_x) ** 2 + (from_y - share * edge_y) ** 2 <= BOUNDARY * BOUNDARY


KINDS = (
    (type(None), Word("null")),
    (bool, Word("true or false")),
    (str, Word("a text")),
    ((int, float), Word("a number")),
    (dict, Word("an object")),
    ((list, tuple), Word("a list")),
)
OTHER_KIND = Word("something else")


def _kind(value: object) -> Word:
    """What a JSON value is, in words for people."""
    return next((name for kind, name in KINDS if isinstance(value, kind)), OTHER_KIND)


def _point(number: int, value: object) -> tuple[float, float]:
    if not isinstance(value, list | tuple):
        raise GeometryError("point %(number)s must be a pair [x, y], not %(kind)s", number=number, kind=_kind(value))
    if len(value) != 2:
        text = "point %(number)s must be a pair [x, y], not %(count)s values"
        raise GeometryError(text, number=number, count=len(value))
    return _coordinate(number, "x", value[0]), _coordinate(number, "y", value[1])


def _coordinate(number: int, axis: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = "%(axis)s of point %(number)s must be a number, not %(kind)s"
        raise GeometryError(text, axis=axis, number=number, kind=_kind(value))
    if isinstance(value, float) and not math.isfinite(value):
        raise GeometryError("%(axis)s of point %(number)s is not a finite number", axis=axis, number=number)
    if not 0 <= value <= 1:
        if abs(value) >= 1e9:  # a whole number may have more digits than Python turns into text: it is not repeated
            text = "%(axis)s of point %(number)s lies outside the picture: it must be 0 to 1"
            raise GeometryError(text, axis=axis, number=number)
        text = "%(axis)s of point %(number)s lies outside the picture (%(value)s): it must be 0 to 1"
        raise GeometryError(text, axis=axis, number=number, value=value)
    return float(value) + 0.0  # turns -0.0 into 0.0, which is written differently in canonical JSON


def _without_repeats(points: Points) -> Points:
    kept = [point for index, point in enumerate(points) if index == 0 or point != points[index - 1]]
    while len(kept) > 1 and kept[-1] == kept[0]:
        kept.pop()
    return tuple(kept)


def _checked_line(points: Points) -> Points:
    if len(points) != 2:
        raise GeometryError("a line needs exactly two distinct points, not %(count)s", count=len(points))
    if math.dist(points[0], points[1]) < MIN_LENGTH:
        raise GeometryError("the two ends of the line are nearly the same point")
    return points


def _checked_rectangle(points: Points) -> Points:
    if len(points) == 2:
        (x1, y1), (x2, y2) = points
        if abs(x2 - x1) * abs(y2 - y1) < MIN_AREA:
            raise GeometryError("the two corners of the rectangle enclose no area")
        return points
    if len(points) != 4:
        text = "a rectangle needs two corners or four distinct points, not %(count)s"
        raise GeometryError(text, count=len(points))
    return _checked_ring(Word("rectangle"), points)


def _checked_ring(name: Word, points: Points) -> Points:
    first: dict[tuple[float, float], int] = {}
    for number, point in enumerate(points, start=1):
        if point in first:
            x, y = point
            text = "the %(shape)s touches itself: it comes to %(place)s twice"
            raise GeometryError(text, shape=name, place=f"({x:.4g}, {y:.4g})")
        first[point] = number
    shape = shapely.Polygon(points)
    if shape.convex_hull.area < MIN_AREA:  # not its own: a bow tie's halves cancel each other out
        raise GeometryError("the %(shape)s encloses no area", shape=name)
    if not shape.is_valid:
        reason, _, place = shapely.is_valid_reason(shape).partition("[")
        where = ", ".join(f"{float(part):.4g}" for part in place.rstrip("]").split())
        text = "the %(shape)s touches itself near %(place)s"
        if "Ring" not in reason:
            text = "the %(shape)s crosses itself near %(place)s"
        raise GeometryError(text, shape=name, place=f"({where})")
    if shape.area < MIN_AREA:
        raise GeometryError("the %(shape)s encloses no area", shape=name)
    return points
