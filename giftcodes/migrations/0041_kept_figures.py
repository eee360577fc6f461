"""Figures for /metrics, and beat's entry that keeps them. As 0002 does, it is seeded once."""

from django.db import migrations, models


def seed(apps, schema_editor):
    interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    task = apps.get_model("django_celery_beat", "PeriodicTask")
    every, _ = interval.objects.get_or_create(every=60, period="seconds")
    task.objects.get_or_create(
        name="Figures: count rows for programs that watch",
        defaults={"task": "giftcodes.tasks.keep_figures", "interval": every},
    )


class Migration(migrations.Migration):

    dependencies = [
        ("giftcodes", "0040_messages_by_bot"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        migrations.CreateModel(
            name='KeptFigure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('of', models.CharField(choices=[('attempts', 'Attempts'), ('guilds', 'Guilds'), ('members', 'Members'), ('queue', 'Queue'), ('runs', 'Runs'), ('announcements', 'Announcements'), ('notices', 'Notices')], max_length=15)),
                ('provider', models.CharField(blank=True, default='', max_length=20)),
                ('what', models.CharField(blank=True, default='', max_length=20)),
                ('number', models.PositiveBigIntegerField()),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('of', 'provider', 'what'), name='one_kept_figure')],
            },
        ),
        migrations.RunPython(seed, migrations.RunPython.noop),
    ]
