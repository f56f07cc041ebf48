from __future__ import annotations

import sys
import threading
from argparse import ArgumentParser
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from detection.edge import EdgeSettings, EdgeWorker
from detection.inference.detector import Detector
from detection.inference.errors import ModelError
from edgesite.core.backoff import Backoff
from edgesite.edge_store.database import EdgeStoreError
from edgesite.worker import stop_on_signals

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "The edge's worker: configuration, ingest, inference, rules, alerts."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--device", default=settings.DEVICE_ID, help="this box's device ID (default: DEVICE_ID)")
        parser.add_argument("--camera", action="append", default=[], help="run only this camera; may be repeated")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["device"]:
            raise CommandError("Say which device this box is: --device ID, or DEVICE_ID in the environment.")
        stop = stop_on_signals()
        worker = self._make(options, stop)
        if worker is None:
            return
        log.info("detector started", device=options["device"], provider=worker.detector.provider)
        worker.start()
        stop.wait()
        ended = worker.close()
        log.info("detector stopped", device=options["device"])
        if not ended:
            log.error("a loop did not end in time")
            sys.exit(1)

    def _make(self, options: dict[str, Any], stop: threading.Event) -> EdgeWorker | None:
        """The wired worker. What is missing and may come is waited for; None when stopped meanwhile."""
        backoff = Backoff(base=0.5, cap=10.0)
        told = ""
        while not stop.is_set():
            try:
                return EdgeWorker(self._settings(options), Detector.load(provider=settings.ORT_PROVIDER), stop)
            except (ModelError, EdgeStoreError) as error:
                if not error.retryable:
                    raise CommandError(str(error)) from error
                if str(error) != told:
                    log.warning("waiting", reason=str(error))
                    told = str(error)
                stop.wait(backoff.next())
        return None

    def _settings(self, options: dict[str, Any]) -> EdgeSettings:
        return EdgeSettings(
            device_id=options["device"],
            store=settings.EDGE_DATABASE,
            cloud_redis_url=settings.CLOUD_REDIS_URL,
            local_redis_url=settings.LOCAL_REDIS_URL,
            transport=settings.FFMPEG_RTSP_TRANSPORT,
            cameras=frozenset(options["camera"]),
        )
