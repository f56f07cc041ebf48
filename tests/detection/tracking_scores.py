"""How good tracks are against the truth: MOTA and IDF1, from their definitions.

MOTA: Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics", 2008. IDF1:
Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking", 2016.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from detection.core.assignment import best_pairs
from detection.core.track_motion import overlap

Box = Sequence[float]
Frame = Mapping[int, Box]  # boxes by identity


@dataclass(frozen=True, slots=True)
class TrackingScores:
    """misses, ghosts, switches: counts over all frames. mota: 1 is perfect, may be below 0. idf1: 0..1."""

    mota: float
    idf1: float
    misses: int
    ghosts: int
    switches: int


def tracking_scores(truth: Sequence[Frame], found: Sequence[Frame], *, least_overlap: float = 0.5) -> TrackingScores:
    """Compares frame by frame; a pair counts from an intersection over union of `least_overlap` on."""
    partner: dict[int, int] = {}  # the identity that each true one had last
    shared: Counter[tuple[int, int]] = Counter()
    misses = ghosts = switches = 0
    for real, seen in zip(truth, found, strict=True):
        true_ids, seen_ids = list(real), list(seen)
        fit = overlap(_boxes(real), _boxes(seen))
        gains = np.where(fit >= least_overlap, fit, 0.0)
        for row, column in zip(*np.nonzero(gains), strict=True):
            shared[true_ids[row], seen_ids[column]] += 1
            if partner.get(true_ids[row]) == seen_ids[column]:
                gains[row, column] += 100.0  # whom a pair joined before stays joined while both fit
        rows, columns = best_pairs(np.where(gains > 0, gains + 10.0, 0.0))  # first as many pairs as possible
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            real_id, seen_id = true_ids[row], seen_ids[column]
            switches += partner.get(real_id, seen_id) != seen_id
            partner[real_id] = seen_id
        misses += len(real) - len(rows)
        ghosts += len(seen) - len(rows)
    total, given = sum(map(len, truth)), sum(map(len, found))
    return TrackingScores(
        mota=1 - (misses + ghosts + switches) / total,
        idf1=2 * _shared_frames(shared) / (total + given),
        misses=misses,
        ghosts=ghosts,
        switches=switches,
    )


def _shared_frames(shared: Counter[tuple[int, int]]) -> int:
    """Frames of the one-to-one pairing of identities over the whole time that has the most of them."""
    true_ids = {identity: row for row, identity in enumerate(sorted({real for real, _ in shared}))}
    seen_ids = {identity: column for column, identity in enumerate(sorted({seen for _, seen in shared}))}
    frames = np.zeros((len(true_ids), len(seen_ids)))
    for (real, seen), count in shared.items():
        frames[true_ids[real], seen_ids[seen]] = count
    return round(float(frames[best_pairs(frames)].sum()))


def _boxes(frame: Frame) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array(list(frame.values()), np.float64).reshape(len(frame), 4)
