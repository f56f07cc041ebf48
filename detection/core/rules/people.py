"""What is known of each tracked object, kept over a track that breaks off and begins again at its place. Pure.

What is kept is the rule's own.
"""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detection.core.rules.base import JSON, Rule, State
from detection.core.rules.handover import (
    BRIDGE_S,
    MAX_VISITORS,
    MOST_KEPT,
    SLACK_S,
    HandOver,
    Known,
    forget_unseen,
)
from detection.core.scene import Box, Point, Sight

T = TypeVar("T")
Number = Annotated[float, Field(ge=-1e10, le=1e10, allow_inf_nan=False)]


@dataclass(slots=True)
class Person(Generic[T]):
    """One tracked object. seen_at, box: when and where it was last seen. own: what the rule knows of it."""

    class_id: int
    box: Box
    seen_at: float
    own: T


@dataclass(slots=True, eq=False)
class People(Generic[T]):
    """By track id. new: what is known of somebody at first sight. exit_s: a track may go on for one lost so lately."""

    new: Callable[[], T]
    exit_s: float
    _people: dict[int, Person[T]] = field(default_factory=dict)
    _known: Known = field(default_factory=Known)
    _handing: HandOver[Person[T]] = field(init=False)

    def __post_init__(self) -> None:
        self._handing = HandOver(self.exit_s, copy.deepcopy)

    def __len__(self) -> int:
        """How many objects are kept in mind."""
        return len(self._people)

    def __iter__(self) -> Iterator[tuple[int, Person[T]]]:
        return iter(self._people.items())

    def get(self, track_id: int) -> Person[T] | None:
        """Who that is, if somebody."""
        return self._people.get(track_id)

    def clear(self) -> None:
        """Forget everybody."""
        self._people.clear()
        self._known.clear()
        self._handing.clear()

    def step(
        self, rows: Mapping[int, tuple[Sight, Point]], now: float, *, seen: Mapping[int, Sight]
    ) -> dict[int, float]:
        """Take in who counts in one frame, by id: for each, the seconds since he was seen before (0 at first sight).

        seen: every track of the frame, also those that do not count in it.
        """
        if self._handing:
            self._give_back(seen)
        if self._people and (newborn := self._known.newborn(seen)):
            self._handing.pass_on(self._people, seen, newborn, now)
        self._known.note(seen, now)
        since: dict[int, float] = {}
        for track_id, (sight, _) in rows.items():
            person = self._people.get(track_id)
            if person is None:
                person = self._people[track_id] = Person(sight.class_id, sight.box, now, self.new())
            since[track_id] = now - person.seen_at
            person.box, person.seen_at = sight.box, now
        if self._handing or len(self._people) > len(rows):
            forget_unseen(self._people, seen, now, exit_s=self.exit_s)
            self._handing.forget(now)
        return since

    def take_back(self, kept: Iterable[Person[T]]) -> None:
        """People of an earlier run, for tracks that begin at their places; to be called before the first step."""
        for number, person in enumerate(kept, start=1):
            self._people[-number] = person  # a tracker's ids are positive

    def _give_back(self, seen: Mapping[int, Sight]) -> None:
        """Of an heir nothing is known."""
        for loan in self._handing.give_back(self._people, seen):
            heir = self._people.get(loan.heir)
            if heir is not None:
                heir.own = self.new()


@dataclass(slots=True)
class Stay:
    """How long somebody is at a place. since: first sight there in this stay, None between stays.

    inside_at: of the latest sight there. spent: seconds between sights there. away: not there in some frame since.
    """

    since: float | None = None
    inside_at: float = 0.0
    spent: float = 0.0
    away: bool = False

    def look(self, is_inside: bool, now: float, *, exit_s: float, known: bool) -> float:
        """Take in one frame; the seconds spent since the latest sight there.

        exit_s: an absence this long ends the stay. known: False when what happened since the frame before is not.
        """
        if not is_inside:
            if self.since is not None:
                self.away = True
                if self._is_over(now, exit_s):
                    self.since = None
            return 0.0
        gained = 0.0
        if self.since is None or (self.away and self._is_over(now, exit_s)):
            self.since, self.spent = now, 0.0
        elif known and (not self.away or now - self.inside_at <= BRIDGE_S + SLACK_S):
            gained = now - self.inside_at
            self.spent += gained
        self.inside_at, self.away = now, False
        return gained

    def is_lately(self, now: float, exit_s: float) -> bool:
        """Whether it goes on, with a sight there less than `exit_s` ago."""
        return self.since is not None and (not self.away or now - self.inside_at < exit_s - SLACK_S)

    def _is_over(self, now: float, exit_s: float) -> bool:
        return now - self.inside_at >= exit_s - SLACK_S


