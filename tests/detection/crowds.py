"""Scripted crowds with regions in them: who is to raise an alert is known, so that recall and precision can be counted.

People in small groups and alone cross the picture, wait, turn back and come again; they hide each other, swap places and
walk along the regions' edges. The detector that looks at them errs as in `tracking_scenes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from cameras.core.algorithms import RegionParameters
from cameras.core.geometry import Points
from detection.core.assignment import best_pairs
from detection.core.detections import Detections
from detection.core.rules.base import Binding
from detection.core.rules.intrusion import Intrusion
from detection.core.track_motion import overlap
from detection.core.tracking import OverlapTracker, Tracker, TrackerSettings, Tracks
from tests.detection.alert_scores import AlertScores, Frame, Raised, alert_scores
from tests.detection.tracking_scenes import Person, Scene, observed, walk

NAMES = ("person",)
REGIONS: dict[str, Points] = {
    "middle": ((0.3, 0.4), (0.7, 0.4), (0.7, 0.8), (0.3, 0.8)),
    "left side": ((0.0, 0.3), (0.3, 0.3), (0.35, 0.9), (0.0, 0.9)),
    "strip": ((0.1, 0.55), (0.9, 0.45), (0.9, 0.57), (0.1, 0.67)),
    "small": ((0.45, 0.5), (0.6, 0.5), (0.6, 0.65), (0.45, 0.65)),
    "far": ((0.2, 0.2), (0.9, 0.2), (0.9, 0.42), (0.2, 0.42)),
    "right half": ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)),
}


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """What a detector gave, and what was there: one entry a frame."""

    times: Sequence[float]
    truth: Sequence[Frame]
    found: Sequence[Detections]


def crowd(seed: int) -> Scene:
    """A minute with three groups of two or three, and four alone; most go to and fro, so that they come again."""
    random = Random(seed)
    people: list[Person] = []
    for number in range(7):
        alone = number >= 3
        tour = [_edge(random), *(_inner(random) for _ in range(random.randint(2, 4))), _edge(random)]
        speed, stop = random.uniform(0.05, 0.1), (random.randint(-1, 2), random.uniform(1, 5))
        for member in range(1 if alone else random.randint(2, 3)):
            beside = (member * random.uniform(0.045, 0.07), member * random.uniform(-0.03, 0.03))
            points = [(x + beside[0] + random.gauss(0, 0.008), y + beside[1] + random.gauss(0, 0.008)) for x, y in tour]
            path = walk(random.uniform(0, 0.5) + 5.0 * number, *points, speed=speed, pause=stop)
            people.append(Person(path, random.uniform(0.6, 0.82)))
    return Scene(tuple(people), seconds=60, clutter=((0.12, 0.3, 0.3), (0.62, 0.9, 0.28)), doubles=0.1)


def _edge(random: Random) -> tuple[float, float]:
    return random.choice(
        [(0.0, random.uniform(0.35, 0.9)), (1.0, random.uniform(0.3, 0.9)), (random.uniform(0.3, 0.7), 1.0)]
    )


def _inner(random: Random) -> tuple[float, float]:
    return random.uniform(0.2, 0.8), random.uniform(0.3, 0.8)


def recorded(scene: Scene, *, rate: float, seed: int) -> Recording:
    """A scene as a detector sees it."""
    rows = list(observed(scene, rate=rate, seed=seed))
    return Recording([now for now, _, _ in rows], [dict(truth) for _, truth, _ in rows], [found for *_, found in rows])


class Knowing:
    """In a tracker's place: gives each detection the identity of whom it shows, from the truth of the recording."""

    def __init__(self, recording: Recording) -> None:
        self._truth = iter(recording.truth)

    def update(self, detections: Detections, media_time: float) -> Tracks:
        frame = next(self._truth)
        found = detections.pick(np.nonzero(detections.scores >= TrackerSettings().continue_score)[0])
        if not frame or not len(found):
            return Tracks.empty()
        fits = overlap(np.array(list(frame.values()), np.float64), found.boxes.astype(np.float64))
        people, rows = best_pairs(np.where(fits >= 0.4, fits, 0.0))
        order = np.argsort(rows)
        return Tracks(np.array(list(frame), np.int64)[people[order]] + 1, found.pick(rows[order]))

    def reset(self) -> None: ...

    def start_at(self, score: float) -> None: ...


def scores_of(
    recording: Recording, *, tracker: Callable[[], Tracker] | None = None, regions: dict[str, Points] = REGIONS
) -> AlertScores:
    """What tracker and rule, both with default parameters, raise over a recording."""
    total = AlertScores()
    for region, alerts in zip(
        regions.values(), alerts_of(recording, (tracker or OverlapTracker)(), regions), strict=True
    ):
        total.add(alert_scores(recording.times, recording.truth, alerts, region))
    return total


def alerts_of(recording: Recording, tracker: Tracker, regions: dict[str, Points]) -> Iterator[list[Raised]]:
    """The alerts in each region."""
    rules = [Intrusion(_binding(name, points)) for name, points in regions.items()]
    raised: list[list[Raised]] = [[] for _ in rules]
    for now, found in zip(recording.times, recording.found, strict=True):
        tracks = tracker.update(found, now)
        boxes = dict(zip(tracks.ids.tolist(), tracks.detections.boxes.tolist(), strict=True))
        for rule, alerts in zip(rules, raised, strict=True):
            alerts += [Raised(now, boxes[e.track_id]) for e in rule.step(tracks, NAMES, now) if e.track_id is not None]
    yield from raised


def _binding(name: str, points: Points) -> Binding:
    return Binding(
        bind_id=name,
        roi_id=name,
        camera_id="c1",
        algo_code="intrusion",
        severity="warning",
        priority=0,
        roi_type="polygon",
        points=points,
        params=RegionParameters(),
    )
