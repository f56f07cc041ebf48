"""The delays between tries."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesite.core.backoff import Backoff, RestartPolicy


@given(base=st.floats(0.01, 5), factor=st.floats(1, 100), seed=st.integers(), tries=st.integers(1, 2000))
def test_delays_stay_between_floor_and_ceiling(base: float, factor: float, seed: int, tries: int) -> None:
    cap = base * factor
    backoff = Backoff(base, cap, random.Random(seed))
    for number in range(tries):
        delay = backoff.next()
        assert base / 2 <= delay <= min(cap, base * 2 ** min(number, 64)) * (1 + 1e-9)


def test_the_ceiling_doubles_up_to_the_cap_and_reset_starts_again() -> None:
    class Highest(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    backoff = Backoff(0.5, 10, Highest())
    assert [backoff.next() for _ in range(7)] == [0.5, 1, 2, 4, 8, 10, 10]
    backoff.reset()
    assert backoff.next() == 0.5

    policy = RestartPolicy(Backoff(0.5, 10, Highest()), settled_s=30)
    assert [policy.delay(lived_s=lived) for lived in (1, 29.9, 30, 0)] == [0.5, 1, 0.5, 1]


@given(at_most=st.floats(0, 20), seed=st.integers())
def test_one_delay_may_be_kept_shorter_without_losing_count(at_most: float, seed: int) -> None:
    backoff = Backoff(0.5, 10, random.Random(seed))
    for ceiling in (0.5, 1, 2, 4, 8, 10, 10):
        assert 0.25 <= backoff.next(at_most=at_most) <= max(min(ceiling, at_most), 0.5)
    assert backoff.next() <= 10


def test_two_boxes_do_not_wait_alike() -> None:
    first, second = (Backoff(0.5, 10, random.Random(seed)) for seed in (1, 2))
    assert [first.next() for _ in range(5)] != [second.next() for _ in range(5)]


@pytest.mark.parametrize(("base", "cap"), [(0, 1), (-1, 1), (2, 1)])
def test_senseless_bounds_are_refused(base: float, cap: float) -> None:
    with pytest.raises(ValueError, match="0 < base <= cap"):
        Backoff(base, cap)
