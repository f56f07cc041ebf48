"""Intent and what became of it: which cameras are to be analysed, and what their boxes report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from cameras.intent import Intent, set_analysis
from cameras.models import Camera, DeviceStatus
from cameras.states import OFFLINE_AFTER_SECONDS, camera_state
from detection.core.groups import State

RUNNING, STOPPED = "running", "stopped"
AT_WORK = ("live", "connecting", "lost")  # states in which a box tries to analyse


@dataclass(frozen=True, slots=True)
class ExecutorCondition:
    """How what runs the camera is, as its box reports it. executor: `inline` or `processes`. since: Unix seconds."""

    executor: str
    group: str
    state: State | str
    restarts: int
    reason: str
    since: float | None


@dataclass(frozen=True, slots=True)
class DetectionStatus:
    """desired: `running` or `stopped`. in_effect: whether the box does that; None while it is silent.

    state, reason, since: as `CameraState` gives them. executor: None when nothing runs it, or the box does not say.
    """

    camera_id: str
    desired: str
    state: str
    reason: str
    since: float | None
    in_effect: bool | None
    executor: ExecutorCondition | None

    def message(self) -> dict[str, Any]:
        return asdict(self)


class DetectionScheduler:
    """author: who asks, for the history. Who may ask is the caller's business."""

    def __init__(self, *, author: str) -> None:
        self.author = author

    def start_detection(self, camera_id: str) -> Intent:
        """Raises Camera.DoesNotExist."""
        return set_analysis(camera_id=camera_id, analyse=True, author=self.author)

    def stop_detection(self, camera_id: str) -> Intent:
        """Raises Camera.DoesNotExist."""
        return set_analysis(camera_id=camera_id, analyse=False, author=self.author)

    @staticmethod
    def status(cameras: Iterable[Camera], *, now: datetime | None = None) -> list[DetectionStatus]:
        """What is desired of these cameras and what their boxes report."""
        return [_status(camera, now or timezone.now()) for camera in cameras]


def _status(camera: Camera, now: datetime) -> DetectionStatus:
    state = camera_state(camera, now=now)
    status: DeviceStatus | None = getattr(camera.device, "status", None)
    health = status.health if status is not None and isinstance(status.health, dict) else {}
    at = status.reported_at if status is not None else None
    silent = at is None or (now - at).total_seconds() > OFFLINE_AFTER_SECONDS
    words = health.get("cameras", {})
    runs = isinstance(words, dict) and words.get(camera.pk) in AT_WORK
    return DetectionStatus(
        camera_id=camera.pk,
        desired=RUNNING if camera.analyse else STOPPED,
        state=state.word,
        reason=state.reason,
        since=state.since,
        in_effect=None if silent else runs is (camera.analyse and camera.enabled),
        executor=None if silent else executor_condition(health, camera.pk),
    )


def executor_condition(health: dict[str, Any], camera_id: str) -> ExecutorCondition | None:
    """From a report's health, which a box wrote: nothing of its shape is taken for granted."""
    executor = health.get("executor")
    if not isinstance(executor, dict) or not isinstance(groups := executor.get("groups"), dict):
        return None
    for name, group in groups.items():
        if not isinstance(group, dict) or not isinstance(cameras := group.get("cameras"), list):
            continue
        if camera_id in cameras:
            restarts, since = group.get("restarts"), group.get("since")
            return ExecutorCondition(
                executor=str(executor.get("kind", "")),
                group=str(name),
                state=str(group.get("state", "")),
                restarts=restarts if isinstance(restarts, int) else 0,
                reason=str(group.get("reason", "")),
                since=float(since) if isinstance(since, int | float) else None,
            )
    return None
