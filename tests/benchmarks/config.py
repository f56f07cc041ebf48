"""Measures configuration at size: `python -m tests.benchmarks.config DEVICES` in a prepared, empty installation.

Compile and issue for many devices, publish beside raw SET of the same bytes, one reconcile pass with nothing changed. Prints
one JSON object. Needs DATABASE_URL (migrated) and CLOUD_REDIS_URL in the environment.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from typing import Any

CAMERAS, ROIS = 8, 3


def seconds_of(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def fill(count: int) -> list[str]:
    """Devices × 8 cameras × 3 ROIs × 1 binding, by bulk insert."""
    from cameras.models import ROI, Binding, Camera, Device, Site

    site = Site.objects.create(name="Bench")
    devices = [Device(device_id=f"box-{n:04}", site=site) for n in range(count)]
    cameras = [
        Camera(camera_id=f"{d.pk}-c{c}", device=d, name=f"Line {c}", rtsp_url=f"rtsp://user:pass@10.0.{c}.5/live")
        for d in devices
        for c in range(CAMERAS)
    ]
    square = [[0.1, 0.1], [0.6, 0.1], [0.6, 0.6], [0.1, 0.6]]
    rois = [
        ROI(roi_id=f"{c.pk}-r{r}", camera=c, name=f"Zone {r}", coordinates=square) for c in cameras for r in range(ROIS)
    ]
    bindings = [Binding(bind_id=f"{r.roi_id}-b", roi=r, algo_code="intrusion", params={"dwell_s": 2}) for r in rois]
    Device.objects.bulk_create(devices)
    Camera.objects.bulk_create(cameras, batch_size=2000)
    ROI.objects.bulk_create(rois, batch_size=2000)
    Binding.objects.bulk_create(bindings, batch_size=2000)
    return [d.pk for d in devices]


def measure(count: int) -> dict[str, Any]:
    """Seconds, bytes and MB (10^6 bytes)."""
    from django.conf import settings

    from cameras.issued import ConfigVersion
    from cameras.models import Device
    from cameras.reconcile import Reconciler
    from cameras.services import issue_version, publish_version
    from edgesite.redis_clients import connect

    client = connect(settings.CLOUD_REDIS_URL)
    ids = fill(count)
    client.set("warm", "up")
    issue = seconds_of(lambda: [issue_version(device_id=d, author="bench") for d in ids])
    # Issuing publishes after commit; publish once more to an empty Redis to see that part alone.
    client.flushdb()
    versions = list(ConfigVersion.objects.select_related("device"))
    publish = seconds_of(lambda: [publish_version(v) for v in versions])
    documents = {f"raw:{v.device_id}": v.document for v in versions}
    raw = seconds_of(lambda: [client.set(key, text) for key, text in documents.items()])
    reconciler = Reconciler(client)
    first = seconds_of(reconciler.step)
    idle = [seconds_of(reconciler.step) for _ in range(5)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(3):
        Device.objects.update(publish_on_save=True)
        reconciler.step()
    return {
        "devices": count,
        "bytes": sum(len(t.encode()) for t in documents.values()),
        "issue_s": issue,
        "publish_s": publish,
        "raw_set_s": raw,
        "first_reconcile_s": first,
        "idle_reconcile_s": statistics.median(idle),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "growth_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 1e6,
    }


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edgesite.settings")
    import django

    django.setup()
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]))))


if __name__ == "__main__":
    main()
