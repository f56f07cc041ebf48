from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cameras.core.transfer import Plan
from cameras.core.transfer_file import TransferError
from cameras.models import Site
from cameras.services import publish_edit
from cameras.transfer.building import LARGEST
from cameras.transfer.services import Upload, carry_out, prepare


class Command(BaseCommand):
    help = "Shows what importing a file into a site would change; with --apply, does it: all of it or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("site", metavar="SITE", help="the site's name")
        parser.add_argument("file", metavar="FILE", type=Path, help=".yaml, .json, or .csv with cameras only")
        parser.add_argument("--apply", action="store_true", help="import; otherwise nothing changes")
        parser.add_argument("--create", action="store_true", help="make the site if there is none of this name")
        parser.add_argument(
            "--delete", action="store_true", help="also delete cameras, ROIs and bindings that the file does not name"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site.objects.filter(name=options["site"]).first()
        if site is None and not options["create"]:
            known = ", ".join(Site.objects.values_list("name", flat=True)) or "none"
            raise CommandError(f"There is no site {options['site']}. Known: {known}. --create makes it.")
        site = site or Site(name=options["site"])
        upload = Upload(options["file"].name, _read(options["file"]), options["delete"])
        try:
            if options["apply"]:
                plan = carry_out(site=site, upload=upload, author="import_site", publish=self._publish)
            else:
                plan, _ = prepare(site=site, upload=upload)
        except TransferError as error:
            more = ["There are more problems; these are the first."] if error.more else []
            raise CommandError("\n".join(["Nothing was imported.", *map(str, error.problems), *more])) from error
        self._tell(plan, applied=options["apply"])

    def _publish(self, device_ids: set[str]) -> None:
        for device, result in publish_edit(device_ids=device_ids, author="import_site").items():
            if isinstance(result, Exception):
                self.stderr.write(f"{device}: saved, but not published: {result}")
            else:
                self.stdout.write(f"{device}: version {result.version} is issued")

    def _tell(self, plan: Plan, *, applied: bool) -> None:
        for change in plan.changes:
            self.stdout.write(f"{change.sign} {change}")
        if not plan.changes:
            self.stdout.write("Nothing changes: the site is as the file says.")
        elif not applied:
            self.stdout.write("Nothing was changed. --apply imports it.")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
