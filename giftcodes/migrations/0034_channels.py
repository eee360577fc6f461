"""A guild may have several channels. Each message belongs to one of them, and alarms name it."""

from typing import Any

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models
from django.db.migrations.exceptions import IrreversibleError

import giftcodes.domain.validators
from giftcodes import encryption

_BATCH = 500
_CHANNEL_ALARMS = "('channel_gone', 'channel_silent')"

#: The only channel of a guild so far becomes the channel of its messages, so that none is sent
#: again. Messages of guilds without a channel get none.
_OWN_CHANNEL = """
UPDATE giftcodes_announcement a SET channel_id = ch.id
FROM giftcodes_redemption r, giftcodes_channel ch
WHERE r.id = a.redemption_id AND ch.guild_id = r.guild_id
"""
#: An alarm that stands must not have the subject of another one, not even for a moment. So the new
#: subjects are written with a mark, which is then removed.
_SUBJECTS = f"""
DELETE FROM giftcodes_alarm a
WHERE a.kind IN {_CHANNEL_ALARMS} AND a.raised_at IS NULL
  AND NOT EXISTS (SELECT FROM giftcodes_channel ch WHERE ch.{{old}}::text = a.subject);
UPDATE giftcodes_alarm a
SET subject = 'new ' || coalesce(
        (SELECT ch.{{new}}::text FROM giftcodes_channel ch WHERE ch.{{old}}::text = a.subject), '0'),
    cleared_at = CASE
        WHEN EXISTS (SELECT FROM giftcodes_channel ch WHERE ch.{{old}}::text = a.subject)
        THEN a.cleared_at ELSE coalesce(a.cleared_at, clock_timestamp()) END
WHERE a.kind IN {_CHANNEL_ALARMS};
UPDATE giftcodes_alarm SET subject = substr(subject, 5) WHERE subject LIKE 'new %'
"""  # noqa: S608 (the parts are constants)


def forward(apps: Any, schema_editor: Any) -> None:
    """Name the channels, and give each message and alarm its channel."""
    rows = apps.get_model("giftcodes", "Channel").objects.order_by("pk")
    last = 0
    while some := list(rows.filter(pk__gt=last)[:_BATCH]):
        for row in some:
            row.name = "Discord" if _is_discord(row.address) else "Channel"
        rows.model.objects.bulk_update(some, ["name"])
        last = some[-1].pk
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(_OWN_CHANNEL)
        cursor.execute(_SUBJECTS.format(old="guild_id", new="id"))


def back(apps: Any, schema_editor: Any) -> None:
    """Let alarms name the guild again, and delete messages that are not about runs.

    Raises:
        IrreversibleError: a guild has several channels.
    """
    channels = apps.get_model("giftcodes", "Channel").objects
    if channels.values("guild").annotate(number=models.Count("pk")).filter(number__gt=1).exists():
        raise IrreversibleError("A guild has several channels. Delete all but one of each guild.")
    apps.get_model("giftcodes", "Announcement").objects.filter(redemption__isnull=True).delete()
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(_SUBJECTS.format(old="id", new="guild_id"))


def _is_discord(stored: str) -> bool:
    try:
        address = encryption.decrypt(stored) if encryption.is_encrypted(stored) else stored
    except encryption.UnreadableError:
        return True
    return address.strip().startswith(("http", "discord"))


class Migration(migrations.Migration):
    dependencies = [("giftcodes", "0033_self_service")]

    operations = [
        migrations.AlterModelOptions(
            name='channel',
            options={'ordering': ['guild', 'name'], 'verbose_name': 'channel', 'verbose_name_plural': 'channels'},
        ),
        migrations.RemoveConstraint(
            model_name='announcement',
            name='one_announcement_of_a_kind',
        ),
        migrations.AddField(
            model_name='announcement',
            name='alarm',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='announcements', to='giftcodes.alarm', verbose_name='alarm'),
        ),
        migrations.AddField(
            model_name='announcement',
            name='channel',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='announcements', to='giftcodes.channel', verbose_name='channel'),
        ),
        migrations.AddField(
            model_name='channel',
            name='is_on',
            field=models.BooleanField(db_default=True, default=True, editable=False, verbose_name='on'),
        ),
        migrations.AddField(
            model_name='channel',
            name='name',
            field=models.CharField(db_default='Discord', default='Discord', help_text='How you call it, such as “Announcements” or “Officers”.', max_length=60, validators=[giftcodes.domain.validators.validate_one_line], verbose_name='name'),
        ),
        migrations.AddField(
            model_name='channel',
            name='role_id',
            field=models.CharField(blank=True, db_default='', default='', help_text='The ID of a role of your Discord server. Each new message mentions this role, and no one else. Leave it empty to mention no one.', max_length=20, validators=[django.core.validators.RegexValidator('\\A[0-9]{15,20}\\Z', 'The ID of a role is a number of 17 to 20 digits. In Discord, switch the developer mode on (User settings, Advanced), then right-click the role and choose “Copy Role ID”.', code='role')], verbose_name='role to mention'),
        ),
        migrations.AddField(
            model_name='channel',
            name='tells',
            field=models.CharField(choices=[('runs', 'Every run: one message, kept up to date from its start to its end'), ('all', 'Every run, and the alarms of the guild'), ('needed', 'Only when a person is needed: runs that end with members who need you, and alarms')], db_default='runs', default='runs', max_length=10, verbose_name='what it is told'),
        ),
        migrations.AlterField(
            model_name='announcement',
            name='kind',
            field=models.CharField(choices=[('started', 'started'), ('complete', 'complete'), ('raised', 'alarm raised'), ('over', 'alarm over'), ('test', 'test')], max_length=10, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='announcement',
            name='redemption',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='announcements', to='giftcodes.redemption', verbose_name='redemption'),
        ),
        migrations.AlterField(
            model_name='announcement',
            name='run_number',
            field=models.PositiveIntegerField(db_default=0, default=0, verbose_name='run'),
        ),
        migrations.AlterField(
            model_name='channel',
            name='guild',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='channels', to='giftcodes.guild', verbose_name='guild'),
        ),
        migrations.RunPython(forward, back),
        migrations.AddConstraint(
            model_name='announcement',
            constraint=models.UniqueConstraint(fields=('redemption', 'run_number', 'kind', 'channel'), name='one_announcement_of_a_run_in_a_channel'),
        ),
        migrations.AddConstraint(
            model_name='announcement',
            constraint=models.UniqueConstraint(condition=models.Q(('alarm__isnull', False)), fields=('alarm', 'kind', 'channel'), name='one_announcement_of_an_alarm_in_a_channel'),
        ),
        migrations.AddConstraint(
            model_name='announcement',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('alarm__isnull', True), ('kind__in', ['started', 'complete']), ('redemption__isnull', False)), models.Q(('alarm__isnull', False), ('kind__in', ['raised', 'over']), ('redemption__isnull', True)), models.Q(('alarm__isnull', True), ('kind', 'test'), ('redemption__isnull', True)), _connector='OR'), name='announcement_is_about_what_its_kind_says'),
        ),
        migrations.AddConstraint(
            model_name='channel',
            constraint=models.UniqueConstraint(fields=('guild', 'name'), name='one_channel_of_a_name_in_a_guild', violation_error_message='The guild has a channel of this name already. Choose another name.'),
        ),
    ]
