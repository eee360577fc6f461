"""What a correction of members leads to: how many codes are asked for again, in words."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes.models import Member
from giftcodes.models.game_words import place_word
from giftcodes.pipeline.catch_up import find_again


def refused_words(member: Member, numbers: Iterable[int]) -> str:
    """The advice after several wrong numbers, such as `Unknown in State 1042 and 1043. …`

    Args:
        member: the member, with the guild.
        numbers: the states or kingdoms in which the game does not know the member, at least two.
    """
    words = _("Unknown in %(place)s %(numbers)s. The player ID may be wrong: check it, too.")
    listed = get_text_list([str(number) for number in sorted(numbers)], _("and"))
    return words % {"place": place_word(member.guild.provider), "numbers": listed}


def asked_again_words(members: Iterable[Member]) -> str:
    """How many codes the next catch-up asks for again, such as `8 codes are asked for again.`

    Call this after the change is stored, and before the catch-up runs. The words are empty if no
    code waited for the change.
    """
    found = find_again([member.pk for member in members])
    number = sum(found.values())
    if not number:
        return ""
    if len(found) > 1:
        words = ngettext(
            "%(number)d code is asked for again, for %(members)d members in all.",
            "%(number)d codes are asked for again, for %(members)d members in all.",
            number,
        )
        return words % {"number": number, "members": len(found)}
    return ngettext("%d code is asked for again.", "%d codes are asked for again.", number) % number
