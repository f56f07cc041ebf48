import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("recordings", "0007_extracts"),
    ]

    operations = [
        migrations.AlterField(
            model_name="alertclip",
            name="camera",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="alert_clips",
                to="cameras.camera",
            ),
        ),
        migrations.AddIndex(
            model_name="extractstep",
            index=models.Index(fields=["-at", "-id"], name="extract_step_by_time"),
        ),
    ]
