"""The cells of a network that looks at each picture through grids of several strides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detection.inference.errors import ModelError
from detection.inference.preprocess import Letterbox


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Centres of all cells in pixels of the blob ``(cells, 2)``, and their strides ``(cells,)``; float32, row by row."""

    centres: NDArray[np.float32]
    stride: NDArray[np.float32]


class Grids:
    """Grids by size of the blob, each computed once. centre: of a cell, in strides: 0.5, or 0 for its corner."""

    def __init__(self, strides: Sequence[int], *, centre: float, model: str) -> None:
        self._strides, self._centre, self._model = strides, centre, model
        self._known: dict[tuple[int, int], Grid] = {}

    def of(self, box: Letterbox, cells: int) -> Grid:
        """The grid of that blob. Raises ModelError when it has not as many cells as the network gave."""
        size = (box.blob_width, box.blob_height)
        grid = self._known.get(size)
        if grid is None:
            parts = [self._cells(*size, stride) for stride in self._strides]
            x, y, stride = (np.concatenate(axis).astype(np.float32) for axis in zip(*parts, strict=True))
            grid = Grid(np.stack((x, y), axis=1), stride)
            self._known[size] = grid
        if len(grid.stride) != cells:
            raise ModelError(f"{self._model} gave {cells} cells where the manifest's strides make {len(grid.stride)}.")
        return grid

    def _cells(self, width: int, height: int, stride: int) -> tuple[NDArray[np.float64], ...]:
        rows, columns = np.indices((-(-height // stride), -(-width // stride)), np.float64)
        x, y = ((axis.ravel() + self._centre) * stride for axis in (columns, rows))
        return x, y, np.full(x.shape, float(stride))
