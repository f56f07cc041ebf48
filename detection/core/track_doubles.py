"""Boxes that show nobody of their own: a detector frames two people at once, beside a box for each of them. Pure.

For associating them with tracks it matters: such a box lies about as near to each of the two as their own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detection.core.track_motion import area, shared

FROM_SCORE = 0.1  # scores flicker: a box that is so much weaker still counts beside this one
PART = 0.25  # who has less of the box than this is somebody at its side
SPOTS = (np.arange(8) + 0.5) / 8  # of the box, both ways, at which is looked


def made_up(
    boxes: NDArray[np.float64], scores: NDArray[np.float32], class_ids: NDArray[np.int32], *, share: float
) -> NDArray[np.bool_]:
    """Which boxes ``(n, 4)`` have `share` of their area, or more, in two or more others of their class: mask ``(n,)``.

    The others are about as sure or surer, and each of them has a part of it. Boxes without an area are none.
    """
    found = np.zeros(len(boxes), np.bool_)
    if len(boxes) < 3:  # one, and two of which it could be made
        return found
    parts = shared(boxes, boxes) / np.maximum(area(boxes), 1e-12)[:, None]
    has_part = parts >= PART
    if not (
        np.count_nonzero(has_part, axis=1) > 2
    ).any():  # nearly always: nobody has a part of two others, and of itself
        return found
    counts = has_part & (scores[None, :] >= scores[:, None] - FROM_SCORE) & (class_ids[:, None] == class_ids)
    np.fill_diagonal(counts, val=False)
    for row in np.nonzero((counts.sum(axis=1) >= 2) & ((parts * counts).sum(axis=1) >= share))[0]:
        found[row] = _covered(boxes[row], boxes[counts[row]]) >= share
    return found


def _covered(box: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """The share of a box ``(4,)`` that lies in any of the others ``(k, 4)``."""
    x, y = (box[axis] + SPOTS * (box[axis + 2] - box[axis]) for axis in (0, 1))
    across = (others[:, :1] <= x) & (x <= others[:, 2:3])
    down = (others[:, 1:2] <= y) & (y <= others[:, 3:])
    return float((across[:, :, None] & down[:, None, :]).any(axis=0).mean())
