from __future__ import annotations

import argparse
import sys
from argparse import ArgumentParser
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from edgesite.core.backoff import Backoff
from edgesite.edge_store.database import EdgeStoreError
from edgesite.worker import stop_on_signals
from recordings.core.retention import GIB, Limits
from recordings.recorder.worker import AnotherRecorderError, RecorderSettings, RecorderWorker

log = structlog.get_logger(__name__)


def positive(text: str) -> float:
    """A number above 0."""
    number = float(text)
    if not 0 < number < 1_000_000:
        raise argparse.ArgumentTypeError("must be above 0")
    return number


class Command(BaseCommand):
    help = "The box's recorder: segments, recording tasks, clips."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--device", default=settings.DEVICE_ID, help="this box's device ID (default: DEVICE_ID)")
        parser.add_argument("--keep-days", type=positive, default=7.0, help="how long segments are kept (default: 7)")
        parser.add_argument("--keep-gib", type=positive, help="at most so many GiB of segments (default: no limit)")
        parser.add_argument(
            "--free-gib", type=positive, default=2.0, help="the oldest segments go when less is free (default: 2)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["device"]:
            raise CommandError("Say which device this box is: --device ID, or DEVICE_ID in the environment.")
        stop = stop_on_signals()
        given = self._settings(options)
        worker, told, backoff = None, "", Backoff(0.5, 10.0)
        while worker is None and not stop.is_set():
            try:
                worker = RecorderWorker(given, stop)
            except (EdgeStoreError, AnotherRecorderError, OSError) as error:
                if not getattr(error, "retryable", True):
                    raise CommandError(str(error)) from error
                if str(error) != told:
                    told = str(error)
                    log.warning("waiting", reason=told)
                stop.wait(backoff.next())
        if worker is None:
            return
        log.info("recorder started", device=given.device_id)
        worker.start()
        worker.record.run()  # in this thread: the kernel ends what it starts when it ends
        ended = worker.close()
        log.info("recorder stopped", device=given.device_id)
        if not ended:
            log.error("something did not end in time")
            sys.exit(1)

    def _settings(self, options: dict[str, Any]) -> RecorderSettings:
        return RecorderSettings(
            device_id=options["device"],
            store=settings.EDGE_DATABASE,
            output=settings.OUTPUT_DIR,
            cloud_redis_url=settings.CLOUD_REDIS_URL,
            local_redis_url=settings.LOCAL_REDIS_URL,
            transport=settings.FFMPEG_RTSP_TRANSPORT,
            ffmpeg=settings.FFMPEG_PATH,
            loglevel=settings.FFMPEG_LOGLEVEL,
            preset=settings.FFMPEG_PRESET,
            longest=settings.MAX_TASK_SECONDS,
            limits=Limits(
                keep_s=options["keep_days"] * 86_400,
                most=round(options["keep_gib"] * GIB) if options["keep_gib"] else None,
                floor=round(options["free_gib"] * GIB),
                enough=round(options["free_gib"] * 1.5 * GIB),
            ),
        )
