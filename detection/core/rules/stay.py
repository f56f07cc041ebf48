"""Rules about a stay: somebody is in a region for a time. What they share; each says how it measures the time. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detection.core.rules.base import JSON, Binding, RuleBase, RuleEvent, State, event_of
from detection.core.rules.handover import MAX_VISITORS, MOST_KEPT, RESUME_S, SLACK_S
from detection.core.rules.region import Region
from detection.core.rules.state import ObjectState, RuleState, of_objects
from detection.core.rules.visits import Keepsake, Visitor, Visits
from detection.core.scene import Scene
from detection.core.tracking import Tracks

Ratio = Annotated[float, Field(allow_inf_nan=False)]
Age = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    class_id: int
    box: Annotated[tuple[Ratio, Ratio, Ratio, Ratio], Field(strict=False)]
    seen_s_ago: Age
    inside_s_ago: Age
    lasted_s: Age
    spent_s: Age
    raised: bool
    alerted_s_ago: Age | None


class _StayState(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    version: Literal[1]
    visits: list[_Kept] = Field(max_length=MAX_VISITORS)


class StayRule(RuleBase):
    """One alert a visit: an object of the bound classes is in the region for `dwell_s` of media time.

    The alert is raised in a frame that shows the object inside, never between. An absence (outside, unseen or below
    `min_score`) shorter than `exit_s` does not end the visit. A visit that reaches its dwell during the object's
    cool-down is raised once that is over, if it still goes on.

    Raises cameras.core.geometry.GeometryError (a ValueError) when the region encloses no area.
    """

    def __init__(self, binding: Binding, *, max_gap_s: float = math.inf) -> None:
        self._binding = binding
        self._params = binding.params
        self._region = Region(binding)
        self._visits = Visits(exit_s=self._params.exit_s, cooldown_s=self._params.cooldown_s, max_gap_s=max_gap_s)
        self._time = -math.inf

    def dwelt(self, visitor: Visitor, now: float) -> float:
        """Seconds that count of a visit that goes on at `now`."""
        raise NotImplementedError

    def step(
        self, tracks: Tracks, class_names: Sequence[str], media_time: float, wall_time: float | None = None
    ) -> list[RuleEvent]:
        """Take in one analysed frame; one event for each visit that has become due (see `base.Rule`)."""
        if not math.isfinite(media_time):
            raise ValueError("media time is not a finite number")
        if media_time < self._time:
            self.tracks_lost()
        self._time = media_time
        scene = Scene.of(tracks, class_names)
        inside = self._region.inside(scene, class_names)
        events = []
        for track_id, visitor in self._visits.step(scene.seen(), inside, media_time):
            if not visitor.raised and self._is_due(visitor, media_time):
                visitor.raised, visitor.alerted_at = True, media_time
                events.append(self._event(scene, track_id, visitor))
        return events

    def tracks_lost(self) -> None:
        """Void all visits and cool-downs: they belong to ids that mean nothing any more."""
        self._visits.clear()
        self._time = -math.inf

    def reconnected(self, media_time: float) -> None:
        """Visits and their cool-downs go on with tracks that begin at their places; not after more than 30 s."""
        if math.isinf(self._time):  # nothing was seen yet: what a restart has brought still waits for its tracks
            return
        keepsakes, away_s = self._visits.keepsakes(self._time), media_time - self._time
        self.tracks_lost()
        if 0 <= away_s <= RESUME_S:
            self._visits.take_back(keepsakes, now=media_time, away_s=away_s)

    def unseen(self) -> None:
        self._visits.unseen()

    def progress(self, media_time: float) -> dict[str, JSON]:
        """`visits`: how many go on. `value` of `target`: media seconds of the longest that has had no alert yet.

        `longest_dwell_s`: of the longest of all. `cooldown_left_s`: of the visit that has longest to wait.
        """
        ongoing = list(self._visits.ongoing(media_time))
        dwells = [max(self.dwelt(visitor, media_time), 0.0) for visitor in ongoing]
        waiting = [dwell for dwell, visitor in zip(dwells, ongoing, strict=True) if not visitor.raised]
        cooling = [self._visits.cooling_s(visitor, media_time) for visitor in ongoing]
        return {
            "visits": len(ongoing),
            "longest_dwell_s": round(max(dwells, default=0.0), 2),
            "value": round(min(max(waiting, default=0.0), self._params.dwell_s), 2),
            "target": self._params.dwell_s,
            "cooldown_left_s": round(max(cooling, default=0.0), 2),
        }

    def state(self, media_time: float) -> RuleState:
        """Seconds of the visit that is nearest to its alert; `visits`: how many go on."""
        objects = [self._object(i, visitor, media_time) for i, visitor in self._visits.ongoing_by_id(media_time)]
        return of_objects(objects, visits=len(objects))

    def _object(self, track_id: int, visitor: Visitor, now: float) -> ObjectState:
        target = self._params.dwell_s
        value = round(min(max(self.dwelt(visitor, now), 0.0), target), 2)
        if visitor.raised:
            return ObjectState(track_id, "raised", value, target)
        left = self._visits.cooling_s(visitor, now)
        if value >= target - SLACK_S and left > SLACK_S:
            return ObjectState(track_id, "cooling", value, target, round(left, 2))
        return ObjectState(track_id, "counting", value, target)

    def snapshot(self) -> dict[str, JSON]:
        """The visits that go on, by place and class; `restore` gives them to tracks that begin there.

        At most MOST_KEPT, so that an alert, which is stored with it, stays small: first those that had their alert.
        """
        kept: list[JSON] = []
        for k in sorted(self._visits.keepsakes(self._time), key=lambda k: not k.raised)[:MOST_KEPT]:
            box: list[JSON] = [round(value, 4) for value in k.box]
            kept.append({**k._asdict(), "box": box})
        return {"version": 1, "visits": kept} if kept else {}

    def restore(self, state: State, *, media_time: float, away_s: float) -> None:
        """The time of the restart counts neither as stay nor as absence; after more than 30 s of it nothing is kept.

        A visit goes on with a track that begins at its place within `exit_s` of media time.
        """
        try:
            given = _StayState.model_validate(dict(state))
        except ValidationError as error:
            raise ValueError(f"unusable state: {error.errors()[0]['msg']}") from None
        if away_s <= RESUME_S:
            keepsakes = [Keepsake(**kept.model_dump()) for kept in given.visits]
            self._visits.take_back(keepsakes, now=media_time, away_s=away_s)

    def _is_due(self, visitor: Visitor, now: float) -> bool:
        if visitor.since is None:
            return False
        return self.dwelt(visitor, now) >= self._params.dwell_s - SLACK_S and self._visits.cooled(visitor, now)

    def _event(self, scene: Scene, track_id: int, visitor: Visitor) -> RuleEvent:
        data: dict[str, JSON] = {
            "track_id": track_id,
            "class": scene.name_of(visitor.class_id),
            "score": round(scene.score_of(track_id), 4),
            "box": [round(value, 4) for value in visitor.box],
            "dwell_s": round(self.dwelt(visitor, self._time), 2),
        }
        return event_of(self._binding, "started", self._time, data, track_id)
