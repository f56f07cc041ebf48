"""One analysed frame as the rules of a camera see it: what several of them need is worked out once. Pure.

With a handful of objects plain numbers are several times faster than arrays of a handful of rows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cameras.core.algorithms import Anchor, CommonParameters
from detection.core.track_credit import SCORE_SLACK
from detection.core.tracking import Tracks

Box = tuple[float, float, float, float]
Point = tuple[float, float]
Standing = tuple[int, float, float, int]
Answer = Literal["present", "missing", "unknown"]

SIDE = 32  # cells of the picture across and down
BEYOND = SIDE * SIDE


class Sight(NamedTuple):
    """One tracked object in one frame: shares of the picture."""

    track_id: int
    class_id: int
    box: Box


class Want(NamedTuple):
    """A second look that a rule asks for: this part of the picture (shares), through the model of that name."""

    track_id: int
    box: Box
    model: str


class View(NamedTuple):
    """What a second look says. score: 0..1, how sure it is. absent: the box does not have the model."""

    answer: Answer
    score: float
    absent: bool = False


class Which(NamedTuple):
    """Which objects a rule counts, and what of them says where they are."""

    classes: tuple[str, ...]
    min_score: float
    anchor: Literal["bottom_center", "center"]

    @classmethod
    def of(cls, params: CommonParameters, anchor: Anchor = "bottom_center") -> Which:
        """What the parameters ask for; the anchor `overlap` has no point and stands for the bottom centre."""
        return cls(params.classes, params.min_score, "center" if anchor == "center" else "bottom_center")


@dataclass(slots=True, eq=False)
class _Memory:
    """What was worked out so far."""

    seen: dict[int, Sight] | None = None
    anchors: dict[str, list[Point]] = field(default_factory=dict)
    counted: dict[Which, dict[int, tuple[Sight, Point]]] = field(default_factory=dict)
    standing: dict[Which, list[Standing]] = field(default_factory=dict)
    inside: dict[str, set[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Scene(Tracks):
    """The tracks of one frame with the model's class names. What it gives is shared: no rule changes it.

    views: the second looks that rules asked for and that were taken in this frame.
    """

    class_names: Sequence[str]
    views: dict[Want, View] = field(default_factory=dict, init=False)
    _memory: _Memory = field(default_factory=_Memory, init=False)

    @classmethod
    def of(cls, tracks: Tracks, class_names: Sequence[str]) -> Scene:
        """The scene of these tracks; a scene with these names is its own."""
        if isinstance(tracks, cls) and tracks.class_names is class_names:
            return tracks
        return cls(tracks.ids, tracks.detections, class_names)

    def seen(self) -> dict[int, Sight]:
        """Every object by its id, in the order of the tracks."""
        memory = self._memory
        if memory.seen is None:
            found = self.detections
            rows = zip(self.ids.tolist(), found.class_ids.tolist(), found.boxes.tolist(), strict=True)
            memory.seen = {track_id: Sight(track_id, class_id, tuple(box)) for track_id, class_id, box in rows}
        return memory.seen

    def counted(self, which: Which) -> dict[int, tuple[Sight, Point]]:
        """The objects of a wanted class that reach the smallest score, with their anchors, by id."""
        known = self._memory.counted.get(which)
        if known is None:
            known = self._memory.counted[which] = self._count(which)
        return known

    def standing(self, which: Which) -> list[Standing]:
        """Of `counted`: the cell of the picture (see `cell_of`) in which the anchor is, its x and y, and the id."""
        known = self._memory.standing.get(which)
        if known is None:
            rows = self.counted(which).items()
            known = [(cell_of(x, y), x, y, track_id) for track_id, (_, (x, y)) in rows]
            self._memory.standing[which] = known
        return known

    def once(self, key: str, find: Callable[[Scene], set[int]]) -> set[int]:
        """What `find` gives for this scene; found once for a key, however many rules ask."""
        known = self._memory.inside.get(key)
        if known is None:
            known = self._memory.inside[key] = find(self)
        return known

    def score_of(self, track_id: int) -> float:
        """Of an object that is in the frame."""
        return float(self.detections.scores[np.nonzero(self.ids == track_id)[0][0]])

    def name_of(self, class_id: int) -> str | None:
        """The name of a class; None for an id that the model's names do not cover."""
        return self.class_names[class_id] if 0 <= class_id < len(self.class_names) else None

    def _count(self, which: Which) -> dict[int, tuple[Sight, Point]]:
        wanted = _class_ids(tuple(self.class_names), which.classes)
        least = which.min_score - SCORE_SLACK
        anchors = self._memory.anchors.get(which.anchor)
        if anchors is None:
            pairs = anchors_of(self.detections.boxes, which.anchor).tolist()
            anchors = self._memory.anchors[which.anchor] = [(x, y) for x, y in pairs]
        rows = zip(self.seen().values(), anchors, self.detections.scores.tolist(), strict=True)
        return {s.track_id: (s, point) for s, point, score in rows if score >= least and s.class_id in wanted}


def cell_of(x: float, y: float) -> int:
    """The cell that holds a point: row by row, `SIDE` times `SIDE` of them over the picture, and one for all that is beyond."""
    return int(y * SIDE) * SIDE + int(x * SIDE) if 0 <= x < 1 and 0 <= y < 1 else BEYOND


def anchors_of(boxes: NDArray[np.float32], anchor: str) -> NDArray[np.float32]:
    """The bottom centre or the centre of each box ``(n, 4)``: ``(n, 2)``, shares of the picture."""
    y = boxes[:, 3] if anchor == "bottom_center" else (boxes[:, 1] + boxes[:, 3]) / 2
    anchors = np.empty((len(boxes), 2), np.float32)
    anchors[:, 0] = (boxes[:, 0] + boxes[:, 2]) / 2
    anchors[:, 1] = y
    return anchors


@functools.lru_cache(maxsize=64)
def _class_ids(class_names: tuple[str, ...], classes: tuple[str, ...]) -> frozenset[int]:
    return frozenset(index for index, name in enumerate(class_names) if name in classes)
