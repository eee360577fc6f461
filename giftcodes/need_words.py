"""What members or a guild need from a person, in words.

Pages, messages and the Discord bot use the same words.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes.models import Member
from giftcodes.models.game_words import place_noun, place_word
from giftcodes.queries.needs import GuildToCorrect, MemberToCorrect
from giftcodes.queries.player_codes import place_of


def refused_words(member: Member, numbers: Iterable[int]) -> str:
    """The advice after several wrong numbers, such as `Unknown in State 1042 and 1043. …`

    Args:
        member: the member, with the guild.
        numbers: the states or kingdoms in which the game does not know the member, at least two.
    """
    words = _("Unknown in %(place)s %(numbers)s. The player ID may be wrong: check it, too.")
    listed = get_text_list([str(number) for number in sorted(numbers)], _("and"))
    return words % {"place": place_word(member.guild.provider), "numbers": listed}


def guild_advice(one: GuildToCorrect) -> str:
    """What is probably wrong with a guild most of whose members are unknown, and what to do."""
    place, noun = place_word(one.guild.provider), place_noun(one.guild.provider)
    if not one.refused_in:
        words = _(
            "Probably %(place)s %(number)s is wrong for the guild. Correct it, and every code is "
            "tried again at once. If it is right, look at the player IDs."
        )
        return words % {"place": place, "number": one.guild.realm}
    words = _(
        "The game does not know these members in %(place)s %(numbers)s. So the player IDs are "
        "probably wrong: compare a few of them with the profiles in the game. Then make these "
        "members inactive, and paste the list with the right IDs. If the IDs are right, correct "
        "the %(noun)s."
    )
    refused = sorted({one.guild.realm, *one.refused_in})
    numbers = get_text_list([str(number) for number in refused], _("and"))
    return words % {"place": place, "numbers": numbers, "noun": noun}


def need_words(row: MemberToCorrect) -> str:
    """What the game said, and how many codes wait."""
    if row.is_no_player:
        said = _("The game has no player with this ID.")
    elif len(row.refused) > 1:
        said = refused_words(row.member, row.refused)
    else:
        place = place_word(row.member.guild.provider)
        said = _("Unknown in %(place)s %(number)s.") % {
            "place": place,
            "number": place_of(row.member),
        }
    waiting = ngettext("%d code waits.", "%d codes wait.", row.codes) % row.codes
    if not row.codes:
        waiting = _("No code waits now, but the next ones will.")
    return f"{said} {waiting}"
