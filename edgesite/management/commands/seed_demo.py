"""What the demo shows: an administrator, a site, a device, a camera with two ROIs, and an API token."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from edgesite.demo.seed import SHAPES, seed


class Command(BaseCommand):
    help = "Seeds the demo (see edgesite.demo) and prints its access data as JSON. It sets a new password and token."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--shapes", choices=sorted(SHAPES), default="any", help="which ROIs a new camera gets")

    def handle(self, *args: Any, **options: Any) -> None:
        source = os.environ.get("SEED_SOURCE", "")  # not an argument: it may hold a password
        try:
            access = seed(device_id=settings.DEVICE_ID or "demo-01", source=source, shapes=options["shapes"])
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stdout.write(json.dumps(access))
