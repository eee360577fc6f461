"""The reasons for the state of a code: the answers that caused it, and people's decisions."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from giftcodes.domain.outcomes import ODD_ANSWERS, PROVING
from giftcodes.models import Attempt, GiftCode, RedemptionEvent

if TYPE_CHECKING:
    from django.db.models import QuerySet

#: The number of answers that close a code.
WITNESSES = 2
#: The number of unclear answers that are shown.
ODDITIES = 3
#: An answer and the state that it causes are stored in one transaction, but with times that differ
#: a little. This much is tolerated.
_SLACK = dt.timedelta(seconds=5)


def _answers(code: GiftCode) -> QuerySet[Attempt]:
    rows = Attempt.objects.filter(gift_code=code)
    return rows.select_related("member_redemption__member", "member_redemption__redemption__guild")


def holding_answers(code: GiftCode) -> list[Attempt]:
    """The latest unclear answers that hold the code back.

    The list is empty if the code is not held back.
    """
    if not code.is_held or code.odd_since is None:
        return []
    unclear = _answers(code).filter(
        outcome__in=[outcome.value for outcome in ODD_ANSWERS],
        answered_at__gte=code.odd_since - _SLACK,
    )
    return list(unclear.order_by("-answered_at")[:ODDITIES])


def closing_answers(code: GiftCode) -> list[Attempt]:
    """The latest answers that closed the code. The list is empty if the game did not close it."""
    if not code.closed_outcome or code.closed_at is None:
        return []
    closing = _answers(code).filter(
        outcome=code.closed_outcome, answered_at__lte=code.closed_at + _SLACK
    )
    return list(closing.order_by("-answered_at")[:WITNESSES])


def proving_answers(code: GiftCode) -> list[Attempt]:
    """A list with the first answer that proved the code. It is empty if the code is not proven."""
    if code.proven_at is None:
        return []
    proving = _answers(code).filter(outcome__in=PROVING, answered_at__gte=code.proven_at - _SLACK)
    return list(proving.order_by("answered_at")[:1])


def decisions(code: GiftCode) -> QuerySet[RedemptionEvent]:
    """The events of the code itself, which belong to no redemption, newest first."""
    return RedemptionEvent.objects.filter(gift_code=code, redemption__isnull=True).order_by("-id")
