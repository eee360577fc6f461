"""The page of one code: why it is in its state, which answers for which members made it so, and who decided."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from giftcodes.admin.common import scope
from giftcodes.admin.common.html import NOTHING, page_url
from giftcodes.domain.outcomes import ODD_ANSWERS, ODD_WORDS, PROVING
from giftcodes.models import Attempt, GiftCode, RedemptionEvent, Trigger

if TYPE_CHECKING:
    from django.db.models import QuerySet

#: A code is closed by what two members were told.
WITNESSES = 2
#: Unclear answers that are shown.
ODDITIES = 3
EVENTS_SHOWN = 20
#: The answer is written down and the code judged in one transaction, each with a moment of its own.
_SLACK = dt.timedelta(seconds=5)


def context(code: GiftCode, person: Any) -> dict[str, Any]:
    """What the page needs beside the frame's own, in a fixed number of queries."""
    return {
        "code": code,
        "oddities": _shown(_oddities(code), person),
        "closers": _shown(_closers(code), person),
        "provers": _shown(_provers(code), person),
        "events": _events(code),
    }


def _answers(code: GiftCode) -> QuerySet[Attempt]:
    rows = Attempt.objects.filter(gift_code=code)
    return rows.select_related("member_redemption__member", "member_redemption__redemption__guild")


def _oddities(code: GiftCode) -> list[Attempt]:
    """The last answers that hold it back."""
    if not code.is_held or code.odd_since is None:
        return []
    unclear = _answers(code).filter(
        outcome__in=[o.value for o in ODD_ANSWERS], answered_at__gte=code.odd_since - _SLACK
    )
    return list(unclear.order_by("-answered_at")[:ODDITIES])


def _closers(code: GiftCode) -> list[Attempt]:
    """The last answers of the kind that closed it, before it was closed."""
    if not code.closed_outcome or code.closed_at is None:
        return []
    told = _answers(code).filter(
        outcome=code.closed_outcome, answered_at__lte=code.closed_at + _SLACK
    )
    return list(told.order_by("-answered_at")[:WITNESSES])


def _provers(code: GiftCode) -> list[Attempt]:
    """The first answer that granted it."""
    if code.proven_at is None:
        return []
    granted = _answers(code).filter(outcome__in=PROVING, answered_at__gte=code.proven_at - _SLACK)
    return list(granted.order_by("answered_at")[:1])


def _shown(attempts: list[Attempt], person: Any) -> list[dict[str, Any]]:
    """To an officer a member of another guild is nobody."""
    these = Attempt.objects.filter(pk__in=[row.pk for row in attempts])
    own = set(scope.visible(these, person).values_list("pk", flat=True))
    return [
        {
            "at": row.answered_at,
            "words": f"“{row.msg}” ({row.err_code})"
            if row.outcome in ODD_WORDS
            else row.get_outcome_display(),
            "is_own": row.pk in own,
            "url": page_url(row),
            "member": row.member_redemption.member if row.pk in own else None,
            "guild": row.member_redemption.redemption.guild if row.pk in own else None,
        }
        for row in attempts
    ]


def _events(code: GiftCode) -> list[dict[str, Any]]:
    """What was decided about the code itself."""
    rows = RedemptionEvent.objects.filter(gift_code=code, redemption__isnull=True).select_related(
        "user"
    )
    return [
        {
            "kind": row.kind,
            "label": row.get_kind_display(),
            "at": row.at,
            "who": row.user or (Trigger(row.trigger).label if row.trigger else NOTHING),
            "detail": row.detail,
        }
        for row in rows.order_by("-id")[:EVENTS_SHOWN]
    ]
