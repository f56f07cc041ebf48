from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('detection', '0015_report_roles'),
    ]

    operations = [
        migrations.AddField(
            model_name='alert',
            name='part_of',
            field=models.ForeignKey(db_constraint=False, db_index=False, editable=False, null=True, on_delete=models.deletion.DO_NOTHING, related_name='repeats', to='detection.alert', to_field='event_id', verbose_name='part of'),
        ),
        migrations.AddField(
            model_name='alert',
            name='occurrences',
            field=models.PositiveIntegerField(db_default=1, default=1, verbose_name='times'),
        ),
        migrations.AddField(
            model_name='alert',
            name='began_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='alert',
            name='last_at',
            field=models.DateTimeField(null=True, verbose_name='last time'),
        ),
        migrations.AddField(
            model_name='alert',
            name='over_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(condition=models.Q(('part_of__isnull', False)), fields=['part_of'], name='alert_repeats'),
        ),
    ]
