from typing import Any

from django.db import migrations, models
from django.utils import timezone

STORED = ("uploaded", "completed")
KINDS = {"recordingtask": "task_by_age", "alertclip": "alert_clip_by_age"}


def fields() -> dict[str, models.Field]:
    return {
        "stored_at": models.DateTimeField(editable=False, null=True),
        "protected": models.BooleanField(default=False, editable=False, verbose_name="protected"),
        "removed_at": models.DateTimeField(editable=False, null=True),
        "gone": models.BooleanField(default=False, editable=False),
    }


def begin_now(apps: Any, schema_editor: Any) -> None:
    """Clips from before have all their days from now on: nobody was told that they would go."""
    for model in KINDS:
        apps.get_model("recordings", model).objects.filter(state__in=STORED).update(stored_at=timezone.now())


class Migration(migrations.Migration):

    dependencies = [
        ("recordings", "0009_stored_objects"),
    ]

    operations = [
        *(
            migrations.AddField(model_name=model, name=name, field=field)
            for model in KINDS
            for name, field in fields().items()
        ),
        migrations.RunPython(begin_now, migrations.RunPython.noop),
        *(
            migrations.AddIndex(
                model_name=model, index=models.Index(fields=["gone", "removed_at", "stored_at"], name=name)
            )
            for model, name in KINDS.items()
        ),
    ]
