import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('cameras', '0015_scheduled_snapshots'),
    ]

    operations = [
        migrations.RemoveConstraint(model_name='rollout', name='rollout_state_known'),
        migrations.AddField(
            model_name='rollout',
            name='answer_seconds',
            field=models.PositiveIntegerField(default=3600, help_text='Seconds for which it waits for a canary that gives no answer; then somebody has to decide.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(604800)], verbose_name='answer time'),
        ),
        migrations.AddField(
            model_name='rollout',
            name='waits_since',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='rollout',
            name='state',
            field=models.CharField(choices=[('canaries', 'Canaries'), ('soaking', 'Watching the canaries'), ('asking', 'Waits for a decision'), ('rest', 'The rest'), ('done', 'Done'), ('stopped', 'Stopped')], default='canaries', max_length=16, verbose_name='state'),
        ),
        migrations.AddConstraint(
            model_name='rollout',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['canaries', 'soaking', 'asking', 'rest', 'done', 'stopped'])), name='rollout_state_known'),
        ),
    ]
