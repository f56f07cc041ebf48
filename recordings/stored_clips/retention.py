"""The hub lets clips go, by days and by the bytes of their site; that they were, and when they went, stays.

What is to go is first marked, so that a kill in between leaves no object that nobody knows of: it can be fetched no more, and
the next look takes its object away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.utils import timezone

from cameras.models import Device
from edgesite import storage
from recordings.alert_clips.models import AlertClip
from recordings.extracts.logbook import note
from recordings.extracts.models import StepKind
from recordings.removing import remove_each
from recordings.stored_clips.models import StoredClip
from recordings.tasks.models import RecordingTask
from recordings.tasks.selectors import STORED

log = structlog.get_logger(__name__)

AT_ONCE = 100
GB = 2**30
KINDS: tuple[type[StoredClip], ...] = (RecordingTask, AlertClip)

Alerts = Callable[[], QuerySet[Any, Any]]

_open_alerts: list[Alerts] = []


def register(open_alerts: Alerts) -> None:
    """Gives the identifiers of alerts whose clips stay, as a query."""
    _open_alerts.append(open_alerts)


def step(*, now: datetime | None = None) -> bool:
    """A bounded number at a time; True when something went.

    One that cannot be removed holds up no other. Raises StorageError when not one could be, django.db.Error.
    """
    now = now or timezone.now()
    for kind in KINDS:
        _mark(_too_old(kind, now), now)
    for site in _full_sites():
        _mark(_too_much(*site), now)
    marked = [clip for kind in KINDS for clip in _marked(kind)]

    def later(clip: StoredClip) -> None:
        behind = now + timedelta(seconds=1)  # all others, also those of this look
        _rows(type(clip)).filter(pk=clip.pk).update(removed_at=behind)

    removed = remove_each(marked, remove=lambda clip: _take_away(clip, now), later=later)
    if removed:
        log.info("clips removed", clips=removed)
    return bool(removed)


def _rows(kind: type[StoredClip]) -> QuerySet[Any]:
    return kind._default_manager.all()


def _standing(kind: type[StoredClip]) -> QuerySet[Any]:
    return _rows(kind).filter(gone=False, removed_at=None, stored_at__isnull=False, state__in=STORED)


def _may_go(kind: type[StoredClip]) -> QuerySet[Any]:
    """The oldest first."""
    rows = _standing(kind).filter(protected=False)
    if kind is AlertClip:
        for alerts in _open_alerts:
            rows = rows.exclude(alert_id__in=alerts())
    return rows.order_by("stored_at", "pk")


def _sited(rows: QuerySet[Any]) -> QuerySet[Any]:
    """With `site`, that of the box which recorded: an alert's clip outlives its camera, whose ID may be another site's then."""
    site = Device.objects.filter(pk=OuterRef("device_id")).values("site")
    sited: QuerySet[Any] = rows.annotate(site=Subquery(site))
    return sited


def _too_old(kind: type[StoredClip], now: datetime) -> list[Any]:
    if not kind.days():
        return []
    return list(_may_go(kind).filter(stored_at__lt=now - timedelta(days=kind.days()))[:AT_ONCE])


def _full_sites() -> list[tuple[int, int]]:
    """Sites with more bytes of clips than they may have, and how many more."""
    if not settings.CLIP_GB:
        return []
    sizes: dict[int, int] = {}
    for kind in KINDS:
        for site, size in _sited(_standing(kind)).order_by().values_list("site").annotate(size=Sum("bytes")):
            if site is not None:
                sizes[site] = sizes.get(site, 0) + size
    most = settings.CLIP_GB * GB
    return [(site, size - most) for site, size in sizes.items() if size > most]


def _too_much(site: int, over: int) -> list[Any]:
    """The site's oldest, of either kind, that make it fit; as many as one look takes."""
    rows = [clip for kind in KINDS for clip in _sited(_may_go(kind)).filter(site=site)[:AT_ONCE]]
    chosen: list[Any] = []
    for clip in sorted(rows, key=lambda c: (c.stored_at, c.pk))[:AT_ONCE]:
        if over <= 0:
            break
        chosen.append(clip)
        over -= clip.bytes
    return chosen


def _mark(clips: Iterable[StoredClip], now: datetime) -> None:
    for kind in KINDS:
        chosen = [clip.pk for clip in clips if isinstance(clip, kind)]
        if chosen:  # somebody may protect it between the look and this
            _may_go(kind).filter(pk__in=chosen).order_by().update(removed_at=now)


def _marked(kind: type[StoredClip]) -> list[Any]:
    return list(_rows(kind).filter(gone=False, removed_at__isnull=False).order_by("removed_at", "pk")[:AT_ONCE])


def _take_away(clip: StoredClip, now: datetime) -> bool:
    """The object, unless another clip stands under the same key; of what somebody deleted it is noted. Raises StorageError."""
    key = clip.object_name
    if key and not any(_standing(kind).filter(object_name=key).exists() for kind in KINDS):
        storage.remove(key)
    with transaction.atomic():
        _rows(type(clip)).filter(pk=clip.pk).update(gone=True)
        if isinstance(clip, RecordingTask) and clip.deleted_at is not None:
            note(clip, StepKind.REMOVED, author="", now=now)
    return True
