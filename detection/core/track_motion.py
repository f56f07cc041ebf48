"""Where tracked objects should be by now: constant velocity with growing doubt, in media time, for all tracks at once.

A Kalman filter on position and velocity with white-noise acceleration (Bar-Shalom, Li, Kirubarajan, "Estimation with
Applications to Tracking and Navigation", section 6.2.2). Doubt is kept once per track for both axes, in units of the
object's own size (a box width across, half a box height down), so that near and far persons are treated alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

START_SPEED = 3.0  # units a second: how fast an object that was seen once may be; a runner, about
ACCELERATION = 1.0  # units² a second³: power of the unforeseen acceleration
JITTER = 0.1  # units: how far a detector's box wanders on an object that stands still
SIZE_MEMORY_S = 0.3  # sizes follow within this time, so that one half hidden box does not spoil the prediction
MAX_REACH = 1.0  # sizes: boxes are widened by at most this much on each side
TINY = 1e-9
AXES = np.array([1.0, 0.5])  # the unit, in sizes: upright objects move across the picture, not up and down in it


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """Where k tracks should be at one moment, worked out once for all that is asked of that frame.

    unseen ``(k,)``: seconds since each was seen. centre ``(k, 2)``, boxes ``(k, 4)``. doubt ``(k, 3)``: as in `MotionModel`.
    """

    unseen: Floats
    centre: Floats
    boxes: Floats
    doubt: Floats

    def pick(self, keep: NDArray[np.bool_]) -> Expected:
        """The tracks that a mask selects."""
        return Expected(self.unseen[keep], self.centre[keep], self.boxes[keep], self.doubt[keep])


@dataclass(slots=True, eq=False)
class MotionModel:
    """State of k tracks at the time each was last seen; positions and sizes in shares of the picture.

    boxes ``(k, 4)`` as last seen, centre ``(k, 2)``, velocity ``(k, 2)`` a second, size ``(k, 2)`` smoothed,
    doubt ``(k, 3)``: variance of position, covariance, variance of velocity. seen ``(k,)``: media time.
    """

    boxes: Floats
    centre: Floats
    velocity: Floats
    size: Floats
    doubt: Floats
    seen: Floats

    @classmethod
    def at(cls, boxes: Floats, now: float) -> MotionModel:
        """Objects seen for the first time: their speed is unknown."""
        count = len(boxes)
        doubt = np.tile([JITTER**2, 0.0, START_SPEED**2], (count, 1))
        return cls(boxes, _centre(boxes), np.zeros((count, 2)), _size(boxes), doubt, np.full(count, now))

    @classmethod
    def empty(cls) -> MotionModel:
        """No tracks."""
        return cls.at(np.zeros((0, 4)), 0.0)

    def pick(self, keep: NDArray[np.bool_]) -> MotionModel:
        """The tracks that a mask selects."""
        return MotionModel(
            self.boxes[keep], self.centre[keep], self.velocity[keep], self.size[keep], self.doubt[keep], self.seen[keep]
        )

    def joined(self, other: MotionModel) -> MotionModel:
        """These tracks, then the other ones."""
        return MotionModel(
            np.concatenate([self.boxes, other.boxes]),
            np.concatenate([self.centre, other.centre]),
            np.concatenate([self.velocity, other.velocity]),
            np.concatenate([self.size, other.size]),
            np.concatenate([self.doubt, other.doubt]),
            np.concatenate([self.seen, other.seen]),
        )

    def predict(self, now: float) -> Expected:
        """What is to be expected at `now`."""
        unseen = now - self.seen
        centre = self.centre + self.velocity * unseen[:, None]
        half = self.size / 2
        boxes = np.concatenate([centre - half, centre + half], axis=1)
        return Expected(unseen, centre, boxes, _grown(self.doubt, unseen))

    def measure(self, rows: NDArray[np.intp], boxes: Floats, expected: Expected, now: float) -> None:
        """Take in where the tracks `rows` (each at most once) were seen at `now`: boxes ``(len(rows), 4)``.

        expected: what `predict` said of this moment.
        """
        centre, doubt = expected.centre[rows], expected.doubt[rows]
        gain = doubt[:, :2] / (doubt[:, :1] + JITTER**2)  # of place, of speed
        surprise = _centre(boxes) - centre
        self.centre[rows] = centre + gain[:, :1] * surprise
        self.velocity[rows] += gain[:, 1:] * surprise
        doubt[:, 2] -= gain[:, 1] * doubt[:, 1]
        doubt[:, :2] *= 1 - gain[:, :1]
        self.doubt[rows] = doubt
        size = self.size[rows]
        follows = 1 - np.exp(-expected.unseen[rows] / SIZE_MEMORY_S)
        self.size[rows] = size + follows[:, None] * (_size(boxes) - size)
        self.boxes[rows] = boxes
        self.seen[rows] = now

    def reach(self, expected: Expected, boxes: Floats) -> Floats:
        """Overlap after widening both boxes by the doubt ``(k, n)``, with the expected or the last seen place.

        Widened boxes after C-BIoU (Yang et al., "Hard to Track Objects with Irregular Motions", WACV 2023).
        """
        share = np.minimum(2 * np.sqrt(expected.doubt[:, 0]), MAX_REACH)
        margin = self.size * share[:, None] * AXES
        widening = np.concatenate([-margin, margin], axis=1)
        wide = _across(boxes) + _down(widening)
        return np.maximum(
            _overlap(_down(expected.boxes + widening), wide), _overlap(_down(self.boxes + widening), wide)
        )


def overlap(one: Floats, other: Floats) -> Floats:
    """Intersection over union of boxes ``(k, 4)`` and ``(n, 4)``: ``(k, n)``, 0..1; 0 where both are empty."""
    return _overlap(_down(one), _across(other))


def area(boxes: Floats) -> Floats:
    """Of boxes ``(n, 4)``: ``(n,)``."""
    return _area(boxes.T)


def shared(one: Floats, other: Floats) -> Floats:
    """The area that boxes ``(k, 4)`` and ``(n, 4)`` have in common: ``(k, n)``."""
    return _shared(_down(one), _across(other))


def shared_of_smaller(one: Floats, other: Floats, *, alike: float) -> Floats:
    """What boxes ``(k, 4)`` and ``(n, 4)`` have in common, as a share of the smaller one: ``(k, n)``, 0..1.

    0 where the smaller one has less than `alike` of the larger one's area.
    """
    mine, theirs = area(one)[:, None], area(other)[None, :]
    smaller, larger = np.minimum(mine, theirs), np.maximum(mine, theirs)
    return np.where(smaller >= alike * larger, shared(one, other) / np.maximum(smaller, 1e-12), 0.0)


# Below, the four numbers of a box come first, so that numpy's inner loops go over many boxes instead of two numbers.


def _down(boxes: Floats) -> Floats:
    """Boxes ``(k, 4)`` as the rows of a table: ``(4, k, 1)``."""
    return boxes.T.copy()[:, :, None]


def _across(boxes: Floats) -> Floats:
    """Boxes ``(n, 4)`` as its columns: ``(4, 1, n)``."""
    return boxes.T.copy()[:, None, :]


def _overlap(one: Floats, other: Floats) -> Floats:
    """Intersection over union in each place of the table. other: ``(4, 1, n)``, or its own for each place."""
    common = _shared(one, other)
    union = _area(one) + _area(other) - common
    result: Floats = common / np.maximum(union, 1e-12)
    return result


def _shared(one: Floats, other: Floats) -> Floats:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    np.maximum(sides, 0.0, out=sides)
    result: Floats = sides[0] * sides[1]
    return result


def _area(boxes: Floats) -> Floats:
    result: Floats = (boxes[2] - boxes[0]) * (boxes[3] - boxes[1])
    return result


def _centre(boxes: Floats) -> Floats:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def _size(boxes: Floats) -> Floats:
    return np.maximum(boxes[:, 2:] - boxes[:, :2], TINY)


def _grown(doubt: Floats, dt: Floats) -> Floats:
    """Doubt after `dt` seconds unseen: ``(k, 3)``."""
    grown = np.empty_like(doubt)
    place, both, speed = doubt[:, 0], doubt[:, 1], doubt[:, 2]
    by_speed = dt * speed
    grown[:, 0] = place + dt * (2 * both + by_speed) + ACCELERATION * dt**3 / 3
    grown[:, 1] = both + by_speed + ACCELERATION * dt**2 / 2
    grown[:, 2] = speed + ACCELERATION * dt
    return grown
