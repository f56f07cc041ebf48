"""RT-DETR, D-FINE and others with queries: each query has one box and a logit for each class; nothing overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from detection.core.detections import Detections, ScoreLimit
from detection.inference.candidates import Chooser, corners, finish, sigmoid
from detection.inference.errors import ModelError
from detection.inference.manifest import ModelManifest
from detection.inference.outputs import check_channels, read_outputs
from detection.inference.preprocess import Letterbox
from detection.inference.session import Tensor


class DetrOutputs(BaseModel):
    """The manifest's `outputs` for this family.

    scores: name of ``(1, queries, classes)``. boxes: name of ``(1, queries, 4)``: centre x, centre y, width and height
    as shares (0..1) of the input. A class "nothing" at the end has no place here: these networks use sigmoids.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scores: str
    boxes: str
    scores_are: Literal["logits", "probabilities"] = "logits"


class Detr:
    """Adapter of the family "detr"; see Adapter."""

    def __init__(self, manifest: ModelManifest) -> None:
        spec = self._spec = read_outputs(DetrOutputs, manifest)
        self._name = manifest.name
        self._classes = len(manifest.classes)
        self._nms_iou = manifest.thresholds.nms_iou
        self._logits = spec.scores_are == "logits"
        self._chooser = Chooser(classes_first=False, model=self._name, logits=self._logits)
        self.output_names: tuple[str, ...] = (spec.scores, spec.boxes)

    def check(self, outputs: Sequence[Tensor]) -> None:
        """Raises ModelError when an output is missing or has another type, rank or number of channels."""
        for name, channels, because in (
            (self._spec.scores, self._classes, f"{self._classes} classes"),
            (self._spec.boxes, 4, "boxes"),
        ):
            check_channels(outputs, name, channels, axis=2, model=self._name, because=because)

    def decode(self, outputs: Sequence[NDArray[np.float32]], box: Letterbox, min_score: ScoreLimit) -> Detections:
        """Scores first: only queries above `min_score` get a box."""
        scores, boxes = outputs[0][0], outputs[1][0]
        if len(scores) != len(boxes):
            raise ModelError(f"{self._name} gave {len(scores)} queries with scores and {len(boxes)} with boxes.")
        found = self._chooser.choose(scores, min_score)
        if not len(found):
            return Detections.empty()
        size = np.array((box.blob_width, box.blob_height) * 2, np.float32)
        values = sigmoid(found.values) if self._logits else found.values
        return finish(
            corners(boxes[found.cells]) * size,
            values,
            found.class_ids,
            box=box,
            nms_iou=self._nms_iou,
            model=self._name,
        )
