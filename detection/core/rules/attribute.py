"""Attribute: people without what they must wear. docs/algorithms/attribute.md describes it for operators. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from cameras.core.algorithms import Algorithm, RegionParameters, Seconds
from detection.core.rules.base import JSON, Binding, RuleBase, RuleEvent, State, event_of
from detection.core.rules.condition import MAX_GAP_S
from detection.core.rules.handover import KNOWN_S, MAX_VISITORS, RESUME_S, SLACK_S
from detection.core.rules.people import (
    KeptPeople,
    KeptPerson,
    KeptStay,
    Number,
    People,
    Person,
    Stay,
    carry_over,
    earlier,
    read_people,
    shifted,
    snapshot_of,
)
from detection.core.rules.region import REGIONS, Region
from detection.core.rules.state import ObjectState, RuleState, of_objects, unknown
from detection.core.rules.visits import cooling_s
from detection.core.scene import Answer, Scene, Sight, View, Want, Which
from detection.core.tracking import Tracks

MOST_WANTS = 4  # second looks that one binding asks for in one frame
HEAD = 0.3  # of a person's box, from its top; with a margin around
MARGIN = 0.15  # of the crop's size, on each side


class AttributeParameters(RegionParameters):
    """What must be worn, which model sees it, and how many looks it takes."""

    attribute: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")] = Field(
        default="hairnet", title="Attribute", description="What must be worn; the statistics count it with an s added."
    )
    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$")] = Field(
        title="Model", description="The folder of the model that looks at each person."
    )
    crop: Literal["head", "body"] = Field(
        default="head", title="Crop", description="What of the person the model is shown."
    )
    views: Annotated[int, Field(ge=1, le=50)] = Field(
        default=5, title="Views", description="How many of the latest views that say something are weighed."
    )
    needed: Annotated[int, Field(ge=1, le=50)] = Field(
        default=3, title="Needed", description="How many of them must agree; more than half."
    )
    looks_per_s: float = Field(
        default=2.0, gt=0, le=25, allow_inf_nan=False, title="Looks a second", description="For each person, at most."
    )
    min_height: float = Field(
        default=0.1,
        ge=0,
        le=1,
        allow_inf_nan=False,
        title="Smallest height",
        description="Persons that are lower than this share of the picture are too small to tell.",
    )
    dwell_s: Seconds = Field(
        default=2.0, title="Dwell (s)", description="How long the person must have been seen inside."
    )

    @model_validator(mode="after")
    def _a_majority(self) -> Self:
        if not self.needed <= self.views < 2 * self.needed:
            raise PydanticCustomError("needed", "“Needed” must be more than half of “Views”, and no more than that")
        return self


ALGORITHM = Algorithm(
    code="attribute",
    label="Attribute missing",
    summary="Raises an alert when a person does not wear what the region asks for, such as a hairnet.",
    roi_types=REGIONS,
    parameters=AttributeParameters,
)


@dataclass(slots=True)
class Wearer:
    """One person. stay: in the region; views: the latest that say something, of this stay; raised: it has its alert."""

    stay: Stay = field(default_factory=Stay)
    views: list[Answer] = field(default_factory=list)
    raised: bool = False
    alerted_at: float | None = None

    def verdict(self, needed: int) -> Answer:
        """`missing` or `present` when enough views agree, otherwise `unknown`."""
        if self.views.count("missing") >= needed:
            return "missing"
        return "present" if self.views.count("present") >= needed else "unknown"


class Attribute(RuleBase):
    """One alert a visit. Views that are unknown count neither as violation nor as compliance."""

    def __init__(self, binding: Binding) -> None:
        params = binding.params
        if not isinstance(params, AttributeParameters):
            raise ValueError("attribute needs parameters of AttributeParameters")  # noqa: TRY004 - a bad binding
        self._binding = binding
        self._params = params
        self._which = Which.of(params, params.anchor)
        self._region = Region(binding)
        self._people: People[Wearer] = People(Wearer, params.exit_s)
        self._looked: dict[int, float] = {}  # only looks that were taken: the others are asked for again
        self._time = -math.inf
        self._blind = self._absent = False

    def wants(self, scene: Scene, media_time: float) -> list[Want]:
        """Those inside who have waited longest for a look, the largest first; not who had one lately."""
        least, wait_s = self._params.min_height, 1 / self._params.looks_per_s
        if media_time < self._time:
            self._looked.clear()
        seen, wanted = scene.seen(), []
        for track_id in self._region.inside(scene, scene.class_names):
            box = seen[track_id].box
            high, looked = box[3] - box[1], self._looked.get(track_id, -math.inf)
            if high >= least and media_time - looked >= wait_s - SLACK_S:
                wanted.append((looked, -high * (box[2] - box[0]), track_id))
        wants = [self._want(seen[track_id]) for _, _, track_id in sorted(wanted)]
        return [want for want in wants if want is not None][:MOST_WANTS]

    def step(
        self, tracks: Tracks, class_names: Sequence[str], media_time: float, wall_time: float | None = None
    ) -> list[RuleEvent]:
        """Take in one analysed frame, with what `scene.views` says of it (see `base.Rule`)."""
        if not math.isfinite(media_time):
            raise ValueError("media time is not a finite number")
        if media_time < self._time:
            self.tracks_lost()
        known = not self._blind and media_time - self._time <= MAX_GAP_S + SLACK_S
        self._time, self._blind = media_time, False
        scene = Scene.of(tracks, class_names)
        self._people.step(scene.counted(self._which), media_time, seen=scene.seen())
        inside = self._region.inside(scene, class_names)
        views = {want.track_id: view for want, view in scene.views.items() if want == self._want_of(scene, want)}
        if views:
            self._absent = any(view.absent for view in views.values())
            self._looked.update(dict.fromkeys(views, media_time))
            if len(self._looked) > MAX_VISITORS:
                self._looked = {i: at for i, at in self._looked.items() if media_time - at <= KNOWN_S}
        events: list[RuleEvent] = []
        for track_id, person in self._people:
            wearer, here = person.own, track_id in inside
            wearer.stay.look(here, media_time, exit_s=self._params.exit_s, known=known)
            if here and wearer.stay.since == media_time:
                wearer.views, wearer.raised = [], False
            if here and track_id in views:
                events += self._take(scene, track_id, person, views[track_id])
        return events

    def tracks_lost(self) -> None:
        """Void all visits: they belong to ids that mean nothing any more."""
        self._people.clear()
        self._looked.clear()
        self._time = -math.inf

    def reconnected(self, media_time: float) -> None:
        """Visits and views go on with tracks that begin at their places; not after more than 30 s."""
        carry_over(self, self._time, media_time)

    def unseen(self) -> None:
        self._blind = True

    def progress(self, media_time: float) -> dict[str, JSON]:
        """Persons inside by what is known of them: `present`, `missing`, `unknown`; `state` where the model is missing."""
        verdicts = self._verdicts()
        told: dict[str, JSON] = {answer: len(ids) for answer, ids in verdicts.items()}
        return {**told, "state": f"no model {self._params.model}"} if self._absent else told

    def state(self, media_time: float) -> RuleState:
        """Views that say missing, of those needed, of the person who is nearest to an alert; counts as in `progress`."""
        if self._absent:
            return unknown("no_model", self._params.model)
        objects = [
            self._object(track_id, person.own, media_time)
            for track_id, person in self._people
            if person.own.stay.is_lately(media_time, self._params.exit_s)
        ]
        return of_objects(objects, unit="", **{answer: len(ids) for answer, ids in self._verdicts().items()})

    def _object(self, track_id: int, wearer: Wearer, now: float) -> ObjectState:
        missing, needed = min(wearer.views.count("missing"), self._params.needed), self._params.needed
        if wearer.raised:
            return ObjectState(track_id, "raised", missing, needed)
        left = cooling_s(wearer.alerted_at, now, self._params.cooldown_s)
        if missing >= needed and left > SLACK_S:
            return ObjectState(track_id, "cooling", missing, needed, round(left, 2))
        return ObjectState(track_id, "counting" if missing else "idle", missing, needed)

    def present(self) -> dict[str, Set[int]]:
        """Persons inside now of whom enough views say that they wear it: `hairnets` for the attribute `hairnet`."""
        return {f"{self._params.attribute}s": self._verdicts()["present"]}

    def snapshot(self) -> dict[str, JSON]:
        """Visits that go on, by place; `restore` gives them to tracks that begin there."""
        return snapshot_of((p for _, p in self._people if p.own.stay.since is not None), self._time)

    def restore(self, state: State, *, media_time: float, away_s: float) -> None:
        """The time of the restart counts neither as stay nor as absence; after more than 30 s nothing is kept."""
        kept = read_people(state, KeptPeople[_Wearer])
        if away_s <= RESUME_S:
            self._people.take_back([_person_of(each, media_time, away_s) for each in kept])

    def _want(self, sight: Sight) -> Want | None:
        """None when the top of the head is cut off by the picture's edge."""
        x1, y1, x2, y2 = sight.box
        if self._params.crop == "body":
            return Want(sight.track_id, sight.box, self._params.model)
        if y1 <= 0:
            return None
        bottom = y1 + HEAD * (y2 - y1)
        across, down = MARGIN * (x2 - x1), MARGIN * (bottom - y1)
        return Want(sight.track_id, (x1 - across, y1 - down, x2 + across, bottom + down), self._params.model)

    def _want_of(self, scene: Scene, want: Want) -> Want | None:
        """What this rule would want to know of the same object."""
        sight = scene.seen().get(want.track_id)
        return None if sight is None else self._want(sight)

    def _take(self, scene: Scene, track_id: int, person: Person[Wearer], view: View) -> list[RuleEvent]:
        params, wearer, now = self._params, person.own, self._time
        if view.answer == "unknown":
            return []
        wearer.views = [*wearer.views, view.answer][-params.views :]
        if view.answer != "missing" or wearer.raised or wearer.verdict(params.needed) != "missing":
            return []
        if wearer.stay.spent < params.dwell_s - SLACK_S:
            return []
        if cooling_s(wearer.alerted_at, now, params.cooldown_s) > SLACK_S:
            return []
        wearer.raised, wearer.alerted_at = True, now
        data: dict[str, JSON] = {
            "track_id": track_id,
            "class": scene.name_of(person.class_id),
            "score": round(scene.score_of(track_id), 4),
            "box": [round(value, 4) for value in person.box],
            "attribute": params.attribute,
            "view_score": round(view.score, 4),
            "missing_views": wearer.views.count("missing"),
            "views": len(wearer.views),
            "dwell_s": round(wearer.stay.spent, 2),
        }
        return [event_of(self._binding, "started", now, data, track_id)]

    def _verdicts(self) -> dict[Answer, set[int]]:
        """The persons inside, by what is known of them."""
        found: dict[Answer, set[int]] = {"present": set(), "missing": set(), "unknown": set()}
        for track_id, person in self._people:
            if person.own.stay.is_lately(self._time, self._params.exit_s):
                found[person.own.verdict(self._params.needed)].add(track_id)
        return found


class _Wearer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    stay: KeptStay
    views: list[Answer] = Field(max_length=50)
    raised: bool
    alerted_at: Number | None


def _person_of(kept: KeptPerson[_Wearer], now: float, away_s: float) -> Person[Wearer]:
    own = shifted(kept.own.model_dump(), now)
    stay = Stay(**own["stay"] | {"away": True})
    wearer = Wearer(stay, own["views"], own["raised"], earlier(own["alerted_at"], away_s))
    return Person(kept.class_id, kept.box, now + kept.seen_at, wearer)
