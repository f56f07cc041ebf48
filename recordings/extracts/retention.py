"""The hub lets extracts go when their time is over, or somebody deleted them; that their files are gone is noted."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from recordings.core.extracts import UNDER_WAY
from recordings.extracts.models import REMOVED, Extract, ExtractPurpose, ExtractState
from recordings.extracts.removing import AT_ONCE, expire, remove_objects

ROWS_KEPT = timedelta(days=30)  # of what was only played; the log keeps who watched what


def step(*, now: datetime | None = None) -> bool:
    """A bounded number at a time; True when something went. Raises StorageError when nothing could be removed."""
    now = now or timezone.now()
    standing = Extract.objects.filter(protected=False).exclude(state__in=[*REMOVED, *UNDER_WAY])
    expire(standing, now=now, state=ExtractState.EXPIRED, slot=None)
    old = Extract.objects.filter(purpose=ExtractPurpose.PLAY, gone=True, expires_at__lt=now - ROWS_KEPT)
    Extract.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:AT_ONCE])).delete()
    return bool(remove_objects(Extract.objects.filter(state__in=REMOVED), tried="heard_at", now=now))
