"""Requests that fail at once cost a row each: of those that nobody will look at any more none is kept."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

MOST_FAILED = 100  # of one camera and one kind


def keep_newest(rows: QuerySet[Any], most: int = MOST_FAILED) -> None:
    """Deletes the others."""
    for pk in rows.order_by("-pk").values_list("pk", flat=True)[most : most + 1]:
        rows.filter(pk__lte=pk).delete()
