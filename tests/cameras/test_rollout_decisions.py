"""The pure part of a staged publish: what a report means, and what follows."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cameras.core.rollout import (
    GRACE_SECONDS,
    OFFLINE_SECONDS,
    Decision,
    Kind,
    Look,
    Part,
    Plan,
    Seen,
    Sentence,
    decide,
    look_at,
)

ISSUED = Part("d1", is_canary=True, state="issued", version=5, seen_online=True, live_cameras=("c1",))
WELL = Seen(
    age=1.0, listening=900.0, observed=5, applied=5, confirmed=5, state="applied", cameras={"c1": "live"}, newest=5
)


def part(**changes: Any) -> Part:
    return replace(ISSUED, **changes)


@pytest.mark.parametrize(
    ("row", "report", "kind", "words"),
    [
        ({}, {}, Kind.HEALTHY, ""),
        ({"state": "waiting", "version": 0}, {}, Kind.WAITING, ""),
        ({"state": "skipped"}, {}, Kind.ASIDE, ""),
        ({"state": "rolled_back"}, {}, Kind.ASIDE, ""),
        ({"state": "failed", "why": Sentence("kept")}, {}, Kind.FAILED, "kept"),
        ({}, {"confirmed": 4}, Kind.TRYING, "has not confirmed yet"),
        ({}, {"confirmed": 4, "applied": 4, "observed": 4}, Kind.TRYING, "has not confirmed yet"),
        ({}, {"same_epoch": False, "confirmed": 9}, Kind.TRYING, "has not confirmed yet"),
        ({}, {"state": "refused", "reason": "no", "confirmed": 4}, Kind.FAILED, "refused: no"),
        ({}, {"state": "reverted", "reason": "ill", "confirmed": 4}, Kind.FAILED, "reverted: ill"),
        ({}, {"state": "refused", "observed": 4, "confirmed": 4}, Kind.TRYING, "has not confirmed yet"),  # an older one
        ({}, {"age": OFFLINE_SECONDS + 1}, Kind.SICK, "the box fell silent"),
        ({"seen_online": False}, {"age": OFFLINE_SECONDS + 1, "confirmed": 4}, Kind.ABSENT, "waits for the box"),
        ({"seen_online": False}, {"age": math.inf, "confirmed": 0}, Kind.ABSENT, "waits for the box"),
        ({"seen_online": False, "state": "confirmed"}, {"age": 99}, Kind.SICK, "the box fell silent"),
        ({}, {"age": 600, "listening": 3}, Kind.TRYING, "waits for a report"),  # the hub was away, not the box
        ({}, {"age": 600, "listening": 3, "state": "refused"}, Kind.TRYING, "waits for a report"),
        ({}, {"age": 600, "listening": 31}, Kind.SICK, "the box fell silent"),
        ({}, {"cameras": {"c1": "lost"}}, Kind.AILING, "camera c1 was live before and is not now"),
        ({"sick_for": GRACE_SECONDS - 1}, {"cameras": {}}, Kind.AILING, "camera c1 was live before and is not now"),
        ({"sick_for": GRACE_SECONDS}, {"cameras": {"c1": "lost"}}, Kind.SICK, "c1 was live"),
        ({"live_cameras": ()}, {"cameras": {"c1": "lost"}}, Kind.HEALTHY, ""),  # it was lost before
        ({"state": "confirmed"}, {"confirmed": 4, "applied": 4}, Kind.AILING, "it runs version 4"),
        ({}, {"newest": 6}, Kind.ASIDE, "version 6 was published meanwhile"),
        ({}, {"newest": 6, "newest_rollback_of": 4}, Kind.FAILED, "somebody rolled it back"),
        ({}, {"newest": -1}, Kind.ASIDE, "a new epoch began meanwhile"),
    ],
)
def test_what_a_report_means(row: dict[str, Any], report: dict[str, Any], kind: Kind, words: str) -> None:
    look = look_at(part(**row), replace(WELL, **report))
    assert look.kind is kind
    assert words in str(look.why)
    assert bool(str(look.why)) == bool(words)


def looks(**kinds: str) -> list[Look]:
    """`c…` are canaries; kinds as `Kind` names them, `!` at the end: online."""
    made = []
    for name, word in kinds.items():
        kind = Kind(word.rstrip("!"))
        mine = Part(name, is_canary=name.startswith("c"), state="waiting" if kind is Kind.WAITING else "issued")
        made.append(Look(mine, kind, Sentence("why"), online=word.endswith("!")))
    return made


CANARIES, REST = Plan("canaries"), Plan("rest", wave_size=2)
SOAKED = Plan("soaking", healthy_for=300.0)
LATE = replace(CANARIES, waited=3600.0)
ASKING = replace(LATE, state="asking")


@pytest.mark.parametrize(
    ("plan", "kinds", "expected", "note"),
    [
        (CANARIES, {"c1": "waiting!", "c2": "waiting", "r1": "waiting!"}, {"issue": ("c1",)}, "c2 to come online"),
        (CANARIES, {"c1": "trying", "r1": "waiting!"}, {}, "c1 to confirm"),
        (CANARIES, {"c1": "healthy", "c2": "ailing", "r1": "waiting!"}, {}, "c2 to recover"),
        (CANARIES, {"c1": "healthy", "c2": "absent"}, {}, "c2 to come online"),
        (CANARIES, {"c1": "healthy", "r1": "waiting!"}, {"state": "soaking", "healthy": True}, ""),
        (CANARIES, {"c1": "aside", "r1": "waiting!"}, {"state": "stopped"}, ""),
        (SOAKED, {"c1": "healthy", "r1": "waiting!"}, {"state": "rest", "healthy": True}, ""),
        (replace(SOAKED, healthy_for=299.9), {"c1": "healthy"}, {"healthy": True}, ""),
        (replace(SOAKED, healthy_for=None), {"c1": "healthy"}, {"healthy": True}, ""),
        (SOAKED, {"c1": "ailing", "r1": "waiting!"}, {"healthy": False}, "c1 to recover"),
        (SOAKED, {"c1": "trying", "r1": "waiting!"}, {"healthy": False}, "c1 to confirm"),
        (SOAKED, {"c1": "failed"}, {"state": "stopped"}, ""),
        (replace(SOAKED, error_threshold=2), {"c1": "failed", "c2": "healthy"}, {"state": "rest", "healthy": True}, ""),
        (replace(SOAKED, error_threshold=2), {"c1": "sick", "c2": "healthy"}, {}, "c1 to recover"),
        (replace(SOAKED, error_threshold=2), {"c1": "failed", "c2": "sick"}, {"state": "stopped"}, ""),
        (replace(SOAKED, error_threshold=2), {"c1": "failed", "r1": "waiting!"}, {"state": "stopped"}, ""),
        (replace(LATE, waited=3599.9), {"c1": "healthy", "c2": "absent"}, {}, "c2 to come online"),
        (LATE, {"c1": "healthy", "c2": "absent", "r1": "waiting!"}, {"state": "asking"}, "c2 to come online"),
        (replace(LATE, state="soaking"), {"c1": "trying"}, {"state": "asking"}, "c1 to confirm"),
        (ASKING, {"c1": "trying", "r1": "waiting!"}, {}, "c1 to confirm"),
        (ASKING, {"c1": "waiting!", "r1": "waiting!"}, {"issue": ("c1",)}, ""),
        (ASKING, {"c1": "healthy", "r1": "waiting!"}, {"state": "soaking", "healthy": True}, ""),
        (ASKING, {"c1": "failed", "c2": "healthy"}, {"state": "stopped"}, ""),
        (replace(REST, waited=9999.0), {"r1": "trying"}, {"healthy": True}, "r1 to confirm"),
        (REST, {"r1": "waiting!", "r2": "waiting", "r3": "waiting"}, {"issue": ("r1", "r2"), "healthy": True}, ""),
        (REST, {"r1": "trying", "r2": "waiting", "r3": "waiting"}, {"issue": ("r2",), "healthy": True}, "r1"),
        (REST, {"r1": "absent", "r2": "waiting", "r3": "waiting"}, {"issue": ("r2", "r3"), "healthy": True}, ""),
        (REST, {"r1": "trying", "r2": "ailing", "r3": "waiting"}, {"healthy": True}, "r2 to recover"),
        (
            REST,
            {"c1": "healthy", "r1": "healthy", "r2": "absent", "r3": "aside"},
            {"state": "done", "healthy": True},
            "",
        ),
        (REST, {"c1": "healthy", "r1": "trying"}, {"healthy": True}, "r1 to confirm"),
        (REST, {"c1": "sick", "r1": "waiting"}, {"state": "stopped"}, ""),
        (replace(REST, error_threshold=2), {"c1": "sick", "r1": "healthy"}, {"state": "done", "healthy": True}, ""),
    ],
)
def test_what_follows(plan: Plan, kinds: dict[str, str], expected: dict[str, Any], note: str) -> None:
    decision = decide(plan, looks(**kinds))
    found = {"issue": decision.issue, "state": decision.state, "healthy": decision.healthy}
    assert found == {"issue": (), "state": "", "healthy": False} | expected
    assert note in str(decision.note)
    assert bool(str(decision.stop)) == (decision.state == "stopped")


def test_it_says_which_device_failed_and_why_and_names_only_a_few_of_many() -> None:
    assert str(decide(CANARIES, looks(c1="failed", r1="waiting")).stop) == "c1: why"
    many = decide(replace(CANARIES, error_threshold=5), looks(**{f"c{n}": "failed" for n in range(5)}))
    assert str(many.stop) == "5 devices failed: c0, c1, c2 +2"
    assert len(many.stop.about) == 5


KINDS = st.sampled_from([f"{kind.value}{online}" for kind in Kind for online in ("", "!")])
PLANS = st.builds(
    Plan,
    state=st.sampled_from(["canaries", "soaking", "asking", "rest"]),
    healthy_seconds=st.floats(0, 1000),
    error_threshold=st.integers(1, 4),
    wave_size=st.integers(1, 4),
    healthy_for=st.none() | st.floats(0, 2000),
    waited=st.floats(0, 8000),
)
NAMES = st.sampled_from([f"{kind}{n}" for kind in "cr" for n in range(6)])


@settings(max_examples=400, deadline=None)
@given(plan=PLANS, kinds=st.dictionaries(NAMES, KINDS, min_size=1))
def test_whatever_the_boxes_report(plan: Plan, kinds: dict[str, str]) -> None:
    """Never more than a wave, never past the threshold, never the rest before its canaries, and always an answer."""
    given_looks = looks(**kinds)
    by_id = {x.part.device_id: x for x in given_looks}
    decision = decide(plan, given_looks)
    bad = sum(x.counts for x in given_looks)
    assert (bad >= plan.error_threshold) <= (decision.state == "stopped")
    assert all(by_id[d].kind is Kind.WAITING for d in decision.issue)
    if plan.state == "rest":
        busy = sum(x.kind in (Kind.TRYING, Kind.AILING) for x in given_looks)
        assert not decision.issue or len(decision.issue) + busy <= plan.wave_size
    else:
        assert all(by_id[d].part.is_canary and by_id[d].online for d in decision.issue)
    if decision.state == "rest":
        left = [x for x in given_looks if x.part.is_canary and x.kind not in (Kind.FAILED, Kind.ASIDE)]
        assert left
        assert all(x.kind is Kind.HEALTHY for x in left)
        assert plan.healthy_for is not None
        assert plan.healthy_for >= plan.healthy_seconds
    if decision == Decision():
        raise AssertionError("nothing to do, and it does not say what it waits for")
