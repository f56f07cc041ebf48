"""A line and who walks over it: which side each object is on, and where its way crossed. Pure.

Distances from the line are measured in boxes: the picture is stretched so that the object's box is one wide and one high.
So they mean the same near the camera and far from it, and whatever the picture's shape.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from cameras.core.geometry import Points
from detection.core.rules.handover import SLACK_S
from detection.core.scene import Box, Point

A, UNKNOWN, B = -1, 0, 1
SMOOTHING = 0.2  # of a new box in the remembered size: one bad box hardly changes what a distance means
SMALLEST = 1e-3  # of the picture: a box thinner than that is measured as this thick


@dataclass(frozen=True, slots=True)
class Line:
    """From `start` to `end`, shares of the picture. Side A is at the left hand of who walks from start to end."""

    start: Point
    end: Point
    along: Point = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "along", (self.end[0] - self.start[0], self.end[1] - self.start[1]))

    @classmethod
    def of(cls, points: Points) -> Line:
        """Raises ValueError unless there are two different points."""
        if len(points) != 2 or points[0] == points[1]:
            raise ValueError("a line needs exactly two different points")
        return cls(points[0], points[1])

    def side(self, point: Point) -> float:
        """Negative on side A, positive on side B, 0 on the (endless) line: the cross product, y downwards.

        It grows with the distance from the line; at the distance of one box it is `box_side`.
        """
        along_x, along_y = self.along
        return along_x * (point[1] - self.start[1]) - along_y * (point[0] - self.start[0])

    def box_side(self, width: float, height: float) -> float:
        """What `side` is, without its sign, at the distance of one box of that size."""
        along_x, along_y = self.along
        return math.hypot(along_x * height, along_y * width)

    def is_crossed(self, start: Point, end: Point) -> bool:
        """Whether the straight way between points on different sides goes through the line between its two ends."""
        from_start, from_end = self.side(start), self.side(end)
        share = from_start / (from_start - from_end)
        x, y = start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])
        along_x, along_y = self.along
        place = (x - self.start[0]) * along_x + (y - self.start[1]) * along_y
        return 0 <= place <= along_x * along_x + along_y * along_y


@dataclass(slots=True)
class Walker:
    """One tracked object and its side of the line.

    at: its anchor when it was last seen off the endless line itself, where `Line.side` was `offset`. side: where it has
    been long enough to count, or UNKNOWN. going: the other side, while it has not been there long enough, since
    `going_since`. through: its way last changed sides between the ends of the line. alerted_at: media time of its latest
    alert.
    """

    class_id: int
    box: Box
    seen_at: float
    width: float
    height: float
    at: Point
    offset: float
    side: int = UNKNOWN
    going: int = UNKNOWN
    going_since: float = 0.0
    through: bool = False
    alerted_at: float | None = None

    @classmethod
    def new(cls, line: Line, class_id: int, box: Box, anchor: Point, now: float) -> Walker:
        return cls(class_id, box, now, box[2] - box[0], box[3] - box[1], anchor, line.side(anchor))

    def move(self, line: Line, box: Box, anchor: Point, now: float, margin: float, stay_s: float) -> int:
        """Take in a sight; the side that it has come to by a crossing, or UNKNOWN.

        margin: in boxes; nearer to the line it is on neither side. stay_s: how long it must have been seen on a side.
        """
        wide, high = box[2] - box[0], box[3] - box[1]
        self.box, self.seen_at = box, now
        self.width += SMOOTHING * (wide - self.width)
        self.height += SMOOTHING * (high - self.height)
        side = line.side(anchor)
        if side * self.offset < 0:
            self.through = line.is_crossed(self.at, anchor)
        if side != 0:
            self.at, self.offset = anchor, side
        nearest = margin * line.box_side(max(self.width, wide, SMALLEST), max(self.height, high, SMALLEST))
        zone = UNKNOWN if abs(side) < nearest else B if side > 0 else A
        if zone in (UNKNOWN, self.side):
            self.going = UNKNOWN
            return UNKNOWN
        return self._settle(zone, now, stay_s)

    def _settle(self, zone: int, now: float, stay_s: float) -> int:
        if zone != self.going:
            self.going, self.going_since = zone, now
        if now - self.going_since < stay_s - SLACK_S:
            return UNKNOWN
        crossed = self.side != UNKNOWN and self.through
        self.side, self.going = zone, UNKNOWN
        return zone if crossed else UNKNOWN
