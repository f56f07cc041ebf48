"""Objects followed from frame to frame: the interface, and a tracker that associates boxes by overlap.

Every duration is media time in seconds, so that the same scene gives the same tracks at 5 and at 25 analyses a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detection.core.assignment import best_pairs
from detection.core.detections import Detections
from detection.core.track_motion import MotionModel, overlap

LEAST_GAIN = 0.02  # a poor pair is better than none
SCORE_SLACK = 1e-6  # scores are float32: 0.7 arrives as 0.69999999


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """The objects seen in one frame.

    ids: int64 ``(n,)``, one a detection, no id twice. detections: ``n`` of them, in the same order.
    Raises ValueError when the lengths disagree.
    """

    ids: NDArray[np.int64]
    detections: Detections

    def __post_init__(self) -> None:
        if self.ids.shape != (len(self.detections),):
            raise ValueError(f"tracks disagree: ids {self.ids.shape}, detections {len(self.detections)}")

    @classmethod
    def empty(cls) -> Tracks:
        """No objects: arrays of length 0."""
        return cls(np.zeros(0, np.int64), Detections.empty())

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def anchors(self) -> NDArray[np.float32]:
        """Where the objects stand: the bottom centre of each box, float32 ``(n, 2)``, shares of the picture."""
        boxes = self.detections.boxes
        anchors = np.empty((len(boxes), 2), np.float32)
        anchors[:, 0] = (boxes[:, 0] + boxes[:, 2]) / 2
        anchors[:, 1] = boxes[:, 3]
        return anchors


class Tracker(Protocol):
    """Gives detections of successive frames lasting identities. Ids are never given twice by one tracker."""

    def update(self, detections: Detections, media_time: float) -> Tracks:
        """The objects seen in this frame. A media time before the last one starts all tracks anew."""

    def reset(self) -> None:
        """Forget every track; later ids are new ones."""

    def start_at(self, score: float) -> None:
        """From now on the smallest score that starts a track; the tracks there are stay."""


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """start_score: a detection below it starts no track. continue_score: one below it does not continue one either.

    The distance between the two keeps one identity while the score of a half hidden object flickers (the idea of
    ByteTrack, Zhang et al., ECCV 2022). trust_share: a track is told of from the moment its mean score reaches so many
    times `start_score` (0.5, where ByteTrack too lets tracks begin) until it falls below `start_score`: a stone that
    looks like a person a little, and now and then a little more, is none. score_memory_s: of that mean.

    max_gap_s: a track unseen for longer ends. max_tracks bounds memory. min_overlap, min_overlap_low, min_reach: smallest
    overlap (intersection over union) of the three rounds.
    """

    start_score: float = 0.4
    continue_score: float = 0.25
    trust_share: float = 1.25
    score_memory_s: float = 1.0
    max_gap_s: float = 3.0
    max_tracks: int = 256
    min_overlap: float = 0.3
    min_overlap_low: float = 0.4
    min_reach: float = 0.2


@dataclass(slots=True, eq=False)
class OverlapTracker:
    """Associates by overlap with where each object should be by now, only within one class, with the best sum of overlaps.

    Three rounds: detections at or above `start_score` with the predicted boxes; weaker ones (down to `continue_score`)
    with what is left; then strong ones again, with boxes widened by how uncertain the prediction is, also around the
    last seen place, so that a fast object is caught at few frames a second and one that stopped unseen is found again.
    Strong detections that are left start tracks. Deterministic: ties go to the older track and the earlier detection.
    """

    settings: TrackerSettings = field(default_factory=TrackerSettings)
    _start_score: float = field(init=False)
    _next_id: int = field(default=1, init=False)
    _time: float = field(default=-math.inf, init=False)
    _ids: NDArray[np.int64] = field(init=False)
    _classes: NDArray[np.int32] = field(init=False)
    _credit: _Credit = field(init=False)
    _model: MotionModel = field(init=False)

    def __post_init__(self) -> None:
        self._start_score = self.settings.start_score
        self.reset()

    def __len__(self) -> int:
        """How many tracks are kept, seen or not."""
        return len(self._ids)

    def start_at(self, score: float) -> None:
        """Let weaker (or only stronger) detections start tracks from now on, for rules with their own smallest score.

        Tracks and ids stay as they are.
        """
        self._start_score = score

    def reset(self) -> None:
        """Forget every track; ids go on from where they were."""
        self._time = -math.inf
        self._ids = np.zeros(0, np.int64)
        self._classes = np.zeros(0, np.int32)
        self._credit = _Credit.at(np.zeros(0))
        self._model = MotionModel.empty()

    def update(self, detections: Detections, media_time: float) -> Tracks:
        """The objects seen in this frame, in the order of `detections`; those of tracks not yet trusted are left out.

        media_time: seconds; before the last one it starts all tracks anew. Raises ValueError when it is not finite.
        """
        if not math.isfinite(media_time):
            raise ValueError("media time is not a finite number")
        if media_time < self._time:
            self.reset()
        self._time = media_time
        self._keep(media_time - self._model.seen <= self.settings.max_gap_s)
        if len(detections) == 0:
            return Tracks.empty()
        boxes = detections.boxes.astype(np.float64)
        strong = detections.scores >= self._start_score - SCORE_SLACK
        rows = self._associate(boxes, detections, strong, media_time)
        matched = np.nonzero(rows >= 0)[0]
        ids = np.zeros(len(detections), np.int64)
        if len(matched):
            since = media_time - self._model.seen[rows[matched]]
            self._credit.measure(rows[matched], detections.scores[matched], since / self.settings.score_memory_s)
            self._model.measure(rows[matched], boxes[matched], media_time)
            ids[matched] = self._ids[rows[matched]]
        fresh = self._startable(np.nonzero((rows < 0) & strong)[0], detections.scores, media_time)
        if len(fresh):
            ids[fresh] = self._start(boxes[fresh], detections.class_ids[fresh], detections.scores[fresh], media_time)
        self._credit.judge(self._start_score, self._trust_score)
        told = (ids[:, None] == self._ids[self._credit.trusted]).any(axis=1)
        return Tracks(ids[told], detections.pick(told))

    @property
    def _trust_score(self) -> float:
        """Never out of reach, also for a start near 1."""
        return min(self._start_score * self.settings.trust_share, (1 + self._start_score) / 2)

    def _associate(
        self, boxes: NDArray[np.float64], detections: Detections, strong: NDArray[np.bool_], now: float
    ) -> NDArray[np.intp]:
        """The row of the track that each detection continues, -1 for none: ``(n,)``."""
        rows = np.full(len(detections), -1, np.intp)
        if len(self._ids) == 0:
            return rows
        settings = self.settings
        weak = ~strong & (detections.scores >= settings.continue_score - SCORE_SLACK)
        same_class = self._classes[:, None] == detections.class_ids[None, :]
        predicted, doubt = self._model.predict(now)
        # Of two tracks that fit alike, the one that was seen last is likelier to be the object in front.
        penalty = 0.1 * (now - self._model.seen)[:, None]
        near = overlap(predicted, boxes) * same_class
        free = np.ones(len(self._ids), np.bool_)
        _pair(near, penalty, settings.min_overlap, free=free, wanted=strong, rows=rows)
        _pair(near, penalty, settings.min_overlap_low, free=free, wanted=weak, rows=rows)
        if free.any() and (strong & (rows < 0)).any():
            reach = self._model.reach(predicted, doubt, boxes) * same_class
            _pair(reach, penalty, settings.min_reach, free=free, wanted=strong, rows=rows)
        return rows

    def _startable(self, candidates: NDArray[np.intp], scores: NDArray[np.float32], now: float) -> NDArray[np.intp]:
        """The detections that may start tracks, when need be after the longest unseen tracks made room for them."""
        room = self.settings.max_tracks - len(self._ids)
        if len(candidates) > room:
            unseen = np.nonzero(self._model.seen < now)[0]
            leaving = unseen[np.argsort(self._model.seen[unseen], kind="stable")][: len(candidates) - room]
            keep = np.ones(len(self._ids), np.bool_)
            keep[leaving] = False
            self._keep(keep)
            room += len(leaving)
            candidates = np.sort(candidates[np.argsort(-scores[candidates], kind="stable")][:room])
        return candidates

    def _start(
        self, boxes: NDArray[np.float64], class_ids: NDArray[np.int32], scores: NDArray[np.float32], now: float
    ) -> NDArray[np.int64]:
        ids = np.arange(self._next_id, self._next_id + len(boxes), dtype=np.int64)
        self._next_id += len(boxes)
        self._ids = np.concatenate([self._ids, ids])
        self._classes = np.concatenate([self._classes, class_ids])
        self._credit = self._credit.joined(_Credit.at(scores.astype(np.float64)))
        self._model = self._model.joined(MotionModel.at(boxes, now))
        return ids

    def _keep(self, keep: NDArray[np.bool_]) -> None:
        if not keep.all():
            self._ids, self._classes = self._ids[keep], self._classes[keep]
            self._credit, self._model = self._credit.pick(keep), self._model.pick(keep)


def _pair(
    fit: NDArray[np.float64],
    penalty: NDArray[np.float64],
    least: float,
    *,
    free: NDArray[np.bool_],
    wanted: NDArray[np.bool_],
    rows: NDArray[np.intp],
) -> None:
    """Pair free tracks (rows of `fit`) with wanted, unpaired detections (columns); marks `free`, `rows`.

    The sum of the squares is made largest: one pair that fits well counts more than two that hardly do.
    """
    open_columns = wanted & (rows < 0)
    allowed = (fit >= least) & free[:, None] & open_columns[None, :]
    if not allowed.any():
        return
    tracks, columns = best_pairs(np.where(allowed, np.maximum(fit - penalty, LEAST_GAIN) ** 2, 0.0))
    free[tracks] = False
    rows[columns] = tracks


@dataclass(slots=True, eq=False)
class _Credit:
    """How sure one may be of k tracks. mean ``(k,)``: of their scores, lately. sights ``(k,)``. trusted: mask ``(k,)``."""

    mean: NDArray[np.float64]
    sights: NDArray[np.int64]
    trusted: NDArray[np.bool_]

    @classmethod
    def at(cls, scores: NDArray[np.float64]) -> _Credit:
        """Of objects seen for the first time."""
        return cls(scores, np.ones(len(scores), np.int64), np.zeros(len(scores), np.bool_))

    def joined(self, other: _Credit) -> _Credit:
        """These tracks, then the other ones."""
        return _Credit(
            np.concatenate([self.mean, other.mean]),
            np.concatenate([self.sights, other.sights]),
            np.concatenate([self.trusted, other.trusted]),
        )

    def pick(self, keep: NDArray[np.bool_]) -> _Credit:
        """The tracks that a mask selects."""
        return _Credit(self.mean[keep], self.sights[keep], self.trusted[keep])

    def measure(self, rows: NDArray[np.intp], scores: NDArray[np.float32], elapsed: NDArray[np.float64]) -> None:
        """Take in the scores of tracks seen again, `elapsed` memories after they were seen last."""
        self.sights[rows] += 1
        share = np.maximum(1 - np.exp(-elapsed), 1 / self.sights[rows])  # at first the plain mean
        self.mean[rows] += share * (scores - self.mean[rows])

    def judge(self, least: float, enough: float) -> None:
        """Trust who reached `enough`, and no longer who is below `least`."""
        self.trusted = (self.mean >= enough - SCORE_SLACK) | (self.trusted & (self.mean >= least - SCORE_SLACK))
