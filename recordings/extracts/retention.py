"""The hub lets extracts go when their time is over, or somebody deleted them; that their files are gone is noted."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from recordings.core.extracts import UNDER_WAY
from recordings.extracts.logbook import note
from recordings.extracts.models import REMOVED, Extract, ExtractPurpose, ExtractState, StepKind
from recordings.extracts.removing import AT_ONCE, remove_objects

ROWS_KEPT = timedelta(days=30)  # of what was only played; the log keeps who watched what


def step(*, now: datetime | None = None) -> bool:
    """A bounded number at a time; True when something went. Raises StorageError when nothing could be removed."""
    now = now or timezone.now()
    _expire(now)
    old = Extract.objects.filter(purpose=ExtractPurpose.PLAY, gone=True, expires_at__lt=now - ROWS_KEPT)
    Extract.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:AT_ONCE])).delete()
    return bool(remove_objects(Extract.objects.filter(state__in=REMOVED), tried="heard_at", now=now))


def _expire(now: datetime) -> None:
    """Those whose time is over, also failed ones: a box may have stored something before it failed."""
    over = Extract.objects.filter(expires_at__lt=now, protected=False).exclude(state__in=[*REMOVED, *UNDER_WAY])
    for extract in over.order_by("pk")[:AT_ONCE]:
        with transaction.atomic():
            rows = Extract.objects.filter(pk=extract.pk, protected=False, expires_at__lt=now)
            if rows.exclude(state__in=[*REMOVED, *UNDER_WAY]).update(state=ExtractState.EXPIRED, slot=None):
                note(extract, StepKind.EXPIRED, author="", now=now)