def lately(at: float | None, now: float, within_s: float) -> bool:
    """Whether it was at most so long ago."""
    return at is not None and now - at <= within_s + SLACK_S


K = TypeVar("K", bound=BaseModel)


class KeptPerson(BaseModel, Generic[K]):
    """A `Person` for after a restart; all times are seconds before the latest frame, and so below zero."""

    model_config = ConfigDict(extra="forbid", strict=True)

    class_id: int
    box: Annotated[tuple[Number, Number, Number, Number], Field(strict=False)]
    seen_at: Number
    own: K


class KeptPeople(BaseModel, Generic[K]):
    """What `snapshot_of` made."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: Literal[1]
    people: list[KeptPerson[K]] = Field(max_length=MAX_VISITORS)


def snapshot_of(people: Iterable[Person[Any]], now: float) -> dict[str, JSON]:
    """People for after a restart, the latest seen first: JSON, times as seconds before `now`. Nobody: nothing.

    At most MOST_KEPT, so that an alert, which is stored with it, stays small. What the rule knows of them must be a dataclass.
    """
    kept: list[JSON] = [
        {**_aged(person, now), "box": [round(value, 4) for value in person.box]}
        for person in sorted(people, key=lambda person: -person.seen_at)[:MOST_KEPT]
    ]
    return {"version": 1, "people": kept} if kept else {}


def _aged(value: Any, now: float) -> Any:
    """A dataclass as `shifted` would make it of `asdict`, in one go: rules are asked for their state once a second."""
    if isinstance(value, list | tuple):
        return [_aged(each, now) for each in value]
    names = _names_of(type(value))  # type: ignore[arg-type]  # mypy takes no type for hashable
    if not names:
        return value
    return {
        name: (None if (at := getattr(value, name)) is None else at - now)
        if is_time
        else _aged(getattr(value, name), now)
        for name, is_time in names
    }


@functools.cache
def _names_of(kind: type) -> tuple[tuple[str, bool], ...]:
    """The fields of a dataclass, and whether they are moments; none of any other type."""
    return tuple((each.name, _is_moment(each.name)) for each in fields(kind)) if is_dataclass(kind) else ()


def _is_moment(name: str) -> bool:
    return name.endswith("_at") or name == "since"


def read_people(state: State, of: type[KeptPeople[K]]) -> list[KeptPerson[K]]:
    """The people of a snapshot. Raises ValueError when it is unusable."""
    try:
        return of.model_validate(dict(state)).people
    except ValidationError as error:
        raise ValueError(f"unusable state: {error.errors()[0]['msg']}") from None


def carry_over(rule: Rule, latest: float, media_time: float) -> None:
    """A camera was away between its frames at `latest` and `media_time`: what the rule knows goes on as after a restart.

    latest: infinite when nothing was seen yet; what a restart has brought still waits then.
    """
    if math.isinf(latest):
        return
    state, away_s = rule.snapshot(), media_time - latest
    rule.tracks_lost()
    if state and away_s >= 0:
        rule.restore(state, media_time=media_time, away_s=away_s)


def earlier(at: float | None, away_s: float) -> float | None:
    """A moment that lies further back by a time away; None stays."""
    return None if at is None else at - away_s


class KeptStay(BaseModel):
    """A `Stay` for after a restart."""

    model_config = ConfigDict(extra="forbid", strict=True)

    since: Number | None
    inside_at: Number
    spent: Number
    away: bool


def shifted(value: Any, by: float) -> Any:
    """The same with all times moved: those under names that end in `_at`, and `since`."""
    if isinstance(value, list):
        return [shifted(each, by) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: each + by if isinstance(each, float | int) and _is_moment(key) else shifted(each, by)
        for key, each in value.items()
    }
