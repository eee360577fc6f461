"""Which guild or which of their players a person means, and the choices that Discord offers.

A person meets only guilds that are linked to the server in which they are, and only their own
players.
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from giftcodes.discord_bot.answers import MOST_CHOICE, MOST_CHOICES, Refused, shortened
from giftcodes.discord_bot.names import safe
from giftcodes.domain.lists import joined
from giftcodes.models import Guild, PlayerLink
from giftcodes.queries.discord import guilds_of_server, players_of
from giftcodes.services.discord_links import Asker, not_linked_words

#: The words and the value of each choice.
Choices = list[tuple[str, str]]


def guild_of(asker: Asker, chosen: str) -> Guild:
    """The guild that a person means in this server.

    Args:
        asker: the person.
        chosen: the number of the guild from a choice, or its name. Empty for the only guild here.

    Raises:
        Refused: there is no such guild in this server, or there are several.
    """
    guilds = list(guilds_of_server(asker.server_id)) if asker.server_id is not None else []
    meant = _meant(guilds, chosen.strip()) if chosen else guilds
    if not meant:
        raise Refused(not_linked_words())
    if len(meant) > 1:
        names = joined(safe(one.name) for one in guilds)
        raise Refused(
            _("This server has several guilds: %s. Choose one with the option “guild”.") % names
        )
    return meant[0]


def _meant(guilds: list[Guild], chosen: str) -> list[Guild]:
    by_number = [one for one in guilds if str(one.pk) == chosen]
    return by_number or [one for one in guilds if one.name.casefold() == chosen.casefold()]


def guild_choices(asker: Asker, text: str) -> Choices:
    """The guilds of this server whose names contain the text."""
    if asker.server_id is None:
        return []
    guilds = guilds_of_server(asker.server_id)
    return _found([(one.name, str(one.pk)) for one in guilds], text)


def player_choices(asker: Asker, text: str) -> Choices:
    """The person's own players whose names contain the text."""
    return _found([(words_of(one), str(one.pk)) for one in players_of(asker.user_id)], text)


def words_of(link: PlayerLink) -> str:
    """A player and the guild, in one line."""
    who = link.member or getattr(link, "request", None)
    return f"{who} · {link.guild.name}"


def _found(choices: Choices, text: str) -> Choices:
    wanted = text.strip().casefold()
    found = [one for one in choices if wanted in one[0].casefold()]
    return [(shortened(words, MOST_CHOICE), value) for words, value in found[:MOST_CHOICES]]
