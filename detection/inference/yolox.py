"""YOLOX: one box for each cell, a score that anything is there, and one for each class.

After "YOLOX: Exceeding YOLO series in 2021" (Ge et al., 2021): the centre lies so many strides from the cell's corner,
width and height are exponentials times the stride; a class counts with its own score times the cell's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from detection.core.detections import Detections, ScoreLimit
from detection.inference.candidates import Chooser, check_numbers, corners, finish
from detection.inference.grid import Grids
from detection.inference.manifest import ModelManifest
from detection.inference.outputs import check_channels, read_outputs
from detection.inference.preprocess import Letterbox
from detection.inference.session import Tensor

BEFORE_CLASSES = 5  # centre x, centre y, width, height, score of the cell


class YoloxOutputs(BaseModel):
    """The manifest's `outputs` for this family.

    output: name of ``(1, cells, 5 + classes)``; scores are probabilities. boxes_are: "offsets" as the network gives
    them, or "pixels" when it was exported with its decoding. strides: in the order of the cells.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    output: str
    boxes_are: Literal["offsets", "pixels"]
    strides: tuple[Annotated[int, Field(ge=1, le=512)], ...] = Field(default=(8, 16, 32), min_length=1)


class Yolox:
    """Adapter of the family "yolox"; see Adapter."""

    def __init__(self, manifest: ModelManifest) -> None:
        spec = self._spec = read_outputs(YoloxOutputs, manifest)
        self._name = manifest.name
        self._classes = len(manifest.classes)
        self._nms_iou = manifest.thresholds.nms_iou
        self._grids = Grids(spec.strides, centre=0.0, model=manifest.name)
        self._chooser = Chooser(classes_first=False, model=self._name)
        self.output_names: tuple[str, ...] = (spec.output,)

    def check(self, outputs: Sequence[Tensor]) -> None:
        """Raises ModelError when the output is missing or has another type, rank or number of channels."""
        channels, because = BEFORE_CLASSES + self._classes, f"{self._classes} classes"
        check_channels(outputs, self._spec.output, channels, axis=2, model=self._name, because=because)

    def decode(self, outputs: Sequence[NDArray[np.float32]], box: Letterbox, min_score: ScoreLimit) -> Detections:
        """Scores first: no class can count for more than its cell."""
        rows = outputs[0][0]
        grid = self._grids.of(box, len(rows))
        check_numbers(rows[:, 4], self._name)
        self._chooser.use(min_score)
        places = np.flatnonzero(rows[:, 4] >= self._chooser.lowest)
        alive = rows[places]
        found = self._chooser.choose(alive[:, BEFORE_CLASSES:] * alive[:, 4:5], min_score)
        if not len(found):
            return Detections.empty()
        boxes = alive[found.cells, :4]
        if self._spec.boxes_are == "offsets":
            cells = places[found.cells]
            stride = grid.stride[cells, None]
            boxes[:, :2] = boxes[:, :2] * stride + grid.centres[cells]
            with np.errstate(over="ignore"):  # refused with every other number that is not finite
                boxes[:, 2:] = np.exp(boxes[:, 2:]) * stride
        return finish(corners(boxes), found.values, found.class_ids, box=box, nms_iou=self._nms_iou, model=self._name)
