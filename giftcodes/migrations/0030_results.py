"""Since when a member needs a correction, two kinds of alarm, and an index of ended runs."""

from django.db import migrations, models
from django.db.models import F


def keep_the_known_time(apps, schema_editor):
    """The game's last answer is the only time that is known of members who are marked already."""
    members = apps.get_model("giftcodes", "Member").objects.filter(refused_at__isnull=False)
    members.update(refused_since=F("refused_at"))


class Migration(migrations.Migration):

    dependencies = [
        ('giftcodes', '0029_run_requests'),
    ]

    operations = [
        migrations.AddField(
            model_name='member',
            name='refused_since',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='alarm',
            name='kind',
            field=models.CharField(choices=[('provider_paused', 'provider paused'), ('captcha', 'the game asks for a captcha'), ('forbidden', "the game's server refuses us"), ('code_odd', 'code with unclear answers'), ('no_progress', 'run without progress'), ('feed_silent', 'feed silent or failing'), ('uncovered', 'guild without a run for an active code'), ('no_members', 'guild without members'), ('channel_gone', 'channel gone'), ('channel_silent', 'channel takes no messages'), ('beat_silent', 'beat does not tick'), ('bad_row', 'a row that cannot be worked on'), ('directory_key', 'key of a directory of players refused'), ('directory_failing', 'directory of players failing'), ('unserved', 'guild gets nothing from a code'), ('uncorrected', 'members need a correction for days')], max_length=20, verbose_name='kind'),
        ),
        migrations.AddIndex(
            model_name='member',
            index=models.Index(condition=models.Q(('refused_at__isnull', False)), fields=['guild'], name='member_refused'),
        ),
        migrations.AddIndex(
            model_name='redemption',
            index=models.Index(condition=models.Q(('unlocked_at__isnull', False)), fields=['unlocked_at'], name='redemption_ended'),
        ),
        migrations.AlterField(
            model_name='redemption',
            name='state',
            field=models.CharField(choices=[('pending', 'waiting'), ('running', 'running'), ('complete', 'finished'), ('stopped', 'stopped')], db_default='pending', default='pending', max_length=10, verbose_name='state'),
        ),
        migrations.AlterField(
            model_name='memberredemption',
            name='tries',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, verbose_name='tries without a clear answer'),
        ),
        migrations.RunPython(keep_the_known_time, migrations.RunPython.noop),
    ]
