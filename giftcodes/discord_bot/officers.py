"""For which guild an officer acts, and the choices of officers.

Officers act only for those of their guilds that are linked to the server in which they are.
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from giftcodes.discord_bot.answers import MOST_CHOICE, MOST_CHOICES, Refused, shortened
from giftcodes.discord_bot.choosing import Choices
from giftcodes.discord_bot.names import safe
from giftcodes.domain.lists import joined
from giftcodes.domain.text import clean_token
from giftcodes.queries.discord import active_codes
from giftcodes.services.discord_links import Asker
from giftcodes.services.discord_officers import (
    SEE_MEMBERS,
    SEE_RUNS,
    Officer,
    officers_of,
)


def officer_of(asker: Asker, chosen: object, *permissions: str) -> Officer:
    """The person as an officer of the guild that they mean. This is checked at each press.

    Args:
        asker: the person.
        chosen: the number of the guild, or its name. Empty if the person means their only guild.
        permissions: what the person must be allowed to do.

    Raises:
        Refused: the person is an officer of no such guild in this server, or of more than one.
    """
    every = found = officers_of(asker, *permissions)
    wanted = str(chosen).strip()
    if wanted:
        by_number = [one for one in found if str(one.guild.pk) == wanted]
        found = by_number or [
            one for one in found if one.guild.name.casefold() == wanted.casefold()
        ]
    # Only a name was typed by a person, who may have mistyped it. A number comes from a button.
    if every and not found and not wanted.isdecimal():
        names = {"typed": safe(wanted), "names": _names(every)}
        words = _(
            "You are no officer of a guild “%(typed)s” here. With the option “guild”, choose one "
            "of these: %(names)s."
        )
        raise Refused(words % names)
    if not found:
        raise Refused(
            _(
                "Only officers of the guild may do this, in a server that is linked to it. If you "
                "are one, link your account with `/iam`, or ask for the role of the officers."
            )
        )
    if len(found) > 1:
        raise Refused(
            _("You are an officer of several guilds here: %s. Choose one with the option “guild”.")
            % _names(found)
        )
    return found[0]


def _names(officers: list[Officer]) -> str:
    return joined(safe(one.guild.name) for one in officers)


def officer_guild_choices(asker: Asker, text: str) -> Choices:
    """The guilds of this server of which the person is an officer, by name."""
    found = [(one.guild.name, str(one.guild.pk)) for one in officers_of(asker, SEE_MEMBERS)]
    return _found(found, text)


def code_choices(asker: Asker, text: str) -> Choices:
    """The active codes of the games of the guilds of which the person is an officer."""
    games = {one.guild.provider for one in officers_of(asker, SEE_RUNS)}
    typed = clean_token(text).casefold()
    return [(code, code) for code in active_codes(games, typed, most=MOST_CHOICES)]


def _found(choices: Choices, text: str) -> Choices:
    wanted = text.strip().casefold()
    found = [one for one in choices if wanted in one[0].casefold()]
    return [(shortened(words, MOST_CHOICE), value) for words, value in found[:MOST_CHOICES]]
