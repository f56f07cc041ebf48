"""A staged publish: what each device's report means for it, and what to do next. Pure; time comes in as seconds.

Canaries first. The rest follows when every canary has confirmed and all of them have stayed healthy for a set time without
a break. Whatever happens, it stops where as many devices as the threshold says have failed. When a canary gives no answer
(stays away, does not confirm, does not recover) for a set time, somebody has to decide; a canary that answers after all
takes it on by itself.

A device that refused or reverted has failed for good: below the threshold it is set aside. One that is unhealthy (silent,
or without a camera that was live before) counts as failed while it lasts; below the threshold a canary must recover, and
the healthy time begins again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

OFFLINE_SECONDS = 30.0  # silence that counts
GRACE_SECONDS = 30.0  # a camera may be away that long: they reconnect
NAMED = 3  # devices that a sentence names


@dataclass(frozen=True, slots=True)
class Sentence:
    """`template % values`, so that whoever shows it can translate the template; a value may be a sentence itself.

    about: the devices it names.
    """

    template: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    about: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.template % self.values


NOTHING = Sentence()


class Kind(Enum):
    """What a device is to its staged publish."""

    WAITING = "waiting"  # nothing issued to it
    ABSENT = "absent"  # issued, but the box has been away since before
    TRYING = "trying"  # issued, not confirmed
    HEALTHY = "healthy"  # confirmed, and as well as before
    AILING = "ailing"  # unhealthy, not for long
    SICK = "sick"  # unhealthy: counts while it lasts
    FAILED = "failed"  # refused, reverted, rolled back: counts for good
    ASIDE = "aside"  # no longer part of it


@dataclass(frozen=True, slots=True)
class Part:
    """One device's row. state: `waiting`, `issued`, `confirmed`, `failed`, `skipped`. seen_online: since it was issued.

    sick_for: seconds that it has been unhealthy without a break, None while it is not. why: of a stored ending.
    """

    device_id: str
    is_canary: bool = False
    state: str = "waiting"
    version: int = 0
    seen_online: bool = False
    live_cameras: tuple[str, ...] = ()
    sick_for: float | None = None
    why: Sentence = NOTHING


@dataclass(frozen=True, slots=True)
class Seen:
    """What the hub knows of the box. age: seconds since its last report (inf: never); listening: seconds for which this
    hub has listened without a break: a report from before says nothing about now.

    same_epoch: the report is of the epoch that the version was issued in. newest, newest_rollback_of: what the hub issued
    last in that epoch; newest is -1 when another epoch began.
    """

    age: float = math.inf
    listening: float = math.inf
    same_epoch: bool = True
    observed: int = 0
    applied: int = 0
    confirmed: int = 0
    state: str = ""
    reason: str = ""
    cameras: Mapping[str, str] = field(default_factory=dict)
    newest: int = 0
    newest_rollback_of: int | None = None

    @property
    def fresh(self) -> bool:
        return self.age <= self.listening

    @property
    def online(self) -> bool:
        return self.fresh and self.age <= OFFLINE_SECONDS

    @property
    def offline(self) -> bool:
        return min(self.age, self.listening) > OFFLINE_SECONDS


@dataclass(frozen=True, slots=True)
class Look:
    """A device and what became of it."""

    part: Part
    kind: Kind
    why: Sentence = NOTHING
    online: bool = False

    @property
    def counts(self) -> bool:
        return self.kind in (Kind.SICK, Kind.FAILED)


def look_at(part: Part, seen: Seen) -> Look:
    """What the device's report means. Stored endings stay; everything else follows the newest report."""
    ended = {"waiting": Kind.WAITING, "failed": Kind.FAILED}.get(part.state)
    if ended is None and part.state not in ("issued", "confirmed"):
        ended = Kind.ASIDE
    if ended is not None:
        return Look(part, ended, part.why, online=seen.online)
    kind, why = _overtaken(part, seen) or _reported(part, seen)
    return Look(part, kind, why, online=seen.online)


def _overtaken(part: Part, seen: Seen) -> tuple[Kind, Sentence] | None:
    if seen.newest < 0:
        return Kind.ASIDE, Sentence("a new epoch began meanwhile")
    if seen.newest > part.version:
        if seen.newest_rollback_of is not None:
            return Kind.FAILED, Sentence("somebody rolled it back")
        return Kind.ASIDE, Sentence("version %(version)s was published meanwhile", {"version": seen.newest})
    return None


def _reported(part: Part, seen: Seen) -> tuple[Kind, Sentence]:
    if seen.fresh and seen.same_epoch and seen.state in ("refused", "reverted") and seen.observed >= part.version:
        word = "refused: %(reason)s" if seen.state == "refused" else "reverted: %(reason)s"
        return Kind.FAILED, Sentence(word, {"reason": seen.reason})
    if not seen.online:
        return _silent(part, seen)
    if not seen.same_epoch or seen.confirmed < part.version:
        if part.state == "confirmed":
            return _unhealthy(part, Sentence("it runs version %(version)s", {"version": seen.applied}))
        return Kind.TRYING, Sentence("has not confirmed yet")
    lost = [c for c in part.live_cameras if seen.cameras.get(c) != "live"]
    if lost:
        return _unhealthy(part, Sentence("camera %(cameras)s was live before and is not now", {"cameras": named(lost)}))
    return Kind.HEALTHY, NOTHING


