"""Very many rows of every list, made in a few statements."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import Group
from django.utils import timezone

from cameras.issued import ConfigVersion
from cameras.models import ROI, Binding, Camera, Device, DeviceStatus, Site
from cameras.schedules import Schedule
from detection.models import Alert
from edgesite.ids import uuid7
from tests.rows import SOURCE, SQUARE

LISTS = (Camera, ROI, Binding, Device, Site, Schedule, ConfigVersion)  # alerts have a list of their own making
NIGHTS = [{"day": "mon", "start": "22:00", "end": "06:00"}]


def make_many(count: int, *, prefix: str = "m") -> None:
    """As many rows of every list, each device with a report and an issued version; as many groups, a bare model's rows."""
    now, codes = timezone.now(), [f"{prefix}{n:05}" for n in range(count)]
    sites = Site.objects.bulk_create(Site(name=f"Site {code}") for code in codes)
    devices = Device.objects.bulk_create(
        Device(device_id=f"box-{c}", name=f"Box {c}", site=s, last_version=1) for c, s in zip(codes, sites, strict=True)
    )
    health = [{"cameras": {f"cam-{c}": "live"}, "disk_free": 10**11} for c in codes]
    DeviceStatus.objects.bulk_create(
        DeviceStatus(device=d, state="applied", reported_at=now, epoch=d.epoch, applied=1, health=h)
        for d, h in zip(devices, health, strict=True)
    )
    ConfigVersion.objects.bulk_create(
        ConfigVersion(device=d, epoch=d.epoch, version=1, sha256="0" * 64, document="{}", author="setup", issued_at=now)
        for d in devices
    )
    schedules = Schedule.objects.bulk_create(
        Schedule(schedule_id=f"shift-{c}", site=s, name=f"Shift {c}", weekly=NIGHTS)
        for c, s in zip(codes, sites, strict=True)
    )
    cameras = Camera.objects.bulk_create(
        Camera(camera_id=f"cam-{c}", name=f"Line {c}", device=d, location="Hall", rtsp_url=SOURCE)
        for c, d in zip(codes, devices, strict=True)
    )
    rois = ROI.objects.bulk_create(
        ROI(roi_id=f"roi-{c}", name=f"Door {c}", camera=camera, coordinates=SQUARE)
        for c, camera in zip(codes, cameras, strict=True)
    )
    Binding.objects.bulk_create(
        Binding(bind_id=f"bind-{c}", roi=roi, algo_code="intrusion", schedule=schedule)
        for c, roi, schedule in zip(codes, rois, schedules, strict=True)
    )
    Alert.objects.bulk_create(
        Alert(
            event_id=uuid7(), device=camera.device, camera=camera, roi_id=f"roi-{c}", roi_name=f"Door {c}", bind_id="b",
            algo_code="intrusion", phase="started", severity="warning", timestamp=now - timedelta(seconds=n),
            capture=f"captures/{c}.jpg", capture_ready=True,
        )
        for n, (c, camera) in enumerate(zip(codes, cameras, strict=True))
    )  # fmt: skip
    Group.objects.bulk_create(Group(name=f"Group {code}") for code in codes)
