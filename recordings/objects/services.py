"""Removes what nothing refers to any more, as often as it takes. What nobody noted here is never removed."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet
from django.utils import timezone

from edgesite import storage
from edgesite.storage import StorageError
from recordings.alert_clips.models import AlertClip
from recordings.extracts.models import Extract
from recordings.models import SnapshotRequest
from recordings.objects.models import StoredObject
from recordings.removing import remove_each
from recordings.tasks.models import RecordingTask
from recordings.timelapses.models import TimeLapse

log = structlog.get_logger(__name__)

LOOK_SECONDS = 300.0  # the look goes over all of them
AT_ONCE = 200
MOST_FOUND = 20_000  # by one look
LATE = timedelta(days=30)  # how long after it is unwanted an object may still come: its box is away for so long
LATE_EVERY = timedelta(hours=6)
OWNERS: list[tuple[type[Model], str]] = [
    (SnapshotRequest, "key"), (RecordingTask, "object_name"), (AlertClip, "object_name"), (Extract, "key"), (TimeLapse, "key"),
]  # fmt: skip


def register(owner: type[Model], column: str) -> None:
    """Objects whose key stands in that column have an owner, too: for apps above this one."""
    if (owner, column) not in OWNERS:
        OWNERS.append((owner, column))


def answer_for(key: str) -> None:
    """The object goes when no row refers to it any more. In the caller's transaction; again is once."""
    StoredObject.objects.bulk_create([StoredObject(key=key)], ignore_conflicts=True)


def unwanted(key: str, *, now: datetime) -> None:
    """Like `answer_for`, and what comes under the key in the next days goes, too: a box may be bringing it just now, and
    die before it tells of it."""
    answer_for(key)
    StoredObject.objects.filter(key=key).update(again_until=now + LATE)


def remove_now(key: str) -> None:
    """Without waiting for the next look, which tries again where this fails."""
    try:
        storage.remove(key)
    except StorageError as error:
        log.warning("an object is removed later", key=key, reason=str(error))
    else:
        StoredObject.objects.filter(key=key, again_until=None).delete()


def without_owner(now: datetime) -> QuerySet[StoredObject]:
    """Those to which nothing refers, what could not be removed before behind the others."""
    owned = [~Exists(model._default_manager.filter(**{name: OuterRef("key")})) for model, name in OWNERS]
    due = Q(again_until=None) | Q(tried_at=None) | Q(tried_at__lt=now - LATE_EVERY)
    return StoredObject.objects.filter(due, *owned).order_by(F("tried_at").asc(nulls_first=True), "pk")


@dataclass(slots=True)
class Tidying:
    """One thread calls `step`. What a look over all of them found is taken away in turns, without a look for each.

    stop: ends a turn after the object that it is at; what is left of it is found again.
    """

    stop: threading.Event = field(default_factory=threading.Event)
    _found: list[int] = field(default_factory=list)

    def step(self, *, now: datetime | None = None) -> bool:
        """A bounded number at a time; True when there may be more. Raises StorageError when nothing could be removed."""
        now = now or timezone.now()
        if not self._found:
            self._found = list(without_owner(now).values_list("pk", flat=True)[:MOST_FOUND])
        turn, self._found = self._found[:AT_ONCE], self._found[AT_ONCE:]
        return _remove(turn, now, self.stop) or bool(self._found)


def step(*, now: datetime | None = None) -> bool:
    """One look and one turn."""
    return Tidying().step(now=now)


def _remove(pks: list[int], now: datetime, stop: threading.Event) -> bool:
    """Those of them that still nothing refers to; whether any was dealt with. Raises StorageError."""
    gone = list[str]()

    def later(row: StoredObject) -> None:
        StoredObject.objects.filter(pk=row.pk).update(tried_at=now)

    def remove(row: StoredObject) -> bool:
        stays = row.again_until is not None and row.again_until > now
        if not stays or storage.exists(row.key):
            storage.remove(row.key)
            gone.append(row.key)
        if stays:
            later(row)
        else:
            row.delete()
        return True

    rows = itertools.takewhile(lambda _: not stop.is_set(), without_owner(now).filter(pk__in=pks))
    done = remove_each(rows, remove=remove, later=later)
    if gone:
        log.info("objects removed to which nothing refers", objects=len(gone))
    return bool(done)