def _silent(part: Part, seen: Seen) -> tuple[Kind, Sentence]:
    if not seen.offline:
        return Kind.TRYING, Sentence("waits for a report")
    if part.seen_online or part.state == "confirmed":
        return Kind.SICK, Sentence("the box fell silent")
    return Kind.ABSENT, Sentence("waits for the box")


def _unhealthy(part: Part, why: Sentence) -> tuple[Kind, Sentence]:
    lasting = part.sick_for is not None and part.sick_for >= GRACE_SECONDS
    return (Kind.SICK if lasting else Kind.AILING), why


@dataclass(frozen=True, slots=True)
class Plan:
    """The staged publish itself. state: `canaries`, `soaking`, `asking` or `rest`. healthy_for: seconds for which all
    canaries have been healthy without a break, None while they are not; waited: seconds for which it has waited for some
    that are not."""

    state: str
    healthy_seconds: float = 300.0
    error_threshold: int = 1
    wave_size: int = 50
    healthy_for: float | None = None
    answer_seconds: float = 3600.0
    waited: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do. issue: device ids, in order; state: the next one, empty to stay; healthy: whether the healthy time runs;
    note: what it waits for; stop: why it stops, with the state `stopped`."""

    issue: tuple[str, ...] = ()
    state: str = ""
    healthy: bool = False
    note: Sentence = NOTHING
    stop: Sentence = NOTHING


def decide(plan: Plan, looks: Sequence[Look]) -> Decision:
    """The next step. Total: any plan and any looks have an answer."""
    bad = [look for look in looks if look.counts]
    if len(bad) >= plan.error_threshold:
        return Decision(state="stopped", stop=_too_many(bad, plan.error_threshold))
    if plan.state == "rest":
        return _rest(plan, looks)
    canaries = [x for x in looks if x.part.is_canary and x.kind not in (Kind.FAILED, Kind.ASIDE)]
    if not canaries:
        return Decision(state="stopped", stop=Sentence("no canary is left to judge by"))
    if all(x.kind is Kind.HEALTHY for x in canaries):
        return _healthy(plan)
    issue = tuple(x.part.device_id for x in canaries if x.kind is Kind.WAITING and x.online)
    asks = plan.state != "asking" and plan.waited >= plan.answer_seconds
    return Decision(issue=issue, state="asking" if asks else "", note=_waiting_for(canaries))


def _too_many(bad: Sequence[Look], threshold: int) -> Sentence:
    first = bad[0]
    names = tuple(x.part.device_id for x in bad)
    values = {"count": len(bad), "threshold": threshold, "devices": named(names)}
    if len(bad) == 1:
        values |= {"device": first.part.device_id, "why": first.why}
        return Sentence("%(device)s: %(why)s", values, names)
    return Sentence("%(count)s devices failed: %(devices)s", values, names)


def _healthy(plan: Plan) -> Decision:
    if plan.state in ("canaries", "asking"):
        return Decision(state="soaking", healthy=True)
    if plan.healthy_for is not None and plan.healthy_for >= plan.healthy_seconds:
        return Decision(state="rest", healthy=True)
    return Decision(healthy=True)


def _rest(plan: Plan, looks: Sequence[Look]) -> Decision:
    """Waves: whoever is offline does not hold the others up."""
    waiting = [x for x in looks if x.kind is Kind.WAITING]
    under_way = [x for x in looks if x.kind in (Kind.TRYING, Kind.AILING)]
    room = max(0, plan.wave_size - len(under_way))
    issue = tuple(x.part.device_id for x in waiting[:room])
    if not waiting and not under_way:
        return Decision(state="done", healthy=True)
    return Decision(issue=issue, healthy=True, note=_waiting_for(under_way))


def _waiting_for(looks: Sequence[Look]) -> Sentence:
    """The most pressing: who is ill, who is away, who has not confirmed."""
    for template, kinds in (
        ("waits for %(devices)s to recover", (Kind.AILING, Kind.SICK)),
        ("waits for %(devices)s to come online", (Kind.WAITING, Kind.ABSENT)),
        ("waits for %(devices)s to confirm", (Kind.TRYING,)),
    ):
        names = tuple(x.part.device_id for x in looks if x.kind in kinds and not (x.kind is Kind.WAITING and x.online))
        if names:
            return Sentence(template, {"devices": named(names)}, names)
    return NOTHING


def named(names: Sequence[str]) -> str:
    """The first few names, and how many more."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" +{more}" if more > 0 else "")
