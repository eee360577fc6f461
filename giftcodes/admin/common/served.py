"""Who has which codes, for the guilds that a person may see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from giftcodes.admin.common import scope
from giftcodes.models import GiftCode, MemberRedemption, Redemption
from giftcodes.queries.served import (
    CodeServed,
    RedemptionServed,
    recent_results,
    served_by_code,
)


def codes_served(codes: Sequence[GiftCode], person: Any) -> dict[int, CodeServed]:
    """What has come of each code in the person's guilds, by its id, in two SQL statements."""
    return served_by_code(
        codes,
        redemptions=scope.visible(Redemption.objects.all(), person),
        member_redemptions=scope.visible(MemberRedemption.objects.all(), person),
    )


def recent_runs(person: Any, *, most: int) -> list[RedemptionServed]:
    """The runs of the person's guilds that ended last, newest first, in two SQL statements."""
    return recent_results(scope.visible(Redemption.objects.all(), person), most=most)
