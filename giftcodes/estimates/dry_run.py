"""What a run would do, member by member, and why. Nothing is changed, and no request is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from django.utils.translation import gettext

from giftcodes.domain.sentences import read
from giftcodes.domain.served import HAVING
from giftcodes.domain.text import isolated, visible
from giftcodes.domain.transitions import HOLDING, PARKED, SETTLED, State, values
from giftcodes.models import CancelKind, MemberRedemption
from giftcodes.models.member_redemption import REFUSED_FOR, STATE_LABELS, is_refused_sql
from giftcodes.sql import fetch_as

# `elsewhere` is a member redemption of the player in another guild. Either the player has the code
# through it, or its request for the code is under way.
_MEMBERS = f"""
SELECT m.player_id, m.nickname, m.active, m.opted_out, own.state, coalesce(own.cancel_kind, ''),
       coalesce(own.reason, ''), own.covered_by_id IS NOT NULL, elsewhere.state, elsewhere.guild,
       {is_refused_sql("m", "g")}, coalesce(own.id = ANY(%(kept)s), false)
FROM giftcodes_member m
JOIN giftcodes_guild g ON g.id = m.guild_id
LEFT JOIN giftcodes_memberredemption own
       ON own.member_id = m.id AND own.gift_code_id = %(code)s
LEFT JOIN LATERAL (
    SELECT other.state, og.name AS guild
    FROM giftcodes_memberredemption other
    JOIN giftcodes_redemption r ON r.id = other.redemption_id AND r.guild_id <> m.guild_id
    JOIN giftcodes_guild og ON og.id = r.guild_id
    WHERE other.gift_code_id = %(code)s AND other.player_id = m.player_id
      AND other.covered_by_id IS NULL AND other.state = ANY(%(holding)s)
    LIMIT 1
) elsewhere ON true
WHERE m.guild_id = %(guild)s
ORDER BY m.nickname, m.player_id
"""  # noqa: S608 - constants


class _MemberRow(NamedTuple):
    player_id: str
    nickname: str
    active: bool
    opted_out: bool
    state: str | None
    cancel_kind: str
    reason: str
    is_covered: bool
    state_elsewhere: str | None
    guild_elsewhere: str | None
    is_refused: bool
    is_kept: bool


@dataclass(frozen=True, slots=True)
class PlannedMember:
    """One member's part of a plan. `redeem --dry-run --json` prints these fields.

    Args:
        player_id, nickname: the member's player ID and nickname.
        is_asked: whether a request would be sent.
        words: the reason why a request would be sent, or would not be sent.
    """

    player_id: str
    nickname: str
    is_asked: bool
    words: str


def plan(
    *,
    guild_id: int,
    gift_code_id: int | None,
    names_guilds: bool = True,
) -> list[PlannedMember]:
    """Return what would happen for each member of a guild, including those who have left.

    This takes one statement, and one more for an officer.

    Args:
        guild_id: the guild.
        gift_code_id: the code. None if it is not stored yet.
        names_guilds: whether the words may say that a player has the code through another guild,
            and name that guild. False stands for a run that an officer starts: it reopens fewer
            rows than an administrator's run, and the plan does not consider requests under way in
            other guilds.
    """
    own = MemberRedemption.objects.filter(redemption__guild=guild_id, gift_code=gift_code_id)
    rows = fetch_as(
        _MemberRow,
        _MEMBERS,
        guild=guild_id,
        code=gift_code_id,
        holding=values(HOLDING if names_guilds else SETTLED),
        refused_for=REFUSED_FOR,
        kept=[] if names_guilds else list(own.kept_from_officers().values_list("pk", flat=True)),
    )
    return [_planned(row, names_guilds=names_guilds) for row in rows]


def _planned(row: _MemberRow, *, names_guilds: bool) -> PlannedMember:
    elsewhere = isolated(visible(row.guild_elsewhere or "")) if names_guilds else ""
    is_asked, words = _decide(row, elsewhere=elsewhere)
    return PlannedMember(row.player_id, visible(row.nickname), is_asked, words)


def _has_code(elsewhere: str) -> str:
    if elsewhere:
        return gettext("has the code through guild %s") % elsewhere
    return gettext("has the code already")


def _waits_for_correction() -> str:
    return gettext("waits for correction: the game does not know this player ID in this realm")


def _decide(row: _MemberRow, *, elsewhere: str) -> tuple[bool, str]:
    """Return whether a request would be sent, and why.

    Args:
        row: the member.
        elsewhere: the name of another guild through which the player has the code, or in which a
            request for it is under way. It is empty if there is no such guild, or if the reader may
            not learn that the player is in another guild.
    """
    state = State(row.state) if row.state else None
    reason = read(row.reason)
    if state in SETTLED:
        if row.is_covered:
            return False, _has_code(elsewhere)
        words = gettext("has the code: %s") if state in HAVING else gettext("cannot have it: %s")
        return False, words % STATE_LABELS[state]
    if state is State.IN_FLIGHT:
        return False, gettext("has a request under way")
    if state is State.UNCONFIRMED:
        return False, gettext("is retried automatically: an earlier request had no clear answer")
    if row.opted_out:
        return False, gettext("has opted out")
    if not row.active:
        return False, gettext("has left the guild")
    if row.state_elsewhere in SETTLED:
        return False, _has_code(elsewhere)
    if row.state_elsewhere:
        return False, gettext("has a request under way in guild %s") % elsewhere
    if row.is_kept and state is not None:
        if state is State.NEEDS_CORRECTION:
            return False, _waits_for_correction()
        words = gettext("had enough requests in the last 24 hours: %s")
        return False, words % (reason or STATE_LABELS[state])
    if state in PARKED:
        return True, gettext("once more: %s") % (reason or STATE_LABELS[state])
    if state is State.CANCELLED:
        return True, gettext("once more: %s") % (reason or CancelKind(row.cancel_kind).label)
    if row.is_refused and state is None:
        return False, _waits_for_correction()
    return True, gettext("waits already") if state else gettext("for the first time")
