"""Threads of the Discord bot: they list who needs something after a run."""

from django.db import migrations, models


def drop_threads(apps, schema_editor):
    """The release before knows no threads, and no alarms about them."""
    announcements = apps.get_model("giftcodes", "Announcement").objects
    announcements.filter(kind="thread").delete()
    alarms = apps.get_model("giftcodes", "Alarm").objects.filter(kind="no_thread")
    announcements.filter(alarm__in=alarms).delete()
    apps.get_model("giftcodes", "AlarmNotice").objects.filter(alarm__in=alarms).delete()
    alarms.delete()


class Migration(migrations.Migration):

    dependencies = [
        ('giftcodes', '0041_kept_figures'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='announcement',
            name='announcement_is_about_what_its_kind_says',
        ),
        migrations.AddField(
            model_name='channel',
            name='opens_threads',
            field=models.BooleanField(db_default=False, default=False, help_text='After a run that leaves members who need a person, the bot opens a thread on the message of the run, and lists them there. It mentions no one.', verbose_name='thread for those who need something'),
        ),
        migrations.AlterField(
            model_name='alarm',
            name='kind',
            field=models.CharField(choices=[('provider_paused', 'game paused'), ('captcha', 'the game asks for a captcha'), ('forbidden', "the game's server refuses us"), ('code_odd', 'code with unclear answers'), ('no_progress', 'run without progress'), ('feed_silent', 'feed silent or failing'), ('uncovered', 'guild without a run for an active code'), ('no_members', 'guild without members'), ('channel_gone', 'channel gone'), ('channel_silent', 'channel takes no messages'), ('beat_silent', 'beat does not tick'), ('bad_row', 'a row that cannot be worked on'), ('directory_key', 'key of a directory of players refused'), ('directory_failing', 'directory of players failing'), ('unserved', 'guild gets nothing from a code'), ('uncorrected', 'members need a correction for days'), ('discord_bot', 'Discord bot not connected'), ('no_thread', 'no thread in a channel')], max_length=20, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='announcement',
            name='kind',
            field=models.CharField(choices=[('started', 'started'), ('complete', 'complete'), ('thread', 'thread'), ('raised', 'alarm raised'), ('over', 'alarm over'), ('test', 'test'), ('summary', 'weekly summary')], max_length=10, verbose_name='kind'),
        ),
        migrations.AddConstraint(
            model_name='announcement',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('alarm__isnull', True), ('kind__in', ['started', 'complete', 'thread']), ('redemption__isnull', False)), models.Q(('alarm__isnull', False), ('kind__in', ['raised', 'over']), ('redemption__isnull', True)), models.Q(('alarm__isnull', True), ('kind__in', ['test', 'summary']), ('redemption__isnull', True)), _connector='OR'), name='announcement_is_about_what_its_kind_says'),
        ),
        migrations.RunPython(migrations.RunPython.noop, drop_threads),
    ]
