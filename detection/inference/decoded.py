"""Networks that give finished boxes, labels and scores: SSD with built-in suppression, RT-DETR with its post-processor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from detection.core.detections import Detections, ScoreLimit
from detection.inference.candidates import check_numbers, finish
from detection.inference.errors import ModelError
from detection.inference.manifest import ModelManifest
from detection.inference.outputs import find_output, read_outputs
from detection.inference.preprocess import Letterbox
from detection.inference.session import Tensor

NUMBERS = ("tensor(float)", "tensor(int64)", "tensor(int32)")


class DecodedOutputs(BaseModel):
    """The manifest's `outputs` for this family; n boxes, with or without an axis for the batch in front.

    boxes: name of ``(n, 4)``. labels, scores: names of ``(n,)``. count: name of ``(1,)``, how many of the n are meant;
    null: all. order: of a box's numbers. boxes_are: "shares" (0..1) or "pixels" of the input. first_label: the number that
    stands for the first of the manifest's classes: 1 where 0 means background.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    boxes: str
    labels: str
    scores: str
    count: str | None = None
    order: Literal["x1y1x2y2", "y1x1y2x2"] = "x1y1x2y2"
    boxes_are: Literal["shares", "pixels"]
    first_label: int = Field(default=0, ge=0)


class Decoded:
    """Adapter of the family "decoded"; see Adapter."""

    def __init__(self, manifest: ModelManifest) -> None:
        spec = self._spec = read_outputs(DecodedOutputs, manifest)
        self._name = manifest.name
        self._classes = len(manifest.classes)
        self._nms_iou = manifest.thresholds.nms_iou
        names = (spec.boxes, spec.labels, spec.scores)
        self.output_names: tuple[str, ...] = names if spec.count is None else (*names, spec.count)

    def check(self, outputs: Sequence[Tensor]) -> None:
        """Raises ModelError when an output is missing, holds no numbers, or boxes have not four of them."""
        for name in self.output_names:
            tensor = find_output(outputs, name, model=self._name)
            if tensor.type not in NUMBERS:
                raise ModelError(f"Output {name!r} of {self._name} is {tensor.type}, not one of {', '.join(NUMBERS)}.")
            if name == self._spec.boxes and (len(tensor.shape) not in (2, 3) or tensor.shape[-1] not in (None, 4)):
                raise ModelError(
                    f"Output {name!r} of {self._name} has the shape {tensor.shape}; boxes are (n, 4) or (1, n, 4). "
                    "Correct outputs.boxes of the manifest."
                )

    def decode(self, outputs: Sequence[NDArray[Any]], box: Letterbox, min_score: ScoreLimit) -> Detections:
        """What counts and is above `min_score`."""
        boxes, labels, scores = self._rows(outputs)
        kinds = labels.astype(np.int64) - self._spec.first_label
        known = (kinds >= 0) & (kinds < self._classes)
        limit: NDArray[Any] | float = min_score
        if isinstance(min_score, np.ndarray):
            limit = min_score[np.where(known, kinds, 0)]
        check_numbers(scores, self._name)
        keep = np.flatnonzero(scores >= limit)
        if not known[keep].all():
            label = labels[keep][~known[keep]][0]
            raise ModelError(
                f"{self._name} gave the label {label:g}, but the manifest has {self._classes} classes from "
                f"{self._spec.first_label} on. Correct its classes or outputs.first_label."
            )
        chosen = boxes[keep].astype(np.float32)
        if self._spec.order == "y1x1y2x2":
            chosen = chosen[:, [1, 0, 3, 2]]
        if self._spec.boxes_are == "shares":
            chosen = chosen * np.array((box.blob_width, box.blob_height) * 2, np.float32)
        values = scores[keep].astype(np.float32)
        class_ids = kinds[keep].astype(np.int32)
        return finish(chosen, values, class_ids, box=box, nms_iou=self._nms_iou, model=self._name)

    def _rows(self, outputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        boxes, labels, scores = outputs[0].reshape(-1, 4), outputs[1].ravel(), outputs[2].ravel()
        if not len(boxes) == len(labels) == len(scores):
            raise ModelError(
                f"{self._name} gave {len(boxes)} boxes, {len(labels)} labels and {len(scores)} scores. "
                "Correct the names in the manifest's outputs."
            )
        count = len(boxes) if self._spec.count is None else max(0, int(outputs[3].ravel()[0]))
        return boxes[:count], labels[:count], scores[:count]
