from django.db import migrations, models

MASK = {"default": False, "help_text": "Hidden in exported films. A mask has no rules.", "verbose_name": "privacy mask"}


class Migration(migrations.Migration):

    dependencies = [
        ("cameras", "0013_recording_room"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="roi",
            options={
                "ordering": ["camera", "-priority", "roi_id"],
                "permissions": [("lift_masks", "Can change and remove privacy masks, and export films without them")],
                "verbose_name": "ROI",
                "verbose_name_plural": "ROIs",
            },
        ),
        migrations.AddField(model_name="historicalroi", name="mask", field=models.BooleanField(**MASK)),
        migrations.AddField(model_name="roi", name="mask", field=models.BooleanField(**MASK)),
        migrations.AddConstraint(
            model_name="roi",
            constraint=models.CheckConstraint(
                condition=models.Q(("mask", False), models.Q(("roi_type", "line"), _negated=True), _connector="OR"),
                name="roi_mask_is_an_area",
            ),
        ),
    ]
