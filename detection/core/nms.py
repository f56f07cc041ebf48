"""Non-maximum suppression: of boxes that overlap and are of one class, the best one stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ALL_PAIRS = 160  # up to so many boxes all pairs are compared at once: fewer, larger steps of numpy


def nms(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], class_ids: NDArray[np.int32], iou_threshold: float
) -> NDArray[np.intp]:
    """Indexes of the boxes that stay, by descending score; equal scores keep their order.

    boxes: ``(n, 4)``, x1, y1, x2, y2 in any one unit, x1 <= x2, y1 <= y2. scores, class_ids: ``(n,)``. A box goes when
    a better box of the same class that stays overlaps it by an intersection over union above ``iou_threshold`` (0..1).
    Boxes without an area overlap nothing. Greedy, as in Felzenszwalb et al., "Object detection with discriminatively
    trained part-based models", 2010, section 4.4. Few boxes are compared each with each; many take O(n * kept) time and
    O(n) memory.
    """
    order = np.argsort(-scores, kind="stable")
    corners = boxes[order].T.copy()
    low, high, kinds = corners[:2], corners[2:], class_ids[order]
    mixed = len(order) > 0 and bool((kinds != kinds[0]).any())
    # shared / (a + b - shared) > t is the same as shared > t / (1 + t) * (a + b): no division, nothing to guard.
    weighted = (high[0] - low[0]) * (high[1] - low[1]) * np.float32(iou_threshold / (1.0 + iou_threshold))

    def beaten(best: slice, rest: slice) -> NDArray[np.bool_]:
        """Which of `rest` a box `best` leaves no room for: ``(best, rest)``."""
        overlap = np.minimum(high[:, None, rest], high[:, best, None])
        overlap -= np.maximum(low[:, None, rest], low[:, best, None])
        np.maximum(overlap, 0, out=overlap)
        result: NDArray[np.bool_] = overlap[0] * overlap[1] > weighted[None, rest] + weighted[best, None]
        if mixed:
            result &= kinds[None, rest] == kinds[best, None]
        return result

    gone = np.zeros(len(order), np.bool_)
    if len(order) <= ALL_PAIRS:
        pairs = beaten(slice(None), slice(None))
        np.fill_diagonal(pairs, val=False)
        # A box that is not gone is beaten by no better one that stays, so none of those that it beats did stay.
        for best in range(len(order)):
            if not gone[best]:
                gone |= pairs[best]
    else:
        for best in range(len(order)):
            if not gone[best]:
                gone[best + 1 :] |= beaten(slice(best, best + 1), slice(best + 1, None))[0]
    return order[~gone]
