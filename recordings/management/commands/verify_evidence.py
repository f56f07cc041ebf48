from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from recordings.evidence.models import Evidence
from recordings.evidence.verifying import Tally, verify

FAULTS, UNREADABLE = 1, 3


class Command(BaseCommand):
    help = (
        "Compares every stored picture with its hash, and each box's hashes with their chain. Exit status: 0 all is as it was, "
        "1 something is missing, altered or out of its chain, 3 the storage could not be read everywhere."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("device", nargs="*", help="only these devices (default: all that ever sent evidence)")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted: list[str] = options["device"]
        for device_id in wanted:
            if not Evidence.objects.filter(device_id=device_id).exists():
                raise CommandError(f"No evidence of a device {device_id} was ever stored.")
        tally = Tally()
        for finding in verify(wanted or None, tally=tally):
            self.stdout.write(f"{finding.kind}: {finding.device_id}: {finding.text}")
        self.stdout.write(
            f"{tally.objects} pictures and {tally.chains} chains compared, {tally.removed} pictures removed before: "
            + (", ".join(f"{number} {kind}" for kind, number in sorted(tally.found.items())) or "all is as it was")
        )
        if tally.faults:
            sys.exit(FAULTS)
        if tally.found["unreadable"]:
            sys.exit(UNREADABLE)
