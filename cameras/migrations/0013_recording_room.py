import django.core.validators
from django.db import migrations, models

TEXTS = {
    "keep_gib": "At most so much of this camera stays on its box, the oldest goes first; empty: no limit of its own.",
    "least_days": "What is younger goes only when the disk is full and nothing else is left to go; then that is reported.",
}


def limits(most: int) -> list[django.core.validators.BaseValidator]:
    return [django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(most)]


def fields() -> dict[str, models.Field]:
    return {
        "keep_gib": models.PositiveIntegerField(
            blank=True, help_text=TEXTS["keep_gib"], null=True, validators=limits(1_000_000), verbose_name="gigabytes kept"
        ),
        "least_days": models.PositiveSmallIntegerField(
            blank=True, help_text=TEXTS["least_days"], null=True, validators=limits(3650), verbose_name="days guaranteed"
        ),
    }


class Migration(migrations.Migration):

    dependencies = [
        ("cameras", "0012_probe_picture"),
    ]

    operations = [
        migrations.AddField(model_name=model, name=name, field=field)
        for model in ("camera", "historicalcamera")
        for name, field in fields().items()
    ]
