from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from redis.exceptions import RedisError

from cameras.core.document import DocumentError
from cameras.models import Device
from cameras.publish import Outcome
from cameras.services import issue_version, latest_version, publish_version
from edgesite.fields import DecryptionError
from edgesite.redis_clients import describe


class Command(BaseCommand):
    help = "Issues and publishes the configuration of devices, as the admin does."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("devices", nargs="*", metavar="DEVICE", help="device IDs; all when none is given")
        parser.add_argument("--reason", default="", help="why, for the history")

    def handle(self, *args: Any, **options: Any) -> None:
        known = set(Device.objects.values_list("pk", flat=True))
        unknown = [d for d in options["devices"] if d not in known]
        if unknown:
            raise CommandError(f"There is no device {', '.join(unknown)}. Known: {', '.join(sorted(known)) or 'none'}.")
        failed = [d for d in options["devices"] or sorted(known) if not self._publish(d, options["reason"])]
        if failed:
            raise CommandError(f"Not published: {', '.join(failed)}.")

    def _publish(self, device_id: str, reason: str) -> bool:
        try:
            issue_version(device_id=device_id, author="publish_config", reason=reason)
            newest = latest_version(Device.objects.get(pk=device_id))
            if newest is None:
                self.stdout.write(f"{device_id}: nothing to publish")
                return True
            outcome = publish_version(newest)
        except (DocumentError, DecryptionError) as error:
            self.stderr.write(f"{device_id}: {error}")
            return False
        except RedisError as error:
            self.stderr.write(f"{device_id}: {describe(error)}; run_hub publishes when it is back")
            return False
        if outcome is Outcome.AHEAD:
            self.stderr.write(f"{device_id}: Redis holds a newer configuration than this hub ({newest.version})")
            return False
        self.stdout.write(f"{device_id}: version {newest.version} is published")
        return True
