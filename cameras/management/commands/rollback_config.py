from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cameras.core.strict_json import DocumentError
from cameras.models import Device
from cameras.restoring import VersionError
from cameras.versions import roll_back


class Command(BaseCommand):
    help = "Brings a device back to an earlier version: its content goes back into the rows and out as a new version."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("device", metavar="DEVICE")
        parser.add_argument("version", metavar="VERSION", type=int)
        parser.add_argument("--reason", default="", help="why, for the history")

    def handle(self, *args: Any, **options: Any) -> None:
        if not Device.objects.filter(pk=options["device"]).exists():
            known = ", ".join(Device.objects.values_list("pk", flat=True)) or "none"
            raise CommandError(f"There is no device {options['device']}. Known: {known}.")
        try:
            issued = roll_back(
                device_id=options["device"],
                version=options["version"],
                author="rollback_config",
                reason=options["reason"],
            )
        except VersionError as error:
            raise CommandError(f"{error}.") from error
        except DocumentError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{options['device']}: version {issued.version} has the content of {options['version']}")
