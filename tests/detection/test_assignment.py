"""The pairing is the best there is, by comparison with all pairings."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.core import assignment
from detection.core.assignment import best_pairs

Table = list[list[float]]
values = st.sampled_from([-1, 0, 0.1, 0.2, 0.5, 0.7, 1])
tables = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(values, min_size=width, max_size=width), min_size=1, max_size=5)
)


def best_sum(gains: np.ndarray) -> float:
    wide = np.maximum(gains if gains.shape[0] <= gains.shape[1] else gains.T, 0)
    ways = itertools.permutations(range(wide.shape[1]), wide.shape[0])
    return max(float(wide[range(len(way)), way].sum()) for way in ways)


@given(tables)
def test_the_sum_is_the_largest_of_all(table: Table) -> None:
    gains = np.array(table, np.float64)
    rows, columns = best_pairs(gains)
    assert len(set(rows.tolist())) == len(rows) == len(set(columns.tolist()))
    assert rows.tolist() == sorted(rows.tolist())
    assert (gains[rows, columns] > 0).all()
    assert gains[rows, columns].sum() == pytest.approx(best_sum(gains))


def test_a_pair_that_nobody_can_beat_is_made_without_solving(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment, "_exact", None)
    crowd = np.full((30, 20), 0.1) + 0.8 * np.eye(30, 20)
    assert best_pairs(crowd)[1].tolist() == list(range(20))


def test_the_best_first_would_not_do() -> None:
    rows, columns = best_pairs(np.array([[0.9, 0.8], [0.8, 0.1]]))
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 1), (1, 0)]


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (2, 2)])
def test_nothing_to_pair(shape: tuple[int, int]) -> None:
    rows, columns = best_pairs(np.zeros(shape))
    assert len(rows) == len(columns) == 0


def test_groups_apart_are_solved_apart_and_a_huge_crowd_best_first(monkeypatch: pytest.MonkeyPatch) -> None:
    solved: list[tuple[int, ...]] = []
    exact = assignment._exact

    def noted(gains: assignment.Gains) -> list[tuple[int, int]]:
        solved.append(gains.shape)
        return exact(gains)

    monkeypatch.setattr(assignment, "_exact", noted)
    gains = np.kron(np.eye(40), np.array([[0.9, 0.8], [0.8, 0.1]]))  # forty pairs of rivals
    assert gains[best_pairs(gains)].sum() == pytest.approx(40 * 1.6)
    assert solved == [(2, 2)] * 40
    crowd = np.random.default_rng(1).uniform(0.1, 1, (80, 70))
    rows, columns = best_pairs(crowd)
    assert len(set(rows.tolist())) == len(set(columns.tolist())) == 70
    assert solved == [(2, 2)] * 40
