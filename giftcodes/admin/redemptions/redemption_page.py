"""The page of one redemption: its progress, its journal, and members who do not have the code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from giftcodes.admin.common import scope
from giftcodes.admin.common.html import (
    list_url,
    page_url,
    result_badge,
    served_bar,
    served_legend,
)
from giftcodes.admin.common.live import BUSY_SECONDS, IDLE_SECONDS, answer, parts_of
from giftcodes.admin.monitoring.journal import journal_lines
from giftcodes.domain.outcomes import meaning
from giftcodes.domain.served import Served
from giftcodes.domain.transitions import PARKED, State
from giftcodes.estimates import formatting as words
from giftcodes.estimates.queue_snapshot import read_outlooks
from giftcodes.models import MemberRedemption, Redemption, RedemptionEvent, RunState
from giftcodes.models.member_redemption import STATE_LABELS
from giftcodes.queries.redemption_progress import WITHOUT_CODE, newest_attempts, without_code

if TYPE_CHECKING:
    from django.http import HttpRequest, JsonResponse

    from giftcodes.models import Attempt

#: The page shows this many journal entries, members, and requests for each member. The linked lists
#: show the rest.
EVENTS_SHOWN = 50
MEMBERS_SHOWN = 50
ATTEMPTS_SHOWN = 3

_PARTS = {
    name: f"admin/giftcodes/redemption/{name}.html" for name in ("state", "members", "journal")
}


def live(request: HttpRequest, redemption_id: int) -> JsonResponse:
    """Respond with the parts of the page that change."""
    if not request.user.has_perm("giftcodes.view_redemption"):
        raise PermissionDenied
    rows = scope.visible(Redemption.objects.select_related("guild", "gift_code"), request.user)
    redemption = get_object_or_404(rows, pk=redemption_id)
    return answer(
        parts_of(request, _PARTS, board(redemption)), again_in_seconds=again_in_seconds(redemption)
    )


def context(redemption: Redemption) -> dict[str, Any]:
    """The context of the page's template."""
    return {**board(redemption), "parts": _PARTS, "again_in_seconds": again_in_seconds(redemption)}


def again_in_seconds(redemption: Redemption) -> float:
    """The seconds until the page polls again. Polling never ends, as a run may be started again."""
    return BUSY_SECONDS if redemption.state == RunState.RUNNING else IDLE_SECONDS


def board(redemption: Redemption) -> dict[str, Any]:
    """The progress of a redemption, in a fixed number of queries."""
    tally = redemption.tally()
    served = Served.of(tally)
    result = redemption.result(served)
    parked = sum(number for state, number in tally.items() if state in PARKED)
    may_retry = redemption.state != RunState.RUNNING and redemption.gift_code.is_open
    return {
        "redemption": redemption,
        "served": served,
        "result": result,
        "result_badge": result_badge(result),
        "bar": served_bar(served),
        "legend": served_legend(),
        "parked": parked if may_retry else 0,
        "counts": _counts(redemption, tally),
        "outlook": _outlook(redemption),
        "members": _members(redemption),
        "members_number": sum(tally.get(state, 0) for state in WITHOUT_CODE),
        "members_url": list_url(MemberRedemption, redemption__id__exact=redemption.pk),
        "events": journal_lines(redemption.events.order_by("-id")[:EVENTS_SHOWN]),
        "journal_url": list_url(RedemptionEvent, redemption__id__exact=redemption.pk),
    }


def _counts(redemption: Redemption, tally: dict[State, int]) -> list[dict[str, Any]]:
    return [
        {
            "state": state,
            "label": label,
            "number": tally[state],
            "url": list_url(
                MemberRedemption, redemption__id__exact=redemption.pk, state__exact=state.value
            ),
        }
        for state, label in STATE_LABELS.items()
        if state in tally
    ]


def _outlook(redemption: Redemption) -> dict[str, Any] | None:
    """The estimated end and the requests until then, or None if there is no estimate."""
    if redemption.state not in (RunState.RUNNING, RunState.PENDING):
        return None
    outlooks = read_outlooks()
    outlook = outlooks.by_redemption.get(redemption.pk)
    if outlook is None:
        return None
    return {
        "words": words.left(outlook),
        "finished_at": outlooks.moment(outlook),
        "requests": outlook.requests,
        "ahead_of_next": outlook.ahead_of_next,
        "ahead_of_last": outlook.ahead_of_last,
    }


def _members(redemption: Redemption) -> list[dict[str, Any]]:
    rows = without_code(redemption)[:MEMBERS_SHOWN]
    attempts = newest_attempts([row.pk for row in rows], most=ATTEMPTS_SHOWN)
    return [
        {
            "row": row,
            "url": page_url(row),
            "member_url": page_url(row.member),
            "label": STATE_LABELS[State(row.state)],
            "needs_correction": row.state == State.NEEDS_CORRECTION,
            "attempts": [_attempt(attempt) for attempt in attempts[row.pk]],
        }
        for row in rows
    ]


def _attempt(row: Attempt) -> dict[str, Any]:
    answer_words = meaning(row.outcome).words if row.outcome else ""
    return {"row": row, "url": page_url(row), "words": answer_words}
