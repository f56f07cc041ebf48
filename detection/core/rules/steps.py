"""How far somebody is in a procedure, and what is missing. Pure; times are media time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field

from detection.core.rules.base import State
from detection.core.rules.handover import SLACK_S
from detection.core.rules.people import (
    KeptPeople,
    KeptPerson,
    KeptStay,
    Number,
    Person,
    Stay,
    earlier,
    lately,
    read_people,
    shifted,
)

PAST_S = 86_400.0  # a past that nobody saw is longer than any procedure

Kind = Literal["skipped", "too_short", "out_of_order"]


class Wanted(Protocol):
    """A step as the parameters give it."""

    @property
    def min_s(self) -> float: ...


class Limits(Protocol):
    """What of the parameters is needed here."""

    @property
    def steps(self) -> Sequence[Wanted]: ...
    @property
    def within_s(self) -> float: ...
    @property
    def pause_s(self) -> float: ...
    @property
    def exit_s(self) -> float: ...
    @property
    def dwell_s(self) -> float: ...


class Verdict(NamedTuple):
    """What is wrong; of each step the seconds of the longest stay, and `done`, `too_short` or `skipped`. missing_s: how long
    it would have taken to do what is missing."""

    kind: Kind
    steps: list[tuple[float, str]]
    missing_s: float


@dataclass(slots=True)
class Step:
    """One step of one person. stay: the present one, and in_order: what of it came after the steps before.

    best_s, best_at: the longest stay lately. done_at: when it was last long enough. chain_at: when this step and all
    before it were last done in order.
    """

    stay: Stay = field(default_factory=Stay)
    in_order: float = 0.0
    best_s: float = 0.0
    best_at: float | None = None
    done_at: float | None = None
    chain_at: float | None = None


@dataclass(slots=True)
class Washer:
    """One person. goal: his visit there; raised: it has been judged; came: the last sight before it was outside; found: what
    was wrong when he entered.

    outside: where he was seen last. gap_s, gap_at: the longest time lately for which nobody could see him.
    """

    steps: list[Step]
    goal: Stay = field(default_factory=Stay)
    found: Verdict | None = None
    outside: bool = False
    came: bool = False
    raised: bool = False
    alerted_at: float | None = None
    gap_s: float = 0.0
    gap_at: float | None = None

    @classmethod
    def new(cls, steps: int) -> Washer:
        return cls([Step() for _ in range(steps)])

    def matters(self) -> bool:
        """Whether there is anything to remember."""
        return self.outside or self.goal.since is not None or any(step.best_at is not None for step in self.steps)

    def missed(self, seconds: float, now: float, within_s: float) -> None:
        """He was not seen for so long, up to now."""
        if seconds >= self.gap_s or not lately(self.gap_at, now, within_s):
            self.gap_s, self.gap_at = seconds, now

    def look(
        self, limits: Limits, at_steps: Sequence[bool], at_goal: bool, now: float, *, known: bool, seen: bool
    ) -> None:
        """Take in one frame. seen: he is in it. known: False when what happened since the frame before is not."""
        before: float | None = now
        for wanted, step, here in zip(limits.steps, self.steps, at_steps, strict=True):
            if here or step.stay.since is not None:
                self._at_step(
                    limits, wanted.min_s, step, here, now, known, in_time=lately(before, now, limits.within_s)
                )
            before = step.chain_at
        had = self.goal.since
        self.goal.look(at_goal, now, exit_s=limits.exit_s, known=known)
        if at_goal and self.goal.since == now and had != now:
            self.came, self.raised, self.found = self.outside, False, self._find(limits, now)
        if seen:
            self.outside = not at_goal

    def _at_step(
        self, limits: Limits, min_s: float, step: Step, here: bool, now: float, known: bool, *, in_time: bool
    ) -> None:
        gained = step.stay.look(here, now, exit_s=limits.pause_s, known=known)
        if not here:
            return
        if step.stay.since == now:
            step.in_order = 0.0
        if in_time:
            step.in_order += gained
        if step.stay.spent >= step.best_s or not lately(step.best_at, now, limits.within_s):
            step.best_s, step.best_at = step.stay.spent, now
        if step.stay.spent >= min_s - SLACK_S:
            step.done_at = now
        if in_time and step.in_order >= min_s - SLACK_S:
            step.chain_at = now

    def is_complete(self, now: float, within_s: float) -> bool:
        """Whether all steps were done in order, lately enough."""
        return lately(self.steps[-1].chain_at, now, within_s)

    def running(self, limits: Limits) -> Iterator[tuple[float, float]]:
        """Of the steps at which he is: seconds spent, and wanted."""
        for wanted, step in zip(limits.steps, self.steps, strict=True):
            if step.stay.since is not None:
                yield step.stay.spent, wanted.min_s

    def verdict(self, limits: Limits, entered: float) -> Verdict | None:
        """What is wrong with having entered then; None when nothing is, or when it may have been done unseen."""
        if self.found is None or (
            lately(self.gap_at, entered, limits.within_s) and self.gap_s >= self.found.missing_s - SLACK_S
        ):
            return None
        return self.found

    def _find(self, limits: Limits, entered: float) -> Verdict | None:
        """What is wrong with entering now, as far as was seen: what he does later does not count for this visit."""
        if self.is_complete(entered, limits.within_s):
            return None
        found: list[tuple[float, str]] = []
        missing = 0.0
        for wanted, step in zip(limits.steps, self.steps, strict=True):
            best = step.best_s if lately(step.best_at, entered, limits.within_s) else 0.0
            if lately(step.done_at, entered, limits.within_s):
                found.append((max(best, wanted.min_s), "done"))
                continue
            found.append((best, "too_short" if best >= min(limits.dwell_s, wanted.min_s) and best > 0 else "skipped"))
            missing += wanted.min_s - (best if step.stay.since is not None else 0.0)
        states = {state for _, state in found}
        if states == {"done"}:  # in the wrong order: he would have had to do all of it again
            missing = sum(wanted.min_s for wanted in limits.steps)
        kind: Kind = "skipped" if "skipped" in states else "too_short" if "too_short" in states else "out_of_order"
        return Verdict(kind, found, missing)


class _Step(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    stay: KeptStay
    in_order: Number
    best_s: Number
    best_at: Number | None
    done_at: Number | None
    chain_at: Number | None


_Finding = Annotated[tuple[Number, str], Field(strict=False)]
_Verdict = Annotated[tuple[Kind, list[_Finding], Number], Field(strict=False)]


class _Washer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    steps: list[_Step]
    goal: KeptStay
    found: _Verdict | None = None  # lacking where an older program stored it
    outside: bool
    came: bool
    raised: bool
    alerted_at: Number | None
    gap_s: Number
    gap_at: Number | None


def read_washers(state: State, *, steps: int) -> list[KeptPerson[_Washer]]:
    """The people of a procedure's snapshot. Raises ValueError when it is unusable."""
    people = read_people(state, KeptPeople[_Washer])
    if any(len(each.own.steps) != steps for each in people):
        raise ValueError("unusable state: it is of another number of steps")
    return people


def person_of(kept: KeptPerson[_Washer], now: float, away_s: float, within_s: float) -> Person[Washer]:
    """The person again, at media time `now`; what he did is `away_s` older, during which nobody could see him."""
    own = shifted(kept.own.model_dump(), now)
    steps = [Step(stay=Stay(**step.pop("stay")), **step) for step in own.pop("steps")]
    for step in steps:
        step.stay.away = True
        step.best_at, step.done_at, step.chain_at = (
            earlier(at, away_s) for at in (step.best_at, step.done_at, step.chain_at)
        )
    found = own.pop("found")
    washer = Washer(steps=steps, goal=Stay(**own.pop("goal")), found=found and Verdict(*found), **own)
    washer.goal.away = True
    washer.alerted_at, washer.gap_at = earlier(washer.alerted_at, away_s), earlier(washer.gap_at, away_s)
    washer.missed(away_s, now, within_s)
    return Person(kept.class_id, kept.box, now + kept.seen_at, washer)
