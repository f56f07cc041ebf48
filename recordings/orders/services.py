"""An order of an integrator becomes a request to the box, and what the box says an answer that stands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from cameras.asking import outcome, settle
from cameras.choices import RequestState
from cameras.models import Camera
from edgesite import storage
from edgesite.storage import StorageError
from recordings import snapshots
from recordings.core.orders import (
    EXPIRED,
    FAILED,
    LATE_S,
    LINK_S,
    NO_LINK,
    NOT_SIGNED,
    TAKE_S,
    UNKNOWN_CAMERA,
    Order,
    answer_body,
)
from recordings.core.snapshots import SnapshotAnswer
from recordings.models import SnapshotRequest
from recordings.orders.asking_first import AUTHOR, name_of, stated
from recordings.orders.links import NotHereError, can_link, link_to
from recordings.orders.models import ReceivedAnswer, SnapshotOrder
from recordings.snapshots import ask_again, request_snapshot

log = structlog.get_logger(__name__)

RECEIVED_KEPT = timedelta(days=1)
PRUNED_AT_ONCE = 500


def open_order(order: Order, *, entry_id: str, age: float, again: bool = False, url: str = "") -> SnapshotOrder:
    """Asks the box of the camera, or notes at once why not. The same request_id again is the same order.

    age: seconds since it was written. again: whoever read the entry before may have ended before the box was told; it is
    told once more and obeys a request once. url: of `sign_early`. In a transaction the box is asked after its commit.
    Raises django.db.Error.
    """
    row = _found(order) if again else None  # what nobody read before is seldom there: its insertion finds out
    if row is None:
        try:
            with transaction.atomic():
                return _opened(order, entry_id, age, url)
        except IntegrityError:
            row = _found(order)
            if row is None:
                raise
    if again and row.snapshot is not None:  # else: it came twice, or another hub was quicker
        ask_again(row.snapshot)
    return row


def sign_early(order: Order) -> str:
    """The URL that the picture will have in its bucket, so that it is there when the picture is; "" where only who looks
    for the picture can make one. To be called outside a transaction: keys may have to be fetched first.
    """
    if not settings.S3_BUCKET or order.lacking():
        return ""
    try:
        return storage.presigned_url(order.cos_path, seconds=LINK_S)
    except StorageError:  # tried again, and told, when the picture is there
        return ""


def _found(order: Order) -> SnapshotOrder | None:
    return SnapshotOrder.objects.select_related("snapshot").filter(request_id=order.request_id).first()


def store_asked(
    order: Order, asked: SnapshotRequest, *, url: str, said: SnapshotAnswer | None, cameras: Collection[str]
) -> SnapshotOrder:
    """Stores an order whose box was asked by `ask_first`, with what the box said, if it has. cameras: those that are still
    there. Another one that stands under its request_id is answered. Raises django.db.Error.
    """
    asked.pk = None  # a try before may have been taken back
    row = SnapshotOrder(request_id=order.request_id, camera_code=order.camera_code, received_at=timezone.now(), url=url)
    values = snapshots.said_by(said) if said is not None else {"state": RequestState.WAITING}
    if asked.camera_id in cameras:
        row.snapshot = asked
    elif said is None:
        values = {"state": RequestState.ERROR, "message": UNKNOWN_CAMERA}
    row.state, row.message = values["state"], values.get("message", "")
    try:
        with transaction.atomic():
            if row.snapshot is not None:
                _insert(asked, values)
            row.save(force_insert=True)
    except IntegrityError:
        found = _found(order)
        if found is None:
            raise
        if said is not None:
            _settle_as_said(found, asked, url, said)
        return found
    return row


def _settle_as_said(found: SnapshotOrder, asked: SnapshotRequest, url: str, said: SnapshotAnswer) -> None:
    """Another hub stored the order meanwhile; what the integrator was told here is what it came to."""
    values = snapshots.said_by(said)
    if found.snapshot is not None and found.snapshot.request_id == asked.request_id:
        settle(found.snapshot, **values)
    settle(found, state=values["state"], message=values.get("message", ""), url=url)
    found.refresh_from_db()


def _insert(asked: SnapshotRequest, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(asked, name, value)
    asked.save(force_insert=True)
    snapshots.log_asked(asked)


def _opened(order: Order, entry_id: str, age: float, url: str) -> SnapshotOrder:
    row = SnapshotOrder(request_id=order.request_id, camera_code=order.camera_code, received_at=timezone.now())
    camera = stated(order.camera_code)
    problem = order.lacking() or (EXPIRED if age >= LATE_S else "") or ("" if camera else UNKNOWN_CAMERA)
    problem = problem or ("" if can_link() else NO_LINK)
    if problem or camera is None:
        row.state, row.message = RequestState.ERROR, problem
    else:
        name = name_of(order, entry_id)
        asked = request_snapshot(
            camera=camera, author=AUTHOR, key=order.cos_path, request_id=name, seconds=TAKE_S - age, ordered=True
        )
        row.snapshot, row.state, row.message = asked, asked.state, asked.message
        row.url = url if asked.state == RequestState.WAITING else ""
    row.save(force_insert=True)
    return row


def make_stand(rows: Iterable[SnapshotOrder]) -> None:
    """Answers that were stored by `soon_durable` survive a power cut from here on: before it nobody may be told of them."""
    answered = [row.pk for row in rows if row.state != RequestState.WAITING]
    if answered:
        SnapshotOrder.objects.filter(pk__in=answered).update(state=F("state"))


def stand(order: Order, answer: Mapping[str, Any]) -> SnapshotOrder:
    """What the integrator was told already is what the order came to, unless something else stands. Raises django.db.Error."""
    url = str(answer.get("url", "")) if answer.get("status") == "ok" else ""
    values = {"state": RequestState.READY if url else RequestState.ERROR, "url": url}
    values["message"] = str(answer.get("message", ""))[:500]
    about = {"camera_code": order.camera_code, "received_at": timezone.now()}
    row, _ = SnapshotOrder.objects.get_or_create(request_id=order.request_id, defaults=about | values)
    settle(row, **values)
    return row


def answered_among(rows: Iterable[SnapshotOrder]) -> dict[int, SnapshotOrder]:
    """By their keys those of the rows whose answer stands by now. Raises django.db.Error."""
    mine = SnapshotOrder.objects.filter(pk__in=[row.pk for row in rows])
    return {row.pk: row for row in mine.exclude(state=RequestState.WAITING)}


def still_waiting(rows: Iterable[SnapshotOrder], *, now: datetime) -> set[int]:
    """The keys of those rows of which the box may still say something. Raises django.db.Error."""
    asked = {row.snapshot_id: row.pk for row in rows if row.snapshot_id}
    waiting = SnapshotRequest.objects.filter(pk__in=asked, state=RequestState.WAITING, deadline__gte=now)
    waiting = waiting.filter(camera__device__isnull=False)  # joins: one that was deleted says nothing any more
    return {asked[pk] for pk in waiting.values_list("pk", flat=True)}


def settle_together(rows: Iterable[SnapshotOrder]) -> None:
    """As `answer_of` does with each of them, in one transaction: many that are late at once are told in time all the same.
    Raises django.db.Error.
    """
    many = list(rows)
    if len(many) > 1:
        with transaction.atomic():
            for row in many:
                _settle(row)


def answer_of(row: SnapshotOrder) -> dict[str, Any] | None:
    """The answer to the order, which never changes afterwards; None while the box may still say something.

    Raises django.db.Error.
    """
    if row.state == RequestState.WAITING:
        _settle(row)
        try:
            row.refresh_from_db()
        except SnapshotOrder.DoesNotExist:  # with its camera
            return answer_body(request_id=row.request_id, camera_code=row.camera_code, message=UNKNOWN_CAMERA)
    if row.state == RequestState.WAITING:
        return None
    url = row.url if row.state == RequestState.READY else ""
    return answer_body(request_id=row.request_id, camera_code=row.camera_code, url=url, message=row.message)


def _settle(row: SnapshotOrder) -> None:
    found = SnapshotRequest.objects.filter(pk=row.snapshot_id).first() if row.snapshot_id else None
    if found is None:
        settle(row, state=RequestState.ERROR, message=FAILED)
        return
    if not Camera.objects.filter(pk=found.camera_id).exists():
        settle(row, state=RequestState.ERROR, message=UNKNOWN_CAMERA)
        return
    request = outcome(found)
    if request.state == RequestState.ERROR:
        settle(row, state=RequestState.ERROR, message=request.message)
    elif request.state == RequestState.READY:
        try:
            settle(row, state=RequestState.READY, url=row.url or link_to(request))
        except (NotHereError, StorageError) as error:
            log.warning("no URL for a snapshot", request_id=row.request_id, reason=str(error))
            message = str(error) if isinstance(error, NotHereError) else NOT_SIGNED
            settle(row, state=RequestState.ERROR, message=message)


def give_up(order: Order) -> dict[str, Any]:
    """The answer to an order that fails again and again. Raises django.db.Error."""
    row = stand(order, answer_body(request_id=order.request_id, camera_code=order.camera_code, message=FAILED))
    row.refresh_from_db()
    return answer_of(row) or answer_body(request_id=row.request_id, camera_code=row.camera_code)


def prune(*, now: datetime) -> bool:
    """Forgets orders whose URL is worth nothing any more, and old answers of others; whether there was any."""
    old = SnapshotOrder.objects.filter(received_at__lt=now - timedelta(seconds=LINK_S)).order_by("id")
    rows = list(old.values_list("pk", "snapshot_id")[:PRUNED_AT_ONCE])
    SnapshotRequest.objects.filter(pk__in=[pk for _, pk in rows if pk]).delete()
    SnapshotOrder.objects.filter(pk__in=[pk for pk, _ in rows]).delete()
    gone, _ = ReceivedAnswer.objects.filter(received_at__lt=now - RECEIVED_KEPT).delete()
    return bool(rows or gone)
