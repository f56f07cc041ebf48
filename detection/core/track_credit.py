"""Whether a track is told of: good looks at it, or a way that it has gone. Pure numbers, for all tracks at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detection.core.track_motion import AXES

SCORE_SLACK = 1e-6  # scores are float32: 0.7 arrives as 0.69999999


@dataclass(slots=True, eq=False)
class Credit:
    """How sure one may be of k tracks.

    mean ``(k,)``: of their scores, lately. sights ``(k,)``: how often they were seen. origin ``(k, 2)``: the centre at
    first sight, in shares of the picture. good: mask ``(k,)``, had a good look lately. told: mask ``(k,)``.
    """

    mean: NDArray[np.float64]
    sights: NDArray[np.int64]
    origin: NDArray[np.float64]
    good: NDArray[np.bool_]
    told: NDArray[np.bool_]

    @classmethod
    def at(cls, scores: NDArray[np.float64], centres: NDArray[np.float64]) -> Credit:
        """Of objects seen for the first time: scores ``(k,)``, centres ``(k, 2)``."""
        no = np.zeros(len(scores), np.bool_)
        return cls(scores, np.ones(len(scores), np.int64), centres, no, no.copy())

    @classmethod
    def empty(cls) -> Credit:
        """No tracks."""
        return cls.at(np.zeros(0), np.zeros((0, 2)))

    def joined(self, other: Credit) -> Credit:
        """These tracks, then the other ones."""
        return Credit(
            np.concatenate([self.mean, other.mean]),
            np.concatenate([self.sights, other.sights]),
            np.concatenate([self.origin, other.origin]),
            np.concatenate([self.good, other.good]),
            np.concatenate([self.told, other.told]),
        )

    def pick(self, keep: NDArray[np.bool_]) -> Credit:
        """The tracks that a mask selects."""
        return Credit(self.mean[keep], self.sights[keep], self.origin[keep], self.good[keep], self.told[keep])

    def measure(self, rows: NDArray[np.intp], scores: NDArray[np.float32], elapsed: NDArray[np.float64]) -> None:
        """Take in the scores of tracks seen again, `elapsed` memories after they were seen last."""
        self.sights[rows] += 1
        share = np.maximum(1 - np.exp(-elapsed), 1 / self.sights[rows])  # at first the plain mean
        self.mean[rows] += share * (scores - self.mean[rows])

    def judge(
        self, *, least: float, enough: float, centres: NDArray[np.float64], sizes: NDArray[np.float64], way: float
    ) -> None:
        """Tell of who reached `enough` and has not been below `least` since, and of who is away from its origin.

        centres, sizes: ``(k, 2)``, where the tracks are now and how large. way: in box widths across, half box heights
        down. A still thing shakes but stays at its place; when something else led its track away for a moment, it
        comes back there and is doubted again.
        """
        self.good = (self.mean >= enough - SCORE_SLACK) | (self.good & (self.mean >= least - SCORE_SLACK))
        gone = np.abs(centres - self.origin) / (sizes * AXES)
        self.told = self.good | ((gone.max(axis=1, initial=0.0) >= way) & (self.mean >= least - SCORE_SLACK))
