"""The answer to a player who asks “which codes did I get?”: a short text to copy and send.

The text speaks to the player. It names no guild and no other person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcodes.domain.lists import joined
from giftcodes.domain.player_reasons import why_ended, why_not_yet
from giftcodes.domain.served import Share
from giftcodes.domain.transitions import State
from giftcodes.models import CancelKind, Member
from giftcodes.models.game_words import place_noun, title_of
from giftcodes.queries.player_codes import Player, PlayerCode, place_of

#: A line of the text names at most this many codes.
MOST_NAMED = 25


def reply_to(player: Player) -> str:
    """The text for the player.

    Args:
        player: the player, with at least one membership.
    """
    member = player.members[0]
    shares: dict[Share, list[PlayerCode]] = {share: [] for share in Share}
    for one in player.codes:
        shares[one.share].append(one)
    paragraphs = [
        _greeting(member),
        _having(shares[Share.HAS], player.served.total),
        *_needing(shares[Share.NEEDS_YOU], player),
        _waiting(shares[Share.WAITING]),
        *_by_reason(shares[Share.NOT_ELIGIBLE], _not_yet),
        *_by_reason(shares[Share.CANNOT], _not_received),
    ]
    return "\n".join(line for line in paragraphs if line)


def _greeting(member: Member) -> str:
    return _("%(name)s, your gift codes in %(game)s (player ID %(id)s), on %(day)s:") % {
        "name": member.nickname or _("Hello"),
        "game": title_of(member.guild.provider),
        "id": member.player_id,
        "day": formats.date_format(timezone.localdate()),
    }


def _having(codes: list[PlayerCode], total: int) -> str:
    if not total:
        return _("There has been no code yet.")
    if not codes:
        return _("You have none of them yet.")
    words = ngettext(
        "You have %(has)d of %(total)d code: %(names)s.",
        "You have %(has)d of %(total)d codes: %(names)s.",
        total,
    )
    return words % {"has": len(codes), "total": total, "names": _names(codes, with_days=True)}


def _needing(codes: list[PlayerCode], player: Player) -> list[str]:
    wrong = [one for one in codes if one.state is State.NEEDS_CORRECTION]
    unclear = [one for one in codes if one.state is not State.NEEDS_CORRECTION]
    lines = []
    if wrong:
        row = wrong[0].row
        member = row.member if row else player.members[0]
        words = _(
            "We need your help: the game does not know your player ID in %(place)s %(number)s. "
            "Please send us your player ID and the number of your %(place)s, as your profile in "
            "the game shows them. Then we try again: %(names)s."
        )
        place = place_noun(member.guild.provider)
        number = place_of(member)
        lines.append(words % {"place": place, "number": number, "names": _names(wrong)})
    if unclear:
        words = _(
            "The game gave no clear answer. Please look into your mail in the game, and tell us "
            "if the reward is missing: %s."
        )
        lines.append(words % _names(unclear))
    return lines


def _waiting(codes: list[PlayerCode]) -> str:
    if not codes:
        return ""
    return _("On the way, so you need not do anything: %s.") % _names(codes)


def _by_reason(codes: list[PlayerCode], words_of: Callable[[PlayerCode], str]) -> Iterable[str]:
    """A line for each reason. The reason of the most recent code comes first."""
    lines: dict[str, list[PlayerCode]] = {}
    for one in codes:
        lines.setdefault(words_of(one), []).append(one)
    return [f"{words}: {_names(of_reason)}." for words, of_reason in lines.items()]


def _not_yet(one: PlayerCode) -> str:
    why = why_not_yet(one.row.outcome) if one.row else ""
    if not why:
        return _("Not for your account yet, tried again every day")
    return _("Not for your account yet (%s), tried again every day") % why


def _not_received(one: PlayerCode) -> str:
    row = one.row
    if not one.exists:
        return _("The game does not know")
    if one.state is State.SAME_TYPE:
        return _("You have another code of the same group")
    if row is not None and row.state == State.CANCELLED and one.code.is_open:
        if row.cancel_kind == CancelKind.STOPPED:
            return _("Not received, because the run was stopped")
        return _("Not received, because you were not in the guild")
    why = why_ended(one.code.closed_outcome, one.code.ended_on)
    return _("Not received (%s)") % why if why else _("Not received, because the code has ended")


def _names(codes: list[PlayerCode], *, with_days: bool = False) -> str:
    names = [_name(one, with_days=with_days) for one in codes[:MOST_NAMED]]
    if rest := len(codes) - len(names):
        names.append(ngettext("and %d more", "and %d more", rest) % rest)
    return joined(names)


def _name(one: PlayerCode, *, with_days: bool) -> str:
    if not with_days or one.at is None:
        return str(one.code)
    return f"{one.code} ({formats.date_format(timezone.localdate(one.at))})"
