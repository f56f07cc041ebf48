"""What families share: which scores are high enough, and how boxes in the network's pixels become detections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.core.detections import Detections, ScoreLimit
from detection.core.nms import nms
from detection.inference.errors import ModelError
from detection.inference.preprocess import Letterbox

# Far more than a picture holds; without it a tiny min_score would let quadratic work in.
MAX_CANDIDATES = 512
# With limits by class, which somebody set who wants weak detections of few classes: every cell of one class, and more.
MAX_CANDIDATES_BY_CLASS = 8192


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Scores at or above their limit: cells intp ``(n,)``, class_ids int32 ``(n,)``, values float32 ``(n,)`` as given."""

    cells: NDArray[np.intp]
    class_ids: NDArray[np.int32]
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.values)


class Chooser:
    """Picks the scores that are high enough; keeps what it worked out about the last limit, since that seldom changes.

    classes_first: scores are ``(classes, cells)`` instead of ``(cells, classes)``. logits: scores are the logarithms of
    the odds, limits are probabilities all the same. model: its name, for errors. One instance belongs to one thread.
    """

    def __init__(self, *, classes_first: bool, model: str, logits: bool = False) -> None:
        self._classes_first, self._logits, self._model = classes_first, logits, model
        self._given: ScoreLimit | None = None
        self._limits: Any = np.inf
        self._asked: NDArray[np.intp] | None = None
        self.lowest = np.float32(np.inf)

    def use(self, limit: ScoreLimit) -> None:
        """Works out what the limit means in the units of the scores. An array must not be changed afterwards."""
        if limit is self._given:
            return
        self._given, self._asked = limit, None
        limits = np.atleast_1d(_as_logits(limit) if self._logits else np.where(np.greater(limit, 1), np.inf, limit))
        if isinstance(limit, np.ndarray):
            asked = np.flatnonzero(limits < np.inf)
            self._asked = asked if len(asked) < len(limits) else None
            limits = limits[asked]
        limits = limits.astype(np.float32)
        self.lowest = limits.min(initial=np.float32(np.inf))
        self._limits = limits[:, None] if self._classes_first else limits

    def choose(self, scores: NDArray[np.float32], limit: ScoreLimit) -> Candidates:
        """The candidates among the scores; classes whose limit is above 1 are not even read.

        Of more candidates than a picture can hold the best: 512, or 8192 with limits by class. Raises ModelError for scores
        that are no numbers, which would be above no limit: such a model finds nothing, and nobody would notice.
        """
        self.use(limit)
        asked = self._asked
        if asked is not None and len(asked) == 1:  # nearly always: persons, and nothing else
            return self._of_one(scores, int(asked[0]))
        if asked is not None:
            scores = scores[asked] if self._classes_first else scores[:, asked]
        check_numbers(scores, self._model)
        hits = np.flatnonzero(scores >= self._limits)
        rows, columns = np.divmod(hits, max(scores.shape[1], 1))
        values: NDArray[np.float32] = scores[rows, columns]
        most = MAX_CANDIDATES_BY_CLASS if isinstance(limit, np.ndarray) else MAX_CANDIDATES
        if len(values) > most:
            best = np.sort(np.argpartition(-values, most)[:most])  # ties keep their order
            rows, columns, values = rows[best], columns[best], values[best]
        kinds, cells = (rows, columns) if self._classes_first else (columns, rows)
        return Candidates(cells, (kinds if asked is None else asked[kinds]).astype(np.int32), values)

    def _of_one(self, scores: NDArray[np.float32], asked: int) -> Candidates:
        """The same for one class, with as few steps as can be."""
        row = scores[asked] if self._classes_first else scores[:, asked]
        check_numbers(row, self._model)
        cells = (row >= self.lowest).nonzero()[0]
        values = row[cells]
        if len(values) > MAX_CANDIDATES_BY_CLASS:
            best = np.sort(np.argpartition(-values, MAX_CANDIDATES_BY_CLASS)[:MAX_CANDIDATES_BY_CLASS])
            cells, values = cells[best], values[best]
        return Candidates(cells, np.full(len(cells), asked, np.int32), values)


def check_numbers(scores: NDArray[Any], model: str) -> None:
    """Raises ModelError when one of the scores is no number (NaN). An infinite one is still more or less than a limit."""
    if scores.dtype.kind == "f" and np.isnan(scores.max(initial=-np.inf)):  # NaN when any is
        raise ModelError(f"{model} gave scores that are no numbers; try other weights or another provider.")


def _as_logits(limit: ScoreLimit) -> NDArray[np.float64]:
    """1 or more means never."""
    shares = np.clip(np.asarray(limit, np.float64), 0.0, 1.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(shares) - np.log1p(-shares))


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits to probabilities."""
    with np.errstate(over="ignore"):  # the exponential of a large number is infinite, and the result 0
        result: NDArray[np.float32] = np.reciprocal(1 + np.exp(-logits), dtype=np.float32)
    return result


def corners(boxes: NDArray[Any]) -> NDArray[np.float32]:
    """Centre x, centre y, width, height to x1, y1, x2, y2; ``(n, 4)`` float32, a new array."""
    result = np.empty(boxes.shape, np.float32)
    half = boxes[:, 2:] / 2
    result[:, :2], result[:, 2:] = boxes[:, :2] - half, boxes[:, :2] + half
    return result


def finish(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_ids: NDArray[np.int32],
    *,
    box: Letterbox,
    nms_iou: float | None,
    model: str,
) -> Detections:
    """Boxes ``(n, 4)`` in pixels of the blob, which it overwrites, to detections in shares of the picture, by falling score.

    They are cut at the picture's border. nms_iou: None leaves all. Raises ModelError for numbers that are not finite.
    """
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise ModelError(f"{model} gave numbers that are not finite; try other weights or another provider.")
    if box.left or box.top:
        boxes -= np.array((box.left, box.top, box.left, box.top), np.float32)
    boxes /= np.array((box.width, box.height, box.width, box.height), np.float32)
    np.maximum(boxes, 0, out=boxes)
    np.minimum(boxes, 1, out=boxes)
    keep = np.argsort(-scores, kind="stable") if nms_iou is None else nms(boxes, scores, class_ids, nms_iou)
    return Detections(boxes[keep], scores[keep], class_ids[keep])
