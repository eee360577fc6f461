"""The channels of Discord in which the bot posts for a guild. People choose them in Discord.

Such a channel is a row like that of a webhook: the page *Channels* shows, changes and deletes it.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from giftcodes.clients.channels import BotChannel
from giftcodes.domain.lists import joined
from giftcodes.models import Channel, DiscordServer, Guild
from giftcodes.models.channel import Tells
from giftcodes.services.channels import (
    clear_alarm_of_threads,
    free_name,
    remove,
    too_many_words,
)
from giftcodes.services.discord_links import (
    Asker,
    DiscordRefused,
    not_linked_words,
    officer_right,
)

#: What an account must be allowed, as on the page of a channel.
CHANGE_CHANNEL = "giftcodes.change_channel"
_MOST_NAME = 50


@dataclass(frozen=True, slots=True)
class Place:
    """A channel or thread of Discord.

    Args:
        channel_id: Discord's number of it.
        name: its name.
        lacks: the permissions that the bot lacks there, in words.
        lacks_for_threads: the permissions that the bot lacks there for threads, in words.
        can_have_threads: whether Discord has threads in such a place.
    """

    channel_id: int
    name: str
    lacks: tuple[str, ...] = ()
    lacks_for_threads: tuple[str, ...] = ()
    can_have_threads: bool = True


@dataclass(frozen=True, slots=True)
class Chosen:
    """A channel that was chosen, and whether it is new."""

    channel: Channel
    is_new: bool


@transaction.atomic
def announce_here(
    guild: Guild,
    asker: Asker,
    place: Place,
    *,
    tells: str,
    role_id: int | None,
    weekly: bool | None = None,
    threads: bool | None = None,
) -> Chosen:
    """Let the bot announce a guild's runs in the place where the asker is.

    If the guild has this channel already, it is changed and switched on.

    Args:
        guild: the guild.
        asker: who chooses: an officer of the guild, or a person who manages the linked server.
        place: where the asker is.
        tells: what the channel is told (`Tells`). If it is empty, a known channel keeps its choice,
            and a new one is told of every run.
        role_id: the role that new messages mention. None keeps it; a new channel has none.
        weekly: whether a summary comes every week. None keeps this; a new channel gets none.
        threads: whether a thread lists those who need something after a run. None keeps this; a new
            channel opens none.

    Raises:
        DiscordRefused: nothing was changed.
    """
    there = _place_of(guild, asker, place)
    if place.lacks:
        raise DiscordRefused(
            _("The bot may not post here yet. Give it these permissions in this channel: %s.")
            % joined(place.lacks)
        )
    if role_id is not None and role_id == asker.server_id:
        raise DiscordRefused(_("@everyone cannot be mentioned. Choose another role."))
    Guild.objects.select_for_update(no_key=True).get(pk=guild.pk)
    channels = list(guild.channels.select_related("guild"))
    found = next((one for one in channels if one.bot_channel == there), None)
    if found is None and (too_many := too_many_words(channels)):
        raise DiscordRefused(too_many)
    channel = found or Channel(
        guild=guild,
        address=there.address,
        name=free_name(place.name[:_MOST_NAME] or "Discord", {one.name for one in channels}),
    )
    channel.is_on = True
    channel.tells = tells or channel.tells or Tells.RUNS
    if role_id is not None:
        channel.role_id = str(role_id)
    if weekly is not None:
        channel.set_weekly(weekly)
    if threads is not None:
        channel.opens_threads = threads
    if channel.opens_threads:
        _check_threads(place)
    changed = ["is_on", "tells", "role_id", "next_summary_at", "opens_threads"]
    channel.save(update_fields=changed if found else None)
    clear_alarm_of_threads(channel)
    return Chosen(channel, found is None)


@transaction.atomic
def announce_no_more(guild: Guild, asker: Asker, place: Place) -> Channel | None:
    """Delete the guild's channel in the place where the asker is, as the page does.

    Returns:
        The channel as it was. None if the bot does not announce there for the guild.

    Raises:
        DiscordRefused: the asker may not decide this.
    """
    there = _place_of(guild, asker, place)
    channels = guild.channels.select_for_update(of=("self",)).select_related("guild")
    found = next((one for one in channels if one.bot_channel == there), None)
    if found is not None:
        remove(found)
    return found


def _check_threads(place: Place) -> None:
    """Check that the bot can open threads in a place.

    Raises:
        DiscordRefused: it cannot.
    """
    if not place.can_have_threads:
        raise DiscordRefused(
            _("There are no threads in a thread or voice channel. Choose False for “threads”.")
        )
    if place.lacks_for_threads:
        words = _(
            "The bot may not open threads here yet. Give it these permissions in this channel, or "
            "choose False for “threads”: %s."
        )
        raise DiscordRefused(words % joined(place.lacks_for_threads))


def _place_of(guild: Guild, asker: Asker, place: Place) -> BotChannel:
    """The place, if the asker may decide for this guild in this server."""
    server_id = asker.server_id
    if (
        server_id is None
        or not DiscordServer.objects.filter(guild=guild, server_id=server_id).exists()
    ):
        raise DiscordRefused(not_linked_words())
    if not asker.manages_server and officer_right(guild.pk, asker, CHANGE_CHANNEL) is None:
        raise DiscordRefused(
            _(
                "Only officers of the guild, and people with the permission “Manage Server”, may "
                "do this."
            )
        )
    return BotChannel(server_id, place.channel_id)
