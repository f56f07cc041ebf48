"""One camera's way from detections to alerts: tracks, then rules. No threads, no clock, no I/O but the log.

The analyser's thread owns the pipeline. A new configuration arrives as a new `Plan`, which the pipeline takes up at its next
frame: rules of unchanged bindings keep their state, so that an edit of one binding costs no other a visit. A rule that fails
costs the others nothing.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from detection.core.detections import Detections
from detection.core.presence import Presence
from detection.core.rules.base import JSON, Binding, Rule, RuleEvent
from detection.core.rules.keeping import Kept, KeptRule, read_kept
from detection.core.rules.orphans import orphans
from detection.core.rules.registry import UnmadeRule, make_rule
from detection.core.rules.running import RunningRule, essence_of
from detection.core.rules.state import RuleState, unknown
from detection.core.scene import Scene, View, Want
from detection.core.statistics import count_persons
from detection.core.tracking import OverlapTracker, Tracker, Tracks
from detection.core.view import Trouble
from detection.plan import Plan
from detection.rule_guard import RuleGuard
from detection.rules_told import Told, tell

T = TypeVar("T")

MOST_RAISED = 1000  # alerts that wait to be counted
NOTE_S = 1.0  # of media time: a sudden end costs the rules' state of no more than that


@dataclass(frozen=True, slots=True)
class Observation:
    """What one analysed frame yields."""

    detections: Detections
    tracks: Tracks
    events: list[RuleEvent]
    persons: int


@dataclass(slots=True)
class CameraPipeline:
    """State of one camera between frames. class_names: the model's, by class id.

    ignored: why state of an earlier run was not taken up, for the log; the caller empties it. latest: a snapshot that is
    replaced every second, for another thread to store; None before the first frame. told: likewise, for live numbers.
    settled: False while alerts of the frame in hand may be on their way to the disk; `latest` is then not to be stored
    without them. For reports, read by another thread: presence; blind: bindings whose rules could not see in the latest
    second; raised: binding and wall time of alerts, which that thread takes out.
    """

    class_names: Sequence[str]
    tracker: Tracker = field(default_factory=OverlapTracker)
    plan: Plan | None = None
    ignored: list[str] = field(default_factory=list)
    latest: dict[str, JSON] | None = None
    told: Told = field(default_factory=Told)
    settled: bool = True
    presence: Presence = field(default_factory=Presence)
    blind: frozenset[str] = frozenset()
    raised: deque[tuple[str, float]] = field(default_factory=lambda: deque(maxlen=MOST_RAISED))
    _rules: list[RunningRule] = field(default_factory=list)
    _dropped: list[RunningRule] = field(default_factory=list)
    _guard: RuleGuard = field(default_factory=RuleGuard)
    _media_time: float | None = None
    _generation: int | None = None
    _reconnects: int = 0
    _kept: Kept | None = None
    _wall_time: float | None = None
    _noted_at: float | None = None

    @property
    def trouble(self) -> str:
        """Which bindings' rules are broken, and how; empty when all work."""
        return self._guard.trouble

    @property
    def broken(self) -> dict[str, str]:
        """What the rules raised that are broken, by `bind_id`."""
        return self._guard.reasons

    def use(self, plan: Plan) -> None:
        """Takes up a plan. A rule whose binding is the same keeps its state; the others start anew or go.

        The alerts of those that go end with the next frame. One that cannot be made is broken from its first frame on.
        """
        if plan == self.plan:
            return
        known = {running.essence: running for running in self._rules}
        rules = []
        for binding in plan.bindings:
            running = known.pop(essence_of(binding), None) or RunningRule(binding, _made(binding))
            running.binding = binding
            rules.append(running)
        self._dropped += known.values()
        self._guard.forget({running.binding.bind_id for running in rules if running in self._rules})
        self._rules = rules
        self.presence.keep({running.binding.bind_id for running in rules})
        self._guard.camera_id = plan.camera_id
        self.tracker.start_at(plan.start_score)
        self.plan = plan

    def step(
        self,
        detections: Detections,
        *,
        media_time: float,
        generation: int,
        reconnects: int = 0,
        wall_time: float | None = None,
        visible: bool = True,
        look: Callable[[list[Want]], Mapping[Want, View]] | None = None,
    ) -> Observation:
        """Takes in the detections of one frame; media_time in seconds. A new generation voids all tracks.

        reconnects: how many of the generations so far began only because the camera was away for a moment.
        wall_time: Unix seconds of the same frame, for schedules and times of day; without it media time stands for it.
        visible: False for a frame that shows nothing because the view is covered: what happens meanwhile is unknown.
        look: takes the second looks at this frame that rules ask for.
        """
        wall_time = media_time if wall_time is None else wall_time
        self._media_time = self._guard.now = media_time
        self._take_up_kept(media_time, wall_time)
        if visible:
            self._notice(generation, reconnects, media_time)
        persons = count_persons(detections, self.class_names)
        events = self._end_dropped(media_time)
        if visible or self._wall_time is None:
            self._wall_time = wall_time  # ages in a snapshot are those of the latest frame that rules could see
        if visible:
            tracks = self.tracker.update(detections, media_time)
            scene = Scene.of(tracks, self.class_names)
            events += self._look(scene, media_time, wall_time, look)
            self._count(scene, media_time)
        else:
            tracks = Tracks.empty()
            events += self._each([], lambda running: running.unseen(media_time, wall_time))
            self.presence.unseen(media_time)
        self.raised.extend((event.bind_id, wall_time) for event in events if event.phase == "started")
        if self._noted_at is None or not 0 <= media_time - self._noted_at < NOTE_S:
            self._noted_at, self.latest = media_time, self.snapshot()
            self.told = self._tell(media_time, visible=visible)
            self.blind = frozenset(i for i, state in self.states(media_time).items() if state.word == "unknown")
        self._guard.look_back()
        return Observation(detections, tracks, events, persons)

    def end(self, plan: Plan | None = None) -> list[RuleEvent]:
        """The camera goes, or goes on elsewhere with `plan`: what closes the alerts of rules that the plan has not.

        `latest` is then the state for when the camera comes back.
        """
        earlier = self._kept
        if self._media_time is None:
            self._media_time, self._wall_time = 0.0, earlier.wall_time if earlier else None
            self._take_up_kept(0.0, self._wall_time or 0.0)
        going_on = {essence_of(binding) for binding in plan.bindings} if plan else set()
        kept = self._states() if earlier is None else self._unchanged(earlier)
        self._dropped += [running for running in self._rules if running.essence not in going_on]
        events = self._end_dropped(self._media_time)
        ended = {event.bind_id for event in events}
        over = {name: state for name, state in self._states().items() if name in ended}
        self.latest = self._as_json({name: state for name, state in kept.items() if name not in ended} | over)
        return events

    def _look(
        self,
        scene: Scene,
        media_time: float,
        wall_time: float,
        look: Callable[[list[Want]], Mapping[Want, View]] | None,
    ) -> list[RuleEvent]:
        if look is not None and len(scene):
            wants = self._each([], lambda r: [] if r.suspended else list(r.rule.wants(scene, media_time)))
            if wants:
                scene.views.update(look(wants))
        return self._each([], lambda r: r.step(scene, self.class_names, media_time, wall_time))

    def _count(self, scene: Scene, media_time: float) -> None:
        """Who is there of those that the rules count."""
        there: dict[str, int] = {}
        for running in self._rules:
            if not running.suspended:
                counting = functools.partial(self.presence.count, running.binding, scene)
                there[running.binding.bind_id] = self._guard.call(running.binding.bind_id, counting, 0)
        self.presence.step(there, media_time)

    def _each(self, found: list[T], do: Callable[[RunningRule], list[T]]) -> list[T]:
        """What all rules that work answer, after `found`."""
        for running in self._rules:
            found += self._guard.call(running.binding.bind_id, functools.partial(do, running), [])
        return found

    def _end_dropped(self, media_time: float) -> list[RuleEvent]:
        dropped, self._dropped = self._dropped, []
        events: list[RuleEvent] = []
        for running in dropped:
            events += self._guard.call(running.binding.bind_id, functools.partial(running.end, media_time), [])
        return events

    def _tell(self, media_time: float, *, visible: bool = True) -> Told:
        names = dict(self.plan.roi_names) if self.plan else {}
        return tell(self._rules, names, media_time, self._guard, visible=visible)

    def progress(self, media_time: float) -> dict[str, dict[str, JSON]]:
        """How far each rule is, by `bind_id`: `active` (False: outside its schedule), and what the rule tells."""
        return {running.binding.bind_id: running.progress(media_time) for running in self._rules}

    def states(self, media_time: float, *, trouble: Trouble = "") -> dict[str, RuleState]:
        """The state of each rule by `bind_id`. trouble: why the frame shows nothing."""
        return {running.binding.bind_id: self._state(running, media_time, trouble) for running in self._rules}

    def _state(self, running: RunningRule, media_time: float, trouble: Trouble) -> RuleState:
        bind_id = running.binding.bind_id
        if running.suspended or not trouble:
            found = self._guard.call(bind_id, functools.partial(running.state, media_time), unknown("broken"))
            broken = self._guard.reason(bind_id)
            return unknown("broken", broken) if broken else found
        return unknown(trouble)

    def numbers(self) -> dict[str, float]:
        """What the rules add to the camera's statistics: totals added up by name, and objects that are there counted."""
        told = self._tell(self._media_time or 0.0)
        return {**told.totals, **told.present}

    def snapshot(self) -> dict[str, JSON]:
        """The rules' state for after a restart, as JSON; what `restore` was given while no frame has come yet."""
        if self._kept is not None:
            return self._kept.as_json()
        return self._as_json(self._states())

    def _states(self) -> dict[str, KeptRule]:
        nothing: dict[str, JSON] = {}
        return {
            running.binding.bind_id: running.kept(state)
            for running in self._rules
            if (state := self._guard.call(running.binding.bind_id, running.rule.snapshot, nothing))
        }

    def _unchanged(self, earlier: Kept) -> dict[str, KeptRule]:
        """The states in a snapshot that are still of a rule here: without a frame none of them is any older."""
        prints = {running.binding.bind_id: running.fingerprint() for running in self._rules}
        return {name: rule for name, rule in earlier.rules.items() if prints.get(name) == rule.of}

    def _as_json(self, rules: dict[str, KeptRule]) -> dict[str, JSON]:
        wall_time = max(self._wall_time or 0.0, 0.0)
        return Kept(wall_time=wall_time, classes=list(self.class_names), rules=rules).as_json()

    def restore(self, state: object) -> None:
        """Takes up a snapshot at the next frame, each rule's when its binding is still the same.

        Never raises: what cannot be used is left, with its reason in `ignored`.
        """
        try:
            self._kept = read_kept(state, self.class_names)
        except ValueError as error:
            self.ignored.append(str(error))

    def _notice(self, generation: int, reconnects: int, media_time: float) -> None:
        """Tracks start anew with this frame. One that shows nothing has none: the next that shows something tells."""
        if self._generation is not None and generation != self._generation:
            self.tracker.reset()
            again = generation - self._generation == reconnects - self._reconnects
            for running in self._rules:
                rule = running.rule
                lose = functools.partial(rule.reconnected, media_time) if again else rule.tracks_lost
                self._guard.call(running.binding.bind_id, lose, None)
        self._generation, self._reconnects = generation, reconnects

    def _take_up_kept(self, media_time: float, wall_time: float) -> None:
        kept, self._kept = self._kept, None
        if kept is None:
            return
        for running in self._rules:
            try:
                if (state := kept.state_of(running.essence)) is not None:
                    running.rule.restore(state, media_time=media_time, away_s=kept.away_s(wall_time))
            except ValueError as error:
                running.rule = _made(running.binding)
                self.ignored.append(f"binding {running.binding.bind_id}: {error}")
        there = {running.fingerprint() for running in self._rules}
        for bind_id, orphan in orphans(kept, there, media_time=media_time, wall_time=wall_time):
            if isinstance(orphan, ValueError):
                self.ignored.append(f"binding {bind_id}, which is gone: {orphan}")
            else:
                self._dropped.append(orphan)


def _made(binding: Binding) -> Rule:
    try:
        return make_rule(binding)
    except ValueError as error:
        return UnmadeRule(str(error))
