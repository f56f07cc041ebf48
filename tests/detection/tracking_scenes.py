"""Scripted scenes for the tracker: people walk, stop, meet and hide each other; a pretended detector looks at them.

It errs as real ones do: boxes shake, scores wander, half hidden people are missed or cut, still things look like persons
a little, and now and then something is seen where nothing is. No picture of the street clip went into it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import numpy as np

from detection.core.detections import Detections
from detection.core.nms import nms

Box = tuple[float, float, float, float]
Path = Callable[[float], tuple[float, float] | None]  # the feet at a time, None when out of the picture

LAMP_POST: Box = (0.48, 0.0, 0.53, 0.62)
FORGET_S = 0.5  # how long a score stays high or low
WEAKEST = 0.1


@dataclass(frozen=True, slots=True)
class Person:
    """likeness: the score when all of it is seen."""

    path: Path
    likeness: float


@dataclass(frozen=True, slots=True)
class Scene:
    """clutter: feet of still things, and the mean score that they get. doubles: how often a person has a second box,
    of the upper part or around a neighbour too."""

    people: tuple[Person, ...]
    seconds: float = 30.0
    clutter: tuple[tuple[float, float, float], ...] = ()
    ghosts_per_s: float = 0.2
    post: bool = True
    doubles: float = 0.0


def walk(start: float, *points: tuple[float, float], speed: float = 0.07, pause: tuple[int, float] = (-1, 0.0)) -> Path:
    """From point to point at `speed` (picture widths a second), after `pause[1]` seconds' rest at point `pause[0]`."""
    legs: list[tuple[float, float, tuple[float, float], tuple[float, float]]] = []
    at = start
    for number, (begin, end) in enumerate(pairwise(points)):
        if number == pause[0]:
            legs.append((at, at + pause[1], begin, begin))
            at += pause[1]
        lasts = max(math.dist(begin, end) / speed, 1e-6)
        legs.append((at, at + lasts, begin, end))
        at += lasts

    def place(time: float) -> tuple[float, float] | None:
        for begins, ends, begin, end in legs:
            if begins <= time < ends:
                share = (time - begins) / (ends - begins)
                return begin[0] + share * (end[0] - begin[0]), begin[1] + share * (end[1] - begin[1])
        return None

    return place


def box_at(feet: tuple[float, float]) -> Box:
    """Nearer people, lower in the picture, are larger; the camera looks down from some metres."""
    height = 0.08 + 0.2 * feet[1]
    width = 0.32 * height
    return feet[0] - width / 2, feet[1] - height, feet[0] + width / 2, feet[1]


def observed(scene: Scene, *, rate: float, seed: int) -> list[tuple[float, dict[int, Box], Detections]]:
    """Time, truth by person and detections of each frame. Everybody whose feet are in the picture counts, also hidden."""
    random = Random(seed)
    moods = [random.gauss(0, 1) for _ in (*scene.people, *scene.clutter)]
    keep = math.exp(-1 / rate / FORGET_S)
    frames = []
    for number in range(int(scene.seconds * rate)):
        time = number / rate
        moods = [keep * mood + math.sqrt(1 - keep**2) * random.gauss(0, 1) for mood in moods]
        truth = {
            index: box_at(feet) for index, person in enumerate(scene.people) if (feet := person.path(time)) is not None
        }
        rows = [
            (_shaken(_seen_part(box, visible), random), score)
            for index, box in truth.items()
            if (visible := _visible(box, truth, scene)) > 0.2
            and (score := _score(scene.people[index].likeness, visible, moods[index], random)) >= WEAKEST
        ]
        if scene.doubles:
            rows += _doubled([row for row in rows if random.random() < scene.doubles], rows, random)
        for place, (x, y, likeness) in enumerate(scene.clutter):
            score = likeness + 0.05 * moods[len(scene.people) + place] + random.gauss(0, 0.03)
            rows.append((_shaken(box_at((x, y)), random), score))
        if random.random() < scene.ghosts_per_s / rate:
            rows.append((box_at((random.uniform(0.05, 0.95), random.uniform(0.3, 0.95))), random.uniform(0.3, 0.6)))
        frames.append((time, truth, _detections(rows)))
    return frames


def _visible(box: Box, truth: dict[int, Box], scene: Scene) -> float:
    """The share of a box that nobody nearer and no lamp post hides, by columns."""
    left, _, right, bottom = box
    hidden = [(other[0], other[2]) for other in truth.values() if other[3] > bottom and other[1] < bottom]
    if scene.post and bottom < LAMP_POST[3]:
        hidden.append((LAMP_POST[0], LAMP_POST[2]))
    columns = [left + (right - left) * (i + 0.5) / 20 for i in range(20)]
    return sum(not any(low <= x <= high for low, high in hidden) for x in columns) / 20


