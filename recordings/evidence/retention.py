"""The hub lets evidence go when its time is over, by days and by bytes; its place in the chain stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from edgesite import storage
from edgesite.storage import StorageError
from recordings.evidence.models import Evidence
from recordings.uploads import services as uploads

log = structlog.get_logger(__name__)

AT_ONCE = 200
MB = 1024 * 1024

Told = Callable[[Sequence[str]], None]

_told: list[Told] = []


def register(told: Told) -> None:
    """Called with the keys of objects that are about to go, inside the transaction that says so."""
    _told.append(told)


def step(*, now: datetime | None = None) -> bool:
    """Removes what is too old or too much, a bounded number at a time; True when something went.

    What is to go is first marked, so that a kill in between leaves no object that nobody knows of. One that cannot be
    removed holds up no other. Raises StorageError when not one could be, django.db.Error.
    """
    now = now or timezone.now()
    _mark(_too_old(now) or _too_much(), now)
    marked = list(Evidence.objects.filter(gone=False, removed_at__isnull=False).order_by("removed_at", "pk")[:AT_ONCE])
    removed, problems = 0, list[StorageError]()
    for row in marked:
        try:
            storage.remove(row.key)
        except StorageError as error:
            problems.append(error)
            Evidence.objects.filter(pk=row.pk).update(removed_at=timezone.now())  # behind all others
        else:
            removed += Evidence.objects.filter(pk=row.pk).update(gone=True)
    if removed:
        log.info("evidence removed: its time is over", pictures=removed, stuck=len(problems))
    uploads.clear_up(now=time.time())
    if problems and not removed:
        raise problems[-1]
    return bool(removed)


def _too_old(now: datetime) -> list[Evidence]:
    kept_since = now - timedelta(days=settings.CAPTURE_DAYS)
    return list(_standing().filter(received_at__lt=kept_since).order_by("pk")[:AT_ONCE])


def _too_much() -> list[Evidence]:
    """The oldest that make it fit; none where bytes have no limit."""
    if not settings.CAPTURE_MB:
        return []
    over = (_standing().aggregate(size=Sum("size"))["size"] or 0) - settings.CAPTURE_MB * MB
    chosen: list[Evidence] = []
    for row in _standing().order_by("pk")[:AT_ONCE] if over > 0 else ():
        if over <= 0:
            break
        chosen.append(row)
        over -= row.size
    return chosen


def _standing() -> QuerySet[Evidence]:
    return Evidence.objects.filter(gone=False, removed_at__isnull=True, lost=False)


def _mark(rows: list[Evidence], now: datetime) -> None:
    if not rows:
        return
    with transaction.atomic():
        Evidence.objects.filter(pk__in=[row.pk for row in rows]).update(removed_at=now)
        for told in _told:
            told([row.key for row in rows])
