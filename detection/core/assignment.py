"""Who belongs to whom: the pairing with the largest total gain, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Gains = NDArray[np.float64]

LEAST_GAIN = 0.02  # a poor pair is better than none
LARGEST_EXACT = 64  # of one crowd whose members all touch; in a larger one best first is good enough, and quick


def pair(
    fit: Gains,
    penalty: Gains,
    least: float,
    *,
    free: NDArray[np.bool_],
    wanted: NDArray[np.bool_],
    rows: NDArray[np.intp],
) -> None:
    """Pair free tracks (rows of `fit`) with wanted, unpaired detections (columns); marks `free`, `rows`.

    Only pairs that fit by `least` are made. The sum of the squares of `fit` less `penalty` ``(m, 1)`` is made largest: one
    pair that fits well counts more than two that hardly do.
    """
    open_columns = wanted & (rows < 0)
    if not open_columns.any():
        return
    allowed = (fit >= least) & free[:, None] & open_columns[None, :]
    tracks, columns = np.nonzero(allowed)
    if not _nobody_competes(tracks, columns):
        tracks, columns = best_pairs(np.where(allowed, np.maximum(fit - penalty, LEAST_GAIN) ** 2, 0.0))
    free[tracks] = False
    rows[columns] = tracks


def best_pairs(gains: Gains) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pairs with the largest sum of gains, each row and column at most once, by row.

    gains: ``(m, n)``; only pairs with a gain above 0 are made. Of pairings with the same sum one is taken, always the
    same. Rows and columns that have nothing to do with each other are solved apart, which is nearly always: a crowd of
    more than 64 that hangs together is paired best first instead.
    """
    rows, columns = np.nonzero(gains > 0)
    if _nobody_competes(rows, columns):
        return rows, columns
    possible = list(zip(rows.tolist(), columns.tolist(), gains[rows, columns].tolist(), strict=True))
    pairs = _certain(possible)
    done_rows, done_columns = {row for row, _ in pairs}, {column for _, column in pairs}
    left = [(row, column) for row, column, _ in possible if row not in done_rows and column not in done_columns]
    for group_rows, group_columns in _groups(left):
        part = gains[np.ix_(group_rows, group_columns)]
        solve = _exact if max(part.shape) <= LARGEST_EXACT else _best_first
        pairs.extend((group_rows[row], group_columns[column]) for row, column in solve(part) if part[row, column] > 0)
    pairs.sort()
    made = np.array(pairs, np.intp).reshape(-1, 2)
    return made[:, 0], made[:, 1]


def _nobody_competes(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> bool:
    """Whether of these possible pairs all can be made: no row and no column is in two of them."""
    return len(rows) == len(set(rows.tolist())) == len(set(columns.tolist()))


def _certain(possible: list[tuple[int, int, float]]) -> list[tuple[int, int]]:
    """Pairs that gain no less than anything that row and column could have with others, even both: no best pairing
    needs to do without them. They leave little to solve where people do not stand in each other's way.

    possible: row, column and gain, in the order of rows and columns. Plain numbers: there are a few dozen of them.
    """
    in_row: dict[int, list[float]] = {}
    in_column: dict[int, list[float]] = {}
    for row, column, gain in possible:
        in_row.setdefault(row, []).append(gain)
        in_column.setdefault(column, []).append(gain)
    best_of_row, next_of_row = _best_two(in_row)
    best_of_column, next_of_column = _best_two(in_column)
    row_of: dict[int, int] = {}  # by column
    asked: set[int] = set()
    for row, column, gain in possible:
        if gain == best_of_row[row] and row not in asked:  # of columns that are alike the first one
            asked.add(row)
            if gain == best_of_column[column] and gain >= next_of_row[row] + next_of_column[column]:
                row_of.setdefault(column, row)  # of rows that are alike the first one
    return [(row, column) for column, row in row_of.items()]


def _best_two(gains: dict[int, list[float]]) -> tuple[dict[int, float], dict[int, float]]:
    """The largest of each list, and the one after it, 0 where there is none."""
    ranked = {place: sorted(each)[-2:] for place, each in gains.items()}
    return (
        {place: each[-1] for place, each in ranked.items()},
        {place: each[0] if len(each) > 1 else 0.0 for place, each in ranked.items()},
    )


def _groups(pairs: list[tuple[int, int]]) -> list[tuple[list[int], list[int]]]:
    """The parts of the graph that hang together, by their first row: its rows and its columns, ascending."""
    by_row: dict[int, list[int]] = {}
    by_column: dict[int, list[int]] = {}
    for row, column in pairs:
        by_row.setdefault(row, []).append(column)
        by_column.setdefault(column, []).append(row)
    groups, seen = [], set[int]()
    for first in by_row:
        if first in seen:
            continue
        seen.add(first)
        group, reached, waiting = [first], set[int](), [first]
        while waiting:
            for column in by_row[waiting.pop()]:
                if column not in reached:
                    reached.add(column)
                    fresh = [row for row in by_column[column] if row not in seen]
                    seen.update(fresh)
                    group += fresh
                    waiting += fresh
        groups.append((sorted(group), sorted(reached)))
    return groups


def _best_first(gains: Gains) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    rows, columns = set[int](), set[int]()
    for place in np.argsort(-gains, axis=None, kind="stable").tolist():
        row, column = divmod(place, gains.shape[1])
        if gains[row, column] <= 0:
            break
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            pairs.append((row, column))
    return pairs


def _exact(gains: Gains) -> list[tuple[int, int]]:
    """Shortest augmenting paths, O(n³) (Jonker and Volgenant, "A shortest augmenting path algorithm for dense and sparse
    linear assignment problems", Computing 38, 1987), without their initial reductions."""
    count, width = gains.shape
    size = max(count, width)
    cost = np.zeros((size + 1, size + 1))
    cost[1 : count + 1, 1 : width + 1] = -np.maximum(gains, 0.0)
    row_price, column_price = np.zeros(size + 1), np.zeros(size + 1)
    owner = np.zeros(size + 1, np.intp)  # by column; row 0 is nobody
    for row in range(1, size + 1):
        owner[0], column = row, 0
        distance, before = np.full(size + 1, np.inf), np.zeros(size + 1, np.intp)
        used = np.zeros(size + 1, np.bool_)
        while owner[column]:
            used[column] = True
            slack = cost[owner[column]] - row_price[owner[column]] - column_price
            nearer = ~used & (slack < distance)
            distance[nearer], before[nearer] = slack[nearer], column
            column = int(np.argmin(np.where(used, np.inf, distance)))
            step = distance[column]
            row_price[owner[used]] += step
            column_price[used] -= step
            distance[~used] -= step
        while column:
            owner[column] = owner[before[column]]
            column = int(before[column])
    return [
        (row - 1, place - 1) for place, row in enumerate(owner.tolist()) if place and row <= count and place <= width
    ]
