import django.db.models.deletion
from django.db import migrations, models

STATES = [
    ("waiting", "Waiting"),
    ("making", "Being made"),
    ("ready", "Ready"),
    ("failed", "Failed"),
    ("expired", "Expired"),
    ("deleted", "Deleted"),
]
KINDS = [
    ("requested", "Export requested"),
    ("filmed", "Time-lapse requested"),
    ("viewed", "Watched or downloaded"),
    ("protected", "Protected"),
    ("unprotected", "Protection lifted"),
    ("deleted", "Deleted"),
    ("expired", "Time is over"),
    ("removed", "File removed"),
]


class Migration(migrations.Migration):

    dependencies = [
        ("recordings", "0012_scheduled_snapshots"),
    ]

    operations = [
        migrations.AlterField(
            model_name="extractstep",
            name="kind",
            field=models.CharField(choices=KINDS, max_length=16),
        ),
        migrations.CreateModel(
            name="TimeLapse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("film_id", models.CharField(max_length=64, unique=True)),
                ("device_id", models.CharField(max_length=64)),
                ("first", models.DateField(verbose_name="first day")),
                ("last", models.DateField(verbose_name="last day")),
                ("begin", models.DateTimeField(verbose_name="from")),
                ("end", models.DateTimeField(verbose_name="to")),
                ("fps", models.PositiveSmallIntegerField(verbose_name="pictures a second")),
                ("most", models.PositiveIntegerField()),
                (
                    "state",
                    models.CharField(choices=STATES, default="waiting", max_length=16, verbose_name="state"),
                ),
                ("progress", models.PositiveSmallIntegerField(default=0)),
                ("message", models.CharField(blank=True, max_length=500)),
                ("key", models.CharField(max_length=255, unique=True)),
                ("sha256", models.CharField(blank=True, max_length=64, verbose_name="SHA-256")),
                ("bytes", models.PositiveBigIntegerField(default=0, verbose_name="size")),
                ("duration", models.FloatField(default=0.0)),
                ("pictures", models.PositiveIntegerField(default=0)),
                ("skipped", models.PositiveIntegerField(default=0)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("requested_by", models.CharField(max_length=150, verbose_name="person")),
                ("requested_at", models.DateTimeField(verbose_name="requested")),
                ("seen_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(verbose_name="kept until")),
                ("gone", models.BooleanField(default=False)),
                (
                    "camera",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="timelapses",
                        to="cameras.camera",
                        verbose_name="camera",
                    ),
                ),
            ],
            options={
                "verbose_name": "time-lapse",
                "verbose_name_plural": "time-lapses",
                "ordering": ["-id"],
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["state", "expires_at"], name="timelapse_by_age"),
                    models.Index(fields=["camera", "-id"], name="timelapse_by_camera"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", [state for state, _ in STATES])), name="timelapse_state_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("end__gt", models.F("begin"))), name="timelapse_ends_after_begin"
                    ),
                ],
            },
        ),
    ]
