"""Average precision of boxes for one class, from its definition (Everingham et al., "The PASCAL VOC Challenge", 2010; the
area under the interpolated curve, all points)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detection.core.track_motion import overlap

Box = Sequence[float]


def average_precision(
    truth: Sequence[Sequence[Box]], found: Sequence[Sequence[tuple[float, Box]]], *, least_overlap: float = 0.5
) -> float:
    """truth: boxes by frame. found: score and box of each detection by frame. A box is taken by the best that fits it."""
    rows = sorted(
        ((score, frame, box) for frame, boxes in enumerate(found) for score, box in boxes), key=lambda row: -row[0]
    )
    taken = [np.zeros(len(boxes), np.bool_) for boxes in truth]
    right = np.zeros(len(rows))
    for row, (_, frame, box) in enumerate(rows):
        if not truth[frame]:
            continue
        fits = overlap(np.array([box], np.float64), np.array([list(each) for each in truth[frame]], np.float64))[0]
        fits[taken[frame]] = 0.0
        best = int(np.argmax(fits))
        if fits[best] >= least_overlap:
            taken[frame][best], right[row] = True, 1.0
    total = sum(map(len, truth))
    if not total or not rows:
        return 0.0
    hits = np.cumsum(right)
    precision = np.maximum.accumulate((hits / np.arange(1, len(rows) + 1))[::-1])[::-1]
    return float(np.sum(np.diff(np.concatenate([[0.0], hits / total])) * precision))
