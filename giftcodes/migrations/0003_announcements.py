import django.db.models.deletion
import giftcodes.models.channel
import giftcodes.models.clock
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('giftcodes', '0002_schedule'),
    ]

    operations = [
        migrations.CreateModel(
            name='AlarmNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('sent', 'sent, being kept up to date'), ('done', 'delivered'), ('unknown', 'unknown: it may have been posted, and is not sent again'), ('gone', 'the message or the channel is gone'), ('failed', 'given up'), ('dropped', 'not needed any more')], db_default='waiting', default='waiting', max_length=10, verbose_name='delivery')),
                ('created_at', models.DateTimeField(db_default=giftcodes.models.clock.Clock(), verbose_name='written')),
                ('sending_at', models.DateTimeField(null=True, verbose_name='request begun')),
                ('sent_at', models.DateTimeField(null=True, verbose_name='sent')),
                ('next_attempt_at', models.DateTimeField(db_default=giftcodes.models.clock.Clock(), null=True, verbose_name='next attempt')),
                ('tries', models.PositiveSmallIntegerField(db_default=0, default=0, verbose_name='failures in a row')),
                ('error', models.TextField(blank=True, db_default='', default='', verbose_name='error')),
                ('token', models.PositiveIntegerField(db_default=0, default=0)),
                ('lease_until', models.DateTimeField(null=True)),
                ('kind', models.CharField(choices=[('raised', 'raised'), ('cleared', 'cleared')], max_length=10, verbose_name='kind')),
            ],
            options={
                'verbose_name': 'notice to the operator',
                'verbose_name_plural': 'notices to the operator',
            },
        ),
        migrations.CreateModel(
            name='Channel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address', models.TextField(help_text='A Discord webhook, or an address of Apprise. It is kept, and never shown again.', validators=[giftcodes.models.channel.validate_channel], verbose_name='address')),
                ('not_before', models.DateTimeField(editable=False, null=True, verbose_name='rests until')),
                ('error', models.TextField(blank=True, db_default='', default='', editable=False, verbose_name='last error')),
                ('delivered_at', models.DateTimeField(editable=False, null=True, verbose_name='last delivery')),
            ],
            options={
                'verbose_name': 'channel',
                'verbose_name_plural': 'channels',
                'ordering': ['guild'],
            },
        ),
        migrations.AlterModelOptions(
            name='announcement',
            options={'verbose_name': 'announcement', 'verbose_name_plural': 'announcements'},
        ),
        migrations.AddField(
            model_name='alarm',
            name='suspected_at',
            field=models.DateTimeField(db_default=giftcodes.models.clock.Clock(), verbose_name='suspected'),
        ),
        migrations.AddField(
            model_name='announcement',
            name='channel_hash',
            field=models.CharField(blank=True, db_default='', default='', max_length=16),
        ),
        migrations.AddField(
            model_name='announcement',
            name='content_hash',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
        migrations.AddField(
            model_name='announcement',
            name='edited_at',
            field=models.DateTimeField(null=True, verbose_name='last edit'),
        ),
        migrations.AddField(
            model_name='announcement',
            name='lease_until',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='announcement',
            name='message_id',
            field=models.CharField(blank=True, db_default='', default='', max_length=30, verbose_name='message'),
        ),
        migrations.AddField(
            model_name='announcement',
            name='next_attempt_at',
            field=models.DateTimeField(db_default=giftcodes.models.clock.Clock(), null=True, verbose_name='next attempt'),
        ),
        migrations.AddField(
            model_name='announcement',
            name='state',
            field=models.CharField(choices=[('waiting', 'waiting'), ('sent', 'sent, being kept up to date'), ('done', 'delivered'), ('unknown', 'unknown: it may have been posted, and is not sent again'), ('gone', 'the message or the channel is gone'), ('failed', 'given up'), ('dropped', 'not needed any more')], db_default='waiting', default='waiting', max_length=10, verbose_name='delivery'),
        ),
        migrations.AddField(
            model_name='announcement',
            name='token',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='announcement',
            name='tries',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, verbose_name='failures in a row'),
        ),
        migrations.AlterField(
            model_name='alarm',
            name='kind',
            field=models.CharField(choices=[('provider_paused', 'provider paused'), ('no_progress', 'run without progress'), ('feed_silent', 'feed silent or failing'), ('uncovered', 'guild without a run for an active code'), ('no_members', 'guild without members'), ('channel_gone', 'channel gone'), ('beat_silent', 'beat does not tick')], max_length=20, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='alarm',
            name='raised_at',
            field=models.DateTimeField(db_default=giftcodes.models.clock.Clock(), null=True, verbose_name='raised'),
        ),
        migrations.AlterField(
            model_name='announcement',
            name='created_at',
            field=models.DateTimeField(db_default=giftcodes.models.clock.Clock(), verbose_name='written'),
        ),
        migrations.AlterField(
            model_name='announcement',
            name='error',
            field=models.TextField(blank=True, db_default='', default='', verbose_name='error'),
        ),
        migrations.AlterField(
            model_name='announcement',
            name='kind',
            field=models.CharField(choices=[('started', 'started'), ('complete', 'complete')], max_length=10, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='announcement',
            name='redemption',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='announcements', to='giftcodes.redemption', verbose_name='redemption'),
        ),
        migrations.AlterField(
            model_name='announcement',
            name='run_number',
            field=models.PositiveIntegerField(verbose_name='run'),
        ),
        migrations.AlterField(
            model_name='announcement',
            name='sending_at',
            field=models.DateTimeField(null=True, verbose_name='request begun'),
        ),
        migrations.AlterField(
            model_name='announcement',
            name='sent_at',
            field=models.DateTimeField(null=True, verbose_name='sent'),
        ),
        migrations.AddIndex(
            model_name='announcement',
            index=models.Index(condition=models.Q(('state__in', ['waiting', 'sent'])), fields=['next_attempt_at'], name='announcement_unfinished'),
        ),
        migrations.AddIndex(
            model_name='announcement',
            index=models.Index(condition=models.Q(('lease_until__isnull', False)), fields=['lease_until'], name='announcement_claimed'),
        ),
        migrations.AddField(
            model_name='alarmnotice',
            name='alarm',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notices', to='giftcodes.alarm', verbose_name='alarm'),
        ),
        migrations.AddField(
            model_name='channel',
            name='guild',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='channel', to='giftcodes.guild', verbose_name='guild'),
        ),
        migrations.AddIndex(
            model_name='alarmnotice',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['id'], name='notice_waiting'),
        ),
        migrations.AddConstraint(
            model_name='alarmnotice',
            constraint=models.UniqueConstraint(fields=('alarm', 'kind'), name='one_notice_of_a_kind'),
        ),
    ]
