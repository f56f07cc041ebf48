"""What a person's devices and cameras are doing now, in two queries however many there are.

What a box reports is JSON, and how old a report may be depends on the clock: the states cannot be asked of the database.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.db import Error as DatabaseProblem
from django.utils import timezone

from cameras.models import Device, DeviceStatus
from cameras.selectors import visible_cameras, visible_devices
from cameras.states import camera_state, sync_state, with_newest_version
from edgesite.metrics import number

if TYPE_CHECKING:
    from django.contrib.auth.models import User

DOWN = ("lost", "offline", "unknown")  # of a camera that is enabled: nobody watches its picture
LOW_DISK_BYTES = 5 * 10**9  # about an hour of one camera's recording at 10 Mbit/s: time to make room


@dataclass(frozen=True, slots=True)
class Fleet:
    """devices: by identifier. sync: device → one of SYNC_STATES. cameras: camera → its state's word. boxes: camera → device."""

    devices: dict[str, Device]
    sync: dict[str, str]
    cameras: dict[str, str]
    boxes: dict[str, str]

    def out_of_sync(self) -> list[str]:
        """Devices that do not run what they should. Those that were shut out do so on purpose."""
        return [d for d, state in self.sync.items() if state != "in_sync" and self.devices[d].revoked_at is None]

    def pending(self) -> list[str]:
        """Devices to which the newest version is on its way."""
        return [d for d in self.out_of_sync() if self.sync[d] == "pending"]

    def down(self) -> list[str]:
        """Cameras that should give a picture and do not."""
        return [c for c, word in self.cameras.items() if word in DOWN]

    def disk_free(self) -> dict[str, float]:
        """Bytes free on each device that tells it, the least first."""
        free = {}
        for device_id, device in self.devices.items():
            status: DeviceStatus | None = getattr(device, "status", None)
            value = number(status.health.get("disk_free")) if status is not None else None
            if value is not None:
                free[device_id] = value
        return dict(sorted(free.items(), key=lambda item: item[1]))

    def short_of_disk(self) -> list[str]:
        """Where little is left, and where recordings that somebody counts on are at risk for it."""
        low = [d for d, free in self.disk_free().items() if free < LOW_DISK_BYTES]
        return [*low, *(d for d in self.recordings_at_risk() if d not in low)]

    def recordings_at_risk(self) -> list[str]:
        """Devices whose recorder raises an alarm."""
        at_work = {d: device for d, device in self.devices.items() if device.revoked_at is None}
        statuses = {d: getattr(device, "status", None) for d, device in at_work.items()}
        return [d for d, status in statuses.items() if status is not None and recording_alarm(status.health)]

    def troubled_sites(self) -> set[int]:
        """Sites with a device out of sync or a camera down."""
        return {*self.out_of_sync_by_site(), *self.down_by_site()}

    def out_of_sync_by_site(self) -> Counter[int]:
        """How many devices; sites without any are not in it."""
        return Counter(self.devices[d].site_id for d in self.out_of_sync())

    def down_by_site(self) -> Counter[int]:
        """How many cameras; sites without any are not in it."""
        return Counter(self.devices[self.boxes[c]].site_id for c in self.down())


def recording_alarm(health: object) -> str:
    """Why recordings are at risk, as a box reported it, "" nothing."""
    recording = health.get("recording") if isinstance(health, dict) else None
    alarm = recording.get("alarm") if isinstance(recording, dict) else None
    return alarm if isinstance(alarm, str) else ""


def recording_warning() -> str:
    """How many devices' recordings are at risk, "" for none. Names nobody: `/readyz` is open."""
    try:
        told = DeviceStatus.objects.filter(device__revoked_at=None, health__recording__alarm__isnull=False)
        count = told.exclude(health__recording__alarm="").count()
    except DatabaseProblem:
        return ""  # a reason of its own says so
    return f"Recordings of {count} device(s) are at risk; see Devices in the admin." if count else ""


def fleet_of(user: User | AnonymousUser, *, now: datetime | None = None) -> Fleet:
    """Devices and cameras that the person may see. now: by default this moment."""
    now = now or timezone.now()
    devices = {d.pk: d for d in with_newest_version(visible_devices(user)).order_by("pk")}
    sync = {pk: sync_state(d, sha256=getattr(d, "newest_sha256", None) or "", now=now) for pk, d in devices.items()}
    words: dict[str, str] = {}
    boxes: dict[str, str] = {}
    rows = visible_cameras(user).select_related(None).order_by("pk")
    for camera in rows.only("pk", "device_id", "enabled", "analyse"):
        if (device := devices.get(camera.device_id)) is not None:
            camera.device = device  # read once for all its cameras
            words[camera.pk], boxes[camera.pk] = camera_state(camera, now=now).word, device.pk
    return Fleet(devices, sync, words, boxes)
