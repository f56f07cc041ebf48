"""Ends the time of extracts and of films, and takes away the objects of those that are over."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import structlog
from django.db import models, transaction

from edgesite import storage
from recordings.extracts.logbook import note
from recordings.extracts.models import MadeFilm, StepKind
from recordings.removing import remove_each

log = structlog.get_logger(__name__)

AT_ONCE = 100
M = TypeVar("M", bound=MadeFilm)


def expire(standing: models.QuerySet[M], *, now: datetime, **changes: Any) -> None:
    """Those of `standing` whose time is over, at most `AT_ONCE`, each noted in the log.

    Also failed ones: something may have been stored before they failed. changes: what such a row says from now on.
    """
    over = standing.filter(expires_at__lt=now)
    for row in over.order_by("pk")[:AT_ONCE]:
        with transaction.atomic():
            if over.filter(pk=row.pk).update(**changes):
                note(row, StepKind.EXPIRED, author="", now=now)  # type: ignore[arg-type]


def remove_objects(rows: models.QuerySet[M], *, tried: str, now: datetime) -> int:
    """Of rows that `Logged` describes, at most `AT_ONCE`; how many went, each noted in the log.

    tried: the column that says when a row was tried, so that one that cannot go holds up no other. Raises StorageError when
    nothing could be removed.
    """
    every = rows.model._default_manager

    def remove(row: M) -> bool:
        storage.remove(row.key)
        with transaction.atomic():
            went = bool(every.filter(pk=row.pk, gone=False).update(gone=True))
            if went:
                note(row, StepKind.REMOVED, author="", now=now)  # type: ignore[arg-type]
        return went

    def later(row: M) -> None:
        every.filter(pk=row.pk).update(**{tried: now})

    removed = remove_each(rows.filter(gone=False).order_by(tried, "pk")[:AT_ONCE], remove=remove, later=later)
    if removed:
        log.info("objects removed", of=str(rows.model._meta.model_name), objects=removed)
    return removed
