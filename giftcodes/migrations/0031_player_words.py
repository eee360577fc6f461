"""The words of players, and the game of an opt-out. Only the opt-outs change in the database."""

import giftcodes.models.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('giftcodes', '0030_results'),
    ]

    operations = [
        migrations.AddField(
            model_name='optout',
            name='provider',
            field=models.CharField(blank=True, choices=giftcodes.models.fields.provider_choices, db_default='', default='', max_length=20, verbose_name='game'),
        ),
        migrations.AlterField(
            model_name='alarm',
            name='kind',
            field=models.CharField(choices=[('provider_paused', 'game paused'), ('captcha', 'the game asks for a captcha'), ('forbidden', "the game's server refuses us"), ('code_odd', 'code with unclear answers'), ('no_progress', 'run without progress'), ('feed_silent', 'feed silent or failing'), ('uncovered', 'guild without a run for an active code'), ('no_members', 'guild without members'), ('channel_gone', 'channel gone'), ('channel_silent', 'channel takes no messages'), ('beat_silent', 'beat does not tick'), ('bad_row', 'a row that cannot be worked on'), ('directory_key', 'key of a directory of players refused'), ('directory_failing', 'directory of players failing'), ('unserved', 'guild gets nothing from a code'), ('uncorrected', 'members need a correction for days')], max_length=20, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='attempt',
            name='realm',
            field=models.PositiveIntegerField(verbose_name='state or kingdom'),
        ),
        migrations.AlterField(
            model_name='directorylookup',
            name='realm',
            field=models.PositiveIntegerField(null=True, verbose_name='state or kingdom'),
        ),
        migrations.AlterField(
            model_name='directorylookup',
            name='realm_since',
            field=models.DateTimeField(null=True, verbose_name='state or kingdom named since'),
        ),
        migrations.AlterField(
            model_name='guild',
            name='realm',
            field=models.PositiveIntegerField(help_text='The number of most members. A member may have one of their own.', verbose_name='state or kingdom'),
        ),
        migrations.AlterField(
            model_name='historicalguild',
            name='realm',
            field=models.PositiveIntegerField(help_text='The number of most members. A member may have one of their own.', verbose_name='state or kingdom'),
        ),
        migrations.AlterField(
            model_name='historicalmember',
            name='realm',
            field=models.PositiveIntegerField(blank=True, help_text="Only if it differs from the guild's.", null=True, verbose_name='state or kingdom'),
        ),
        migrations.AlterField(
            model_name='member',
            name='realm',
            field=models.PositiveIntegerField(blank=True, help_text="Only if it differs from the guild's.", null=True, verbose_name='state or kingdom'),
        ),
        migrations.AlterField(
            model_name='memberredemption',
            name='asked_realm',
            field=models.PositiveIntegerField(null=True, verbose_name='state or kingdom in the request'),
        ),
        migrations.AlterField(
            model_name='redemption',
            name='locked_at',
            field=models.DateTimeField(null=True, verbose_name='started'),
        ),
        migrations.AlterField(
            model_name='redemption',
            name='unlocked_at',
            field=models.DateTimeField(null=True, verbose_name='finished'),
        ),
        migrations.AlterField(
            model_name='redemptionevent',
            name='kind',
            field=models.CharField(choices=[('locked', 'started'), ('refused', 'duplicate refused'), ('unlocked', 'finished'), ('stop', 'stop requested'), ('resumed', 'resumed'), ('joined', 'members joined'), ('recovered', 'recovered'), ('code_closed', 'code closed'), ('code_reopened', 'code reopened'), ('stalled', 'without progress'), ('respelled', 'tried in another spelling')], max_length=15, verbose_name='event'),
        ),
    ]
