"""The codes of one member, each once, for the page that the player opens."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from giftcodes.domain.served import HAVING
from giftcodes.domain.transitions import State
from giftcodes.models import CodeState, GiftCode, Member, MemberRedemption, RunState
from giftcodes.queries.player_codes import codes_to_come, is_corrected, is_redeemed_for

#: How many codes a page shows. Older ones are left out.
MOST_CODES = 200


@dataclass(frozen=True, slots=True)
class MyCode:
    """A code and what is known about it for the member.

    Args:
        code: the newest issue of the code.
        state: the state of the member redemption. None if there is no such row yet.
        outcome: the last answer of the game, or an empty string.
        cancel_kind: why the member redemption was cancelled, or an empty string.
        asked_realm: the realm of the last request.
        is_corrected: whether the member's realm has been corrected since that request. If so, the
            code is tried again.
        is_over: whether nothing can be done for the code: it has ended, or codes are not redeemed
            for the member now.
        at: when the member got the code, or else when the state last changed.
    """

    code: GiftCode
    state: State | None = None
    outcome: str = ""
    cancel_kind: str = ""
    asked_realm: int | None = None
    is_corrected: bool = False
    is_over: bool = False
    at: dt.datetime | None = None


def codes_of(member: Member) -> list[MyCode]:
    """The member's codes, newest first, in two queries.

    Args:
        member: the member, with the guild.
    """
    rows = (
        MemberRedemption.objects.filter(member=member)
        .exclude(gift_code__state=CodeState.DELETED)
        .select_related("gift_code", "redemption", "covered_by")
        .order_by("-gift_code__first_seen_at", "-gift_code_id")[:MOST_CODES]
    )
    found = [_mine(row, member) for row in rows]
    found += [MyCode(code) for code in codes_to_come([member], {one.code.pk for one in found})]
    # `codes_to_come` also returns active codes whose rows are not among the newest `MOST_CODES`.
    # Such a code is older than all rows that were read, so the limit below leaves it out. It must
    # not be shown as a code without a row.
    found.sort(key=lambda one: (one.code.first_seen_at, one.code.pk), reverse=True)
    newest: dict[str, MyCode] = {}
    for one in found[:MOST_CODES]:
        newest.setdefault(one.code.folded, one)
    return list(newest.values())


def _mine(row: MemberRedemption, member: Member) -> MyCode:
    row.member = member
    is_stopped = row.redemption.state == RunState.STOPPED
    # A covered row is settled by the request of another guild. It shows what that request did.
    proof = row.covered_by or row
    is_served = is_redeemed_for(member)
    return MyCode(
        row.gift_code,
        State(proof.state if State(row.state) in HAVING else row.state),
        row.outcome,
        row.cancel_kind,
        row.asked_realm,
        is_corrected=is_served and not is_stopped and is_corrected(row),
        is_over=row.gift_code.is_over or not is_served,
        at=row.settled_at or row.updated_at,
    )