def _seen_part(box: Box, visible: float) -> Box:
    """Of somebody half hidden a detector frames what it sees, more or less."""
    cut = (1 - visible) * (box[2] - box[0]) * 0.5
    return box[0] + cut / 2, box[1], box[2] - cut / 2, box[3]


def _score(likeness: float, visible: float, mood: float, random: Random) -> float:
    if random.random() < 0.02:
        return 0.0
    return likeness * min(1.0, 0.25 + 0.9 * visible) + 0.06 * mood + random.gauss(0, 0.03)


def _doubled(chosen: list[tuple[Box, float]], rows: list[tuple[Box, float]], random: Random) -> list[tuple[Box, float]]:
    """Second boxes: of the upper part, or, when somebody stands close, around both."""
    made = []
    for box, score in chosen:
        close = [other for other, _ in rows if other != box and abs(other[0] - box[0]) < 1.2 * (box[2] - box[0])]
        near = next((other for other in close if abs(other[3] - box[3]) < 0.3 * (box[3] - box[1])), None)
        if near is None:
            part = (box[0], box[1], box[2], box[1] + random.uniform(0.4, 0.6) * (box[3] - box[1]))
        else:
            part = (min(box[0], near[0]), min(box[1], near[1]), max(box[2], near[2]), max(box[3], near[3]))
        made.append((part, score - random.uniform(0.0, 0.15)))
    return made


def _shaken(box: Box, random: Random) -> Box:
    width, height = box[2] - box[0], box[3] - box[1]
    shake = [random.gauss(0, 0.04) * width if i % 2 == 0 else random.gauss(0, 0.025) * height for i in range(4)]
    return box[0] + shake[0], box[1] + shake[1], box[2] + shake[2], box[3] + shake[3]


def _detections(rows: list[tuple[Box, float]]) -> Detections:
    count = len(rows)
    boxes = np.clip(np.array([box for box, _ in rows], np.float32).reshape(count, 4), 0, 1)
    scores = np.clip(np.array([score for _, score in rows], np.float32), 0, 0.99)
    kinds = np.zeros(count, np.int32)
    return Detections(boxes, scores, kinds).pick(nms(boxes, scores, kinds, 0.6))


def crossroad(seed: int) -> Scene:
    """Seven who come and go over a place, meet, stand and turn back; two walk side by side; three still things."""
    random = Random(seed)
    edge = [(0.0, 0.4), (0.0, 0.7), (1.0, 0.35), (1.0, 0.6), (1.0, 0.8), (0.7, 0.25), (0.3, 1.0)]

    def inner() -> tuple[float, float]:
        return random.uniform(0.25, 0.75), random.uniform(0.35, 0.75)

    people = []
    for number in range(7):
        points = [random.choice(edge), inner(), inner(), random.choice(edge)]
        speed = random.uniform(0.05, 0.1)
        path = walk(1.5 * number, *points, speed=speed, pause=(random.choice([-1, 1, 2]), random.uniform(1, 6)))
        people.append(Person(path, random.uniform(0.6, 0.82)))
    beside = [(0.0, 0.55), (0.5, 0.58), (1.0, 0.5)]
    shifted = [(x - 0.035, y + 0.015) for x, y in beside]
    people += [Person(walk(4, *points, speed=0.075), 0.72) for points in (beside, shifted)]
    clutter = ((0.12, 0.3, 0.3), (0.85, 0.3, 0.34), (0.62, 0.9, 0.28))
    return Scene(tuple(people), clutter=clutter)


def faint(seed: int) -> Scene:
    """Five who never score much above 0.4 to 0.5, as in the dark or far off, come, stand for a while and go."""
    random = Random(seed)
    people = []
    for number in range(5):
        points = [(0.0, random.uniform(0.35, 0.9)), (random.uniform(0.3, 0.7), random.uniform(0.4, 0.8)), (1.0, 0.6)]
        points = points if number % 2 else points[::-1]
        path = walk(4.0 * number, *points, speed=random.uniform(0.05, 0.1), pause=(1, random.uniform(1, 4)))
        people.append(Person(path, random.uniform(0.42, 0.5)))
    return Scene(tuple(people), clutter=((0.12, 0.3, 0.3), (0.85, 0.3, 0.34)), post=False)
