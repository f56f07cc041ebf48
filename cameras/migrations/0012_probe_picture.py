from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('cameras', '0011_camera_sub_url'),
    ]

    operations = [
        migrations.AddField(
            model_name='cameraprobe',
            name='picture',
            field=models.TextField(blank=True, default=''),
        ),
    ]
