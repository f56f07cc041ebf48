from __future__ import annotations

import contextlib
import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError
from edgesite.edge_store.documents import DocumentStore, JournalEntry


class Command(BaseCommand):
    help = "This box's journal of config documents: when, which, by whom, how it ended, what changed. Newest first."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--limit", type=int, default=50, help="so many entries (default 50)")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EDGE_DATABASE.exists():
            raise CommandError(f"There is no edge store at {settings.EDGE_DATABASE}; is this the box?")
        try:
            with contextlib.closing(EdgeDatabase(settings.EDGE_DATABASE, read_only=True)) as database:
                entries = DocumentStore(database).journal(options["limit"])
        except EdgeStoreError as error:
            raise CommandError(str(error)) from error
        if not entries:
            self.stdout.write("Nothing yet: this box has never received a configuration.")
        for entry in entries:
            self.stdout.write(json.dumps(asdict(entry), ensure_ascii=False) if options["json"] else _line(entry))


def _line(entry: JournalEntry) -> str:
    when = datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    author = f"  by {entry.author}" if entry.author else ""
    reason = f"  ({entry.reason})" if entry.reason else ""
    changes = "".join(f"\n    {change}" for change in entry.changes.splitlines())
    return f"{when}  version {entry.version:<6} {entry.state:<9}{author}{reason}{changes}"
