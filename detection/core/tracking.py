"""Objects followed from frame to frame: the interface, and a tracker that associates boxes by overlap.

Every duration is media time in seconds, so that the same scene gives the same tracks at 5 and at 25 analyses a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detection.core.detections import Detections
from detection.core.track_motion import MotionModel, overlap

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
    ByteTrack, Zhang et al., ECCV 2022). max_gap_s: a track unseen for longer ends. max_tracks bounds memory.
    min_overlap, min_overlap_low, min_reach: smallest overlap (intersection over union) of the three rounds.
    """

    start_score: float = 0.4
    continue_score: float = 0.25
    max_gap_s: float = 2.0
    max_tracks: int = 256
    min_overlap: float = 0.3
    min_overlap_low: float = 0.4
    min_reach: float = 0.2


@dataclass(slots=True, eq=False)
class OverlapTracker:
    """Associates by overlap with where each object should be by now, only within one class, best pairs first.

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
        self._model = MotionModel.empty()

    def update(self, detections: Detections, media_time: float) -> Tracks:
        """The objects seen in this frame, in the order of `detections`; weak ones that continue no track are left out.

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
            self._model.measure(rows[matched], boxes[matched], media_time)
            ids[matched] = self._ids[rows[matched]]
        fresh = self._startable(np.nonzero((rows < 0) & strong)[0], detections.scores, media_time)
        if len(fresh):
            ids[fresh] = self._start(boxes[fresh], detections.class_ids[fresh], media_time)
        seen = ids > 0
        return Tracks(ids[seen], detections.pick(seen))

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

    def _start(self, boxes: NDArray[np.float64], class_ids: NDArray[np.int32], now: float) -> NDArray[np.int64]:
        ids = np.arange(self._next_id, self._next_id + len(boxes), dtype=np.int64)
        self._next_id += len(boxes)
        self._ids = np.concatenate([self._ids, ids])
        self._classes = np.concatenate([self._classes, class_ids])
        self._model = self._model.joined(MotionModel.at(boxes, now))
        return ids

    def _keep(self, keep: NDArray[np.bool_]) -> None:
        if not keep.all():
            self._ids, self._classes, self._model = self._ids[keep], self._classes[keep], self._model.pick(keep)


def _pair(
    fit: NDArray[np.float64],
    penalty: NDArray[np.float64],
    least: float,
    *,
    free: NDArray[np.bool_],
    wanted: NDArray[np.bool_],
    rows: NDArray[np.intp],
) -> None:
    """Pair free tracks (rows of `fit`) with wanted, unpaired detections (columns), best first; marks `free`, `rows`."""
    open_columns = wanted & (rows < 0)
    tracks, columns = np.nonzero((fit >= least) & free[:, None] & open_columns[None, :])
    if len(tracks) == 0:
        return
    order = np.argsort((penalty - fit)[tracks, columns], kind="stable")
    for track, column in zip(tracks[order].tolist(), columns[order].tolist(), strict=True):
        if free[track] and rows[column] < 0:
            free[track] = False
            rows[column] = track
