"""NanoDet: one score for each class and cell, and box edges as distributions over distances.

After "Generalized focal loss" (Li et al., 2020, section 3.2): the distance from a cell's centre to an edge of the box
is the expectation over the bins 0 … bins - 1, times the stride.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from detection.core.detections import Detections, ScoreLimit
from detection.inference.candidates import Chooser, finish, sigmoid
from detection.inference.grid import Grid, Grids
from detection.inference.manifest import ModelManifest
from detection.inference.outputs import check_channels, read_outputs
from detection.inference.preprocess import Letterbox
from detection.inference.session import Tensor


class NanoDetOutputs(BaseModel):
    """The manifest's `outputs` for this family.

    scores, distances: names of outputs of n classes and of 4 · bins channels (left, top, right, bottom); the same name
    twice when one output holds both, scores first; as many names as strides where each has outputs of its own. layout:
    ``(1, channels, cells)`` or ``(1, cells, channels)``; cells run row by row, strides in the order given. centre: of a
    cell, in strides: 0.5 for NanoDet, 0 for NanoDet-Plus.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scores: str | tuple[str, ...]
    distances: str | tuple[str, ...]
    layout: Literal["channels-first", "cells-first"]
    scores_are: Literal["logits", "probabilities"]
    strides: tuple[Annotated[int, Field(ge=1, le=512)], ...] = Field(min_length=1)
    bins: int = Field(ge=2, le=64)
    centre: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _one_for_each_stride(self) -> NanoDetOutputs:
        names = (self.scores, self.distances)
        if any(isinstance(each, tuple) and len(each) != len(self.strides) for each in names) or (
            isinstance(self.scores, str) != isinstance(self.distances, str)
        ):
            raise ValueError("scores and distances are one name each, or as many names as there are strides")
        return self


class NanoDet:
    """Adapter of the family "nanodet"; see Adapter."""

    def __init__(self, manifest: ModelManifest) -> None:
        spec = self._spec = read_outputs(NanoDetOutputs, manifest)
        self._name = manifest.name
        self._classes = len(manifest.classes)
        self._nms_iou = manifest.thresholds.nms_iou
        self._bins = np.arange(spec.bins, dtype=np.float32)
        self._grids = Grids(spec.strides, centre=spec.centre, model=manifest.name)
        self._channels_first = spec.layout == "channels-first"
        self._logits = spec.scores_are == "logits"
        self._chooser = Chooser(classes_first=self._channels_first, model=self._name, logits=self._logits)
        self._scores, self._distances = _names(spec.scores), _names(spec.distances)
        self._both = self._scores == self._distances  # in one output
        self.output_names: tuple[str, ...] = self._scores if self._both else self._scores + self._distances

    def check(self, outputs: Sequence[Tensor]) -> None:
        """Raises ModelError when an output is missing or has another type, rank or number of channels."""
        edges = 4 * self._spec.bins
        if self._both:
            expected = dict.fromkeys(self._scores, self._classes + edges)
        else:
            expected = dict.fromkeys(self._scores, self._classes) | dict.fromkeys(self._distances, edges)
        because = f"{self._classes} classes and {self._spec.bins} bins"
        axis = 1 if self._channels_first else 2
        for name, channels in expected.items():
            check_channels(outputs, name, channels, axis=axis, model=self._name, because=because)

    def decode(self, outputs: Sequence[NDArray[np.float32]], box: Letterbox, min_score: ScoreLimit) -> Detections:
        """Scores first: only cells above `min_score` get a box."""
        scores, distances = self._split(outputs)
        grid = self._grids.of(box, scores.shape[1 if self._channels_first else 0])
        found = self._chooser.choose(scores, min_score)
        if not len(found):
            return Detections.empty()
        edges = distances[:, found.cells] if self._channels_first else distances[found.cells].T
        values = sigmoid(found.values) if self._logits else found.values
        boxes = self._boxes(edges, found.cells, grid)
        return finish(boxes, values, found.class_ids, box=box, nms_iou=self._nms_iou, model=self._name)

    def _split(self, outputs: Sequence[NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if not self._both:
            count = len(self._scores)
            return self._joined(outputs[:count]), self._joined(outputs[count:])
        both = self._joined(outputs)
        if self._channels_first:
            return both[: self._classes], both[self._classes :]
        return both[:, : self._classes], both[:, self._classes :]

    def _joined(self, outputs: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Of all strides, one after the other, without the first axis."""
        if len(outputs) == 1:
            return np.asarray(outputs[0][0])
        return np.concatenate([each[0] for each in outputs], axis=1 if self._channels_first else 0)

    def _boxes(self, edges: NDArray[np.float32], cells: NDArray[np.intp], grid: Grid) -> NDArray[np.float32]:
        """Edges ``(4 * bins, n)`` of the cells to boxes ``(n, 4)`` in pixels of the blob."""
        weights = edges.reshape(4, len(self._bins), -1)
        weights = np.exp(weights - weights.max(axis=1, keepdims=True))
        reach = np.einsum("b,ebn->en", self._bins, weights) / weights.sum(axis=1) * grid.stride[cells]
        boxes = np.empty((len(cells), 4), np.float32)
        boxes[:, :2] = boxes[:, 2:] = grid.centres[cells]
        boxes[:, :2] -= reach[:2].T
        boxes[:, 2:] += reach[2:].T
        return boxes


def _names(given: str | tuple[str, ...]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else given
