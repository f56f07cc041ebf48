"""Issued config versions never change, not even by SQL."""

from django.db import migrations

from edgesite.immutable import never_changes


class Migration(migrations.Migration):
    dependencies = [("cameras", "0001_initial")]
    operations = [
        never_changes(table="cameras_configversion", name="config_version_immutable", text="config versions never change"),
    ]
