from __future__ import annotations

import contextlib
import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError
from edgesite.edge_store.dead_letters import drop, retry, waiting
from edgesite.edge_store.outbox import Outbox
from edgesite.spool import Spool


class Command(BaseCommand):
    help = "On a box: what waits for the hub, and what it refused. retry sends dead letters again, drop gives rows up."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        show = acts.add_parser("list", help="the oldest rows first")
        show.add_argument("--camera", default="", help="only this camera's")
        show.add_argument("--dead", action="store_true", help="only dead letters")
        show.add_argument("--limit", type=int, default=50, help="at most so many (default: 50)")
        for name, text in (("retry", "send dead letters again"), ("drop", "give rows up; the hub is told")):
            act = acts.add_parser(name, help=text)
            act.add_argument("event_id", nargs="*")
            act.add_argument("--dead", action="store_true", help="every dead letter")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EDGE_DATABASE.exists():
            raise CommandError(f"There is no edge store at {settings.EDGE_DATABASE}; is this a box?")
        try:
            looks = options["act"] == "list"
            with contextlib.closing(EdgeDatabase(settings.EDGE_DATABASE, read_only=looks)) as database:
                act = {"list": self._list, "retry": self._retry, "drop": self._drop}[options["act"]]
                act(database, options)
        except EdgeStoreError as error:
            raise CommandError(str(error)) from error

    def _list(self, database: EdgeDatabase, options: dict[str, Any]) -> None:
        rows = waiting(database, camera_id=options["camera"], dead=options["dead"], limit=max(1, options["limit"]))
        for row in rows:
            at = datetime.fromtimestamp(row.since, UTC).isoformat(timespec="seconds")
            state = f"refused: {row.refused}" if row.refused else "waiting"
            self.stdout.write(f"{at}  {row.event_id}  {row.camera_id or '-'}  {row.kind} {row.severity}  {state}")
        dead = len(waiting(database, dead=True, limit=-1))
        self.stdout.write(f"{Outbox(database).count()} wait for the hub, {dead} dead letters")

    def _retry(self, database: EdgeDatabase, options: dict[str, Any]) -> None:
        ids = self._chosen(options)
        self._told(retry(database, event_ids=ids), ids, "sent again")

    def _drop(self, database: EdgeDatabase, options: dict[str, Any]) -> None:
        ids = self._chosen(options)
        gone, keys = drop(database, event_ids=ids, now=time.time())
        spool = Spool(database.path.parent / "spool")
        for key in keys:
            spool.remove(key)
        self._told(gone, ids, "given up")

    def _chosen(self, options: dict[str, Any]) -> list[str] | None:
        """None for every dead letter."""
        if bool(options["event_id"]) == options["dead"]:
            raise CommandError("Name event IDs, or --dead for every dead letter.")
        return None if options["dead"] else list(options["event_id"])

    def _told(self, done: int, ids: list[str] | None, what: str) -> None:
        if ids and not done:
            raise CommandError("None of these events is here" + (" as a dead letter." if what == "sent again" else "."))
        self.stdout.write(f"{done} {what}")
