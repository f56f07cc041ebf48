"""Steps of alerts are only ever added, also by SQL.

A later migration that alters this table on SQLite remakes it without the trigger: run `add` again in such a migration.
"""

from django.db import migrations

TABLE = "detection_alertstep"
NAME = "alert_step_immutable"
TEXT = "steps of alerts never change"

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
    dependencies = [("detection", "0006_alert_life")]
    operations = [migrations.RunPython(add, remove)]
