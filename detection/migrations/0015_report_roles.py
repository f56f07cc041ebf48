from django.db import migrations

from edgesite.roles import sync_roles


class Migration(migrations.Migration):
    """Every role may see reports."""

    dependencies = [
        ("detection", "0014_coverage_hours"),
        ("cameras", "0009_probe_of_a_new_camera"),
        ("edgesite", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [migrations.RunPython(sync_roles, migrations.RunPython.noop)]
