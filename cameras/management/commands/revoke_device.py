from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from redis.exceptions import RedisError

from cameras.provisioning import ProvisioningError, revoke_device
from cameras.services import cloud_redis
from edgesite.redis_clients import describe


class Command(BaseCommand):
    help = "Shuts a box out: its token and its Redis user stop working, and its connections are cut."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("device", metavar="ID")

    def handle(self, *args: Any, **options: Any) -> None:
        device_id = options["device"]
        try:
            removed = revoke_device(client=cloud_redis(settings.CLOUD_REDIS_URL), device_id=device_id)
        except ProvisioningError as error:
            raise CommandError(str(error)) from error
        except RedisError as error:
            raise CommandError(
                f"{device_id}: the token is revoked, the Redis user not yet. {describe(error)}; run_hub tries again."
            ) from error
        self.stdout.write(f"{device_id}: revoked")
        if not removed:
            self.stderr.write(
                "It had no Redis user: if it holds Redis credentials that others share, change those too."
            )
