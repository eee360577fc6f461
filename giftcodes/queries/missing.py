"""Who does not have the code of a redemption, and why."""

from __future__ import annotations

from typing import NamedTuple

from giftcodes.domain.served import HAVING, Share, share_of
from giftcodes.domain.transitions import State, values
from giftcodes.models import Redemption
from giftcodes.models.game_words import spoken


class Missing(NamedTuple):
    """A member without the code.

    Args:
        share: the share of the redemption to which the member belongs.
        member: the name and the player ID.
        why: the reason in words. Empty if there is none yet.
    """

    share: Share
    member: str
    why: str


def missing_in(redemption: Redemption) -> list[Missing]:
    """The members without the code, in one statement. Those who need a person come first.

    Args:
        redemption: the redemption, with its code.
    """
    code = redemption.gift_code
    rows = redemption.member_redemptions.remaining().exclude(state__in=values(HAVING))
    order = {share: number for number, share in enumerate(_ORDER)}
    found = [
        Missing(
            share_of(State(row.state), code.ending),
            str(row.member),
            spoken(row.reason, code.provider),
        )
        for row in rows.select_related("member").order_by("pk")
    ]
    return sorted(found, key=lambda one: order[one.share])


_ORDER = (Share.NEEDS_YOU, Share.NOT_ELIGIBLE, Share.WAITING, Share.CANNOT)
