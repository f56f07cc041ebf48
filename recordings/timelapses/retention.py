"""The hub lets time-lapses go when their time is over, or somebody deleted them; that their files are gone is noted."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from recordings.core.films import UNDER_WAY
from recordings.extracts.removing import AT_ONCE, expire, remove_objects
from recordings.timelapses.models import REMOVED, FilmState, TimeLapse

ROWS_KEPT = timedelta(days=30)  # of what is gone; the log keeps who watched what


def step(*, now: datetime | None = None) -> bool:
    """A bounded number at a time; True when something went. Raises StorageError when nothing could be removed."""
    now = now or timezone.now()
    standing = TimeLapse.objects.exclude(state__in=[*REMOVED, *UNDER_WAY])
    expire(standing, now=now, state=FilmState.EXPIRED)
    old = TimeLapse.objects.filter(gone=True, expires_at__lt=now - ROWS_KEPT)
    TimeLapse.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:AT_ONCE])).delete()
    return bool(remove_objects(TimeLapse.objects.filter(state__in=REMOVED), tried="seen_at", now=now))
