"""Taking stored objects away, a number at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from edgesite.storage import StorageError

Row = TypeVar("Row")


def remove_each(rows: Iterable[Row], *, remove: Callable[[Row], bool], later: Callable[[Row], object]) -> int:
    """How many `remove` took away. One that cannot be holds up no other: `later` puts it behind them for the next time.

    Raises StorageError when nothing could be removed, so that its caller waits for the storage.
    """
    removed, problem = 0, None
    for row in rows:
        try:
            removed += remove(row)
        except StorageError as error:
            problem = error
            later(row)
    if problem is not None and not removed:
        raise problem
    return removed
