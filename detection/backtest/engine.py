"""Both configurations over one video: the detector runs once, tracks and rules of each side on what they would see live.

The result, as JSON: `figures` (`frames`, `media_s`, `wall_s`, `speed` as media seconds a second, `width`, `height`), `notes`
(stored sentences) and for each of `draft` and `published` (None when nothing is published) `raised`, `broken` (what rules that
failed raised, by `bind_id`; lacking in older ones) and `alerts`, those that are kept, in order: `t` and `ended_t` in seconds,
`bind_id`, `roi_id`, `algo_code`, `severity`, `track_id`, `box` in 0..1 (None: not about one object), `data`, `picture`
(storage key, "" when none was kept).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cameras.core.algorithms import Registry
from cameras.core.document import parse_content
from detection.core.rules.base import RuleEvent
from detection.inference.detector import Detector
from detection.offline_rules import OfflineRules
from detection.offline_video import VideoFile
from detection.offline_watch import Watched, watch
from detection.pipeline import Observation
from detection.plan import Plan, make_plan
from detection.second_stage import SecondStage

SIDES = ("draft", "published")
MOST_PICTURES = 200  # of each side
MOST_ALERTS = 2000  # of each side; the rest is counted
PICTURE_SIZE, PICTURE_QUALITY = (960, 720), 80

Keep = Callable[[Watched], str]
Tell = Callable[[float], None]


def plan_of(part: Mapping[str, Any], *, camera_id: str, registry: Registry, with_schedules: bool) -> Plan:
    """The plan of a camera's part of a document. Raises DocumentError."""
    plan = make_plan(parse_content(part, registry), camera_id, registry)
    if with_schedules:
        return plan
    return replace(plan, bindings=tuple(replace(binding, schedule=None) for binding in plan.bindings))


@dataclass(slots=True)
class Side:
    """One configuration while the video runs."""

    rules: OfflineRules
    alerts: list[dict[str, Any]] = field(default_factory=list)
    raised: int = 0
    pictures: int = 0
    _open: dict[tuple[str, object, int | None], dict[str, Any]] = field(default_factory=dict)

    def step(self, seen: Watched, keep: Keep) -> None:
        """Takes in one frame as the live pipeline would."""
        _, observation = self.rules.step(seen)
        for event in observation.events:
            about = event.bind_id, event.data.get("kind"), event.track_id
            if event.phase == "started":
                self._raise(event, about, seen, observation, keep)
            elif event.phase == "ended" and (alert := self._open.pop(about, None)) is not None:
                alert["ended_t"] = event.media_time

    def _raise(
        self,
        event: RuleEvent,
        about: tuple[str, object, int | None],
        seen: Watched,
        observation: Observation,
        keep: Keep,
    ) -> None:
        self.raised += 1
        if len(self.alerts) >= MOST_ALERTS:
            return
        picture = ""
        if self.pictures < MOST_PICTURES:
            self.pictures += 1
            picture = keep(seen)
        alert = {
            "t": event.media_time,
            "ended_t": None,
            "bind_id": event.bind_id,
            "roi_id": event.roi_id,
            "algo_code": event.algo_code,
            "severity": event.severity,
            "track_id": event.track_id,
            "box": _box_of(event, observation),
            "data": event.data,
            "picture": picture,
        }
        self.alerts.append(alert)
        self._open[about] = alert


def run(
    video: VideoFile,
    *,
    detectors: Sequence[Detector],
    plans: Mapping[str, Plan],
    fps: float,
    began_at: float,
    store: Callable[[int, bytes], str],
    tell: Tell,
    on_cpu: Callable[[], Sequence[Detector]] | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """The whole video; and the names of models for second looks that were needed and could not be used.

    plans: by side. began_at: Unix seconds of the first picture.
    store: keeps a frame's JPEG and gives its key. tell: called after every frame with its media time in seconds; what it
    raises ends the run. on_cpu: as for `watch`. Raises what `watch` raises. The answer lacks `wall_s` and `speed`, which need a
    clock, and `notes`.
    """
    classes, second_stage = detectors[0].classes, SecondStage()
    sides = {name: Side(OfflineRules(plan, classes, second_stage)) for name, plan in plans.items()}
    kept = "", -1
    frames, last, size = 0, 0.0, (0, 0)

    def keep(seen: Watched) -> str:
        nonlocal kept
        if kept[1] != seen.index:  # both sides, and several rules, may want the same frame
            width, height = PICTURE_SIZE
            jpeg = seen.frame.jpeg(quality=PICTURE_QUALITY, max_width=width, max_height=height)
            kept = store(seen.index, jpeg), seen.index
        return kept[0]

    watched = watch(
        video,
        detectors=detectors,
        camera_id=next(iter(plans.values())).camera_id,
        min_score=np.minimum.reduce([side.rules.limits for side in sides.values()]),
        fps=fps,
        began_at=began_at,
        on_cpu=on_cpu,
    )
    with closing(watched):
        for seen in watched:
            for side in sides.values():
                side.step(seen, keep)
            frames, last, size = frames + 1, seen.frame.media_time, (seen.frame.width, seen.frame.height)
            tell(last)
    found: dict[str, Any] = dict.fromkeys(SIDES)
    found |= {
        name: {"raised": side.raised, "broken": side.rules.broken, "alerts": side.alerts}
        for name, side in sides.items()
    }
    figures = {"frames": frames, "media_s": last, "width": size[0], "height": size[1]}
    return {"figures": figures, **found}, sorted(set().union(*(side.rules.lacking for side in sides.values())))


def _box_of(event: RuleEvent, observation: Observation) -> list[float] | None:
    if event.track_id is None:
        return None
    (rows,) = np.nonzero(observation.tracks.ids == event.track_id)
    return [round(value, 6) for value in observation.tracks.detections.boxes[rows[0]].tolist()] if len(rows) else None
