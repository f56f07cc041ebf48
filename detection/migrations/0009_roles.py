from django.db import migrations

from edgesite.roles import sync_roles


class Migration(migrations.Migration):
    """The roles get their permissions on escalation rules."""

    dependencies = [
        ("detection", "0008_escalation"),
        ("cameras", "0008_camera_probe"),
        ("edgesite", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [migrations.RunPython(sync_roles, migrations.RunPython.noop)]
