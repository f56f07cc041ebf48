"""One configuration of a camera over the frames of a stored video: its rules get of each what they would get live."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from detection.core.detections import limits_by_class
from detection.core.scene import View, Want
from detection.core.view import Lens
from detection.ingest.frame import Frame
from detection.offline_watch import Watched
from detection.pipeline import CameraPipeline, Observation
from detection.plan import START_SCORE, Plan
from detection.second_stage import SecondStage


class OfflineRules:
    """limits: the smallest score of each class that the rules get, float32 ``(classes,)``.

    lacking: models for second looks that were asked for and could not be used. broken: what rules raised first that failed in
    any frame, or could not be made, by `bind_id`. second_stage: several may share one.
    """

    def __init__(self, plan: Plan, classes: Sequence[str], second_stage: SecondStage) -> None:
        """classes: the detector's, by id."""
        self.limits = limits_by_class(tuple(classes), plan.classes, plan.lowest_score)
        self.lacking: set[str] = set()
        self.broken: dict[str, str] = {}
        self._plan = plan
        self._second_stage = second_stage
        self._pipeline = CameraPipeline(classes)
        self._view = Lens()

    def step(self, seen: Watched) -> tuple[NDArray[np.intp], Observation]:
        """Takes in the next frame; which of its detections ``(n,)`` the rules got, and what they make of them."""
        frame = seen.frame
        self._pipeline.use(self._plan.sized(frame.width, frame.height))
        (rows,) = np.nonzero(seen.detections.scores >= self.limits[seen.detections.class_ids])
        found = seen.detections.pick(rows)
        # What only others looked for uncovers no view: live, nobody would have known of it.
        recognised = bool((found.scores >= START_SCORE).any())
        trouble = self._view.step(seen.small, frame.media_time, generation=frame.generation, recognised=recognised)
        observation = self._pipeline.step(
            found,
            media_time=frame.media_time,
            generation=frame.generation,
            wall_time=frame.timestamp,
            visible=not trouble,
            look=functools.partial(self._look, frame),
        )
        self.broken = self._pipeline.broken | self.broken
        return rows, observation

    @property
    def faults(self) -> tuple[str, ...]:
        """In words, which rules were broken so far, and which models were missing."""
        rules = (f"the rule of binding {bind_id} is broken: {reason}" for bind_id, reason in self.broken.items())
        return *rules, *(f"the model {name} for second looks cannot be used" for name in sorted(self.lacking))

    def _look(self, frame: Frame, wants: Iterable[Want]) -> dict[Want, View]:
        views = self._second_stage.look(frame, wants)
        self.lacking.update(want.model for want, view in views.items() if view.absent)
        return views
