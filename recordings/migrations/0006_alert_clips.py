import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("cameras", "0010_recording_policy"),
        ("recordings", "0005_recorded_hours"),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertClip",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("alert_id", models.CharField(max_length=64, unique=True)),
                ("device_id", models.CharField(max_length=64)),
                ("revision", models.PositiveIntegerField()),
                ("state", models.CharField(max_length=16)),
                ("started_at", models.DateTimeField(null=True)),
                ("stopped_at", models.DateTimeField(null=True)),
                ("stop_reason", models.CharField(blank=True, max_length=100)),
                ("error", models.CharField(blank=True, max_length=500)),
                ("storage_type", models.CharField(blank=True, max_length=16)),
                ("object_name", models.CharField(blank=True, db_index=True, max_length=500)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("bytes", models.PositiveBigIntegerField(default=0)),
                ("duration", models.FloatField(default=0.0)),
                ("gaps", models.JSONField(default=list)),
                (
                    "camera",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alert_clips",
                        to="cameras.camera",
                    ),
                ),
            ],
            options={
                "verbose_name": "clip of an alert",
                "verbose_name_plural": "clips of alerts",
                "ordering": ["-id"],
                "default_permissions": (),
            },
        ),
    ]
