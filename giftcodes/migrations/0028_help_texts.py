"""Plainer labels and help texts. The database does not change."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('giftcodes', '0027_hashed_sessions'),
    ]

    operations = [
        migrations.AlterField(
            model_name='alarm',
            name='kind',
            field=models.CharField(choices=[('provider_paused', 'provider paused'), ('captcha', 'the game asks for a captcha'), ('forbidden', "the game's server refuses us"), ('code_odd', 'code with unclear answers'), ('no_progress', 'run without progress'), ('feed_silent', 'feed silent or failing'), ('uncovered', 'guild without a run for an active code'), ('no_members', 'guild without members'), ('channel_gone', 'channel gone'), ('channel_silent', 'channel takes no messages'), ('beat_silent', 'beat does not tick'), ('bad_row', 'a row that cannot be worked on'), ('directory_key', 'key of a directory of players refused'), ('directory_failing', 'directory of players failing')], max_length=20, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='guild',
            name='priority',
            field=models.SmallIntegerField(default=0, help_text='Of codes that end at the same time, those of the higher number are first.', verbose_name='priority'),
        ),
        migrations.AlterField(
            model_name='historicalguild',
            name='priority',
            field=models.SmallIntegerField(default=0, help_text='Of codes that end at the same time, those of the higher number are first.', verbose_name='priority'),
        ),
        migrations.AlterField(
            model_name='ratebudget',
            name='paused_until',
            field=models.DateTimeField(help_text='If empty, until a person resumes the game.', null=True, verbose_name='paused until'),
        ),
    ]
