from __future__ import annotations

import argparse
import sys
import threading
from argparse import ArgumentParser
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from detection.cores import usable_cores
from detection.edge_life import run_edge
from detection.edge_settings import EXECUTORS, EdgeSettings
from detection.executors.group_worker import run_group
from detection.inference.pool import DetectorPool
from detection.model_choice import detection_model
from edgesite import heap
from edgesite.edge_store.database import EdgeStoreError
from edgesite.worker import stop_on_signals

log = structlog.get_logger(__name__)


def count(text: str) -> int:
    """A number of 1 to 256."""
    number = int(text)
    if not 1 <= number <= 256:
        raise argparse.ArgumentTypeError("must be from 1 to 256")
    return number


def load() -> DetectorPool:
    """Raises ModelError."""
    return DetectorPool.load(detection_model(), provider=settings.ORT_PROVIDER)


class Command(BaseCommand):
    help = "The edge's worker: configuration, ingest, inference, rules, alerts."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--device", default=settings.DEVICE_ID, help="this box's device ID (default: DEVICE_ID)")
        parser.add_argument("--camera", action="append", default=[], help="run only this camera; may be repeated")
        parser.add_argument(
            "--executor", choices=EXECUTORS, default="inline",
            help="analyse in threads of this process, or in child processes, a group of cameras each (default: inline)",
        )  # fmt: skip
        parser.add_argument("--processes", type=count, help="at most so many child processes (default: one a core)")
        parser.add_argument("--cameras-per-process", type=count, help="at most so many cameras in each of them")
        parser.add_argument("--group", default="", help=argparse.SUPPRESS)  # such a child process

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["device"]:
            raise CommandError("Say which device this box is: --device ID, or DEVICE_ID in the environment.")
        heap.keep_flat()
        stop = stop_on_signals()
        given = self._settings(options)
        try:
            status = (
                run_group(given, options["group"], settings.ORT_PROVIDER, stop)
                if options["group"]
                else self._run(given, stop)
            )
        except EdgeStoreError as error:
            raise CommandError(str(error)) from error
        if status:
            sys.exit(status)

    def _run(self, given: EdgeSettings, stop: threading.Event) -> int:
        ended = run_edge(given, load if given.executor == "inline" else None, stop)
        log.info("detector stopped", device=given.device_id)
        return 0 if ended else 1

    def _settings(self, options: dict[str, Any]) -> EdgeSettings:
        return EdgeSettings(
            device_id=options["device"],
            store=settings.EDGE_DATABASE,
            cloud_redis_url=settings.CLOUD_REDIS_URL,
            local_redis_url=settings.LOCAL_REDIS_URL,
            transport=settings.FFMPEG_RTSP_TRANSPORT,
            cameras=frozenset(options["camera"]),
            executor=options["executor"],
            processes=options["processes"] or usable_cores(),
            largest=options["cameras_per_process"],
        )
