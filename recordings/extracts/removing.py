"""Takes away the objects of rows whose time is over, for extracts and for films."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import structlog
from django.db import models, transaction

from edgesite import storage
from edgesite.storage import StorageError
from recordings.extracts.logbook import note
from recordings.extracts.models import StepKind

log = structlog.get_logger(__name__)

AT_ONCE = 100
M = TypeVar("M", bound=models.Model)


def remove_objects(rows: models.QuerySet[M], *, tried: str, now: datetime) -> int:
    """Of rows with `key` and `gone` that `Logged` describes, at most `AT_ONCE`; how many went, each noted in the log.

    tried: the column that says when a row was tried, so that one that cannot go holds up no other. Raises StorageError when
    nothing could be removed.
    """
    removed, problem = 0, None
    every = rows.model._default_manager
    for row in rows.filter(gone=False).order_by(tried, "pk")[:AT_ONCE]:
        try:
            storage.remove(row.key)  # type: ignore[attr-defined]
        except StorageError as error:
            problem = error
            every.filter(pk=row.pk).update(**{tried: now})  # behind all others
            continue
        with transaction.atomic():
            if every.filter(pk=row.pk, gone=False).update(gone=True):
                note(row, StepKind.REMOVED, author="", now=now)  # type: ignore[arg-type]
                removed += 1
    if removed:
        log.info("objects removed", of=str(rows.model._meta.model_name), objects=removed)
    if problem is not None and not removed:
        raise problem
    return removed
