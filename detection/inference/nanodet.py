"""NanoDet: one score for each class and cell, and box edges as distributions over distances.

After "Generalized focal loss" (Li et al., 2020, section 3.2): the distance from a cell's centre to an edge of the box
is the expectation over the bins 0 … bins - 1, times the stride.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detection.core.detections import Detections
from detection.core.nms import nms
from detection.inference.errors import ModelError
from detection.inference.manifest import ModelManifest, describe
from detection.inference.preprocess import Letterbox
from detection.inference.session import Tensor

# Far more than a picture holds; without it a tiny min_score would let quadratic work in.
MAX_CANDIDATES = 512


class NanoDetOutputs(BaseModel):
    """The manifest's `outputs` for this family.

    scores, distances: names of outputs of n classes and of 4 · bins channels (left, top, right, bottom); the same name
    twice when one output holds both, scores first. layout: ``(1, channels, cells)`` or ``(1, cells, channels)``; cells
    run row by row, strides in the order given. centre: of a cell, in strides: 0.5 for NanoDet, 0 for NanoDet-Plus.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scores: str
    distances: str
    layout: Literal["channels-first", "cells-first"]
    scores_are: Literal["logits", "probabilities"]
    strides: tuple[Annotated[int, Field(ge=1, le=512)], ...] = Field(min_length=1)
    bins: int = Field(ge=2, le=64)
    centre: float = Field(ge=0, le=1)


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Centres of all cells in pixels of the blob, and their strides; float32 ``(cells,)``."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    stride: NDArray[np.float32]


class NanoDet:
    """Adapter of the family "nanodet"; see Adapter."""

    def __init__(self, manifest: ModelManifest) -> None:
        try:
            self._spec = NanoDetOutputs.model_validate(manifest.outputs)
        except ValidationError as error:
            raise ModelError(
                f"The manifest of {manifest.name} is broken: outputs.{describe(error)}. docs/models.md has the format."
            ) from None
        spec = self._spec
        self._name = manifest.name
        self._classes = len(manifest.classes)
        self._nms_iou = manifest.thresholds.nms_iou
        self._bins = np.arange(spec.bins, dtype=np.float32)
        self._grids: dict[tuple[int, int], _Grid] = {}
        self.output_names: tuple[str, ...] = (
            (spec.scores,) if spec.scores == spec.distances else (spec.scores, spec.distances)
        )

    def check(self, outputs: Sequence[Tensor]) -> None:
        """Raises ModelError when an output is missing or has another type, rank or number of channels."""
        found = {tensor.name: tensor for tensor in outputs}
        edges = 4 * self._spec.bins
        if len(self.output_names) == 1:
            expected = {self._spec.scores: self._classes + edges}
        else:
            expected = {self._spec.scores: self._classes, self._spec.distances: edges}
        axis = 1 if self._spec.layout == "channels-first" else 2
        for name, channels in expected.items():
            tensor = found.get(name)
            if tensor is None:
                raise ModelError(f"{self._name} has no output {name!r}, only {', '.join(found)}. Correct the manifest.")
            fits = (
                tensor.type == "tensor(float)" and len(tensor.shape) == 3 and tensor.shape[axis] in (None, channels)
            )  # batch, channels, cells
            if not fits:
                raise ModelError(
                    f"Output {name!r} of {self._name} is {tensor.type} {tensor.shape}, but {self._classes} classes and "
                    f"{self._spec.bins} bins need tensor(float) with {channels} on axis {axis}. Correct the manifest's "
                    "classes or outputs, or export the model again."
                )

    def decode(self, outputs: Sequence[NDArray[np.float32]], box: Letterbox, min_score: float) -> Detections:
        """Scores first: only cells above `min_score` get a box. The best 512 candidates go into the suppression."""
        scores, distances = self._split(outputs)
        grid = self._grid(box.blob_width, box.blob_height)
        channels_first = self._spec.layout == "channels-first"
        cells = scores.shape[1 if channels_first else 0]
        if len(grid.x) != cells:
            raise ModelError(f"{self._name} gave {cells} cells where the manifest's strides make {len(grid.x)}.")
        hits = np.flatnonzero(scores >= self._limit(min_score))
        if not len(hits):
            return Detections.empty()
        rows, columns = np.divmod(hits, scores.shape[1])
        values: NDArray[np.float32] = scores[rows, columns]
        if len(values) > MAX_CANDIDATES:
            best = np.argpartition(-values, MAX_CANDIDATES)[:MAX_CANDIDATES]
            rows, columns, values = rows[best], columns[best], values[best]
        class_ids, where = (rows, columns) if channels_first else (columns, rows)
        edges = distances[:, where] if channels_first else distances[where].T
        boxes = self._boxes(edges, where, grid, box)
        if self._spec.scores_are == "logits":
            values = np.reciprocal(1 + np.exp(-values), dtype=np.float32)
        kinds = class_ids.astype(np.int32)
        return Detections(boxes, values, kinds).pick(nms(boxes, values, kinds, self._nms_iou))

    def _split(self, outputs: Sequence[NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if len(outputs) > 1:
            return outputs[0][0], outputs[1][0]
        both = outputs[0][0]
        if self._spec.layout == "channels-first":
            return both[: self._classes], both[self._classes :]
        return both[:, : self._classes], both[:, self._classes :]

    def _limit(self, min_score: float) -> float:
        """The score as the network writes it."""
        if self._spec.scores_are == "probabilities":
            return min_score
        if not 0.0 < min_score < 1.0:
            return -math.inf if min_score <= 0.0 else math.inf
        return math.log(min_score / (1.0 - min_score))

    def _boxes(
        self, edges: NDArray[np.float32], where: NDArray[np.intp], grid: _Grid, box: Letterbox
    ) -> NDArray[np.float32]:
        """Edges ``(4 * bins, n)`` of the cells `where` to boxes ``(n, 4)``, 0..1 of the picture, cut at its border."""
        weights = edges.reshape(4, len(self._bins), -1)
        weights = np.exp(weights - weights.max(axis=1, keepdims=True))
        reach = np.einsum("b,ebn->en", self._bins, weights) / weights.sum(axis=1) * grid.stride[where]
        boxes = np.empty((len(where), 4), np.float32)
        boxes[:, 0] = grid.x[where] - reach[0]
        boxes[:, 1] = grid.y[where] - reach[1]
        boxes[:, 2] = grid.x[where] + reach[2]
        boxes[:, 3] = grid.y[where] + reach[3]
        if not np.isfinite(boxes).all():
            raise ModelError(f"{self._name} gave numbers that are not finite; try other weights or another provider.")
        boxes /= np.array((box.width, box.height, box.width, box.height), np.float32)
        return np.clip(boxes, 0.0, 1.0, out=boxes)

    def _grid(self, width: int, height: int) -> _Grid:
        grid = self._grids.get((width, height))
        if grid is None:
            parts = [self._centres(width, height, stride) for stride in self._spec.strides]
            grid = _Grid(*(np.concatenate(axis).astype(np.float32) for axis in zip(*parts, strict=True)))
            self._grids[width, height] = grid
        return grid

    def _centres(self, width: int, height: int, stride: int) -> tuple[NDArray[np.float64], ...]:
        rows, columns = np.indices((-(-height // stride), -(-width // stride)), np.float64)
        x, y = ((axis.ravel() + self._spec.centre) * stride for axis in (columns, rows))
        return x, y, np.full(x.shape, float(stride))
