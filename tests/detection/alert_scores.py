"""How good alerts about people in a region are against the truth: recall and precision, from their definitions.

A visit is the time that somebody's feet (bottom centre of the true box) are in the region, absences shorter than `exit_s`
included. One that lasts `dwell_s` is to have an alert that shows that person, unless it ends within the cool-down of an
earlier one about them. Alerts and visits are paired one to one, as many as possible. An alert is right when it has a visit
(a little too short is allowed); anything else, a second one above all, is wrong. One that has a visit but comes within the
cool-down of that person is right and early.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from cameras.core.geometry import Points, Ring
from detection.core.assignment import best_pairs
from detection.core.track_motion import overlap

Box = Sequence[float]
Frame = Mapping[int, Box]  # true boxes by person

LEAST_OVERLAP = 0.3
SHORT_S = 0.4  # boxes shake: a visit that is this much too short may have an alert
SLACK_S = 1.0  # and an alert may come so long before or after the visit as the truth has it


class Visit(NamedTuple):
    person: int
    begin: float
    end: float


class Raised(NamedTuple):
    """An alert: media time, and the box that it shows."""

    time: float
    box: Box


@dataclass(slots=True)
class AlertScores:
    """Counts that add up over regions and scenes. early: of `right`. missed, wrong: which, for people."""

    expected: int = 0
    found: int = 0
    alerts: int = 0
    right: int = 0
    early: int = 0
    missed: list[Visit] = field(default_factory=list)
    wrong: list[Raised] = field(default_factory=list)

    @property
    def recall(self) -> float:
        return self.found / max(self.expected, 1)

    @property
    def precision(self) -> float:
        return self.right / max(self.alerts, 1)

    def add(self, other: AlertScores) -> None:
        """Count those of another region or scene too."""
        self.expected += other.expected
        self.found += other.found
        self.alerts += other.alerts
        self.right += other.right
        self.early += other.early
        self.missed += other.missed
        self.wrong += other.wrong


def visits_of(times: Sequence[float], truth: Sequence[Frame], region: Points, *, exit_s: float = 2.0) -> list[Visit]:
    """All visits to a polygon, by their beginning."""
    ring, visits = Ring(region), []
    going_on: dict[int, Visit] = {}
    for now, frame in zip(times, truth, strict=True):
        for person, (x1, _, x2, y2) in frame.items():
            if not ring.holds((x1 + x2) / 2, y2):
                continue
            latest = going_on.get(person)
            if latest is not None and now - latest.end >= exit_s:
                visits.append(latest)
                latest = None
            going_on[person] = Visit(person, now if latest is None else latest.begin, now)
    return sorted([*visits, *going_on.values()], key=lambda visit: (visit.begin, visit.person))


def alert_scores(
    times: Sequence[float],
    truth: Sequence[Frame],
    alerts: Iterable[Raised],
    region: Points,
    *,
    dwell_s: float = 1.0,
    exit_s: float = 2.0,
    cooldown_s: float = 30.0,
) -> AlertScores:
    """Of one region. times, truth: of every frame that was looked at, in order."""
    raised = sorted(alerts, key=lambda alert: alert.time)
    visits = visits_of(times, truth, region, exit_s=exit_s)
    fits = np.zeros((len(raised), len(visits)))
    for row, alert in enumerate(raised):
        there = _whom(truth[max(bisect_right(times, alert.time + 1e-6) - 1, 0)], alert.box)
        for column, visit in enumerate(visits):
            long_enough = visit.end - visit.begin >= dwell_s - SHORT_S
            near = visit.begin - SLACK_S <= alert.time <= visit.end + SLACK_S
            fits[row, column] = 10.0 + there[visit.person] if long_enough and near and visit.person in there else 0.0
    alert_of = {column: row for row, column in zip(*(each.tolist() for each in best_pairs(fits)), strict=True)}
    scores = AlertScores(alerts=len(raised), wrong=[a for row, a in enumerate(raised) if row not in alert_of.values()])
    latest: dict[int, float] = {}
    for column, visit in enumerate(visits):
        cooled_at = latest.get(visit.person, -math.inf) + cooldown_s
        if column in alert_of:
            alert = raised[alert_of[column]]
            scores.right += 1
            scores.early += alert.time < cooled_at - 1e-6
            latest[visit.person] = alert.time
        elif visit.end < cooled_at + dwell_s:
            continue
        if visit.end - visit.begin >= dwell_s - 1e-6:
            scores.expected += 1
            scores.found += column in alert_of
            if column not in alert_of:
                scores.missed.append(visit)
    return scores


def _whom(frame: Frame, box: Box) -> dict[int, float]:
    """The people whom a box may show, and how well it fits each."""
    if not frame:
        return {}
    fits = overlap(np.array([box], np.float64), np.array([list(each) for each in frame.values()], np.float64))[0]
    return {person: fit for person, fit in zip(frame, fits.tolist(), strict=True) if fit >= LEAST_OVERLAP}
