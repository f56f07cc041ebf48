"""Cameras and alerts in numbers, and whether `run_hub` lives."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Count, Q
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from redis.exceptions import RedisError

from cameras.models import Camera
from cameras.selectors import visible_cameras
from cameras.states import camera_state
from detection.live import redis_client
from detection.models import AlertState
from detection.selectors import newest_stats, visible_alerts
from edgesite import redis_keys
from edgesite.metrics import number

if TYPE_CHECKING:
    from django.contrib.auth.models import User

CAMERA_STATES = ("live", "connecting", "lost", "disabled", "off", "offline", "unknown")
LABELS = ["camera_id", "device_id", "site"]
# Key of a statistics message's `data`, metric, what one unit of the key is, help.
NUMBERS = [
    ("fps", "fps", 1.0, "Analysed frames a second."),
    ("decode_fps", "decode_fps", 1.0, "Decoded frames a second."),
    ("latency_ms", "latency_seconds", 0.001, "From the moment at which a picture could be read to its result, mean."),
    ("persons", "persons", 1.0, "Persons in the newest frame."),
]


def camera_metrics(user: User) -> Iterator[Metric]:
    """The families of the cameras that the person may see. Without a Redis those of the statistics are empty."""
    cameras = list(visible_cameras(user).defer("rtsp_url", "sub_url").order_by("pk"))
    now = time.time()
    states = {c.pk: camera_state(c) for c in cameras}
    # A word that this hub does not know comes from a box: it must not become a label.
    words = Counter(s.word if s.word in CAMERA_STATES else "unknown" for s in states.values())
    total = GaugeMetricFamily("edgesite_cameras", "Cameras by state.", labels=["state"])
    for word in CAMERA_STATES:
        total.add_metric([word], words[word])
    yield total
    age = GaugeMetricFamily("edgesite_camera_last_frame_age_seconds", "Since the last frame.", labels=LABELS)
    for camera in cameras:
        last = number(states[camera.pk].last_frame_at)
        if last is not None:
            age.add_metric(_labels(camera), max(0.0, now - last))
    yield age
    stats, alive = _from_redis([c.pk for c in cameras])
    yield from _statistics(cameras, stats, now)
    yield GaugeMetricFamily(
        "edgesite_run_hub_up", "1 when run_hub gave a sign of life within 15 s.", value=float(alive)
    )


def _labels(camera: Camera) -> list[str]:
    return [camera.pk, camera.device_id, camera.device.site.name]


def _from_redis(camera_ids: list[str]) -> tuple[dict[str, dict[str, Any]], bool]:
    """The newest statistics by camera, and whether `run_hub` lives as far as its Redis knows."""
    client = redis_client(settings.CHANNEL_REDIS_URL)
    try:
        return newest_stats(client, camera_ids), bool(client.exists(redis_keys.HUB_HEARTBEAT))
    except RedisError:
        return {}, False


def _statistics(cameras: list[Camera], stats: dict[str, dict[str, Any]], now: float) -> Iterator[Metric]:
    for key, name, unit, text in NUMBERS:
        family = GaugeMetricFamily(f"edgesite_camera_{name}", text, labels=LABELS)
        for camera in cameras:
            value = number(stats.get(camera.pk, {}).get("data", {}).get(key))
            if value is not None:
                family.add_metric(_labels(camera), value * unit)
        yield family
    dropped = CounterMetricFamily("edgesite_camera_dropped_frames", "Dropped since the detector began.", labels=LABELS)
    age = GaugeMetricFamily("edgesite_camera_stats_age_seconds", "Age of the statistics.", labels=LABELS)
    for camera in cameras:
        message = stats.get(camera.pk, {})
        value, at = number(message.get("data", {}).get("dropped")), number(message.get("timestamp"))
        if value is not None:
            dropped.add_metric(_labels(camera), value)
        if at is not None:
            age.add_metric(_labels(camera), max(0.0, now - at))
    yield dropped
    yield age


def alert_metrics(user: User) -> Iterator[Metric]:
    """Alerts that the person may see: by state, each with its repeats once, and all that are stored."""
    rows = visible_alerts(user).order_by().values_list("state")
    counted = rows.annotate(whole=Count("id", filter=Q(part_of=None)), stored=Count("id"))
    counts: dict[str, tuple[int, int]] = {state: (whole, stored) for state, whole, stored in counted}
    states = GaugeMetricFamily("edgesite_alerts_by_state", "Alerts by state, without repeats.", labels=["state"])
    for state in AlertState.values:
        states.add_metric([state], counts.get(state, (0, 0))[0])
    yield states
    total = sum(stored for _, stored in counts.values())
    yield CounterMetricFamily("edgesite_alerts", "Alerts that the hub stored.", value=total)
