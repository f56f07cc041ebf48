from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("recordings", "0014_evidence_taken_at"),
    ]

    operations = [
        migrations.AddField(
            model_name="storedobject",
            name="again_until",
            field=models.DateTimeField(null=True),
        ),
    ]
