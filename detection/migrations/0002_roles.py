from django.db import migrations

from edgesite.roles import sync_roles


class Migration(migrations.Migration):
    dependencies = [
        ("detection", "0001_initial"),
        ("cameras", "0001_initial"),
        ("edgesite", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [migrations.RunPython(sync_roles, migrations.RunPython.noop)]
