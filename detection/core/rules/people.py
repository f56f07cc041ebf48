"""What is known of each tracked object, kept over a track that breaks off and begins again at its place. Pure.

The hand-over is that of `visits.py`; what is kept is the rule's own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detection.core.rules.base import JSON, State
from detection.core.rules.visits import BRIDGE_S, KNOWN_S, MAX_VISITORS, SLACK_S, heirs
from detection.core.scene import Box, Point, Sight

T = TypeVar("T")
Number = Annotated[float, Field(ge=-1e10, le=1e10, allow_inf_nan=False)]

RESUME_S = 30.0  # after a restart that took longer, whoever stands there may be anybody


@dataclass(slots=True)
class Person(Generic[T]):
    """One tracked object. seen_at, box: when and where it was last seen. own: what the rule knows of it."""

    class_id: int
    box: Box
    seen_at: float
    own: T


class _Loan(NamedTuple):
    heir: int
    own: object
    at: float


@dataclass(slots=True, eq=False)
class People(Generic[T]):
    """By track id. new: what is known of somebody at first sight. exit_s: a track may go on for one lost so lately."""

    new: Callable[[], T]
    exit_s: float
    _people: dict[int, Person[T]] = field(default_factory=dict)
    _loans: dict[int, _Loan] = field(default_factory=dict)

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
        self._loans.clear()

    def step(self, rows: Mapping[int, tuple[Sight, Point]], now: float) -> dict[int, float]:
        """Take in who is seen in one frame, by id: for each, the seconds since he was seen before (0 at first sight)."""
        if self._loans:
            self._give_back(rows)
        if not rows.keys() <= self._people.keys():
            self._hand_over(rows, now)
        since: dict[int, float] = {}
        for track_id, (sight, _) in rows.items():
            person = self._people.get(track_id)
            if person is None:
                person = self._people[track_id] = Person(sight.class_id, sight.box, now, self.new())
            since[track_id] = now - person.seen_at
            person.box, person.seen_at = sight.box, now
        if self._loans or len(self._people) > len(rows):
            self._forget(now)
        return since

    def take_back(self, kept: Iterable[Person[T]]) -> None:
        """People of an earlier run, for tracks that begin at their places; to be called before the first step."""
        for number, person in enumerate(kept, start=1):
            self._people[-number] = person  # a tracker's ids are positive

    def _hand_over(self, rows: Mapping[int, tuple[Sight, Point]], now: float) -> None:
        newborn = [sight for sight, _ in rows.values() if sight.track_id not in self._people]
        lost = [
            (track_id, person.class_id, person.box)
            for track_id, person in self._people.items()
            if track_id not in rows and now - person.seen_at < self.exit_s - SLACK_S
        ]
        for old_id, new_id in heirs(lost, newborn):
            person = self._people.pop(old_id)
            self._loans[old_id] = _Loan(new_id, copy.deepcopy(person), now)
            self._people[new_id] = person

    def _give_back(self, rows: Mapping[int, tuple[Sight, Point]]) -> None:
        """A lost track that comes back was only hidden; its heir is somebody else, of whom nothing is known."""
        for old_id in [track_id for track_id in self._loans if track_id in rows]:
            loan = self._loans.pop(old_id)
            if isinstance(loan.own, Person):
                self._people[old_id] = loan.own
            heir = self._people.get(loan.heir)
            if heir is not None:
                heir.own = self.new()

    def _forget(self, now: float) -> None:
        for track_id in [i for i, person in self._people.items() if now - person.seen_at > KNOWN_S]:
            del self._people[track_id]
        if len(self._people) > MAX_VISITORS:
            for track_id, _ in sorted(self._people.items(), key=lambda item: item[1].seen_at)[:-MAX_VISITORS]:
                del self._people[track_id]
        self._loans = {track_id: loan for track_id, loan in self._loans.items() if now - loan.at <= KNOWN_S}


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

    What the rule knows of them must be a dataclass.
    """
    kept: list[JSON] = [
        shifted(asdict(person) | {"box": [round(value, 4) for value in person.box]}, -now)
        for person in sorted(people, key=lambda person: -person.seen_at)
    ]
    return {"version": 1, "people": kept} if kept else {}


def read_people(state: State, of: type[KeptPeople[K]]) -> list[KeptPerson[K]]:
    """The people of a snapshot. Raises ValueError when it is unusable."""
    try:
        return of.model_validate(dict(state)).people
    except ValidationError as error:
        raise ValueError(f"unusable state: {error.errors()[0]['msg']}") from None


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
        key: each + by
        if isinstance(each, float | int) and (key.endswith("_at") or key == "since")
        else shifted(each, by)
        for key, each in value.items()
    }
