import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("cameras", "0009_probe_of_a_new_camera"),
        ("recordings", "0004_snapshot_orders"),
    ]

    operations = [
        migrations.CreateModel(
            name="RecordedHour",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hour", models.DateTimeField()),
                ("spans", models.JSONField(default=list)),
                ("revision", models.PositiveBigIntegerField()),
                ("left_out", models.PositiveIntegerField(default=0)),
                (
                    "camera",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recorded_hours",
                        to="cameras.camera",
                    ),
                ),
            ],
            options={
                "verbose_name": "recorded hour",
                "verbose_name_plural": "recorded hours",
                "ordering": ["camera", "hour"],
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("camera", "hour"), name="recorded_hour_once")],
            },
        ),
    ]
