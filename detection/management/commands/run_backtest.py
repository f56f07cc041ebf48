from __future__ import annotations

import os
import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from detection.backtest.models import BackTest
from detection.backtest.services import claim
from detection.backtest.work import work
from detection.offline_output import stop_asked
from edgesite.process_guard import set_death_signal

NICE = 10  # the hub and the web server go first


class Command(BaseCommand):
    help = "Runs one back-test; run_hub starts it. By hand it takes up one that waits."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", type=int, metavar="ID", help="the back-test's number")
        parser.add_argument("--attempt", type=int, help="the try that run_hub has claimed for this process")
        parser.add_argument("--parent", type=int, help="the process whose end is the end of this one too")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["parent"]:
            set_death_signal(signal.SIGKILL)
            if os.getppid() != options["parent"]:  # it died before we asked
                raise CommandError("The hub that started this is gone.")
        os.nice(NICE)
        attempt = options["attempt"] or claim(options["id"], now=timezone.now())
        test = BackTest.objects.filter(pk=options["id"]).first()
        if test is None or attempt is None:
            raise CommandError(f"There is no back-test {options['id']} that waits.")
        with stop_asked() as stop:
            if not work(test, attempt=attempt, stop=stop):
                raise CommandError("It was cancelled, or is not this process's any more.")
