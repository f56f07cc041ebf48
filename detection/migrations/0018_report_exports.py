from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('detection', '0017_settings_audit'),
    ]

    operations = [
        migrations.AddField(
            model_name='alertexport',
            name='kind',
            field=models.CharField(choices=[('alerts', 'Alerts'), ('report', 'Report')], db_default='alerts', default='alerts', max_length=16),
        ),
        migrations.AlterField(
            model_name='alertexport',
            name='rows',
            field=models.PositiveBigIntegerField(null=True, verbose_name='rows'),
        ),
    ]
