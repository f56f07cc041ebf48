import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("cameras", "0008_camera_probe"),
        ("recordings", "0001_snapshots"),
    ]

    operations = [
        migrations.CreateModel(
            name="Evidence",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("device_id", models.CharField(max_length=64, verbose_name="device ID")),
                ("chain", models.CharField(blank=True, max_length=64)),
                ("number", models.PositiveBigIntegerField(default=0, verbose_name="number")),
                ("previous", models.CharField(blank=True, max_length=64)),
                ("link", models.CharField(blank=True, max_length=64)),
                ("event_id", models.CharField(max_length=64, verbose_name="event ID")),
                ("key", models.CharField(max_length=500, verbose_name="capture")),
                ("sha256", models.CharField(max_length=64, verbose_name="SHA-256")),
                ("size", models.PositiveBigIntegerField(verbose_name="bytes")),
                ("received_at", models.DateTimeField(auto_now_add=True, verbose_name="received")),
                ("lost", models.BooleanField(default=False, verbose_name="lost")),
                ("removed_at", models.DateTimeField(null=True, verbose_name="removed")),
                ("gone", models.BooleanField(default=False)),
            ],
            options={
                "verbose_name": "stored evidence",
                "verbose_name_plural": "stored evidence",
                "ordering": ["id"],
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["device_id", "chain", "number"], name="evidence_by_place"),
                    models.Index(fields=["gone", "removed_at", "id"], name="evidence_by_age"),
                ],
                "constraints": [models.UniqueConstraint(fields=("event_id", "sha256"), name="evidence_once")],
            },
        ),
        migrations.CreateModel(
            name="Loss",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event_id", models.CharField(max_length=64, unique=True, verbose_name="event ID")),
                ("since", models.DateTimeField(verbose_name="since")),
                ("until", models.DateTimeField(db_index=True, verbose_name="until")),
                ("counts", models.JSONField(default=dict, verbose_name="given up")),
                ("chain", models.CharField(blank=True, max_length=64)),
                ("links", models.JSONField(default=list)),
                ("received_at", models.DateTimeField(auto_now_add=True, verbose_name="received")),
                (
                    "device",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="losses",
                        to="cameras.device",
                        verbose_name="device",
                    ),
                ),
            ],
            options={
                "verbose_name": "loss",
                "verbose_name_plural": "losses",
                "ordering": ["-id"],
                "default_permissions": (),
            },
        ),
    ]
