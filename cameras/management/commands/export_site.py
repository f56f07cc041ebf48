from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cameras.models import Site
from cameras.transfer.services import export_site
from cameras.transfer.writing import FORMATS
from edgesite.fields import DecryptionError


class Command(BaseCommand):
    help = "Writes a site as one file: site, devices, cameras, ROIs and bindings; as CSV the cameras only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("site", metavar="SITE", help="the site's name")
        parser.add_argument("--format", choices=FORMATS, default="yaml")
        parser.add_argument("--output", type=Path, metavar="FILE", help="instead of standard output")
        parser.add_argument(
            "--with-secrets", action="store_true", help="stream URLs with their passwords; the file is for you alone"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site.objects.filter(name=options["site"]).first()
        if site is None:
            known = ", ".join(Site.objects.values_list("name", flat=True)) or "none"
            raise CommandError(f"There is no site {options['site']}. Known: {known}.")
        try:
            text = export_site(site, options["format"], secrets=options["with_secrets"])
        except DecryptionError as error:
            raise CommandError(str(error)) from error
        if options["output"] is None:
            self.stdout.write(text, ending="")
            return
        try:
            _write(options["output"], text)
        except OSError as error:
            raise CommandError(f"{options['output']}: {error.strerror}") from error


def _write(path: Path, text: str) -> None:
    """A file that only its owner can read, also where one with other rights stood before."""
    path.unlink(missing_ok=True)
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", newline=""
    ) as file:
        file.write(text)
