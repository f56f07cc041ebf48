"""Takes scheduled snapshots: each turn of a camera is one ordinary request to its box, under an identifier of its slot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import Error as DatabaseProblem
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from cameras.asking import outcome
from cameras.choices import RequestState
from cameras.core.schedule import ScheduleEntry, active
from cameras.models import Camera
from cameras.schedules import entry_of
from recordings.core.slots import is_missed, next_due, slot_id, slot_of
from recordings.models import SnapshotRequest
from recordings.snapping.models import SnapshotTurn
from recordings.snapshots import SCHEDULED, request_snapshot

log = structlog.get_logger(__name__)

AT_ONCE = 100
ANSWER_SECONDS = 15.0  # nobody waits for it, and it is over long before the next turn


def step(*, now: datetime | None = None) -> bool:
    """For `run_hub`: takes in what was answered, then asks the cameras whose turn it is. Raises django.db.Error."""
    now = now or timezone.now()
    settled = settle_asked()
    due = list(_due(now)[:AT_ONCE])
    for camera in due:
        try:
            take_turn(camera, now=now)
        except DatabaseProblem:
            raise
        except Exception:  # of one camera, such as hours that nothing can read: the others' turns come all the same
            log.exception("scheduled snapshot not asked for", camera=camera.pk)
            following = _moment(next_due(now.timestamp(), minutes=camera.snap_every, camera_id=camera.pk))
            SnapshotTurn.objects.filter(pk=camera.pk).update(due_at=following)
    return settled or len(due) == AT_ONCE


def _due(now: datetime) -> QuerySet[Camera]:
    turn = Q(snapshot_turn__due_at__lte=now) | Q(snapshot_turn=None) | ~Q(snapshot_turn__every=F("snap_every"))
    wanted = Camera.objects.filter(turn, enabled=True, snap_every__gt=0)
    related = ("device__site", "device__status", "snap_schedule", "snapshot_turn")
    return wanted.select_related(*related).order_by("snapshot_turn__due_at", "pk")


def take_turn(camera: Camera, *, now: datetime) -> bool:
    """Whether its box is asked. A slot is claimed by one conditional update, together with the request's row: a second hub, or
    one that was killed, makes no second picture of it, and what was missed is not made up.
    """
    turn: SnapshotTurn | None = getattr(camera, "snapshot_turn", None)
    minutes = camera.snap_every
    following = _moment(next_due(now.timestamp(), minutes=minutes, camera_id=camera.pk))
    if turn is None or turn.every != minutes:
        SnapshotTurn.objects.update_or_create(camera=camera, defaults={"every": minutes, "due_at": following})
        return False
    due = turn.due_at.timestamp()
    mine = SnapshotTurn.objects.filter(pk=turn.pk, due_at=turn.due_at, every=minutes)
    with transaction.atomic():
        if not mine.update(due_at=following):
            return False
        if is_missed(due, now.timestamp()):
            log.info("scheduled snapshots missed", camera=camera.pk, since=turn.due_at.isoformat())
            return False
        slot = slot_of(due, minutes=minutes)
        if turn.asked or not is_open(camera, slot):
            return False
        request = request_snapshot(
            camera=camera, author="", folder=SCHEDULED, request_id=slot_id(camera.pk, slot), seconds=ANSWER_SECONDS
        )
        SnapshotTurn.objects.filter(pk=turn.pk).update(asked=request.request_id)
    return True


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def is_open(camera: Camera, at: float) -> bool:
    """Whether the schedule of its snapshots runs at that moment (Unix seconds), by the clock of its site."""
    if camera.snap_schedule is None:
        return True
    schedule = ScheduleEntry.model_validate(entry_of(camera.snap_schedule))
    return active(schedule, camera.device.site.time_zone, at)


def settle_asked() -> bool:
    """What became of the pictures that were asked for; whether anything did. A failure is counted and leaves no request: a dead
    camera fills no table.
    """
    waiting = list(SnapshotTurn.objects.exclude(asked="")[: 10 * AT_ONCE])
    requests = {r.request_id: r for r in SnapshotRequest.objects.filter(request_id__in=[t.asked for t in waiting])}
    return sum(_settle(turn, requests.get(turn.asked)) for turn in waiting) > 0


def _settle(turn: SnapshotTurn, found: SnapshotRequest | None) -> bool:
    request = outcome(found) if found is not None else None
    if request is not None and request.state == RequestState.WAITING:
        return False
    values: dict[str, Any] = {"asked": ""}
    failed = request is not None and request.state == RequestState.ERROR
    if request is not None and failed:
        values |= {"failures": F("failures") + 1, "failed": F("failed") + 1}
        values |= {"failed_at": request.requested_at, "problem": request.message}
    elif request is not None:
        values |= {"failures": 0, "taken_at": request.at}
    with transaction.atomic():
        if not SnapshotTurn.objects.filter(pk=turn.pk, asked=turn.asked).update(**values):
            return False
        if request is not None and failed:
            request.delete()
    if request is not None and failed and not turn.failures:
        log.warning("scheduled snapshots fail", camera=turn.pk, reason=request.message)
    elif request is not None and not failed and turn.failures:
        log.info("scheduled snapshots are taken again", camera=turn.pk, failures=turn.failures)
    return True
