"""The hub lets snapshots go when their days are over: of scheduled ones their camera's, of others `SNAPSHOT_DAYS`.

Those of a deleted camera go with it (`recordings.objects`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from cameras.choices import RequestState
from cameras.models import Camera
from edgesite import storage
from edgesite.storage import StorageError
from recordings.core.names import unique_name
from recordings.models import SnapshotOrigin, SnapshotRequest
from recordings.objects.models import StoredObject
from recordings.snapshots import SCHEDULED, SNAPSHOTS

log = structlog.get_logger(__name__)

AT_ONCE = 200
SWEEP_S = 3600.0
ONE = timedelta(days=1)


class SnapshotRetention:
    """One thread calls `step`. stop: ends a step after the object that it is at. monotonic: for tests."""

    def __init__(self, stop: threading.Event | None = None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._stop, self._monotonic = stop or threading.Event(), monotonic
        self._sweep_due = 0.0
        self._folders: list[str] = []

    def step(self, *, now: datetime | None = None) -> bool:
        """Removes a bounded number; True when there may be more. An object goes before its row, so that a kill in between
        leaves no picture that nobody knows of. Raises StorageError when nothing could be removed, django.db.Error.
        """
        now = now or timezone.now()
        if self._monotonic() >= self._sweep_due:
            self._folders = storage.folders_in(SCHEDULED)
            self._sweep_due = self._monotonic() + SWEEP_S
        removed = _remove(_over(now), self._stop)
        if self._folders:
            _clear_folder(self._folders.pop(), now, self._stop)
        return removed >= AT_ONCE or bool(self._folders)


def _over(now: datetime) -> list[SnapshotRequest]:
    """The oldest whose days are over."""
    found: list[SnapshotRequest] = []
    for days in Camera.objects.order_by().values_list("snap_days", flat=True).distinct():
        taken = _scheduled().filter(camera__snap_days=days, at__lt=now - timedelta(days=days))
        found += taken.order_by("at")[: AT_ONCE - len(found)]
    if settings.SNAPSHOT_DAYS:
        asked_for = _asked_for().filter(requested_at__lt=now - timedelta(days=settings.SNAPSHOT_DAYS))
        found += asked_for.order_by("requested_at")[: AT_ONCE - len(found)]
    return found


def _scheduled() -> QuerySet[SnapshotRequest]:
    return SnapshotRequest.objects.filter(origin=SnapshotOrigin.SCHEDULE, state=RequestState.READY)


def _asked_for() -> QuerySet[SnapshotRequest]:
    """Not the pages' own picture of a camera, which stays until the next one, nor what integrators had stored elsewhere."""
    cameras = Camera.objects.order_by().values("pk")  # all of them: by the index that begins with the camera
    asked_for = SnapshotRequest.objects.filter(origin=SnapshotOrigin.REQUEST, camera__in=cameras)
    return asked_for.filter(state=RequestState.READY, key__startswith=f"{SNAPSHOTS}/", order=None)


def _remove(rows: Iterable[SnapshotRequest], stop: threading.Event) -> int:
    gone, problem = list[SnapshotRequest](), None
    for row in rows:
        if stop.is_set():
            break
        try:
            storage.remove(row.key)
            gone.append(row)
        except StorageError as error:
            problem = error
    SnapshotRequest.objects.filter(pk__in=[row.pk for row in gone]).delete()
    StoredObject.objects.filter(key__in=[row.key for row in gone]).delete()
    if gone:
        log.info("snapshots removed", snapshots=len(gone))
    elif problem is not None:
        raise problem
    return len(gone)


def _clear_folder(name: str, now: datetime, stop: threading.Event) -> None:
    """Takes away days of a camera of which no row is left: what a box stored after it was given up, or a camera left behind."""
    days = {unique_name(code): kept for code, kept in Camera.objects.values_list("pk", "snap_days")}
    oldest = now.astimezone(UTC) - timedelta(days=days.get(name, 0)) - 2 * ONE
    folder = f"{SCHEDULED}/{name}"
    left = storage.folders_in(folder)
    for day in left:
        if day < f"{oldest:%Y%m%d}" and not stop.is_set():
            storage.remove_folder(f"{folder}/{day}", stop=stop)
    if not left and name not in days:
        storage.remove_folder(folder)
