"""Issued config versions never change, not even by SQL.

A later migration that alters this table on SQLite remakes it without the trigger: run `add` again in such a migration.
"""

from django.db import migrations

TABLE = "cameras_configversion"
NAME = "config_version_immutable"
TEXT = "config versions never change"

ADD = {
    "sqlite": [
        f"CREATE TRIGGER {NAME} BEFORE UPDATE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{TEXT}'); END",
    ],
    "postgresql": [
        f"CREATE FUNCTION {NAME}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{TEXT}'; END $$",
        f"CREATE TRIGGER {NAME} BEFORE UPDATE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION {NAME}()",
    ],
    "mysql": [
        f"CREATE TRIGGER {NAME} BEFORE UPDATE ON {TABLE} FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{TEXT}'",
    ],
}
REMOVE = {
    "sqlite": [f"DROP TRIGGER IF EXISTS {NAME}"],
    "postgresql": [f"DROP TRIGGER IF EXISTS {NAME} ON {TABLE}", f"DROP FUNCTION IF EXISTS {NAME}()"],
    "mysql": [f"DROP TRIGGER IF EXISTS {NAME}"],
}


def add(apps, schema_editor):
    for statement in ADD.get(schema_editor.connection.vendor, []):
        schema_editor.execute(statement)


def remove(apps, schema_editor):
    for statement in REMOVE.get(schema_editor.connection.vendor, []):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("cameras", "0001_initial")]
    operations = [migrations.RunPython(add, remove)]
