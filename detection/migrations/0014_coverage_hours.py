from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('detection', '0013_notification_steps'),
    ]

    operations = [
        migrations.CreateModel(
            name='CoverageHour',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('device_id', models.CharField(max_length=64, verbose_name='device ID')),
                ('camera_id', models.CharField(max_length=64, verbose_name='camera ID')),
                ('roi_id', models.CharField(max_length=64, verbose_name='ROI ID')),
                ('roi_name', models.CharField(blank=True, max_length=200, verbose_name='ROI')),
                ('bind_id', models.CharField(max_length=64, verbose_name='binding ID')),
                ('algo_code', models.CharField(max_length=64, verbose_name='algorithm')),
                ('start', models.DateTimeField()),
                ('day', models.DateField()),
                ('hour', models.PositiveSmallIntegerField()),
                ('wanted_s', models.FloatField(default=0.0)),
                ('seen_s', models.FloatField(default=0.0)),
                ('coarse_s', models.FloatField(default=0.0)),
                ('person_s', models.FloatField(default=0.0)),
                ('alerts', models.PositiveIntegerField(default=0)),
                ('revision', models.PositiveBigIntegerField(default=0)),
            ],
            options={
                'verbose_name': 'report',
                'verbose_name_plural': 'Violations and coverage',
                'ordering': ['-start'],
                'default_permissions': ('view',),
                'indexes': [models.Index(fields=['device_id', 'day'], name='coverage_by_device'), models.Index(fields=['day'], name='coverage_by_day')],
                'constraints': [models.UniqueConstraint(fields=('device_id', 'bind_id', 'start'), name='coverage_hour_once'), models.CheckConstraint(condition=models.Q(('hour__lt', 24)), name='coverage_hour_of_day')],
            },
        ),
    ]
