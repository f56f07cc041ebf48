"""Intrusion: somebody stays in a region. The page docs/algorithms/intrusion.md describes it for operators."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cameras.core.algorithms import Algorithm
from cameras.core.geometry import outline, points_inside
from detection.core.rules.base import JSON, Binding, RuleEvent
from detection.core.rules.visits import SLACK_S, Sight, Visitor, Visits
from detection.core.tracking import SCORE_SLACK, Tracks

ALGORITHM = Algorithm(
    code="intrusion",
    label="Intrusion",
    summary="Raises an alert when an object stays inside a region longer than the dwell time.",
    roi_types=frozenset({"polygon", "rectangle"}),
)


class Intrusion:
    """One alert a visit: an object of the bound classes stands in the region for `dwell_s` of media time.

    An object is inside when the bottom centre of its box is inside the region or on its edge and its score reaches
    `min_score`. The alert is raised in a frame that shows the object inside, never between. An absence (outside,
    unseen or below `min_score`) shorter than `exit_s` neither ends the visit nor resets the dwell. A visit that
    reaches its dwell during the object's cool-down is raised once that is over, if it still goes on.

    Raises cameras.core.geometry.GeometryError (a ValueError) when the region encloses no area.
    """

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._params = binding.params
        self._classes = frozenset(binding.params.classes)
        self._polygon = np.array(outline(binding.roi_type, binding.points), dtype=np.float64)
        self._visits = Visits(exit_s=binding.params.exit_s, cooldown_s=binding.params.cooldown_s)
        self._time = -math.inf

    def step(self, tracks: Tracks, class_names: Sequence[str], media_time: float) -> list[RuleEvent]:
        """Take in one analysed frame; one event for each visit that has become an intrusion (see `base.Rule`)."""
        if not math.isfinite(media_time):
            raise ValueError("media time is not a finite number")
        if media_time < self._time:
            self.tracks_lost()
        self._time = media_time
        sights = _sights(tracks)
        inside = self._inside(tracks, class_names)
        events = []
        for track_id, visitor in self._visits.step(sights, inside, media_time):
            if self._is_due(visitor, media_time):
                visitor.raised, visitor.alerted_at = True, media_time
                events.append(self._event(tracks, track_id, visitor, class_names))
        return events

    def tracks_lost(self) -> None:
        """Void all visits and cool-downs: they belong to ids that mean nothing any more."""
        self._visits.clear()
        self._time = -math.inf

    def progress(self, media_time: float) -> dict[str, JSON]:
        """`visits`: how many go on; `longest_dwell_s`: media seconds that the longest of them has lasted."""
        since = list(self._visits.ongoing(media_time))
        longest = max((media_time - start for start in since), default=0.0)
        return {"visits": len(since), "longest_dwell_s": round(max(longest, 0.0), 2)}

    def _inside(self, tracks: Tracks, class_names: Sequence[str]) -> set[int]:
        """Ids of the objects that count and stand in the region."""
        if len(tracks) == 0:
            return set()
        found = tracks.detections
        wanted = np.array([_name(class_names, int(c)) in self._classes for c in found.class_ids], dtype=np.bool_)
        counts = wanted & (found.scores >= self._params.min_score - SCORE_SLACK)
        if not counts.any():
            return set()
        ids = tracks.ids[counts]
        return set(ids[points_inside(self._polygon, tracks.anchors[counts])].tolist())

    def _is_due(self, visitor: Visitor, now: float) -> bool:
        if visitor.raised or visitor.since is None:
            return False
        return now - visitor.since >= self._params.dwell_s - SLACK_S and self._visits.cooled(visitor, now)

    def _event(self, tracks: Tracks, track_id: int, visitor: Visitor, class_names: Sequence[str]) -> RuleEvent:
        binding = self._binding
        row = int(np.nonzero(tracks.ids == track_id)[0][0])
        since = self._time if visitor.since is None else visitor.since
        data: dict[str, JSON] = {
            "track_id": track_id,
            "class": _name(class_names, visitor.class_id),
            "score": round(float(tracks.detections.scores[row]), 4),
            "box": [round(value, 4) for value in visitor.box],
            "dwell_s": round(self._time - since, 2),
        }
        return RuleEvent(
            bind_id=binding.bind_id,
            roi_id=binding.roi_id,
            algo_code=binding.algo_code,
            severity=binding.severity,
            phase="started",
            media_time=self._time,
            track_id=track_id,
            data=data,
        )


def _sights(tracks: Tracks) -> list[Sight]:
    found = tracks.detections
    rows = zip(tracks.ids.tolist(), found.class_ids.tolist(), found.boxes.tolist(), strict=True)
    return [Sight(track_id, class_id, (x1, y1, x2, y2)) for track_id, class_id, (x1, y1, x2, y2) in rows]


def _name(class_names: Sequence[str], class_id: int) -> str | None:
    """The name of a class; None for an id that the model's names do not cover."""
    return class_names[class_id] if 0 <= class_id < len(class_names) else None
