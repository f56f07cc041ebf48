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

    def predict(self, now: float) -> tuple[Floats, Floats]:
        """The boxes expected at `now` ``(k, 4)``, and the standard deviation of their place in units ``(k,)``."""
        dt = now - self.seen
        centre = self.centre + self.velocity * dt[:, None]
        half = self.size / 2
        variance = _grown(self.doubt, dt)[:, 0]
        return np.concatenate([centre - half, centre + half], axis=1), np.sqrt(variance)

    def measure(self, rows: NDArray[np.intp], boxes: Floats, now: float) -> None:
        """Take in where the tracks `rows` (each at most once) were seen at `now`: boxes ``(len(rows), 4)``."""
        dt = now - self.seen[rows]
        grown = _grown(self.doubt[rows], dt)
        total = grown[:, 0] + JITTER**2
        gain, gain_speed = grown[:, 0] / total, grown[:, 1] / total
        expected = self.centre[rows] + self.velocity[rows] * dt[:, None]
        surprise = _centre(boxes) - expected
        self.centre[rows] = expected + gain[:, None] * surprise
        self.velocity[rows] += gain_speed[:, None] * surprise
        self.doubt[rows, 0] = (1 - gain) * grown[:, 0]
        self.doubt[rows, 1] = (1 - gain) * grown[:, 1]
        self.doubt[rows, 2] = grown[:, 2] - gain_speed * grown[:, 1]
        self.size[rows] += (1 - np.exp(-dt / SIZE_MEMORY_S))[:, None] * (_size(boxes) - self.size[rows])
        self.boxes[rows] = boxes
        self.seen[rows] = now

    def reach(self, predicted: Floats, doubt: Floats, boxes: Floats) -> Floats:
        """Overlap after widening both boxes by the doubt ``(k, n)``, with the predicted or the last seen place.

        Widened boxes after C-BIoU (Yang et al., "Hard to Track Objects with Irregular Motions", WACV 2023).
        """
        share = np.minimum(2 * doubt, MAX_REACH)
        # One unit is half a height: upright objects move across the picture, not up and down in it.
        margin = self.size * share[:, None] * np.array([1.0, 0.5])
        widening = np.concatenate([-margin, margin], axis=1)
        wide = boxes[None, :, :] + widening[:, None, :]
        return np.maximum(_overlap(predicted + widening, wide), _overlap(self.boxes + widening, wide))


def overlap(one: Floats, other: Floats) -> Floats:
    """Intersection over union of boxes ``(k, 4)`` and ``(n, 4)``: ``(k, n)``, 0..1; 0 where both are empty."""
    return _overlap(one, other[None, :, :])


def shared_of_smaller(one: Floats, other: Floats, *, alike: float) -> Floats:
    """What boxes ``(k, 4)`` and ``(n, 4)`` have in common, as a share of the smaller one: ``(k, n)``, 0..1.

    0 where the smaller one has less than `alike` of the larger one's area.
    """
    sides = np.minimum(one[:, None, 2:], other[None, :, 2:]) - np.maximum(one[:, None, :2], other[None, :, :2])
    np.maximum(sides, 0.0, out=sides)
    mine, theirs = _area(one)[:, None], _area(other)[None, :]
    smaller, larger = np.minimum(mine, theirs), np.maximum(mine, theirs)
    share: Floats = sides[..., 0] * sides[..., 1] / np.maximum(smaller, 1e-12)
    return np.where(smaller >= alike * larger, share, 0.0)


def _overlap(one: Floats, other: Floats) -> Floats:
    """The same where each of the k boxes has its own n others: ``other`` is ``(1 or k, n, 4)``."""
    first = one[:, None, :]
    sides = np.minimum(first[..., 2:], other[..., 2:]) - np.maximum(first[..., :2], other[..., :2])
    np.maximum(sides, 0.0, out=sides)
    shared = sides[..., 0] * sides[..., 1]
    union = _area(first) + _area(other) - shared
    result: Floats = shared / np.maximum(union, 1e-12)
    return result


def _area(boxes: Floats) -> Floats:
    area: Floats = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return area


def _centre(boxes: Floats) -> Floats:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def _size(boxes: Floats) -> Floats:
    return np.maximum(boxes[:, 2:] - boxes[:, :2], TINY)


def _grown(doubt: Floats, dt: Floats) -> Floats:
    """Doubt after `dt` seconds unseen: ``(k, 3)``."""
    grown = np.empty_like(doubt)
    place, both, speed = doubt[:, 0], doubt[:, 1], doubt[:, 2]
    grown[:, 0] = place + dt * (2 * both + dt * speed) + ACCELERATION * dt**3 / 3
    grown[:, 1] = both + dt * speed + ACCELERATION * dt**2 / 2
    grown[:, 2] = speed + ACCELERATION * dt
    return grown
