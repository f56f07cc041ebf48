"""Scenes for the tests of rules about a stay: who stands where at which moment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from cameras.core.algorithms import RegionParameters, Registry
from detection.core.detections import Detections
from detection.core.rules import make_rule, register_all
from detection.core.rules.base import Binding, Rule, RuleEvent
from detection.core.rules.intrusion import Intrusion
from detection.core.tracking import Tracks

NAMES = ("person", "car", "dog")
INSIDE, OUTSIDE = (0.5, 0.5), (0.9, 0.9)
Seen = dict[int, tuple[float, float]]  # track id to the place where it stands


def rule(*, bind_id: str = "b1", **params: Any) -> Intrusion:
    """The left upper part of the picture, 0.2 to 0.7 both ways; dwell 1 s, exit 2 s, cool-down 30 s unless given."""
    return Intrusion(
        Binding(
            bind_id=bind_id,
            roi_id="r1",
            camera_id="c1",
            algo_code="intrusion",
            severity="critical",
            priority=0,
            roi_type="rectangle",
            points=((0.2, 0.2), (0.7, 0.7)),
            params=RegionParameters(**params),
        )
    )


REGISTRY = Registry()
register_all(REGISTRY)
SQUARE = ((0.2, 0.2), (0.7, 0.7))
MIDLINE = ((0.5, 0.9), (0.5, 0.1))  # upwards: side A is the left half of the picture


def binding(algo_code: str, *, time_zone: str = "UTC", points: Any = None, **params: Any) -> Binding:
    """A binding to the square of `rule`, or to a line from the bottom to the top of the picture's middle."""
    is_line = algo_code == "line_crossing"
    return Binding(
        bind_id="b1",
        roi_id="r1",
        camera_id="c1",
        algo_code=algo_code,
        severity="warning",
        priority=0,
        roi_type="line" if is_line else "rectangle",
        points=points or (MIDLINE if is_line else SQUARE),
        params=REGISTRY.parameters(algo_code, params),
        time_zone=time_zone,
    )


def made(algo_code: str, **params: Any) -> Rule:
    """A new rule on that binding."""
    return make_rule(binding(algo_code, **params))


def phases(events: Iterable[RuleEvent]) -> list[tuple[str, float]]:
    """Phase and media time of each."""
    return [(event.phase, round(event.media_time, 3)) for event in events]


def tracks(
    seen: Seen, *, score: float | list[float] = 0.8, class_id: int = 0, width: float = 0.06, height: float = 0.2
) -> Tracks:
    """score: of all, or one each."""
    boxes = [[x - width / 2, y - height, x + width / 2, y] for x, y in seen.values()]
    return Tracks(
        np.array(list(seen), np.int64),
        Detections(
            np.array(boxes, np.float32).reshape(len(seen), 4),
            np.full(len(seen), score, np.float32),
            np.full(len(seen), class_id, np.int32),
        ),
    )


def times(start: float, end: float, rate: float = 10) -> list[float]:
    return [start + index / rate for index in range(math.floor((end - start) * rate + 1e-9) + 1)]


def play(machine: Rule, when: Iterable[float], scene: Callable[[float], Tracks]) -> list[RuleEvent]:
    return [event for now in when for event in machine.step(scene(now), NAMES, now)]


def stand(*spans: tuple[float, float], track_id: int = 1) -> Callable[[float], Tracks]:
    """Track 1 is inside during the spans and outside between them."""

    def scene(now: float) -> Tracks:
        inside = any(start - 1e-9 <= now <= end + 1e-9 for start, end in spans)
        return tracks({track_id: INSIDE if inside else OUTSIDE})

    return scene


def at(events: Iterable[RuleEvent]) -> list[float]:
    return [round(event.media_time, 3) for event in events]
