from django.db import migrations

from edgesite.roles import sync_roles


class Migration(migrations.Migration):
    """Administrators may lift privacy masks."""

    dependencies = [
        ("detection", "0018_report_exports"),
        ("cameras", "0014_roi_mask"),
        ("edgesite", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [migrations.RunPython(sync_roles, migrations.RunPython.noop)]
