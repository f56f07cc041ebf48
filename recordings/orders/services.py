"""An order of an integrator becomes a request to the box, and what the box says an answer that stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from cameras.asking import outcome, settle
from cameras.choices import RequestState
from cameras.models import Camera
from edgesite.storage import StorageError
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
from recordings.models import SnapshotRequest
from recordings.orders.links import NotHereError, can_link, link_to
from recordings.orders.models import ReceivedAnswer, SnapshotOrder
from recordings.snapshots import ask_again, request_snapshot

log = structlog.get_logger(__name__)

AUTHOR = "edge_snap_request"
MOST_RECEIVED = 10_000
RECEIVED_KEPT = timedelta(days=1)
PRUNED_AT_ONCE = 500


class ConflictError(Exception):
    """Something else stands under this request_id."""


def open_order(order: Order, *, age: float, again: bool = False) -> SnapshotOrder:
    """Asks the box of the camera, or notes at once why not. The same request_id again is the same order.

    age: seconds since it was written. again: whoever read the entry before may have ended before the box was told; it is
    told once more and obeys a request once. In a transaction the box is asked after its commit. Raises django.db.Error.
    """
    with transaction.atomic():
        row, new = SnapshotOrder.objects.select_related("snapshot").get_or_create(
            request_id=order.request_id,
            defaults={"camera_code": order.camera_code, "received_at": timezone.now()},
        )
        if new:
            _ask(row, order, age)
    if not new and again and row.snapshot is not None:
        ask_again(row.snapshot)
    return row


def _ask(row: SnapshotOrder, order: Order, age: float) -> None:
    camera = Camera.objects.select_related("device__status").filter(pk=order.camera_code).first()
    problem = order.lacking() or (EXPIRED if age >= LATE_S else "") or ("" if camera else UNKNOWN_CAMERA)
    problem = problem or ("" if can_link() else NO_LINK)
    if problem or camera is None:
        row.state, row.message = RequestState.ERROR, problem
    else:
        row.snapshot = request_snapshot(camera=camera, author=AUTHOR, key=order.cos_path, seconds=TAKE_S - age)
    row.save(update_fields=["state", "message", "snapshot"])


def still_waiting(rows: Iterable[SnapshotOrder], *, now: datetime) -> set[int]:
    """The keys of those rows of which the box may still say something. Raises django.db.Error."""
    asked = {row.snapshot_id: row.pk for row in rows if row.snapshot_id}
    waiting = SnapshotRequest.objects.filter(pk__in=asked, state=RequestState.WAITING, deadline__gte=now)
    waiting = waiting.filter(camera__device__isnull=False)  # joins: one that was deleted says nothing any more
    return {asked[pk] for pk in waiting.values_list("pk", flat=True)}


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
    return answer_body(request_id=row.request_id, camera_code=row.camera_code, url=row.url, message=row.message)


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
            settle(row, state=RequestState.READY, url=link_to(request))
        except (NotHereError, StorageError) as error:
            log.warning("no URL for a snapshot", request_id=row.request_id, reason=str(error))
            message = str(error) if isinstance(error, NotHereError) else NOT_SIGNED
            settle(row, state=RequestState.ERROR, message=message)


def give_up(order: Order) -> dict[str, Any]:
    """The answer to an order that fails again and again. Raises django.db.Error."""
    values = {"camera_code": order.camera_code, "received_at": timezone.now(), "state": RequestState.ERROR}
    row, _ = SnapshotOrder.objects.get_or_create(request_id=order.request_id, defaults={**values, "message": FAILED})
    settle(row, state=RequestState.ERROR, message=FAILED)
    row.refresh_from_db()
    return answer_of(row) or answer_body(request_id=row.request_id, camera_code=row.camera_code)


def take_answer(body: Mapping[str, str], *, author: str) -> bool:
    """Keeps an answer of another installation; whether it was news. Raises ConflictError when another one stands."""
    values = {key: body.get(key, "") for key in ("camera_code", "status", "url", "message")}
    with transaction.atomic():
        row, new = ReceivedAnswer.objects.get_or_create(
            request_id=body["request_id"],
            defaults={**values, "received_at": timezone.now(), "received_from": author[:150]},
        )
        if new:
            kept = ReceivedAnswer.objects.order_by("-id").values_list("pk", flat=True)
            oldest = kept[MOST_RECEIVED : MOST_RECEIVED + 1]
            ReceivedAnswer.objects.filter(pk__lte=oldest[0] if oldest else 0).delete()
    if not new and any(getattr(row, key) != value for key, value in values.items()):
        raise ConflictError
    return new


def prune(*, now: datetime) -> bool:
    """Forgets orders whose URL is worth nothing any more, and old answers of others; whether there was any."""
    old = SnapshotOrder.objects.filter(received_at__lt=now - timedelta(seconds=LINK_S)).order_by("id")
    rows = list(old.values_list("pk", "snapshot_id")[:PRUNED_AT_ONCE])
    SnapshotRequest.objects.filter(pk__in=[pk for _, pk in rows if pk]).delete()
    SnapshotOrder.objects.filter(pk__in=[pk for pk, _ in rows]).delete()
    gone, _ = ReceivedAnswer.objects.filter(received_at__lt=now - RECEIVED_KEPT).delete()
    return bool(rows or gone)
