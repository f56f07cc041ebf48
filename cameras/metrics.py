"""Devices in numbers: configuration, reports and what waits for the hub."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from redis.exceptions import RedisError

from cameras.fleet import recording_alarm
from cameras.models import Device, DeviceStatus
from cameras.selectors import visible_devices
from cameras.services import cloud_redis
from cameras.states import SYNC_STATES, sync_state, with_newest_version
from edgesite import redis_keys
from edgesite.metrics import number

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LABELS = ["device_id", "site"]


def _status(device: Device) -> DeviceStatus | None:
    status: DeviceStatus | None = getattr(device, "status", None)
    return status if status is not None and status.reported_at is not None else None


def _reported(read: Callable[[DeviceStatus], float | None]) -> Callable[[Device], float | None]:
    return lambda device: read(status) if (status := _status(device)) else None


def _age(status: DeviceStatus, now: datetime) -> float | None:
    return max(0.0, (now - status.reported_at).total_seconds()) if status.reported_at else None


def _at_risk(status: DeviceStatus) -> float | None:
    return float(bool(recording_alarm(status.health))) if isinstance(status.health.get("recording"), dict) else None


def _reach(status: DeviceStatus) -> float | None:
    """Of the camera of which it is the shortest."""
    recording = status.health.get("recording")
    forecast = recording.get("forecast") if isinstance(recording, dict) else None
    reach = forecast.get("reach") if isinstance(forecast, dict) else None
    return number(reach[0]) if isinstance(reach, list) and reach else None


def device_metrics(user: User) -> Iterator[Metric]:
    """The families of the devices that the person may see; three queries and one Redis round trip."""
    devices = list(with_newest_version(visible_devices(user)).order_by("pk"))
    now = timezone.now()
    states = {d.pk: sync_state(d, sha256=getattr(d, "newest_sha256", None) or "", now=now) for d in devices}
    counts = Counter(states.values())
    total = GaugeMetricFamily("edgesite_devices", "Devices by state of their configuration.", labels=["state"])
    for state in SYNC_STATES:
        total.add_metric([state], counts[state])
    yield total
    waiting = _waiting([d.pk for d in devices])
    columns: list[tuple[str, str, Callable[[Device], float | None]]] = [
        ("in_sync", "1 when the box runs the newest version.", lambda d: float(states[d.pk] == "in_sync")),
        ("last_seen_age_seconds", "Since the last report.", _reported(lambda s: _age(s, now))),
        ("desired_version", "Newest version issued.", lambda d: d.last_version),
        ("applied_version", "Version that the box runs.", _reported(lambda s: s.applied)),
        ("confirmed_version", "Version that the box found healthy.", _reported(lambda s: s.confirmed)),
        ("outbox_rows", "Rows that the hub has not confirmed.", _reported(lambda s: number(s.health.get("outbox")))),
        ("disk_free_bytes", "Free on the box's disk.", _reported(lambda s: number(s.health.get("disk_free")))),
        ("recordings_at_risk", "1 while the recorder raises an alarm.", _reported(_at_risk)),
        ("recordings_reach_seconds", "How far back recordings reach once the room is used.", _reported(_reach)),
        ("events_waiting", "Events in the cloud Redis that the hub has not stored.", lambda d: waiting.get(d.pk)),
    ]
    for name, text, read in columns:
        yield _family(f"edgesite_device_{name}", text, devices, read)


def _family(name: str, text: str, devices: list[Device], read: Callable[[Device], float | None]) -> GaugeMetricFamily:
    """One series for each device that has a value."""
    family = GaugeMetricFamily(name, text, labels=LABELS)
    for device in devices:
        value = read(device)
        if value is not None:
            family.add_metric([device.pk, device.site.name], value)
    return family


def _waiting(device_ids: list[str]) -> dict[str, float]:
    """Lengths of the devices' event streams; none when Redis is away, none for a key that is no stream."""
    try:
        with cloud_redis(settings.CLOUD_REDIS_URL).pipeline(transaction=False) as pipe:
            for device_id in device_ids:
                pipe.xlen(redis_keys.events(device_id))
            answers = pipe.execute(raise_on_error=False)
    except RedisError:
        return {}
    return {d: float(a) for d, a in zip(device_ids, answers, strict=True) if isinstance(a, int)}
