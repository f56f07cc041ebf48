"""Starts and stops recordings: the wish is a row, the box is told until it knows, and what it tells is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from cameras.asking import REVOKED
from cameras.models import Camera, Device, DeviceStatus
from cameras.services import cloud_redis
from cameras.states import camera_state
from edgesite.ids import uuid7
from recordings.core.names import clip_folder
from recordings.core.tasks import ASKED, LONGEST, RUNNING, RecordingReport, rank
from recordings.extracts.logbook import note
from recordings.extracts.models import StepKind
from recordings.failed import keep_newest
from recordings.objects.services import answer_for
from recordings.ordering import send_order
from recordings.stored_clips.services import protect
from recordings.tasks.models import RecordingTask, TaskState
from recordings.tasks.selectors import STORED

log = structlog.get_logger(__name__)

KIND = "record"
START_AGAIN_SECONDS = 3.0
STOP_AGAIN_SECONDS = 6.0
START_SECONDS = 20.0  # a box that did not answer by then does not record
SILENT_SECONDS = 600.0  # a box that says nothing for so long is not waited for when the task's time is over

SILENT = gettext_noop(
    "The camera's box is silent. Look whether it has power and network, and whether run_recorder runs."
)
LATE = gettext_noop("The camera's box did not take the task on. Look whether run_recorder runs on it, and at its log.")
DISABLED = gettext_noop("The camera is disabled. Enable it on its page and publish.")
FOREIGN_KEY = gettext_noop("The box stored the clip outside the camera's folder.")


def start_task(*, camera: Camera, task_name: str, author: str) -> RecordingTask:
    """The camera's running task, which is this new one when none ran. What keeps it from running is its answer."""
    running = running_task(camera)
    if running is not None:
        return running
    try:
        return _begin(camera, task_name, author)
    except IntegrityError:  # somebody else was quicker, and their task may be over by now
        return running_task(camera) or _begin(camera, task_name, author)


def _begin(camera: Camera, task_name: str, author: str) -> RecordingTask:
    """Raises IntegrityError when the camera has a running task."""
    problem = _problem(camera)
    with transaction.atomic():
        task = RecordingTask.objects.create(
            task_id=uuid7(),
            camera=camera,
            slot=None if problem else camera,
            device_id=camera.device_id,
            task_name=task_name,
            state=TaskState.FAILED if problem else TaskState.STARTING,
            error=problem,
            requested_by=author[:150],
            requested_at=timezone.now(),
        )
    log.info("recording asked for", camera=camera.pk, task=task.task_id, author=author, problem=problem)
    if problem:
        keep_newest(RecordingTask.objects.filter(camera=camera, state=TaskState.FAILED, box_state=""))
    else:
        transaction.on_commit(partial(order, task))
    return task


def stop_task(task: RecordingTask, *, author: str) -> RecordingTask:
    """A running task records no more; any other stays what it is."""
    stopped = RecordingTask.objects.filter(pk=task.pk, state__in=(TaskState.STARTING, TaskState.RECORDING))
    if stopped.update(state=TaskState.STOPPING, stop_reason=ASKED):
        log.info("recording is to stop", camera=task.camera_id, task=task.task_id, author=author)
        task.refresh_from_db()
        transaction.on_commit(partial(order, task))
    task.refresh_from_db()
    return task


def protect_task(task: RecordingTask, *, author: str, protected: bool) -> bool:
    """As `protect`, noted in the log of who did what."""
    with transaction.atomic():
        changed = protect(task, author=author, protected=protected)
        if changed:
            kind = StepKind.PROTECTED if protected else StepKind.UNPROTECTED
            note(task, kind, author=author, now=timezone.now())
    return changed


def running_task(camera: Camera) -> RecordingTask | None:
    return RecordingTask.objects.filter(slot=camera).first()


def _problem(camera: Camera) -> str:
    """Why asking the box is of no use; what the box itself knows better is left to it."""
    if camera.device.revoked_at is not None:
        return REVOKED
    word = camera_state(camera).word
    return {"offline": SILENT, "disabled": DISABLED}.get(word, "")


def order(task: RecordingTask) -> None:
    """Tells the box what the hub wants of the task. Without Redis it is told later."""
    start = task.state == TaskState.STARTING
    body: dict[str, Any] = {"task_id": task.task_id, "camera_id": task.camera_id, "task_name": task.task_name}
    body |= {"action": "start", "seconds": settings.MAX_TASK_SECONDS} if start else {"action": "stop"}
    if not start:
        body["reason"] = task.stop_reason or ASKED
    RecordingTask.objects.filter(pk=task.pk).update(ordered_at=timezone.now())
    send_order(
        cloud_redis(settings.CLOUD_REDIS_URL),
        device_id=task.device_id,
        kind=KIND,
        body=body,
        first=task.ordered_at is None,
        task=task.task_id,
    )


