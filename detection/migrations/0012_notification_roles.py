from django.db import migrations

from edgesite.roles import sync_roles


class Migration(migrations.Migration):
    """The roles get their permissions on notifications."""

    dependencies = [
        ("detection", "0011_notifications"),
        ("edgesite", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [migrations.RunPython(sync_roles, migrations.RunPython.noop)]
