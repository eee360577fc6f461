"""What helps with a correction, and what a correction leads to, in words.

Pages and the Discord bot use the same words.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes.domain.lists import joined
from giftcodes.models import Member
from giftcodes.pipeline.catch_up import find_again
from giftcodes.queries.player_codes import places_of_mates


def mates_words(member: Member) -> str:
    """Where the guild-mates are, such as `Guild-mates are in 1043 (38 members).`"""
    parts = [
        ngettext("%(place)d (%(number)d member)", "%(place)d (%(number)d members)", number)
        % {"place": place, "number": number}
        for place, number in places_of_mates(member)
    ]
    return _("Guild-mates are in %s.") % joined(parts) if parts else ""


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
