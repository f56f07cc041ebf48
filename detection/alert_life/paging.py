"""Pages of a list that may have millions of rows: by place instead of by number, and without counting them all.

A page is looked for in a stretch of numbers just beyond the last place, and in one eight times as long when that did not
fill it. A filter that fits many rows is done after the first stretch, one that fits few has an index of its own; without the
bound a database may sort half a million rows to show fifty.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from detection.models import Alert

PER_PAGE = 50
FIRST_STRETCH = 2_000
GROWTH = 8
COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins. number: of the alert just outside it, None for the newest page. newer: it ends there."""

    number: int | None = None
    newer: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """alerts: newest first. newer, older: whether there may be more in that direction."""

    alerts: list[Alert]
    newer: bool
    older: bool


def page_of(rows: QuerySet[Alert], place: Place, *, size: int = PER_PAGE) -> Page:
    """The page at a place. Queries: two, and one more for each stretch; of a million rows at most seven."""
    # Not as one aggregate: SQLite answers MIN and MAX together by reading every row.
    numbers = Alert.objects.values_list("id", flat=True)
    low, high = numbers.order_by("id").first(), numbers.order_by("-id").first()
    if low is None or high is None:
        return Page([], newer=False, older=False)
    if place.newer and place.number is not None:
        found = _upwards(rows, place.number, high, size + 1)
        more, found = len(found) > size, found[:size][::-1]
        return Page(found, newer=more, older=bool(found))
    start = high + 1 if place.number is None else min(place.number, high + 1)
    found = _downwards(rows, start, low, size + 1)
    return Page(found[:size], newer=place.number is not None, older=len(found) > size)


def _downwards(rows: QuerySet[Alert], below: int, low: int, wanted: int) -> list[Alert]:
    found: list[Alert] = []
    stretch = FIRST_STRETCH
    while below > low and len(found) < wanted:
        bottom = max(below - stretch, low)
        some = rows.filter(id__lt=below, id__gte=bottom).order_by("-id")
        found += some[: wanted - len(found)]
        below, stretch = bottom, stretch * GROWTH
    return found


def _upwards(rows: QuerySet[Alert], above: int, high: int, wanted: int) -> list[Alert]:
    found: list[Alert] = []
    stretch = FIRST_STRETCH
    while above < high and len(found) < wanted:
        top = min(above + stretch, high)
        some = rows.filter(id__gt=above, id__lte=top).order_by("id")
        found += some[: wanted - len(found)]
        above, stretch = top, stretch * GROWTH
    return found


def count_up_to(rows: QuerySet[Alert], most: int = COUNTED) -> int:
    """How many there are, `most + 1` when there are more than `most`."""
    return rows.order_by()[: most + 1].count()
