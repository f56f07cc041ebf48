"""For migrations: rows of a table that never change, not even by SQL."""

from __future__ import annotations

from typing import Any

from django.db.migrations.operations import RunPython


def never_changes(*, table: str, name: str, text: str) -> RunPython:
    """Refuses each UPDATE of the table with `text`, by a trigger called `name`, on SQLite, PostgreSQL and MySQL.

    A later migration that alters the table on SQLite remakes it without the trigger: it has to hold this operation again.
    DELETE is let through: rows go with what they belong to (a device, an alert), children first, and a trigger that asked
    whether that is going would name its table, which SQLite then refuses to remake in any later migration.
    """
    adding = {
        "sqlite": [
            f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, '{text}'); END",
        ],
        "postgresql": [
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{text}'; END $$",
            f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
        ],
        "mysql": [
            f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{text}'",  # noqa: S608  names of our own
        ],
    }
    removing = {
        "sqlite": [f"DROP TRIGGER IF EXISTS {name}"],
        "postgresql": [f"DROP TRIGGER IF EXISTS {name} ON {table}", f"DROP FUNCTION IF EXISTS {name}()"],
        "mysql": [f"DROP TRIGGER IF EXISTS {name}"],
    }
    return RunPython(_executed(adding), _executed(removing))


def _executed(statements: dict[str, list[str]]) -> Any:
    def run(apps: Any, schema_editor: Any) -> None:
        for statement in statements.get(schema_editor.connection.vendor, []):
            schema_editor.execute(statement)

    return run
