"""Reads of recording tasks, limited to what the person may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.utils import timezone

from cameras.models import Camera, Device
from recordings.core.names import clip_folder
from recordings.core.tasks import answer
from recordings.extracts.logbook import note_once
from recordings.extracts.selectors import of_own_sites
from recordings.tasks.models import RecordingTask, TaskState

if TYPE_CHECKING:
    from django.contrib.auth.models import User

FOLDER = "recordings"  # of the storage
STORED = (TaskState.UPLOADED, TaskState.COMPLETED)


def visible_tasks(user: User | AnonymousUser) -> QuerySet[RecordingTask]:
    """Tasks of cameras that the person may see, whoever started them, on boxes of the person's sites: a camera that moves to
    another site takes none of its pictures there.
    """
    return RecordingTask.objects.filter(of_own_sites(user))


def may_see_recording(user: User | AnonymousUser, key: str) -> bool:
    """A recording is seen by those who see its camera."""
    return _given(user, key).exists()


def note_recording_viewed(user: User | AnonymousUser, key: str) -> None:
    """Notes that the clip under this key is given to the person. Raises DatabaseError: then it is not given."""
    for task in _given(user, key):
        note_once(task, user, now=timezone.now())


def _given(user: User | AnonymousUser, key: str) -> QuerySet[RecordingTask]:
    return visible_tasks(user).filter(object_name=key, state__in=STORED, removed_at=None)


def may_store_recording(device: Device, key: str) -> bool:
    """A box stores the clips of its own tasks, under the keys that it told, each in its camera's folder."""
    tasks = RecordingTask.objects.filter(device_id=device.pk, object_name=key)
    return any(key.startswith(f"{clip_folder(c)}/") for c in tasks.values_list("camera_id", flat=True))


def newest_task(user: User | AnonymousUser, camera: Camera, *, task_name: str = "") -> RecordingTask | None:
    """The camera's newest task that the person may see, of that name if one is given."""
    tasks = visible_tasks(user).filter(camera=camera)
    return (tasks.filter(task_name=task_name) if task_name else tasks).order_by("-pk").first()


def download_url(task: RecordingTask) -> str:
    """Where the clip can be fetched, root-relative; "" while it cannot."""
    return f"/api/media/{quote(task.object_name)}" if is_there(task) and task.object_name else ""


def is_there(task: RecordingTask) -> bool:
    """Whether its clip is stored and its time is not over."""
    return task.state in STORED and task.removed_at is None


def task_message(task: RecordingTask) -> dict[str, Any]:
    """The task as the API gives it. start_time: ISO 8601 in UTC, of the first recorded picture, else of the request."""
    started = task.started_at or task.requested_at
    return answer(
        status=task.state,
        camera_id=task.camera_id,
        task_name=task.task_name,
        start_time=started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        storage_type=task.storage_type,
        local_file=task.local_file,
        bucket=task.bucket,
        object_name=task.object_name if is_there(task) else "",
        download_url=download_url(task),
        stop_reason=task.stop_reason,
        error=task.error,
        local_file_deleted=task.local_file_deleted or task.removed_at is not None,
    )
