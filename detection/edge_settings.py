"""What an edge worker and its groups' processes are told when they start."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings as django_settings
from redis.exceptions import RedisError

from edgesite.redis_clients import describe

EXECUTORS = ("inline", "processes")


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """What an edge worker needs to know; `cameras` empty means all of the device's.

    executor: one of EXECUTORS. processes: at most so many. largest: cameras in one of them (None: any number).
    """

    device_id: str
    store: Path
    cloud_redis_url: str
    local_redis_url: str
    transport: str = "tcp"
    cameras: frozenset[str] = frozenset()
    executor: str = "inline"
    processes: int = 1
    largest: int | None = None

    @property
    def run_folder(self) -> Path:
        """Where the worker and its processes find each other."""
        return self.store.parent / "run" / f"detector-{self.store.stem}"

    def group_command(self, name: str) -> list[str]:
        """What runs the group of that name."""
        manage = str(django_settings.BASE_DIR / "manage.py")
        return [sys.executable, manage, "run_detector", "--device", self.device_id, "--group", name]


def explain(error: Exception) -> str:
    return describe(error) if isinstance(error, RedisError) else str(error)
