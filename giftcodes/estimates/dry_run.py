"""What a run that a person asks for would do, member by member, and why not. Nothing is changed, nobody is asked."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext

from giftcodes.domain.text import isolated, sentence, visible
from giftcodes.domain.transitions import PARKED, SETTLED, State
from giftcodes.estimates.queue_snapshot import ask
from giftcodes.models import CancelKind
from giftcodes.models.member_redemption import REFUSED_FOR, STATE_LABELS, is_refused_sql

# A twin is the row by which the player has the code in another guild, or is being asked for it there.
_MEMBERS = f"""
SELECT m.player_id, m.nickname, m.active, m.opted_out, share.state, coalesce(share.cancel_kind, ''), share.reason,
       share.covered_by_id IS NOT NULL, twin.state,
       {is_refused_sql("m", "own")},
       twin.guild
FROM giftcodes_member m
JOIN giftcodes_guild own ON own.id = m.guild_id
LEFT JOIN giftcodes_memberredemption share ON share.member_id = m.id AND share.gift_code_id = %(code)s
LEFT JOIN LATERAL (
    SELECT t.state, g.name AS guild
    FROM giftcodes_memberredemption t
    JOIN giftcodes_redemption r ON r.id = t.redemption_id AND r.guild_id <> m.guild_id
    JOIN giftcodes_guild g ON g.id = r.guild_id
    WHERE t.gift_code_id = %(code)s AND t.player_id = m.player_id AND t.covered_by_id IS NULL
      AND t.state IN ('in_flight', 'unconfirmed', 'redeemed', 'already_received', 'same_type')
    LIMIT 1
) twin ON true
WHERE m.guild_id = %(guild)s
ORDER BY m.nickname, m.player_id
"""  # noqa: S608 - constants of this module


@dataclass(frozen=True, slots=True)
class Share:
    """One member's part of a plan.

    Args:
        player_id, nickname: who.
        is_asked: the game would be asked.
        words: why, or why not.
    """

    player_id: str
    nickname: str
    is_asked: bool
    words: str


def plan(*, guild_id: int, gift_code_id: int | None, names_guilds: bool = True) -> list[Share]:
    """What would happen to each member of a guild, those who have left it included. One statement.

    Args:
        guild_id: the guild.
        gift_code_id: the code; None: one that nobody knows yet.
        names_guilds: other guilds may be named, through which a player has the code.
    """
    shares = []
    for *columns, twin_guild in ask(
        _MEMBERS, guild=guild_id, code=gift_code_id, refused_for=REFUSED_FOR
    ):
        # The reason of a covered row names the guild.
        twin_words = gettext("guild %s") % isolated(visible(twin_guild)) if twin_guild else ""
        elsewhere = twin_words if names_guilds else gettext("another guild")
        shares.append(_share(*columns, elsewhere=elsewhere))
    return shares


def _share(
    player_id: str,
    nickname: str,
    active: bool,
    opted_out: bool,
    state: str | None,
    cancel_kind: str,
    reason: str | None,
    is_covered: bool,
    twin_state: str | None,
    is_refused: bool,
    *,
    elsewhere: str,
) -> Share:
    share = State(state) if state else None
    nickname, reason = visible(nickname), sentence(reason or "")

    def not_asked(words: str) -> Share:
        return Share(player_id, nickname, False, words)

    def asked(words: str) -> Share:
        return Share(player_id, nickname, True, words)

    if share in SETTLED:
        if is_covered:
            return not_asked(
                gettext("has the code through %s") % (elsewhere or gettext("another guild"))
            )
        return not_asked(gettext("has the code: %s") % STATE_LABELS[share])
    if share is State.IN_FLIGHT:
        return not_asked(gettext("is being asked for just now"))
    if share is State.UNCONFIRMED:
        return not_asked(
            gettext("is asked for again by itself: an earlier request had no clear answer")
        )
    if opted_out:
        return not_asked(gettext("has opted out"))
    if not active:
        return not_asked(gettext("has left the guild"))
    if twin_state in SETTLED:
        return not_asked(gettext("has the code through %s") % elsewhere)
    if twin_state:
        return not_asked(gettext("is being asked for in %s") % elsewhere)
    if share in PARKED:
        return asked(gettext("once more: %s") % (reason or STATE_LABELS[share]))
    if share is State.CANCELLED:
        return asked(gettext("once more: %s") % (reason or CancelKind(cancel_kind).label))
    if is_refused and share is None:
        return not_asked(
            gettext("waits for correction: the game does not know this player ID in this realm")
        )
    return asked(gettext("waits already") if share else gettext("for the first time"))
