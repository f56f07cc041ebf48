from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("recordings", "0015_objects_that_may_still_come"),
    ]

    operations = [
        migrations.AddField(
            model_name="recordingtask",
            name="deleted_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="recordingtask",
            name="deleted_by",
            field=models.CharField(blank=True, default="", editable=False, max_length=150),
        ),
    ]