def end_lost(now: datetime) -> int:
    """Frees cameras of tasks whose end nobody tells; how many.

    A box that was shut out says nothing any more. Twice the longest time after it was asked for (once until the first
    picture, once for the recording) no task records, whatever the clocks of box and hub are: one whose box is silent is
    given up, and should its clip come all the same, it is there; any other box is told to stop it, which it answers also
    when its edge store was lost.
    """
    running = RecordingTask.objects.filter(state__in=RUNNING)
    longest = timedelta(seconds=2 * settings.MAX_TASK_SECONDS + START_SECONDS)
    over = running.filter(requested_at__lt=now - longest)
    heard = DeviceStatus.objects.filter(reported_at__gte=now - timedelta(seconds=SILENT_SECONDS))
    untold = over.filter(Q(state=TaskState.RECORDING) | Q(state=TaskState.STARTING) & ~Q(box_state=""))
    failed: dict[str, Any] = {"state": TaskState.FAILED, "slot": None}
    ended = _end(running.exclude(device_id__in=_let_in()), failed | {"error": REVOKED})
    ended += _end(over.exclude(device_id__in=heard.values("pk")), failed | {"error": SILENT})
    return ended + _end(untold, {"state": TaskState.STOPPING, "stop_reason": LONGEST})


def _end(tasks: QuerySet[RecordingTask], values: dict[str, Any]) -> int:
    found = list(tasks.values_list("pk", flat=True))
    if not found:  # an UPDATE of nothing would take SQLite's write lock at each look
        return 0
    log.warning("recordings whose end nobody told are over", tasks=len(found), state=values["state"])
    return tasks.filter(pk__in=found).update(**values)


def _let_in() -> QuerySet[Device, str]:
    return Device.objects.filter(revoked_at=None).values_list("pk", flat=True)


def repeat_orders(now: datetime) -> int:
    """Tells boxes again what they did not answer to, and gives up a start that nobody took on. How many it looked after.

    A stop is repeated for as long as the box has not told that it stopped: also of a task that was given up here while
    the box, late, records it all the same.
    """
    found = end_lost(now)
    unheard = Q(state=TaskState.STARTING, box_state="")
    unstopped = Q(state=TaskState.STOPPING, box_state__in=("", "starting", "recording"))
    given_up = Q(state=TaskState.FAILED, box_state__in=("starting", "recording"), device_id__in=_let_in())
    for task in RecordingTask.objects.filter(unheard | unstopped | given_up).order_by("pk")[:500]:
        starting = task.state == TaskState.STARTING
        late = now - task.requested_at > timedelta(seconds=START_SECONDS)
        if late and not task.box_state:  # stopped meanwhile or not
            given = RecordingTask.objects.filter(pk=task.pk, state=task.state, box_state="")
            found += given.update(state=TaskState.FAILED, slot=None, error=LATE)
            continue
        every = START_AGAIN_SECONDS if starting else STOP_AGAIN_SECONDS
        if task.ordered_at is None or now - task.ordered_at >= timedelta(seconds=every):
            order(task)
            found += 1
    return found


def step() -> bool:
    """For `run_hub`: looks after what boxes did not answer to. Raises DatabaseError."""
    return repeat_orders(timezone.now()) > 0


def take_report(report: RecordingReport, *, device_id: str) -> bool:
    """What a box tells of a task; whether it was news. Of another box, of a task that is gone, repeated or late: it is not."""
    asked = RecordingTask.objects.filter(task_id=report.task_id, camera_id=report.camera_id, device_id=device_id)
    while (task := asked.first()) is not None:
        if report.revision <= task.revision:
            return False
        # Somebody may stop it between the look and the change: then it is looked at again.
        if asked.filter(state=task.state, revision=task.revision).update(**_changes(task, report)):
            if report.state in STORED and _in_its_folder(report):
                answer_for(report.object_name)
            return True
    if report.state in STORED and _in_its_folder(report) and _was_deleted(report.camera_id):
        answer_for(report.object_name)  # and nothing refers to it
    log.warning("report of no task", device=device_id, task=report.task_id)
    return False


def _was_deleted(camera_id: str) -> bool:
    """Not only unknown: a hub that was restored from a backup takes nothing away of what it never knew."""
    gone = not Camera.objects.filter(pk=camera_id).exists()
    return gone and Camera.history.filter(camera_id=camera_id, history_type="-").exists()


def _in_its_folder(report: RecordingReport) -> bool:
    return report.object_name.startswith(f"{clip_folder(report.camera_id)}/")


def _changes(task: RecordingTask, report: RecordingReport) -> dict[str, Any]:
    values = _told(report)
    if report.object_name and not _in_its_folder(report):
        return values | {"object_name": "", "error": FOREIGN_KEY, "state": TaskState.FAILED, "slot": None}
    if _goes_on(task, report.state):
        values |= {"state": report.state, "slot": task.camera_id if report.state in RUNNING else None}
        if report.state in STORED and task.stored_at is None:
            values["stored_at"] = timezone.now()
    elif task.state == TaskState.FAILED:
        del values["error"], values["error_code"]
    if task.state == TaskState.STOPPING and not report.stop_reason:
        del values["stop_reason"]  # the box has not heard of it yet
    return values


def _goes_on(task: RecordingTask, state: str) -> bool:
    """Whether the box's state becomes the task's: it never goes back, and one that was given up only ends."""
    if task.state == TaskState.FAILED:
        return rank(state) == rank(TaskState.FAILED)
    return rank(state) >= rank(task.state)


def _told(report: RecordingReport) -> dict[str, Any]:
    moments = {
        name: datetime.fromtimestamp(at, UTC) if (at := getattr(report, name)) is not None else None
        for name in ("started_at", "stopped_at")
    }
    plain = report.model_dump(
        mode="json", exclude={"event_id", "task_id", "camera_id", "state", "started_at", "stopped_at"}
    )
    return {"box_state": report.state, **moments, **plain}
