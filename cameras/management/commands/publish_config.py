from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from redis.exceptions import RedisError

from cameras.core.strict_json import DocumentError
from cameras.models import Device
from cameras.publish import Outcome
from cameras.rollouts.following import Follower
from cameras.rollouts.models import RolloutState
from cameras.rollouts.services import RolloutError, drafts_of_all, start_rollout
from cameras.services import issue_version, latest_version, publish_version
from edgesite.fields import DecryptionError
from edgesite.redis_clients import describe

LOOK_SECONDS = 0.5
AUTHOR = "publish_config"


class Command(BaseCommand):
    help = "Issues and publishes the configuration of devices, as the admin does; with --canary in stages."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "devices", nargs="*", metavar="DEVICE",
            help="device IDs; when none is given all, or in stages all with something to publish",
        )  # fmt: skip
        parser.add_argument("--reason", default="", help="why, for the history")
        stages = parser.add_argument_group("in stages", "canaries first, the rest when they proved it")
        stages.add_argument("--canary", action="append", default=[], metavar="ID", help="may be given several times")
        stages.add_argument(
            "--healthy-seconds", type=int, metavar="N", help="all canaries stay healthy that long first (300)"
        )
        stages.add_argument(
            "--answer-seconds", type=int, metavar="N", help="so long it waits for a canary without an answer (3600)"
        )
        stages.add_argument("--stop-after", type=int, metavar="N", help="stop when so many devices failed (1)")
        stages.add_argument("--wave", type=int, metavar="N", help="so many of the rest at once (50)")

    def handle(self, *args: Any, **options: Any) -> None:
        known = set(Device.objects.values_list("pk", flat=True))
        unknown = [d for d in options["devices"] if d not in known]
        if unknown:
            raise CommandError(f"There is no device {', '.join(unknown)}. Known: {', '.join(sorted(known)) or 'none'}.")
        given = {
            "healthy_seconds": options["healthy_seconds"],
            "answer_seconds": options["answer_seconds"],
            "error_threshold": options["stop_after"],
            "wave_size": options["wave"],
        }
        numbers = {name: value for name, value in given.items() if value is not None}
        if options["canary"]:
            self._in_stages(options["devices"], options["canary"], options["reason"], numbers)
            return
        if numbers:
            raise CommandError(
                "--healthy-seconds, --answer-seconds, --stop-after and --wave need at least one --canary."
            )
        failed = [d for d in options["devices"] or sorted(known) if not self._publish(d, options["reason"])]
        if failed:
            raise CommandError(f"Not published: {', '.join(failed)}.")

    def _in_stages(self, devices: list[str], canaries: list[str], reason: str, numbers: dict[str, Any]) -> None:
        chosen = devices or [d.device.pk for d in drafts_of_all() if d.sha256]
        try:
            rollout = start_rollout(device_ids=chosen, canary_ids=canaries, author=AUTHOR, reason=reason, **numbers)
        except RolloutError as error:
            raise CommandError("Not started:\n" + "\n".join(f"  {p}" for p in error.problems)) from None
        self.stdout.write(f"staged publish {rollout.pk}: {len(chosen)} devices, canaries {', '.join(canaries)}")
        self.stdout.write("run_hub does the work; Ctrl-C only ends the watching")
        follower = Follower(rollout.pk)
        try:
            while True:
                for line in follower.news():
                    self.stdout.write(line)
                if follower.state in (RolloutState.DONE, RolloutState.STOPPED):
                    break
                if follower.state == RolloutState.ASKING:
                    raise CommandError("A canary gives no answer: say on the publish's page in the admin how to go on.")
                time.sleep(LOOK_SECONDS)
        except KeyboardInterrupt:
            raise CommandError("No longer followed; run_hub goes on with it.", returncode=130) from None
        if follower.state == RolloutState.STOPPED or follower.left_out:
            raise CommandError(f"Not published to: {', '.join(follower.left_out) or 'nobody it was meant for'}.")

    def _publish(self, device_id: str, reason: str) -> bool:
        if Device.objects.filter(pk=device_id).exclude(revoked_at=None).exists():
            self.stderr.write(f"{device_id}: it was revoked; provision_device lets it in again")
            return False
        try:
            issue_version(device_id=device_id, author=AUTHOR, reason=reason)
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
