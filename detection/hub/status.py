"""Devices' reports into `DeviceStatus`, and changes of cameras' states to the browsers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import connection
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cameras.models import Camera, Device, DeviceStatus
from edgesite import redis_keys
from edgesite.redis_clients import Client, get_texts

log = structlog.get_logger(__name__)

WRITE_SECONDS = 5.0
STALE_SECONDS = 15.0
BATCH = 400  # databases limit the values of one statement
TOLD_AT_ONCE = 50  # devices: a message to the browsers names their cameras


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


def _check_storable(value: Any) -> None:
    """Raises ValueError for NUL and half surrogates: JSON knows them, databases refuse them, and with one all others."""
    if "\\u0000" in json.dumps(value, ensure_ascii=False).encode().decode():
        raise ValueError("holds a NUL")


@dataclass(frozen=True, slots=True)
class _Taken:
    """A report of a device that is worth a row. essence: what counts as a change besides the cameras' states."""

    row: DeviceStatus
    essence: dict[str, Any]
    states: dict[str, Any]
    moved: bool


class StatusReader:
    """One thread calls `step`. cameras_changed: told the cameras whose reported state changed."""

    def __init__(self, *, client: Client, cameras_changed: Callable[[list[str]], None]) -> None:
        self.client = client
        self.cameras_changed = cameras_changed
        self._seen: dict[str, str] = {}
        self._offline: set[str] = set()
        self._unreadable: set[str] = set()
        self._essence: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        self._written: dict[str, datetime] = {}

    def step(self) -> bool:
        """Reads every device's report once; True when one was new. Raises RedisError, DatabaseError.

        What is new goes into the database in one transaction, however many devices there are.
        """
        device_ids = list(Device.objects.values_list("pk", flat=True))
        if not device_ids:
            return False
        now = timezone.now()
        texts = get_texts(self.client, [redis_keys.report(d) for d in device_ids])
        new = {d: text for d, text in zip(device_ids, texts, strict=True) if text and text != self._seen.get(d)}
        stored = self._stored_times(new)
        taken = {d: found for d, text in new.items() if (found := self._taken(d, text, now, stored.get(d)))}
        _write([t.row for t in taken.values()])
        # Only after the commit: a failure above reads the same reports again.
        self._seen |= new
        for device_id, report in taken.items():
            self._essence[device_id] = (report.essence, report.states)
            self._written[device_id] = now
        self._tell([d for d, t in taken.items() if t.moved] + self._fallen_silent(device_ids, now))
        return bool(taken)

    def _stored_times(self, new: dict[str, str]) -> dict[str, str]:
        """The stored time stamps of devices that this process hears of for the first time."""
        strangers = [d for d in new if d not in self._written]
        known: dict[str, str] = {}
        for start in range(0, len(strangers), BATCH):
            rows = DeviceStatus.objects.filter(pk__in=strangers[start : start + BATCH])
            known.update(rows.values_list("pk", "device_at"))
        return known

    def _taken(self, device_id: str, text: str, now: datetime, stored_at: str | None) -> _Taken | None:
        try:
            report = ReportIn.model_validate(json.loads(text, parse_constant=_no_constant))
            health = report.health.model_dump(mode="json")
            _check_storable(report.model_dump(mode="json"))
        except (ValueError, ValidationError, RecursionError):
            if device_id not in self._unreadable:
                self._unreadable.add(device_id)
                log.warning("the reports of a device cannot be read", device=device_id)
            return None
        if device_id in self._unreadable:
            self._unreadable.discard(device_id)
            log.info("the reports of a device can be read again", device=device_id)
        states = {"cameras": health["cameras"], "details": health["camera_details"]}
        essence = report.model_dump(exclude={"at", "health"})
        written = self._written.get(device_id)
        stale = written is None or (now - written).total_seconds() >= WRITE_SECONDS
        before = self._essence.get(device_id)
        moved = before is None or _states(before[1]) != _states(states)
        if not stale and not moved and before is not None and before[0] == essence:
            return None
        if written is None and _lay_there(stored_at or "", report.at):
            return None
        row = DeviceStatus(
            device_id=device_id,
            epoch=report.epoch,
            observed=report.observed,
            applied=report.applied,
            confirmed=report.confirmed,
            sha256=report.sha256,
            state=report.state,
            reason=report.reason,
            reported_at=now,  # the hub's clock: a box may have another time
            health=health,
            device_at=report.at,
        )
        return _Taken(row, essence, states, moved)

    def _fallen_silent(self, device_ids: list[str], now: datetime) -> list[str]:
        """A box that falls silent sends no change: its tiles are told by the clock."""
        fallen = []
        for device_id in device_ids:
            written = self._written.get(device_id)
            silent = written is None or (now - written).total_seconds() > STALE_SECONDS
            if silent and device_id not in self._offline:
                self._offline.add(device_id)
                fallen.append(device_id)
            elif not silent:
                self._offline.discard(device_id)
        return fallen

    def _tell(self, device_ids: list[str]) -> None:
        for start in range(0, len(device_ids), TOLD_AT_ONCE):
            some = device_ids[start : start + TOLD_AT_ONCE]
            self.cameras_changed(list(Camera.objects.filter(device__in=some).values_list("pk", flat=True)))


def _write(rows: list[DeviceStatus]) -> None:
    """Inserts or replaces the rows, all or none. Raises DatabaseError."""
    if rows:
        names = connection.features.supports_update_conflicts_with_target  # MySQL goes by any key
        DeviceStatus.objects.bulk_create(
            rows,
            batch_size=BATCH,
            update_conflicts=True,
            unique_fields=["device"] if names else None,
            update_fields=[f.attname for f in DeviceStatus._meta.concrete_fields if not f.primary_key],
        )


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _lay_there(stored_at: str, at: str) -> bool:
    """Whether a report may be the last one of a box that died before this process came, and so is no sign of life.

    Not every report is written, so one that is hardly newer than the written one may be the same silence.
    """
    before, now = _moment(stored_at), _moment(at)
    return before is not None and now is not None and abs((now - before).total_seconds()) < 2 * WRITE_SECONDS


def _states(states: dict[str, Any]) -> Any:
    """What of the cameras' states a person would see change: word, since and reason, not the age of the last frame."""
    details = states["details"] if isinstance(states["details"], dict) else {}
    return states["cameras"], {
        camera: {k: v for k, v in detail.items() if k != "last_frame_at"}
        for camera, detail in details.items()
        if isinstance(detail, dict)
    }
