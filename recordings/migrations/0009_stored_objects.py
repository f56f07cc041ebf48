from collections.abc import Iterator
from itertools import islice

from django.db import migrations, models

BATCH = 1000


def note_what_stands(apps, schema_editor):
    stored = apps.get_model("recordings", "StoredObject")

    def keys() -> Iterator[str]:
        for name in ("RecordingTask", "AlertClip"):
            rows = apps.get_model("recordings", name).objects.filter(state__in=("uploaded", "completed"))
            yield from rows.exclude(object_name="").values_list("object_name", flat=True).iterator()
        ready = apps.get_model("recordings", "SnapshotRequest").objects.filter(state="ready")
        for folder in ("frames", "snapshots"):
            yield from ready.filter(key__startswith=f"{folder}/").values_list("key", flat=True).iterator()

    found = keys()
    while some := list(islice(found, BATCH)):
        stored.objects.bulk_create([stored(key=key) for key in some], ignore_conflicts=True)


class Migration(migrations.Migration):

    dependencies = [
        ("recordings", "0008_clips_outlive_cameras"),
    ]

    operations = [
        migrations.CreateModel(
            name="StoredObject",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=500, unique=True)),
                ("tried_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "stored object",
                "verbose_name_plural": "stored objects",
                "ordering": ["id"],
                "default_permissions": (),
            },
        ),
        migrations.RunPython(note_what_stands, migrations.RunPython.noop),
    ]
