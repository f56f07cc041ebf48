import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

CHOICES = [(0, "No"), (1, "Every minute"), (5, "Every 5 minutes"), (15, "Every 15 minutes"), (60, "Every hour")]


def fields() -> dict[str, models.Field]:
    return {
        "snap_every": models.PositiveSmallIntegerField(
            choices=CHOICES,
            default=0,
            help_text="By themselves, such as for a time-lapse. They show on the tab Snapshots.",
            verbose_name="take snapshots",
        ),
        "snap_days": models.PositiveSmallIntegerField(
            default=30,
            help_text="Those taken by themselves. Pictures that somebody asked for stay.",
            validators=[
                django.core.validators.MinValueValidator(1),
                django.core.validators.MaxValueValidator(3650),
            ],
            verbose_name="days snapshots are kept",
        ),
    }


def schedule(**how: object) -> models.ForeignKey:
    return models.ForeignKey(
        blank=True,
        help_text="Only in its hours; empty: at any time.",
        null=True,
        to="cameras.schedule",
        to_field="schedule_id",
        verbose_name="snapshot schedule",
        **how,
    )


class Migration(migrations.Migration):

    dependencies = [
        ("cameras", "0014_roi_mask"),
    ]

    operations = [
        *(
            migrations.AddField(model_name=model, name=name, field=field)
            for model in ("camera", "historicalcamera")
            for name, field in fields().items()
        ),
        migrations.AddField(
            model_name="camera",
            name="snap_schedule",
            field=schedule(on_delete=django.db.models.deletion.PROTECT, related_name="snapped_cameras"),
        ),
        migrations.AddField(
            model_name="historicalcamera",
            name="snap_schedule",
            field=schedule(
                on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", db_constraint=False
            ),
        ),
        migrations.AddConstraint(
            model_name="camera",
            constraint=models.CheckConstraint(
                condition=models.Q(("snap_every__in", [0, 1, 5, 15, 60])), name="camera_snap_known"
            ),
        ),
    ]
