"""What boxes say of pictures, whoever asked for them."""

from __future__ import annotations

from functools import partial

from django.conf import settings
from django.db import transaction

from cameras.choices import RequestState
from recordings import snapshots
from recordings.core.snapshots import SnapshotAnswer
from recordings.models import SnapshotRequest
from recordings.orders.models import SnapshotOrder
from recordings.orders.strays import strays
from recordings.orders.told import Outcome, told


def take_picture(answer: SnapshotAnswer, *, device_id: str, is_stray: bool = False) -> None:
    """What a box answered, ordered or not. Where nothing is left to find out for an order, its answer stands with it, in
    the same transaction; else `answer_of` finds it out.
    """
    request = snapshots.take_answer(answer, device_id=device_id)
    outcome = _settled_by(answer, request) if request is not None else None
    settled = SnapshotRequest.objects.filter(request_id=answer.request_id).exclude(state=RequestState.WAITING)
    if request is None and not is_stray and not settled.exists():  # it may be stored just now
        strays.add(answer, device_id=device_id)
    transaction.on_commit(partial(told.put, outcome))


def take_strays() -> None:
    """Takes in those answers whose request is there by now. Raises django.db.Error; then none is lost."""
    left = strays.take()
    if not left:
        return
    try:
        asked = SnapshotRequest.objects.filter(request_id__in=[stray.answer.request_id for stray in left])
        there = set(asked.values_list("request_id", flat=True))
        for stray in [stray for stray in left if stray.answer.request_id in there]:
            with transaction.atomic():
                take_picture(stray.answer, device_id=stray.device_id, is_stray=True)
            left.remove(stray)
    finally:
        strays.put_back(left)


def _settled_by(answer: SnapshotAnswer, request: SnapshotRequest) -> Outcome | None:
    waiting = SnapshotOrder.objects.filter(snapshot=request, state=RequestState.WAITING)
    if answer.status == "error":
        done = waiting.update(state=RequestState.ERROR, message=answer.message)
        return Outcome(request.request_id, RequestState.ERROR, answer.message) if done else None
    if not settings.S3_BUCKET or not waiting.exclude(url="").update(state=RequestState.READY):
        return None
    return Outcome(request.request_id, RequestState.READY, "")
