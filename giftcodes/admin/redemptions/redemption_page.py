"""The page of one redemption: how far it is, what happened to it, and who has not got the code and why."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db.models import Case, F, IntegerField, Value, When, Window
from django.db.models.functions import RowNumber
from django.shortcuts import get_object_or_404
from django.urls import reverse

from giftcodes.admin.common import scope
from giftcodes.admin.common.html import NOTHING, page_url
from giftcodes.admin.common.live import BUSY_SECONDS, IDLE_SECONDS, answer, parts_of
from giftcodes.domain.outcomes import meaning
from giftcodes.domain.transitions import OPEN, PARKED, SETTLED, State
from giftcodes.estimates import formatting as words
from giftcodes.estimates.queue_snapshot import read
from giftcodes.models import (
    Attempt,
    MemberRedemption,
    Redemption,
    RedemptionEvent,
    RunState,
    Trigger,
)
from giftcodes.models.member_redemption import STATE_LABELS

if TYPE_CHECKING:
    from django.http import HttpRequest, JsonResponse

#: So much of the journal, so many members, and so many requests of each are shown; the lists have the others.
EVENTS_SHOWN = 50
MEMBERS_SHOWN = 50
ATTEMPTS_SHOWN = 3

#: Who comes first in the list of those who have not got the code: whoever needs a person.
_RANK = {
    State.NEEDS_CORRECTION: 0,
    State.FAILED: 1,
    State.NOT_ELIGIBLE: 2,
    State.UNCONFIRMED: 3,
    State.IN_FLIGHT: 4,
    State.CANCELLED: 5,
}
_PARTS = {
    name: f"admin/giftcodes/redemption/{name}.html" for name in ("state", "members", "journal")
}


def live(request: HttpRequest, redemption_id: int) -> JsonResponse:
    """The parts of the page that change."""
    if not request.user.has_perm("giftcodes.view_redemption"):
        raise PermissionDenied
    rows = scope.visible(Redemption.objects.select_related("guild", "gift_code"), request.user)
    redemption = get_object_or_404(rows, pk=redemption_id)
    return answer(
        parts_of(request, _PARTS, board(redemption)), again_in_seconds=again_in_seconds(redemption)
    )


def context(redemption: Redemption) -> dict[str, Any]:
    """What the page needs beside the frame's own."""
    return {**board(redemption), "parts": _PARTS, "again_in_seconds": again_in_seconds(redemption)}


def again_in_seconds(redemption: Redemption) -> float:
    """How soon it is worth asking again. Somebody may start what is over."""
    return BUSY_SECONDS if redemption.state == RunState.RUNNING else IDLE_SECONDS


def board(redemption: Redemption) -> dict[str, Any]:
    """How it stands, in a fixed number of queries."""
    tally = redemption.tally()
    total = sum(tally.values())
    done = sum(number for state, number in tally.items() if state not in OPEN)
    settled = sum(number for state, number in tally.items() if state in SETTLED)
    parked = sum(number for state, number in tally.items() if state in PARKED)
    return {
        "redemption": redemption,
        "state": "stopping" if redemption.is_stopping else redemption.state,
        "total": total,
        "done": done,
        "settled": settled,
        "parked": parked
        if redemption.state != RunState.RUNNING and redemption.gift_code.is_open
        else 0,
        "counts": _counts(redemption, tally),
        "outlook": _outlook(redemption),
        "members": _members(redemption),
        "members_number": sum(number for state, number in tally.items() if state in _RANK),
        "members_url": _list(MemberRedemption, redemption__id__exact=redemption.pk),
        "events": _events(redemption),
        "journal_url": _list(RedemptionEvent, redemption__id__exact=redemption.pk),
    }


def _counts(redemption: Redemption, tally: dict[State, int]) -> list[dict[str, Any]]:
    return [
        {
            "state": state,
            "label": label,
            "number": tally[state],
            "url": _list(
                MemberRedemption, redemption__id__exact=redemption.pk, state__exact=state.value
            ),
        }
        for state, label in STATE_LABELS.items()
        if state in tally
    ]


def _outlook(redemption: Redemption) -> dict[str, Any] | None:
    """When it is finished, and what comes before; None: nothing is to be expected."""
    if redemption.state not in (RunState.RUNNING, RunState.PENDING):
        return None
    outlooks = read()
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


def _events(redemption: Redemption) -> list[dict[str, Any]]:
    rows = redemption.events.select_related("user").order_by("-id")[:EVENTS_SHOWN]
    return [
        {
            "kind": row.kind,
            "label": row.get_kind_display(),
            "at": row.at,
            "run_number": row.run_number,
            "who": row.user or (Trigger(row.trigger).label if row.trigger else NOTHING),
            "detail": row.detail,
        }
        for row in rows
    ]


def _members(redemption: Redemption) -> list[dict[str, Any]]:
    """Those who have not got the code and do not just wait for their turn, whoever needs a person first."""
    rank = Case(
        *(When(state=state.value, then=Value(place)) for state, place in _RANK.items()),
        output_field=IntegerField(),
    )
    rows = (
        redemption.member_redemptions.filter(state__in=[state.value for state in _RANK])
        .annotate(rank=rank)
        .select_related("member")
        .order_by("rank", "pk")[:MEMBERS_SHOWN]
    )
    attempts = _attempts([row.pk for row in rows])
    return [
        {
            "row": row,
            "url": page_url(row),
            "member_url": page_url(row.member),
            "label": STATE_LABELS[State(row.state)],
            "needs_correction": row.state == State.NEEDS_CORRECTION,
            "attempts": attempts[row.pk],
        }
        for row in rows
    ]


def _attempts(share_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    """The newest requests of each, by the id of the member's share."""
    place = Window(RowNumber(), partition_by="member_redemption_id", order_by=F("id").desc())
    rows = (
        Attempt.objects.filter(member_redemption_id__in=share_ids)
        .annotate(place=place)
        .filter(place__lte=ATTEMPTS_SHOWN)
        .order_by("-id")
    )
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        words = meaning(row.outcome).words if row.outcome else ""
        found[row.member_redemption_id].append({"row": row, "url": page_url(row), "words": words})
    return found


def _list(model: type[Any], **filters: Any) -> str:
    return reverse(
        f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist", query=filters
    )
