import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("cameras", "0015_scheduled_snapshots"),
        ("recordings", "0011_hidden_extracts"),
    ]

    operations = [
        migrations.AddField(
            model_name="snapshotrequest",
            name="origin",
            field=models.CharField(
                choices=[("request", "Asked for"), ("schedule", "On schedule")], default="request", max_length=16
            ),
        ),
        migrations.AddIndex(
            model_name="snapshotrequest",
            index=models.Index(fields=["camera", "origin", "at"], name="snapshot_by_origin"),
        ),
        migrations.AddConstraint(
            model_name="snapshotrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("origin__in", ["request", "schedule"])), name="snapshot_origin_known"
            ),
        ),
        migrations.CreateModel(
            name="SnapshotTurn",
            fields=[
                (
                    "camera",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="snapshot_turn",
                        serialize=False,
                        to="cameras.camera",
                    ),
                ),
                ("every", models.PositiveSmallIntegerField()),
                ("due_at", models.DateTimeField(db_index=True)),
                ("asked", models.CharField(blank=True, max_length=64)),
                ("taken_at", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("failed", models.PositiveIntegerField(default=0)),
                ("failed_at", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "verbose_name": "scheduled snapshots",
                "verbose_name_plural": "scheduled snapshots",
                "default_permissions": (),
            },
        ),
    ]
