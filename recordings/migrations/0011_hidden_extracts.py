from django.db import migrations, models

HIDING = {
    "choices": [
        ("nothing", "Nothing hidden"),
        ("masks", "Privacy masks hidden"),
        ("outside", "Everything outside chosen regions hidden"),
        ("unmasked", "Without the privacy masks"),
    ],
    "default": "nothing",
    "max_length": 16,
}


class Migration(migrations.Migration):

    dependencies = [
        ("cameras", "0014_roi_mask"),
        ("recordings", "0010_stored_clips"),
    ]

    operations = [
        migrations.AddField(
            model_name="extract", name="hiding", field=models.CharField(verbose_name="hidden", **HIDING)
        ),
        migrations.AddField(model_name="extract", name="hide", field=models.JSONField(default=None, null=True)),
        migrations.AddField(
            model_name="extract",
            name="hidden_names",
            field=models.CharField(blank=True, default="", max_length=300),
        ),
        migrations.AddField(model_name="extractstep", name="hiding", field=models.CharField(**HIDING)),
    ]
