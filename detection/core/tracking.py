"""Objects followed from frame to frame: the interface, and a tracker that associates boxes by overlap.

Every duration is media time in seconds, so that the same scene gives the same tracks at 5 and at 25 analyses a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detection.core.assignment import pair
from detection.core.detections import Detections
from detection.core.nms import nms
from detection.core.track_credit import SCORE_SLACK, Credit
from detection.core.track_doubles import made_up
from detection.core.track_motion import Expected, MotionModel, overlap, shared_of_smaller

ALIKE = 1 / 3  # a box smaller than this share of another one is not a part of that person, but somebody farther off


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
    looks like a person a little, and now and then a little more, is none. score_memory_s: of that mean. trust_way: with a
    mean of `start_score` it is also told of while it is so far from where it began, in box widths across or half box
    heights down: stones do not walk.

    max_gap_s: a track unseen for longer ends; outside_gap_s: one that should have left the picture by now. max_tracks
    bounds memory. min_overlap, min_overlap_low, min_reach: smallest overlap (intersection over union) of the three rounds.

    max_overlap: of detections of one class that overlap by more only the best is looked at: identities need this stricter
    than a list of boxes does. max_cover: a detection that shares more than this of the smaller box with one that continues
    a track starts none: it frames half of that person, or that person and the next one. max_made_up: one of which two
    others together have this share, or more, is likely both of them: it continues what no other one does.
    """

    start_score: float = 0.4
    continue_score: float = 0.25
    trust_share: float = 1.25
    score_memory_s: float = 1.0
    trust_way: float = 1.5
    max_gap_s: float = 3.0
    outside_gap_s: float = 1.0
    max_tracks: int = 256
    min_overlap: float = 0.3
    min_overlap_low: float = 0.4
    min_reach: float = 0.2
    max_overlap: float = 0.5
    max_cover: float = 0.65
    max_made_up: float = 0.75


