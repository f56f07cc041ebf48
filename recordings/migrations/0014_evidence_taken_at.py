from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("recordings", "0013_timelapses"),
    ]

    operations = [
        migrations.AddField(
            model_name="evidence",
            name="taken_at",
            field=models.DateTimeField(null=True, verbose_name="taken"),
        ),
    ]
