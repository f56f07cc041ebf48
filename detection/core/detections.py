"""The one typed object in which detections travel (house rule: arrays never as positional tuples)."""

from __future__ import annotations

import functools
from dataclasses import InitVar, dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

# The smallest score that counts, 0..1: one for all classes, or float32 ``(classes,)`` with one each.
ScoreLimit: TypeAlias = "float | NDArray[np.float32]"


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What a detector saw in one frame.

    boxes: float32 ``(n, 4)``, x1, y1, x2, y2 as shares (0..1) of the picture's width and height, x1 <= x2, y1 <= y2.
    scores: float32 ``(n,)``, 0..1. class_ids: int32 ``(n,)``, indexes into the model's class names.
    checked: for rows of another one, which were looked at when that one was made.

    Raises ValueError when the shapes disagree or a value is not finite.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int32]
    checked: InitVar[bool] = False

    def __post_init__(self, checked: bool) -> None:
        if checked:
            return
        count = len(self.scores)
        if self.boxes.shape != (count, 4) or self.scores.shape != (count,) or self.class_ids.shape != (count,):
            raise ValueError(
                f"detections disagree: boxes {self.boxes.shape}, scores {self.scores.shape}, "
                f"class_ids {self.class_ids.shape}"
            )
        if not (np.isfinite(self.boxes).all() and np.isfinite(self.scores).all()):
            raise ValueError("detections hold a value that is not a finite number")

    @classmethod
    def empty(cls) -> Detections:
        """No detections: arrays of length 0."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32))

    def __len__(self) -> int:
        return len(self.scores)

    def pick(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> Detections:
        """The detections that a mask or an index array selects, in its order."""
        return Detections(self.boxes[keep], self.scores[keep], self.class_ids[keep], checked=True)


@functools.lru_cache(maxsize=256)
def limits_by_class(class_names: tuple[str, ...], wanted: frozenset[str], lowest: float) -> NDArray[np.float32]:
    """Score limits ``(classes,)`` that let only the wanted classes through, from `lowest` on; not to be changed.

    The same array each time for the same arguments (while they are in use), so that `is` compares two of them.
    """
    limits = np.array([lowest if name in wanted else np.inf for name in class_names], np.float32)
    limits.flags.writeable = False
    return limits
