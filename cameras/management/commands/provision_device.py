from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cameras.core.strict_json import DocumentError
from cameras.provisioning import Provisioned, ProvisioningError, box_redis_url, is_local, provision_device, reach
from cameras.services import cloud_redis


class Command(BaseCommand):
    help = "Lets a box in: a new epoch, a token and a Redis user of its own. Prints the lines for its .env once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("device", metavar="ID", help="made when there is none")
        parser.add_argument(
            "--site", default="", metavar="NAME", help="where a new device stands; may be left out if one"
        )
        parser.add_argument("--name", default="", metavar="TEXT", help="what people call a new device")
        parser.add_argument(
            "--redis-url",
            default="",
            metavar="URL",
            help="how the box reaches the cloud Redis, when not as the hub does (CLOUD_REDIS_URL)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        base = reach(given=options["redis_url"], hub_url=settings.CLOUD_REDIS_URL)
        if urlsplit(base).scheme not in ("redis", "rediss", "unix"):
            raise CommandError("--redis-url must be redis://…, rediss://… or unix://….")
        try:
            made = provision_device(
                client=cloud_redis(settings.CLOUD_REDIS_URL),
                device_id=options["device"],
                site=options["site"],
                name=options["name"],
                author="provision_device",
            )
        except (ProvisioningError, DocumentError) as error:
            raise CommandError(str(error)) from error
        self._warn(made, base)
        url = box_redis_url(base, device_id=made.device_id, password=made.redis_password)
        self.stdout.write("# For the box's .env. The secrets are shown only now.")
        self.stdout.write(f"DEVICE_ID={made.device_id}\nDEVICE_TOKEN={made.token}\nCLOUD_REDIS_URL={url}")

    def _warn(self, made: Provisioned, base: str) -> None:
        if made.warning:
            self.stderr.write(made.warning)
        if not made.redis_password:
            self.stderr.write("Give it the Redis credentials that boxes share; a password is not printed here.")
        if is_local(base):
            self.stderr.write("CLOUD_REDIS_URL leads to this machine only. For a box elsewhere say --redis-url URL.")
