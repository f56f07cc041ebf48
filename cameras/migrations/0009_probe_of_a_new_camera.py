import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('cameras', '0008_camera_probe'),
    ]

    operations = [
        migrations.AlterField(
            model_name='cameraprobe',
            name='camera',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='probes', to='cameras.camera'),
        ),
    ]
