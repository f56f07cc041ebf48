"""One camera's way from detections to alerts: tracks, then rules. No threads, no clock, no I/O.

The analyser's thread owns the pipeline. A new configuration arrives as a new `Plan`, which the pipeline takes up at its next
frame: rules of unchanged bindings keep their state, so that an edit of one binding costs no other a visit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cameras.core.algorithms import CommonParameters, Registry
from cameras.core.bare import scaled_to
from cameras.core.document import Content, shape_of
from cameras.core.geometry import Points
from cameras.core.schedule import ScheduleEntry
from detection.core.detections import Detections
from detection.core.rules.base import JSON, Binding, OtherRoi, RuleEvent
from detection.core.rules.keeping import Kept, KeptRule, read_kept
from detection.core.rules.registry import make_rule
from detection.core.rules.running import RunningRule, essence_of
from detection.core.scene import Scene, View, Want
from detection.core.statistics import count_persons
from detection.core.tracking import OverlapTracker, Tracker, TrackerSettings, Tracks

START_SCORE = TrackerSettings().start_score
CONTINUE_SCORE = TrackerSettings().continue_score
NOTE_S = 1.0  # of media time: a sudden end costs the rules' state of no more than that


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

        def shares(roi_id: str, points: Points) -> Points:
            return scaled_to(points, width, height) if roi_id in self.in_pixels else points

        bindings = [
            replace(
                b,
                points=shares(b.roi_id, b.points),
                places=tuple(replace(p, points=shares(p.roi_id, p.points)) for p in b.places),
            )
            for b in self.bindings
        ]
        return replace(self, bindings=tuple(bindings), in_pixels=frozenset())

    @property
    def start_score(self) -> float:
        """The lowest score at which any rule wants an object followed."""
        return min([START_SCORE, *(b.params.min_score for b in self.bindings)])

    @property
    def classes(self) -> frozenset[str]:
        """Names of the classes that any rule or the statistics look at."""
        return frozenset({"person"}.union(*(b.params.classes for b in self.bindings)))

    @property
    def lowest_score(self) -> float:
        """What the detector must give: also weaker detections, which continue a track."""
        return min(CONTINUE_SCORE, self.start_score)


def make_plan(content: Content, camera_id: str, registry: Registry, pixels: Mapping[str, Points] | None = None) -> Plan:
    """The camera's part of a verified document; what is disabled is left out. pixels: as in `Document.pixels`.

    Raises ValueError when a binding names a schedule that the document does not have.
    """
    given = pixels or {}
    schedules: Iterable[ScheduleEntry] = getattr(content, "schedules", ())  # documents without the key have none
    hours = {schedule.schedule_id: schedule for schedule in schedules}
    all_rois = {r.roi_id: r for r in content.rois if r.camera_id == camera_id}
    rois = {roi_id: r for roi_id, r in all_rois.items() if r.enabled}

    def points_of(roi_id: str) -> Points:
        return given.get(roi_id) or shape_of(all_rois[roi_id])

    def places_of(params: CommonParameters) -> tuple[OtherRoi, ...]:
        named = [all_rois[place.roi_id] for place in params.places() if place.roi_id in all_rois]
        return tuple(OtherRoi(roi.roi_id, roi.roi_type, points_of(roi.roi_id)) for roi in named)

    bindings = [
        Binding(
            bind_id=bind.bind_id,
            roi_id=bind.roi_id,
            camera_id=camera_id,
            algo_code=bind.algo_code,
            severity=bind.severity,
            priority=bind.priority,
            roi_type=rois[bind.roi_id].roi_type,
            points=points_of(bind.roi_id),
            params=(params := registry.parameters(bind.algo_code, bind.params)),
            time_zone=content.site.time_zone,
            schedule=_schedule(bind.schedule_id, hours),
            places=places_of(params),
        )
        for bind in content.binds
        if bind.enabled and bind.roi_id in rois
    ]
    bindings.sort(key=lambda b: (-rois[b.roi_id].priority, -b.priority, b.bind_id))
    names = tuple(sorted((r.roi_id, r.roi_name) for r in rois.values()))
    return Plan(camera_id, tuple(bindings), names, content.site.time_zone, frozenset(all_rois) & frozenset(given))


def _schedule(schedule_id: str | None, hours: Mapping[str, ScheduleEntry]) -> ScheduleEntry | None:
    if schedule_id is not None and schedule_id not in hours:
        raise ValueError(f"there is no schedule {schedule_id!r}")
    return None if schedule_id is None else hours[schedule_id]


@dataclass(frozen=True, slots=True)
class Observation:
    """What one analysed frame yields."""

    detections: Detections
    tracks: Tracks
    events: list[RuleEvent]
    persons: int


@dataclass(frozen=True, slots=True)
class Told:
    """What the rules of a camera tell people. numbers: added up by name. bindings: `progress` with the algorithm and the
    region's name, by `bind_id`, in the order of priority."""

    numbers: Mapping[str, float] = field(default_factory=dict)
    bindings: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)


