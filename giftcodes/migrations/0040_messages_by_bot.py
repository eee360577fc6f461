"""The bot's messages: weekly summaries of guilds, and messages to players who want them."""

from django.db import migrations, models


def seed(apps, schema_editor):
    interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    task = apps.get_model("django_celery_beat", "PeriodicTask")
    every, _ = interval.objects.get_or_create(every=300, period="seconds")
    task.objects.get_or_create(
        name="Weekly: summaries, and messages to players",
        defaults={"task": "giftcodes.tasks.weekly", "interval": every},
    )


def drop_summaries(apps, schema_editor):
    """The release before knows no summaries."""
    apps.get_model("giftcodes", "Announcement").objects.filter(kind="summary").delete()


class Migration(migrations.Migration):

    dependencies = [
        ('django_celery_beat', '0019_alter_periodictasks_options'),
        ('giftcodes', '0039_discord_officers'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='announcement',
            name='announcement_is_about_what_its_kind_says',
        ),
        migrations.AddField(
            model_name='channel',
            name='next_summary_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='next summary'),
        ),
        migrations.AddField(
            model_name='playerlink',
            name='next_message_at',
            field=models.DateTimeField(null=True, verbose_name='next message'),
        ),
        migrations.AlterField(
            model_name='announcement',
            name='kind',
            field=models.CharField(choices=[('started', 'started'), ('complete', 'complete'), ('raised', 'alarm raised'), ('over', 'alarm over'), ('test', 'test'), ('summary', 'weekly summary')], max_length=10, verbose_name='kind'),
        ),
        migrations.AddConstraint(
            model_name='announcement',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('alarm__isnull', True), ('kind__in', ['started', 'complete']), ('redemption__isnull', False)), models.Q(('alarm__isnull', False), ('kind__in', ['raised', 'over']), ('redemption__isnull', True)), models.Q(('alarm__isnull', True), ('kind__in', ['test', 'summary']), ('redemption__isnull', True)), _connector='OR'), name='announcement_is_about_what_its_kind_says'),
        ),
        migrations.RunPython(seed, drop_summaries),
    ]
