from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate  # type: ignore[attr-defined,unused-ignore]
from django.db import DEFAULT_DB_ALIAS

from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError


class Command(migrate.Command):
    """Django's `migrate`, which prepares the edge store too."""

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if options.get("database", DEFAULT_DB_ALIAS) == DEFAULT_DB_ALIAS and not options.get("app_label"):
            try:
                EdgeDatabase(settings.EDGE_DATABASE).close()
            except EdgeStoreError as error:
                raise CommandError(str(error)) from error
            _make_private(settings.DATABASES[DEFAULT_DB_ALIAS])


def _make_private(database: dict[str, Any]) -> None:
    """An SQLite file holds password hashes and sessions: it is the owner's alone."""
    file = Path(str(database["NAME"]))
    if database["ENGINE"].endswith("sqlite3") and file.is_file():
        file.chmod(0o600)
