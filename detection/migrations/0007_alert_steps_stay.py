"""Steps of alerts are only ever added, also by SQL."""

from django.db import migrations

from edgesite.immutable import never_changes


class Migration(migrations.Migration):
    dependencies = [("detection", "0006_alert_life")]
    operations = [
        never_changes(table="detection_alertstep", name="alert_step_immutable", text="steps of alerts never change"),
    ]
