"""Intent and what became of it: which cameras are to be analysed, and what their boxes report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from cameras.intent import Intent, set_analysis, wish_in
from cameras.issued import ConfigVersion
from cameras.models import Camera, DeviceStatus
from cameras.states import OFFLINE_AFTER_SECONDS, CameraState, camera_state, drift_of
from cameras.versions import content_of_version
from detection.core.groups import State
from edgesite.fields import DecryptionError

RUNNING, STOPPED = "running", "stopped"
STARTING, STOPPING = "starting", "stopping"
AT_WORK = ("live", "connecting", "lost")  # states in which a box tries to analyse
MOST_VERSIONS = 50  # that a box is behind, of which each is looked at


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

    state: `starting` or `stopping` until the box has reported the version that holds the wish (and, where the camera has a
    process, until that has let go of it); then as `CameraState` gives it, like reason and since. executor: None when nothing
    runs it, or the box does not say.
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
    status: DeviceStatus | None = getattr(camera.device, "status", None)
    if (
        status is None
        or status.reported_at is None
        or (now - status.reported_at).total_seconds() > OFFLINE_AFTER_SECONDS
    ):
        return _answer(camera, camera_state(camera, now=now), in_effect=None, executor=None)
    health = status.health if isinstance(status.health, dict) else {}
    words = health.get("cameras", {})
    runs = isinstance(words, dict) and words.get(camera.pk) in AT_WORK
    wanted = camera.analyse and camera.enabled
    executor = executor_condition(health, camera.pk)
    coming = _coming(camera, status) if camera.enabled else None
    if coming is not None:
        reason = f"the box has not reported version {coming.version} yet"
        state = CameraState(STARTING if wanted else STOPPING, reason, coming.issued_at.timestamp())
        return _answer(camera, state, in_effect=False, executor=executor)
    if not wanted and not runs and executor is not None:
        state = CameraState(STOPPING, executor.reason, executor.since)
        return _answer(camera, state, in_effect=False, executor=executor)
    state = _reported(camera, health) if runs and not wanted else camera_state(camera, now=now)
    return _answer(camera, state, in_effect=runs is wanted, executor=executor)


def _answer(
    camera: Camera, state: CameraState, *, in_effect: bool | None, executor: ExecutorCondition | None
) -> DetectionStatus:
    desired = RUNNING if camera.analyse else STOPPED
    return DetectionStatus(camera.pk, desired, state.word, state.reason, state.since, in_effect, executor)


def _reported(camera: Camera, health: dict[str, Any]) -> CameraState:
    """What a box does with a camera that it is not to analyse, because nobody has told it so."""
    details = health.get("camera_details", {})
    detail = details.get(camera.pk) if isinstance(details, dict) else None
    detail = detail if isinstance(detail, dict) else {}
    return CameraState(health["cameras"][camera.pk], detail.get("reason", ""), detail.get("since"))


def _coming(camera: Camera, status: DeviceStatus) -> ConfigVersion | None:
    """The version that brought the present wish, while it is on its way; None when the box has reported it, or never will.

    What the box reported before it says nothing of this wish, even if it agrees with it (a stop and a start soon after).
    """
    device = camera.device
    if device.revoked_at is not None or drift_of(device):
        return None
    applied = status.applied if status.epoch == device.epoch else 0
    if applied >= device.last_version:
        return None
    issued = ConfigVersion.objects.filter(device=device, epoch=device.epoch)
    found = None
    try:
        for version in issued.filter(version__gt=applied).order_by("-version")[:MOST_VERSIONS]:
            if wish_in(content_of_version(version), camera.pk) is not camera.analyse:
                break
            found = version
        else:
            running = issued.filter(version=applied).first()
            if running is not None and wish_in(content_of_version(running), camera.pk) is camera.analyse:
                return None
    except DecryptionError:  # a lost key is told elsewhere
        return None
    declined = status.state in ("refused", "reverted") and status.epoch == device.epoch
    return None if found is None or (declined and status.observed >= found.version) else found


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
