"""Recording tasks over HTTP (DESIGN 5.6). Whatever becomes of a task is a 200; an unknown camera is a 404, no ffmpeg a 500."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, cast

from django.http import HttpRequest
from ninja import Router, Schema
from ninja.errors import HttpError
from pydantic import ConfigDict, Field

from cameras.models import Camera
from cameras.selectors import visible_cameras
from edgesite.api_auth import permitted, require
from recordings.core.tasks import NO_FFMPEG, PLAIN, answer
from recordings.tasks import services
from recordings.tasks.models import RecordingTask, TaskState
from recordings.tasks.selectors import newest_task, task_message

if TYPE_CHECKING:
    from django.contrib.auth.models import User

router = Router()

OPERATE = "cameras.change_camera"
ANSWER_SECONDS = 3.0  # a box that lives has answered by then
LOOK_SECONDS = 0.05


class TaskIn(Schema):
    """Names are given back as they came."""

    model_config = ConfigDict(extra="forbid")
    camera_id: Annotated[str, Field(min_length=1, max_length=128, pattern=PLAIN)]
    task_name: Annotated[str, Field(min_length=1, max_length=200, pattern=PLAIN)]


class TaskOut(Schema):
    """Of these the fields that are set. `status` is a task's state, or `idle`, `not_running`, `task_mismatch`, `not_found`.

    start_time: ISO 8601. running_task: the name of the one that runs, when it is another. download_url: root-relative.
    """

    status: str
    camera_id: str
    task_name: str | None = None
    start_time: str | None = None
    storage_type: str | None = None
    local_file: str | None = None
    bucket: str | None = None
    object_name: str | None = None
    download_url: str | None = None
    stop_reason: str | None = None
    error: str | None = None
    local_file_deleted: bool | None = None
    running_task: str | None = None


class Problem(Schema):
    detail: Any


ANSWERS = {200: TaskOut, 404: Problem, 422: Problem}


def _camera(request: HttpRequest, camera_id: str, permission: str) -> Camera:
    camera = visible_cameras(require(request, permission)).filter(pk=camera_id).first()
    if camera is None:
        raise HttpError(404, "There is no such camera.")
    return camera


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)  # the API is never reached without authentication


@router.post(
    "/start_task", response={**ANSWERS, 500: Problem}, exclude_unset=True, tags=["recordings"], auth=permitted(OPERATE)
)
def start_task(request: HttpRequest, task: TaskIn) -> dict[str, Any]:
    """Records the camera from now on, for at most MAX_TASK_SECONDS. While a task runs, that one is the answer."""
    camera = _camera(request, task.camera_id, OPERATE)
    author = require(request, OPERATE).get_username()
    started = services.start_task(camera=camera, task_name=task.task_name, author=author)
    _until_answered(started)
    if started.error_code == NO_FFMPEG:
        raise HttpError(500, started.error)
    return task_message(started)


def _until_answered(task: RecordingTask) -> None:
    """Waits a moment for the box, so that the answer is what it says rather than what is hoped for."""
    end = time.monotonic() + ANSWER_SECONDS
    while task.state == TaskState.STARTING and not task.box_state and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
        task.refresh_from_db()


@router.post("/stop_task", response=ANSWERS, exclude_unset=True, tags=["recordings"], auth=permitted(OPERATE))
def stop_task(request: HttpRequest, task: TaskIn) -> dict[str, Any]:
    """Ends the task of that name; `task_mismatch` while another one runs, `not_running` when there is none."""
    camera = _camera(request, task.camera_id, OPERATE)
    author = require(request, OPERATE).get_username()
    running = services.running_task(camera)
    if running is not None and running.task_name != task.task_name:
        return answer(
            status="task_mismatch", camera_id=camera.pk, task_name=task.task_name, running_task=running.task_name
        )
    found = running or newest_task(_user(request), camera, task_name=task.task_name)
    if found is None:
        return answer(status="not_running", camera_id=camera.pk, task_name=task.task_name)
    return task_message(services.stop_task(found, author=author))


@router.post("/query_task", response=ANSWERS, exclude_unset=True, tags=["recordings"])
def query_task(request: HttpRequest, task: TaskIn) -> dict[str, Any]:
    """The camera's newest task of that name, else `not_found`."""
    camera = _camera(request, task.camera_id, "cameras.view_camera")
    found = newest_task(_user(request), camera, task_name=task.task_name)
    if found is None:
        return answer(status="not_found", camera_id=camera.pk, task_name=task.task_name)
    return task_message(found)


@router.get("/status/{camera_id}", response=ANSWERS, exclude_unset=True, tags=["recordings"])
def status(request: HttpRequest, camera_id: str) -> dict[str, Any]:
    """The camera's running task, else its newest one, else `idle`."""
    camera = _camera(request, camera_id, "cameras.view_camera")
    found = services.running_task(camera) or newest_task(_user(request), camera)
    return answer(status="idle", camera_id=camera.pk) if found is None else task_message(found)