@dataclass(slots=True, eq=False)
class OverlapTracker:
    """Associates by overlap with where each object should be by now, only within one class, with the best sum of overlaps.

    Three rounds: detections at or above `start_score` with the predicted boxes, those that seem to be made up of two others
    last; weaker ones (down to `continue_score`) with what is left; then strong ones again, with boxes widened by how
    uncertain the prediction is, also around the last seen place, so that a fast object is caught at few frames a second
    and one that stopped unseen is found again. Strong detections that are left start tracks. Deterministic: ties go to
    the older track and the earlier detection.
    """

    settings: TrackerSettings = field(default_factory=TrackerSettings)
    _start_score: float = field(init=False)
    _next_id: int = field(default=1, init=False)
    _time: float = field(default=-math.inf, init=False)
    _ids: NDArray[np.int64] = field(init=False)
    _classes: NDArray[np.int32] = field(init=False)
    _credit: Credit = field(init=False)
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
        self._credit = Credit.empty()
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
        expected = self._end_lost(self._model.predict(media_time)) if len(self._ids) else None
        if len(detections):
            detections = self._clear_ones(detections)
        if not len(detections):
            return Tracks.empty()
        boxes = detections.boxes.astype(np.float64)
        strong = detections.scores >= self._start_score - SCORE_SLACK
        rows, ids = np.full(len(detections), -1, np.intp), np.zeros(len(detections), np.int64)
        if expected is not None:
            rows = self._associate(boxes, detections, strong, expected)
            self._follow(boxes, detections, rows, expected, ids)
        fresh = self._startable(self._fresh(boxes, detections, rows, strong), detections.scores, media_time)
        if len(fresh):
            ids[fresh] = self._start(boxes[fresh], detections.class_ids[fresh], detections.scores[fresh], media_time)
        self._credit.judge(
            least=self._start_score,
            enough=self._trust_score,
            centres=self._model.centre,
            sizes=self._model.size,
            way=self.settings.trust_way,
        )
        told = (ids[:, None] == self._ids[self._credit.told]).any(axis=1)
        return Tracks(ids, detections) if told.all() else Tracks(ids[told], detections.pick(told))

    def _clear_ones(self, detections: Detections) -> Detections:
        """Of those that overlap too much for two objects the best; none that the picture's border left no area of."""
        low, high = detections.boxes[:, :2], detections.boxes[:, 2:]
        if not (low < high).all():
            detections = detections.pick(np.nonzero((low < high).all(axis=1))[0])
        stay = nms(detections.boxes, detections.scores, detections.class_ids, self.settings.max_overlap)
        return detections if len(stay) == len(detections) else detections.pick(np.sort(stay))

    @property
    def _trust_score(self) -> float:
        """Never out of reach, also for a start near 1."""
        return min(self._start_score * self.settings.trust_share, (1 + self._start_score) / 2)

    def _associate(
        self, boxes: NDArray[np.float64], detections: Detections, strong: NDArray[np.bool_], expected: Expected
    ) -> NDArray[np.intp]:
        """The row of the track that each detection continues, -1 for none: ``(n,)``."""
        rows, settings = np.full(len(detections), -1, np.intp), self.settings
        weak = ~strong & (detections.scores >= settings.continue_score - SCORE_SLACK)
        both = strong & made_up(boxes, detections.scores, detections.class_ids, share=settings.max_made_up)
        single = strong & ~both
        same_class = self._classes[:, None] == detections.class_ids[None, :]
        # Of two tracks that fit alike, the one that was seen last is likelier to be the object in front.
        penalty = 0.1 * expected.unseen[:, None]
        near = overlap(expected.boxes, boxes) * same_class
        free = np.ones(len(self._ids), np.bool_)
        pair(near, penalty, settings.min_overlap, free=free, wanted=single, rows=rows)
        pair(near, penalty, settings.min_overlap, free=free, wanted=both, rows=rows)
        pair(near, penalty, settings.min_overlap_low, free=free, wanted=weak, rows=rows)
        if free.any() and (single & (rows < 0)).any():
            reach = self._model.reach(expected, boxes) * same_class
            pair(reach, penalty, settings.min_reach, free=free, wanted=single, rows=rows)
        return rows

    def _follow(
        self,
        boxes: NDArray[np.float64],
        detections: Detections,
        rows: NDArray[np.intp],
        expected: Expected,
        ids: NDArray[np.int64],
    ) -> None:
        """Takes in what continues tracks, and puts their ids into `ids` ``(n,)``."""
        (matched,) = np.nonzero(rows >= 0)
        if len(matched):
            rows = rows[matched]
            self._credit.measure(rows, detections.scores[matched], expected.unseen[rows] / self.settings.score_memory_s)
            self._model.measure(rows, boxes[matched], expected, self._time)
            ids[matched] = self._ids[rows]

    def _end_lost(self, expected: Expected) -> Expected:
        """Ends the tracks that were unseen for too long; what is expected of the others."""
        unseen = expected.unseen
        if not (unseen > min(self.settings.outside_gap_s, self.settings.max_gap_s)).any():
            return expected
        centre = (expected.boxes[:, :2] + expected.boxes[:, 2:]) / 2
        outside = ((centre < 0) | (centre > 1)).any(axis=1)
        # Whoever comes in there afterwards is likelier somebody else.
        limit = np.where(outside, self.settings.outside_gap_s, self.settings.max_gap_s)
        keep = unseen <= limit
        self._keep(keep)
        return expected if keep.all() else expected.pick(keep)

    def _fresh(
        self, boxes: NDArray[np.float64], detections: Detections, rows: NDArray[np.intp], strong: NDArray[np.bool_]
    ) -> NDArray[np.intp]:
        """The strong detections that are left and show somebody else than those that continue tracks."""
        left, followed = np.nonzero((rows < 0) & strong)[0], np.nonzero(rows >= 0)[0]
        if not len(left) or not len(followed):
            return left
        same_class = detections.class_ids[left, None] == detections.class_ids[None, followed]
        part = shared_of_smaller(boxes[left], boxes[followed], alike=ALIKE) > self.settings.max_cover
        fresh: NDArray[np.intp] = left[~(part & same_class).any(axis=1)]
        return fresh

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
        started = MotionModel.at(boxes, now)
        self._ids = np.concatenate([self._ids, ids])
        self._classes = np.concatenate([self._classes, class_ids])
        self._credit = self._credit.joined(Credit.at(scores.astype(np.float64), started.centre))
        self._model = self._model.joined(started)
        return ids

    def _keep(self, keep: NDArray[np.bool_]) -> None:
        if not keep.all():
            self._ids, self._classes = self._ids[keep], self._classes[keep]
            self._credit, self._model = self._credit.pick(keep), self._model.pick(keep)
