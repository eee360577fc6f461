"""Who has which codes, for the guilds that a person may see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from giftcodes.domain.served import Result, Tone
from giftcodes.models import GiftCode, MemberRedemption, Redemption
from giftcodes.queries import scope
from giftcodes.queries.served import CodeServed, served_by_code


def codes_served(codes: Sequence[GiftCode], person: Any) -> dict[int, CodeServed]:
    """What has come of each code in the person's guilds, by its id, in two SQL statements."""
    return served_by_code(
        codes,
        redemptions=scope.visible(Redemption.objects.all(), person),
        member_redemptions=scope.visible(MemberRedemption.objects.all(), person),
    )


def advice_once(
    results: Iterable[Result], *, says_corrections: bool = False, correction: str = ""
) -> list[str]:
    """The advice about each bad result, for a list of codes. The same words are given only once.

    Args:
        results: the results, in the order of the list.
        says_corrections: whether the page says elsewhere which members must be corrected.
        correction: what to say in place of the general advice to correct members, if more is known
            about the guild.
    """
    found: list[str] = []
    for result in results:
        is_said = says_corrections and result.needs_correction
        advice = (result.needs_correction and correction) or result.advice
        words = "" if result.tone is not Tone.BAD or is_said else advice
        found.append("" if words in found else words)
    return found
