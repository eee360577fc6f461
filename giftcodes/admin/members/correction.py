"""The words around a correction: where guild-mates are, and how many codes are asked for again."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes.models import Member
from giftcodes.models.game_words import place_word
from giftcodes.pipeline.catch_up import find_again
from giftcodes.queries.player_codes import places_of_mates


def refused_words(member: Member, numbers: Iterable[int]) -> str:
    """The advice after several wrong numbers, such as `Unknown in State 1042 and 1043. …`

    Args:
        member: the member, with the guild.
        numbers: the states or kingdoms in which the game does not know the member, at least two.
    """
    words = _("Unknown in %(place)s %(numbers)s. The player ID may be wrong: check it, too.")
    listed = get_text_list([str(number) for number in sorted(numbers)], _("and"))
    return words % {"place": place_word(member.guild.provider), "numbers": listed}


def mates_words(member: Member) -> str:
    """Where the guild-mates are, such as `Guild-mates are in 1043 (38 members).`"""
    parts = [
        ngettext("%(place)d (%(number)d member)", "%(place)d (%(number)d members)", number)
        % {"place": place, "number": number}
        for place, number in places_of_mates(member)
    ]
    return _("Guild-mates are in %s.") % ", ".join(parts) if parts else ""


def asked_again_words(members: Iterable[Member]) -> str:
    """How many codes the next catch-up asks for again, and for how many members.

    For one member, the words are such as `8 codes are asked for again.` For several, they are such
    as `8 codes are asked for again for 39 members.` Each code counts once.

    Call this after the change is stored, and before the catch-up runs. The words are empty if no
    code waited for the change.
    """
    again = find_again([member.pk for member in members])
    number = again.codes
    if not number:
        return ""
    if again.members > 1:
        words = ngettext(
            "%(number)d code is asked for again for %(members)d members.",
            "%(number)d codes are asked for again for %(members)d members.",
            number,
        )
        return words % {"number": number, "members": again.members}
    return ngettext("%d code is asked for again.", "%d codes are asked for again.", number) % number
