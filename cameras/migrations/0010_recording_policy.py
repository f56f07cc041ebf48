import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

CHOICES = [("off", "No"), ("always", "All the time"), ("schedule", "On a schedule")]
TEXTS = {
    "record": "Without anybody asking, and without detection. Recording tasks record at any time.",
    "record_schedule": "When it records on a schedule.",
    "record_events": "Keeps what is before, during and after each alert as a clip.",
    "record_sound": "When the camera sends any. Look first whether the law of the place allows it.",
    "keep_days": "How long the box keeps what it recorded of this camera; empty: as the box was told.",
}


def seconds(default: int, name: str, *, least: int, most: int) -> models.Field:
    limits = [django.core.validators.MinValueValidator(least)] if least else []
    limits.append(django.core.validators.MaxValueValidator(most))
    return models.PositiveSmallIntegerField(default=default, validators=limits, verbose_name=name)


def fields() -> dict[str, models.Field]:
    return {
        "record": models.CharField(
            choices=CHOICES, default="off", help_text=TEXTS["record"], max_length=16, verbose_name="record"
        ),
        "record_events": models.BooleanField(
            default=False, help_text=TEXTS["record_events"], verbose_name="record alerts"
        ),
        "event_pre_s": seconds(10, "seconds before an alert", least=0, most=60),
        "event_post_s": seconds(20, "seconds after an alert", least=1, most=300),
        "record_sound": models.BooleanField(
            default=False, help_text=TEXTS["record_sound"], verbose_name="record sound"
        ),
        "keep_days": models.PositiveSmallIntegerField(
            blank=True,
            help_text=TEXTS["keep_days"],
            null=True,
            validators=[
                django.core.validators.MinValueValidator(1),
                django.core.validators.MaxValueValidator(3650),
            ],
            verbose_name="days kept",
        ),
    }


def schedule(**how: object) -> models.ForeignKey:
    return models.ForeignKey(
        blank=True,
        help_text=TEXTS["record_schedule"],
        null=True,
        to="cameras.schedule",
        to_field="schedule_id",
        verbose_name="recording schedule",
        **how,
    )


class Migration(migrations.Migration):

    dependencies = [
        ("cameras", "0009_probe_of_a_new_camera"),
    ]

    operations = [
        *(
            migrations.AddField(model_name=model, name=name, field=field)
            for model in ("camera", "historicalcamera")
            for name, field in fields().items()
        ),
        migrations.AddField(
            model_name="camera",
            name="record_schedule",
            field=schedule(on_delete=django.db.models.deletion.PROTECT, related_name="recorded_cameras"),
        ),
        migrations.AddField(
            model_name="historicalcamera",
            name="record_schedule",
            field=schedule(
                on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", db_constraint=False
            ),
        ),
        migrations.AddConstraint(
            model_name="camera",
            constraint=models.CheckConstraint(
                condition=models.Q(("record__in", ["off", "always", "schedule"])), name="camera_record_known"
            ),
        ),
    ]
