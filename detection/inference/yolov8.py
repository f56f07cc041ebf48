"""Networks like YOLOv8: boxes in pixels and one probability for each class and cell, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from detection.core.detections import Detections, ScoreLimit
from detection.inference.candidates import Chooser, corners, finish
from detection.inference.manifest import ModelManifest
from detection.inference.outputs import check_channels, read_outputs
from detection.inference.preprocess import Letterbox
from detection.inference.session import Tensor

BEFORE_CLASSES = 4  # centre x, centre y, width, height


class YoloV8Outputs(BaseModel):
    """The manifest's `outputs` for this family.

    output: name of ``(1, 4 + classes, cells)`` (channels-first) or ``(1, cells, 4 + classes)`` (cells-first): centre x,
    centre y, width and height in pixels of the input, then probabilities.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    output: str
    layout: Literal["channels-first", "cells-first"] = "channels-first"


class YoloV8:
    """Adapter of the family "yolov8"; see Adapter."""

    def __init__(self, manifest: ModelManifest) -> None:
        spec = self._spec = read_outputs(YoloV8Outputs, manifest)
        self._name = manifest.name
        self._classes = len(manifest.classes)
        self._nms_iou = manifest.thresholds.nms_iou
        self._channels_first = spec.layout == "channels-first"
        self._chooser = Chooser(classes_first=self._channels_first, model=self._name)
        self.output_names: tuple[str, ...] = (spec.output,)

    def check(self, outputs: Sequence[Tensor]) -> None:
        """Raises ModelError when the output is missing or has another type, rank or number of channels."""
        channels, because = BEFORE_CLASSES + self._classes, f"{self._classes} classes"
        axis = 1 if self._channels_first else 2
        check_channels(outputs, self._spec.output, channels, axis=axis, model=self._name, because=because)

    def decode(self, outputs: Sequence[NDArray[np.float32]], box: Letterbox, min_score: ScoreLimit) -> Detections:
        """Scores first: only cells above `min_score` get a box."""
        both = outputs[0][0]
        scores = both[BEFORE_CLASSES:] if self._channels_first else both[:, BEFORE_CLASSES:]
        found = self._chooser.choose(scores, min_score)
        if not len(found):
            return Detections.empty()
        boxes = both[:4, found.cells].T if self._channels_first else both[found.cells, :4]
        return finish(corners(boxes), found.values, found.class_ids, box=box, nms_iou=self._nms_iou, model=self._name)
