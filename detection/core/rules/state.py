"""How far a rule is, as a value that says it all; the words are made where somebody reads them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Word = Literal["idle", "counting", "cooling", "raised", "open", "step", "outside_schedule", "unknown"]
Why = Literal["", "covered", "frozen", "no_model", "broken"]

# Of several objects the one that is nearest to an alert speaks for the rule.
_NEAREST: tuple[Word, ...] = ("counting", "step", "cooling", "raised")


@dataclass(frozen=True, slots=True)
class ObjectState:
    """One tracked object as a rule sees it. word, value, target, left_s: as in `RuleState`."""

    track_id: int
    word: Word
    value: float = 0.0
    target: float = 0.0
    left_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RuleState:
    """One rule at a moment.

    word: `idle` (nothing that would count), `counting` (`value` of `target`), `cooling` (due, but for `left_s` seconds there
    is no alert), `raised` (had its alert, and no other one follows before this is over), `open` (its alert is open and ends
    by itself), `step` (`value` of `target` at a step of a procedure), `outside_schedule`, or `unknown` because of `why`:
    `covered`, `frozen`, `no_model` or `broken`. unit: of `value` and `target`, `s` or a plain number. detail: what is broken,
    or the name of the model. counts: what there is to count, by name. objects: those that it watches, by themselves.
    """

    word: Word
    value: float = 0.0
    target: float = 0.0
    unit: Literal["", "s"] = "s"
    left_s: float = 0.0
    why: Why = ""
    detail: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    objects: tuple[ObjectState, ...] = ()


IDLE = RuleState("idle")
OUTSIDE = RuleState("outside_schedule")


def unknown(why: Why, detail: str = "") -> RuleState:
    """Nothing can be said."""
    return RuleState("unknown", why=why, detail=detail)


def of_objects(objects: Iterable[ObjectState], *, unit: Literal["", "s"] = "s", **counts: int) -> RuleState:
    """The state of a rule about single objects: that of the one which is nearest to an alert."""
    known = tuple(objects)
    among = [one for one in known if one.word in _NEAREST]
    if not among:
        return RuleState("idle", unit=unit, counts=counts, objects=known)
    lead = min(among, key=lambda one: (_NEAREST.index(one.word), one.target - one.value, one.left_s))
    return RuleState(lead.word, lead.value, lead.target, unit=unit, left_s=lead.left_s, counts=counts, objects=known)
