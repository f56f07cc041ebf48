"""Devices' reports into `DeviceStatus`, and changes of cameras' states to the browsers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cameras.models import Camera, Device, DeviceStatus
from edgesite import redis_keys
from edgesite.redis_clients import Client, get_texts

log = structlog.get_logger(__name__)

WRITE_SECONDS = 5.0
STALE_SECONDS = 15.0


class CameraDetail(BaseModel):
    """An addition to 5.3: why a camera is in its state and since when; times in Unix seconds."""

    model_config = ConfigDict(extra="allow")
    since: float | None = Field(default=None, allow_inf_nan=False)
    reason: str = Field(default="", max_length=1000)
    last_frame_at: float | None = Field(default=None, allow_inf_nan=False)


class Health(BaseModel):
    """What pages and answers take for granted of `health`; the rest is only shown."""

    model_config = ConfigDict(extra="allow")
    cameras: dict[str, str] = Field(default_factory=dict)
    camera_details: dict[str, CameraDetail] = Field(default_factory=dict)


class ReportIn(BaseModel):
    """A report as DESIGN 5.3 gives it; unknown keys of newer boxes are let through."""

    device_id: str
    epoch: str = Field(max_length=36)
    observed: int = Field(ge=0, lt=2**63)
    applied: int = Field(ge=0, lt=2**63)
    confirmed: int = Field(ge=0, lt=2**63)
    sha256: str = Field(max_length=64)
    state: str = Field(max_length=16)
    reason: str = Field(max_length=4000)
    at: str = Field(max_length=40)
    health: Health


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


class StatusReader:
    """One thread calls `step`. cameras_changed: told the cameras whose reported state changed."""

    def __init__(self, *, client: Client, cameras_changed: Callable[[list[str]], None]) -> None:
        self.client = client
        self.cameras_changed = cameras_changed
        self._seen: dict[str, str] = {}
        self._offline: set[str] = set()
        self._essence: dict[str, Any] = {}
        self._written: dict[str, datetime] = {}

    def step(self) -> bool:
        """Reads every device's report once; True when one was new. Raises RedisError."""
        device_ids = list(Device.objects.values_list("pk", flat=True))
        if not device_ids:
            return False
        busy = False
        now = timezone.now()
        texts = get_texts(self.client, [redis_keys.report(d) for d in device_ids])
        for device_id, text in zip(device_ids, texts, strict=True):
            if text and text != self._seen.get(device_id):
                self._seen[device_id] = text
                busy = self._take(device_id, text, now) or busy
            self._watch_silence(device_id, now)
        return busy

    def _take(self, device_id: str, text: str, now: datetime) -> bool:
        try:
            report = ReportIn.model_validate(json.loads(text, parse_constant=_no_constant))
            health = report.health.model_dump(mode="json")
        except (ValueError, ValidationError, RecursionError):
            log.warning("a report cannot be read", device=device_id)
            return False
        states = {"cameras": health["cameras"], "details": health["camera_details"]}
        essence = report.model_dump(exclude={"at", "health"})
        written = self._written.get(device_id)
        stale = written is None or (now - written).total_seconds() >= WRITE_SECONDS
        before = self._essence.get(device_id)
        moved = before is None or _states(before[1]) != _states(states)
        if not stale and not moved and before is not None and before[0] == essence:
            return False
        if written is None and _lay_there(device_id, report.at):
            return False
        self._essence[device_id] = (essence, states)
        self._written[device_id] = now
        DeviceStatus.objects.update_or_create(
            device_id=device_id,
            defaults={
                "epoch": report.epoch,
                "observed": report.observed,
                "applied": report.applied,
                "confirmed": report.confirmed,
                "sha256": report.sha256,
                "state": report.state,
                "reason": report.reason,
                "reported_at": now,  # the hub's clock: a box may have another time
                "health": health,
                "device_at": report.at,
            },
        )
        if moved:
            self._tell(device_id)
        return True

    def _watch_silence(self, device_id: str, now: datetime) -> None:
        """A box that falls silent sends no change: its tiles are told by the clock."""
        written = self._written.get(device_id)
        silent = written is None or (now - written).total_seconds() > STALE_SECONDS
        if silent and device_id not in self._offline:
            self._offline.add(device_id)
            self._tell(device_id)
        elif not silent:
            self._offline.discard(device_id)

    def _tell(self, device_id: str) -> None:
        self.cameras_changed(list(Camera.objects.filter(device_id=device_id).values_list("pk", flat=True)))


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _lay_there(device_id: str, at: str) -> bool:
    """Whether a report may be the last one of a box that died before this process came, and so is no sign of life.

    Not every report is written, so one that is hardly newer than the written one may be the same silence.
    """
    known = DeviceStatus.objects.filter(device_id=device_id).values_list("device_at", flat=True).first()
    before, now = _moment(known or ""), _moment(at)
    return before is not None and now is not None and abs((now - before).total_seconds()) < 2 * WRITE_SECONDS


def _states(states: dict[str, Any]) -> Any:
    """What of the cameras' states a person would see change: word, since and reason, not the age of the last frame."""
    details = states["details"] if isinstance(states["details"], dict) else {}
    return states["cameras"], {
        camera: {k: v for k, v in detail.items() if k != "last_frame_at"}
        for camera, detail in details.items()
        if isinstance(detail, dict)
    }
