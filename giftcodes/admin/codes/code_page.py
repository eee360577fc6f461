"""The page of one code: its state, the answers that caused the state, and people's decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from giftcodes.admin.common import scope
from giftcodes.admin.common.html import page_url
from giftcodes.admin.monitoring.journal import journal_lines
from giftcodes.domain.outcomes import ODD_WORDS
from giftcodes.models import Attempt
from giftcodes.queries.code_evidence import (
    closing_answers,
    decisions,
    holding_answers,
    proving_answers,
)

if TYPE_CHECKING:
    from giftcodes.models import GiftCode

#: The number of decisions that the page shows. The journal has the others.
EVENTS_SHOWN = 20


def context(code: GiftCode, person: Any) -> dict[str, Any]:
    """The context of the page's template, in a fixed number of queries."""
    return {
        "code": code,
        "oddities": _shown(holding_answers(code), person),
        "closers": _shown(closing_answers(code), person),
        "provers": _shown(proving_answers(code), person),
        "events": journal_lines(decisions(code)[:EVENTS_SHOWN]),
    }


def _shown(attempts: list[Attempt], person: Any) -> list[dict[str, Any]]:
    """The answers as the template needs them. Officers do not see members of other guilds."""
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