@dataclass(slots=True)
class CameraPipeline:
    """State of one camera between frames. class_names: the model's, by class id.

    ignored: why state of an earlier run was not taken up, for the log; the caller empties it. latest: a snapshot that is
    replaced every second, for another thread to store; None before the first frame. told: likewise, for live numbers.
    """

    class_names: Sequence[str]
    tracker: Tracker = field(default_factory=OverlapTracker)
    plan: Plan | None = None
    ignored: list[str] = field(default_factory=list)
    latest: dict[str, JSON] | None = None
    told: Told = field(default_factory=Told)
    _rules: list[RunningRule] = field(default_factory=list)
    _generation: int | None = None
    _kept: Kept | None = None
    _wall_time: float | None = None
    _noted_at: float | None = None

    def use(self, plan: Plan) -> None:
        """Takes up a plan. A rule whose binding is the same keeps its state; the others start anew or go."""
        if plan == self.plan:
            return
        known = {running.essence: running for running in self._rules}
        rules = []
        for binding in plan.bindings:
            running = known.get(essence_of(binding)) or RunningRule(binding, make_rule(binding))
            running.binding = binding
            rules.append(running)
        self._rules = rules
        self.tracker.start_at(plan.start_score)
        self.plan = plan

    def step(
        self,
        detections: Detections,
        *,
        media_time: float,
        generation: int,
        wall_time: float | None = None,
        visible: bool = True,
        look: Callable[[list[Want]], Mapping[Want, View]] | None = None,
    ) -> Observation:
        """Takes in the detections of one frame; media_time in seconds. A new generation voids all tracks.

        wall_time: Unix seconds of the same frame, for schedules and times of day; without it media time stands for it.
        visible: False for a frame that shows nothing because the view is covered: what happens meanwhile is unknown.
        look: takes the second looks at this frame that rules ask for.
        """
        wall_time = media_time if wall_time is None else wall_time
        self._take_up_kept(media_time, wall_time)
        self._wall_time = wall_time
        self._notice(generation)
        persons = count_persons(detections, self.class_names)
        if not visible:
            for running in self._rules:
                running.rule.unseen()
            return Observation(detections, Tracks.empty(), [], persons)
        tracks = self.tracker.update(detections, media_time)
        events: list[RuleEvent] = []
        scene = Scene.of(tracks, self.class_names)
        if look is not None and len(tracks):
            wants = [
                w for running in self._rules if not running.suspended for w in running.rule.wants(scene, media_time)
            ]
            if wants:
                scene.views.update(look(wants))
        for running in self._rules:
            events += running.step(scene, self.class_names, media_time, wall_time)
        if self._noted_at is None or not 0 <= media_time - self._noted_at < NOTE_S:
            self._noted_at, self.latest = media_time, self.snapshot()
            self.told = self._tell(media_time)
        return Observation(detections, tracks, events, persons)

    def _tell(self, media_time: float) -> Told:
        names = dict(self.plan.roi_names) if self.plan else {}
        progress = self.progress(media_time)
        bindings: dict[str, dict[str, JSON]] = {
            b.bind_id: {"algo_code": b.algo_code, "roi": names.get(b.roi_id) or b.roi_id, **progress[b.bind_id]}
            for b in (running.binding for running in self._rules)
        }
        return Told(self.numbers(), bindings)

    def progress(self, media_time: float) -> dict[str, dict[str, JSON]]:
        """How far each rule is, by `bind_id`: `active` (False: outside its schedule), and what the rule tells."""
        return {running.binding.bind_id: running.progress(media_time) for running in self._rules}

    def numbers(self) -> dict[str, float]:
        """What the rules add to the camera's statistics, added up by name."""
        totals: dict[str, float] = {}
        for running in self._rules:
            for name, value in running.rule.numbers().items():
                totals[name] = totals.get(name, 0) + value
        return totals

    def snapshot(self) -> dict[str, JSON]:
        """The rules' state for after a restart, as JSON; what `restore` was given while no frame has come yet."""
        if self._kept is not None:
            return self._kept.as_json()
        return Kept(
            wall_time=max(self._wall_time or 0.0, 0.0),
            classes=list(self.class_names),
            rules={
                running.binding.bind_id: KeptRule(of=running.fingerprint(), state=state)
                for running in self._rules
                if (state := running.rule.snapshot())
            },
        ).as_json()

    def restore(self, state: object) -> None:
        """Takes up a snapshot at the next frame, each rule's when its binding is still the same.

        Never raises: what cannot be used is left, with its reason in `ignored`.
        """
        try:
            self._kept = read_kept(state, self.class_names)
        except ValueError as error:
            self.ignored.append(str(error))

    def _notice(self, generation: int) -> None:
        if self._generation is not None and generation != self._generation:
            self.tracker.reset()
            for running in self._rules:
                running.rule.tracks_lost()
        self._generation = generation

    def _take_up_kept(self, media_time: float, wall_time: float) -> None:
        kept, self._kept = self._kept, None
        if kept is None:
            return
        for running in self._rules:
            try:
                if (state := kept.state_of(running.essence)) is not None:
                    running.rule.restore(state, media_time=media_time, away_s=kept.away_s(wall_time))
            except ValueError as error:
                running.rule = make_rule(running.binding)
                self.ignored.append(f"binding {running.binding.bind_id}: {error}")
