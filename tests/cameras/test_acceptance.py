"""Invariant 1: what is applied never goes back, whatever arrives in whatever order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras.core.acceptance import Applied, Verdict, decide
from edgesite.ids import uuid7

EPOCHS = tuple(f"01900000-0000-7000-8000-00000000000{n}" for n in range(3))
E1, E2, _ = EPOCHS
NOW = Applied(E1, 5, "a")

numbers = st.tuples(st.sampled_from(EPOCHS), st.integers(1, 6), st.sampled_from("ab"))


@pytest.mark.parametrize(
    ("current", "epoch", "version", "sha256", "verdict"),
    [
        (Applied(), E1, 1, "a", Verdict.APPLY),
        (NOW, E1, 6, "b", Verdict.APPLY),
        (NOW, E1, 6, "a", Verdict.APPLY),
        (NOW, E1, 99, "b", Verdict.APPLY),
        (NOW, E1, 5, "a", Verdict.SAME),
        (NOW, E1, 5, "b", Verdict.CONFLICT),
        (NOW, E1, 4, "b", Verdict.STALE),
        (NOW, E2, 1, "b", Verdict.APPLY),
        (NOW, EPOCHS[2], 1, "a", Verdict.APPLY),
        (Applied(E2, 1, "a"), E1, 99, "b", Verdict.STALE),
    ],
)
def test_the_table(current: Applied, epoch: str, version: int, sha256: str, verdict: Verdict) -> None:
    assert decide(current, epoch=epoch, version=version, sha256=sha256) is verdict


@given(st.lists(numbers, max_size=40))
def test_the_applied_number_never_goes_back_and_ends_at_the_newest(arrivals: list[tuple[str, int, str]]) -> None:
    current = Applied()
    for epoch, version, sha256 in arrivals:
        before = (current.epoch, current.version)
        if decide(current, epoch=epoch, version=version, sha256=sha256) is Verdict.APPLY:
            current = Applied(epoch, version, sha256)
            assert (current.epoch, current.version) > before
        assert (current.epoch, current.version) >= before
    newest = max(((e, v) for e, v, _ in arrivals), default=("", 0))
    assert (current.epoch, current.version) == newest


@given(st.lists(numbers, max_size=20), st.data())
def test_repetition_and_order_do_not_change_the_end(arrivals: list[tuple[str, int, str]], data: st.DataObject) -> None:
    def end(sequence: list[tuple[str, int, str]]) -> tuple[str, int]:
        current = Applied()
        for epoch, version, sha256 in sequence:
            if decide(current, epoch=epoch, version=version, sha256=sha256) is Verdict.APPLY:
                current = Applied(epoch, version, sha256)
        return current.epoch, current.version

    shuffled = data.draw(st.permutations(arrivals + arrivals))
    assert end(arrivals) == end(shuffled)


def test_epochs_made_one_after_the_other_grow() -> None:
    made = [uuid7() for _ in range(200)]
    assert made == sorted(set(made))
