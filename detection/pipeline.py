"""One camera's way from detections to alerts: tracks, then rules. No threads, no clock, no I/O.

The analyser's thread owns the pipeline. A new configuration arrives as a new `Plan`, which the pipeline takes up at its next
frame: rules of unchanged bindings keep their state, so that an edit of one binding costs no other a visit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cameras.core.algorithms import Registry
from cameras.core.bare import scaled_to
from cameras.core.document import Content, shape_of
from cameras.core.geometry import Points
from detection.core.detections import Detections
from detection.core.rules.base import Binding, Rule, RuleEvent
from detection.core.rules.registry import make_rule
from detection.core.statistics import count_persons
from detection.core.tracking import OverlapTracker, Tracker, TrackerSettings, Tracks

START_SCORE = TrackerSettings().start_score
CONTINUE_SCORE = TrackerSettings().continue_score


@dataclass(frozen=True, slots=True)
class Plan:
    """What one camera's pipeline runs: its bindings by priority, and names for messages. Compared by value."""

    camera_id: str
    bindings: tuple[Binding, ...] = ()
    roi_names: tuple[tuple[str, str], ...] = ()
    time_zone: str = "UTC"
    in_pixels: frozenset[str] = frozenset()

    def sized(self, width: int, height: int) -> Plan:
        """The plan for pictures of that size: ROIs that were given in pixels become shares of it."""
        if not self.in_pixels:
            return self
        bindings = [
            replace(b, points=scaled_to(b.points, width, height)) if b.roi_id in self.in_pixels else b
            for b in self.bindings
        ]
        return replace(self, bindings=tuple(bindings), in_pixels=frozenset())

    @property
    def start_score(self) -> float:
        """The lowest score at which any rule wants an object followed."""
        return min([START_SCORE, *(b.params.min_score for b in self.bindings)])

    @property
    def lowest_score(self) -> float:
        """What the detector must give: also weaker detections, which continue a track."""
        return min(CONTINUE_SCORE, self.start_score)


def make_plan(content: Content, camera_id: str, registry: Registry, pixels: Mapping[str, Points] | None = None) -> Plan:
    """The camera's part of a verified document; what is disabled is left out. pixels: as in `Document.pixels`."""
    given = pixels or {}
    rois = {r.roi_id: r for r in content.rois if r.camera_id == camera_id and r.enabled}
    bindings = [
        Binding(
            bind_id=bind.bind_id,
            roi_id=bind.roi_id,
            camera_id=camera_id,
            algo_code=bind.algo_code,
            severity=bind.severity,
            priority=bind.priority,
            roi_type=rois[bind.roi_id].roi_type,
            points=given.get(bind.roi_id) or shape_of(rois[bind.roi_id]),
            params=registry.parameters(bind.algo_code, bind.params),
        )
        for bind in content.binds
        if bind.enabled and bind.roi_id in rois
    ]
    bindings.sort(key=lambda b: (-rois[b.roi_id].priority, -b.priority, b.bind_id))
    names = tuple(sorted((r.roi_id, r.roi_name) for r in rois.values()))
    return Plan(camera_id, tuple(bindings), names, content.site.time_zone, frozenset(rois) & frozenset(given))


@dataclass(frozen=True, slots=True)
class Observation:
    """What one analysed frame yields."""

    detections: Detections
    tracks: Tracks
    events: list[RuleEvent]
    persons: int


@dataclass(slots=True)
class CameraPipeline:
    """State of one camera between frames. class_names: the model's, by class id."""

    class_names: Sequence[str]
    tracker: Tracker = field(default_factory=OverlapTracker)
    plan: Plan | None = None
    _rules: list[tuple[Binding, Rule]] = field(default_factory=list)
    _generation: int | None = None

    def use(self, plan: Plan) -> None:
        """Takes up a plan. A rule whose binding is the same keeps its state; the others start anew or go."""
        if plan == self.plan:
            return
        known = {_essence(binding): rule for binding, rule in self._rules}
        self._rules = [(b, known.get(_essence(b)) or make_rule(b)) for b in plan.bindings]
        self.tracker.start_at(plan.start_score)
        self.plan = plan

    def step(self, detections: Detections, *, media_time: float, generation: int) -> Observation:
        """Takes in the detections of one frame; media_time in seconds. A new generation voids all tracks."""
        if generation != self._generation:
            if self._generation is not None:
                self.tracker.reset()
                for _, rule in self._rules:
                    rule.tracks_lost()
            self._generation = generation
        tracks = self.tracker.update(detections, media_time)
        events: list[RuleEvent] = []
        for binding, rule in self._rules:
            found = rule.step(tracks, self.class_names, media_time)
            events.extend(replace(event, severity=binding.severity) for event in found)
        return Observation(detections, tracks, events, count_persons(detections, self.class_names))


def _essence(binding: Binding) -> Binding:
    """What of a binding its rule's state depends on: another severity or priority costs no visit."""
    return replace(binding, severity="", priority=0)
