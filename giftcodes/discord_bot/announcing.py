"""`/announce`: in which channel of Discord the bot announces the runs of a guild."""

from __future__ import annotations

from django.utils.translation import gettext as _

from giftcodes import tasks
from giftcodes.discord_bot.answers import Answer
from giftcodes.discord_bot.choosing import guild_of
from giftcodes.discord_bot.names import safe
from giftcodes.domain import log_lines
from giftcodes.domain.sentences import Sentence, english
from giftcodes.models import Channel, Guild
from giftcodes.services.channels import queue_test
from giftcodes.services.discord_channels import (
    CHANGE_CHANNEL,
    Place,
    announce_here,
    announce_no_more,
)
from giftcodes.services.discord_links import Asker
from giftcodes.services.discord_officers import as_officer


def here(
    asker: Asker,
    place: Place,
    tells: str,
    role_id: int | None,
    weekly: bool | None,
    threads: bool | None,
    chosen: str,
) -> Answer:
    """Announce a guild's runs in this channel from now on, and send a test."""
    guild = guild_of(asker, chosen)
    done = announce_here(
        guild, asker, place, tells=tells, role_id=role_id, weekly=weekly, threads=threads
    )
    channel = done.channel
    _log(asker, guild, channel, Sentence.of("did_choose_in_discord"))
    words = _(
        "The runs of **%(guild)s** are announced here. This channel gets: “%(tells)s”. The guild's "
        "page “Channels” shows whether messages arrive."
    )
    if not done.is_new:
        words = _("Changed. For **%(guild)s**, this channel gets: “%(tells)s”.")
    if queue_test(channel.pk).is_queued:
        tasks.enqueue_on_commit(tasks.announce)
        more = _("A test arrives in a few seconds.")
        words = f"{words} {more}"
    if channel.weekly:
        more = _("Every Sunday a summary of the week comes.")
        words = f"{words} {more}"
    if channel.opens_threads:
        more = _("If members need you after a run, a thread below its message lists them.")
        words = f"{words} {more}"
    return Answer(words % {"guild": safe(guild.name), "tells": channel.get_tells_display()})


def no_more(asker: Asker, place: Place, chosen: str) -> Answer:
    """Announce nothing of a guild in this channel any more."""
    guild = guild_of(asker, chosen)
    channel = announce_no_more(guild, asker, place)
    if channel is None:
        return Answer(_("The bot announces nothing of **%s** here.") % safe(guild.name))
    _log(asker, guild, guild, Sentence.of("did_delete_in_discord", name=channel.name))
    return Answer(_("Nothing of **%s** is announced here any more.") % safe(guild.name))


def _log(asker: Asker, guild: Guild, row: Channel | Guild, done: Sentence) -> None:
    """Record a change: in the list of changes if the person has an account, and in the log."""
    if officer := as_officer(asker, guild, CHANGE_CHANNEL):
        officer.log([row], done)
    else:
        log_lines.info(f"🤖 {english(done)}", guild=guild.name, discord_user=asker.user_id)
