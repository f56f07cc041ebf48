from django.db import migrations

import edgesite.fields


class Migration(migrations.Migration):

    dependencies = [
        ('cameras', '0010_recording_policy'),
    ]

    operations = [
        migrations.AddField(
            model_name='camera',
            name='sub_url',
            field=edgesite.fields.EncryptedTextField(blank=True, default='', help_text='A smaller stream of the camera to analyse: a path, such as /Streaming/Channels/102, or a URL.', max_length=2000, verbose_name='sub-stream'),
        ),
    ]
