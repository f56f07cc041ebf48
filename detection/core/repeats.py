"""Which alerts are the same one again: repeats of one binding, while it still goes on or soon after. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from detection.core.rules.base import JSON

JOIN = timedelta(seconds=60)  # after the end of what was there before, or before its beginning: messages may be late
LONGEST = timedelta(hours=1)  # an hour after its beginning a repeat is news again, however long it goes on
MOST = 200  # occurrences of one alert
SEVERITIES = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """ended_at: None while it goes on, and for rules that tell of no end."""

    at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Span:
    """An alert with its repeats. began_at, last_at: its first and its last beginning. ended_at: None until all are over."""

    occurrences: int
    began_at: datetime
    last_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Earlier:
    """An alert that nobody resolved yet. ends: whether its rule tells of ends. kind: what its rule calls it, if anything."""

    span: Span
    ends: bool
    kind: JSON
    severity: str


def span_of(occurrences: Iterable[Occurrence]) -> Span:
    """All of one alert in whatever order, one at least. Raises ValueError for none."""
    found = list(occurrences)
    ends = [each.ended_at for each in found if each.ended_at is not None]
    return Span(
        occurrences=len(found),
        began_at=min(each.at for each in found),
        last_at=max(each.at for each in found),
        ended_at=max(ends) if len(ends) == len(found) else None,
    )


def is_repeat(earlier: Earlier, *, at: datetime, kind: JSON, severity: str) -> bool:
    """Whether an alert of the same binding belongs to the earlier one.

    What is graver than the earlier one is news, and so is what is of another kind.
    """
    span = earlier.span
    if span.occurrences >= MOST or kind != earlier.kind or _rank(severity) > _rank(earlier.severity):
        return False
    if abs(at - span.began_at) > LONGEST or at < span.began_at - JOIN:
        return False
    until = span.ended_at or (None if earlier.ends else span.last_at)
    return until is None or at <= until + JOIN


def may_touch(at: datetime, occurred: datetime) -> bool:
    """Whether something at `at` can be a repeat of an alert with an occurrence at `occurred`: both are near its beginning."""
    return abs(at - occurred) <= 2 * LONGEST


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity)
