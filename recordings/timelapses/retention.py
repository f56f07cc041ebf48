"""The hub lets time-lapses go when their time is over, or somebody deleted them; that their files are gone is noted."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from edgesite import storage
from edgesite.storage import StorageError
from recordings.core.films import UNDER_WAY
from recordings.extracts.logbook import note
from recordings.extracts.models import StepKind
from recordings.timelapses.models import REMOVED, FilmState, TimeLapse

log = structlog.get_logger(__name__)

AT_ONCE = 100
ROWS_KEPT = timedelta(days=30)  # of what is gone; the log keeps who watched what


def step(*, now: datetime | None = None) -> bool:
    """A bounded number at a time; True when something went. Raises StorageError when nothing could be removed."""
    now = now or timezone.now()
    _expire(now)
    removed, problem = 0, None
    for film in TimeLapse.objects.filter(state__in=REMOVED, gone=False).order_by("seen_at", "pk")[:AT_ONCE]:
        try:
            storage.remove(film.key)
        except StorageError as error:
            problem = error
            TimeLapse.objects.filter(pk=film.pk).update(seen_at=now)  # behind all others
            continue
        with transaction.atomic():
            if TimeLapse.objects.filter(pk=film.pk, gone=False).update(gone=True):
                note(film, StepKind.REMOVED, author="", now=now)
                removed += 1
    if removed:
        log.info("time-lapses removed", films=removed)
    old = TimeLapse.objects.filter(gone=True, expires_at__lt=now - ROWS_KEPT)
    TimeLapse.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:AT_ONCE])).delete()
    if problem is not None and not removed:
        raise problem
    return bool(removed)


def _expire(now: datetime) -> None:
    """Those whose time is over, also failed ones: something may have been stored before it failed."""
    over = TimeLapse.objects.filter(expires_at__lt=now).exclude(state__in=[*REMOVED, *UNDER_WAY])
    for film in over.order_by("pk")[:AT_ONCE]:
        with transaction.atomic():
            rows = TimeLapse.objects.filter(pk=film.pk, expires_at__lt=now)
            if rows.exclude(state__in=[*REMOVED, *UNDER_WAY]).update(state=FilmState.EXPIRED):
                note(film, StepKind.EXPIRED, author="", now=now)
