"""The page of one redemption: its progress, its journal, and members who do not have the code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy

from giftcodes.admin.common.html import (
    list_url,
    page_url,
    player_url,
    result_badge,
    served_bar,
    served_legend,
)
from giftcodes.admin.common.live import BUSY_SECONDS, IDLE_SECONDS, answer, parts_of
from giftcodes.admin.common.standing import reason_now, state_badge
from giftcodes.admin.home.corrections import advice_for_guild
from giftcodes.admin.monitoring.journal import journal_lines
from giftcodes.domain.outcomes import meaning
from giftcodes.domain.transitions import SETTLED, State
from giftcodes.estimates import formatting as words
from giftcodes.estimates.queue_snapshot import read_outlooks
from giftcodes.models import MemberRedemption, Redemption, RedemptionEvent, RunState
from giftcodes.models.game_words import place_word
from giftcodes.models.member_redemption import STATE_LABELS
from giftcodes.models.start_rules import Obstacle, code_obstacle, guild_obstacle
from giftcodes.queries import scope
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
    name: f"admin/giftcodes/redemption/{name}.html"
    for name in ("run_buttons", "state", "members", "journal")
}
#: The actions of `RedemptionAdmin` that are buttons here, with their labels.
REDEEM_NOW = ("redeem_now", gettext_lazy("Redeem now"))
RETRY = ("retry", gettext_lazy("Retry unsettled"))
STOP = ("stop", gettext_lazy("Stop"))
RESUME = ("resume", gettext_lazy("Resume"))


def live(request: HttpRequest, redemption_id: int) -> JsonResponse:
    """Respond with the parts of the page that change."""
    if not request.user.has_perm("giftcodes.view_redemption"):
        raise PermissionDenied
    rows = scope.visible(Redemption.objects.select_related("guild", "gift_code"), request.user)
    redemption = get_object_or_404(rows, pk=redemption_id)
    return answer(
        parts_of(request, _PARTS, board(redemption, request.user)),
        again_in_seconds=again_in_seconds(redemption),
    )


def context(redemption: Redemption, person: Any) -> dict[str, Any]:
    """The context of the page's template."""
    return {
        **board(redemption, person),
        "parts": _PARTS,
        "again_in_seconds": again_in_seconds(redemption),
        "runs_url": list_url(Redemption),
        "back": page_url(redemption),
    }


def again_in_seconds(redemption: Redemption) -> float:
    """The seconds until the page polls again. It never stops: a run can be started again."""
    return BUSY_SECONDS if redemption.state == RunState.RUNNING else IDLE_SECONDS


def board(redemption: Redemption, person: Any) -> dict[str, Any]:
    """The progress of a redemption, and the buttons that apply now, in a fixed number of queries.

    Args:
        redemption: the row, with its guild and its code.
        person: the person who looks at the page.
    """
    tally = redemption.tally()
    served = redemption.shares_of(tally)
    result = redemption.result(served)
    unsettled = sum(number for state, number in tally.items() if state not in SETTLED)
    obstacle = guild_obstacle(redemption.guild) or code_obstacle(redemption.gift_code)
    may_press = person.has_perm("giftcodes.change_redemption")
    newest = redemption.gift_code.newer_issues().first()
    advice = "" if newest else result.advice
    if result.needs_correction:
        advice = advice_for_guild(redemption.guild, person) or advice
    return {
        "redemption": redemption,
        "served": served,
        "result": result,
        "advice": advice,
        "result_badge": result_badge(result),
        "bar": served_bar(served),
        "legend": served_legend(),
        "unsettled": unsettled,
        "actions": actions_of(redemption, unsettled, obstacle) if may_press else [],
        "obstacle": obstacle if redemption.state != RunState.RUNNING and unsettled else None,
        "takes_new_members": obstacle is None and redemption.guild.automatic,
        "place": place_word(redemption.gift_code.provider),
        "code_url": page_url(redemption.gift_code),
        "newest": newest,
        "newest_url": page_url(newest) if newest else "",
        "counts": _counts(redemption, tally),
        "outlook": _outlook(redemption, person),
        "members": _members(redemption),
        "members_number": sum(tally.get(state, 0) for state in WITHOUT_CODE),
        "members_url": list_url(MemberRedemption, redemption__id__exact=redemption.pk),
        "events": journal_lines(redemption.events.order_by("-id")[:EVENTS_SHOWN], person),
        "journal_url": list_url(RedemptionEvent, redemption__id__exact=redemption.pk),
    }


def actions_of(
    redemption: Redemption, unsettled: int, obstacle: Obstacle | None
) -> list[tuple[str, Any]]:
    """The actions that do something in this state, with the labels of their buttons.

    The server answers every action in every state, because the state may change before a button is
    pressed.

    Args:
        redemption: the row.
        unsettled: the number of members who may still get the code.
        obstacle: why no run may start now, or None.
    """
    if redemption.state == RunState.RUNNING:
        return [RESUME] if redemption.is_stopping else [STOP]
    if redemption.state == RunState.PENDING:
        return [STOP] if obstacle else [REDEEM_NOW, STOP]
    if obstacle or (redemption.state == RunState.COMPLETE and not unsettled):
        return []
    return [RESUME] if redemption.state == RunState.STOPPED else [RETRY]


def _counts(redemption: Redemption, tally: dict[State, int]) -> list[dict[str, Any]]:
    return [
        {
            "state": state,
            "label": label,
            "number": tally[state],
            "url": list_url(
                MemberRedemption,
                redemption__id__exact=redemption.pk,
                state__exact=state.value,
                member__active__exact=1,
                member__opted_out__exact=0,
            ),
        }
        for state, label in STATE_LABELS.items()
        if state in tally
    ]


def _outlook(redemption: Redemption, person: Any) -> dict[str, Any] | None:
    """The estimated end and the requests until then, or None if there is no estimate.

    Officers do not see the requests of other runs, because most of them belong to other guilds.
    """
    if redemption.state not in (RunState.RUNNING, RunState.PENDING):
        return None
    outlooks = read_outlooks()
    outlook = outlooks.by_redemption.get(redemption.pk)
    if outlook is None:
        return None
    return {
        # The reason why an end is unknown may be a sentence. The template adds the full stop.
        "words": words.left(outlook).removesuffix("."),
        "finished_at": outlooks.moment(outlook),
        "requests": outlook.requests,
        "tells_others": scope.sees_all(person),
        "ahead_of_next": outlook.ahead_of_next,
        "ahead_of_last": outlook.ahead_of_last,
    }


def _members(redemption: Redemption) -> list[dict[str, Any]]:
    rows = without_code(redemption)[:MEMBERS_SHOWN]
    attempts = newest_attempts([row.pk for row in rows], most=ATTEMPTS_SHOWN)
    code = redemption.gift_code
    return [
        {
            "row": row,
            "url": page_url(row),
            "player_url": player_url(row.member_id),
            "badge": state_badge(State(row.state), code),
            "reason": reason_now(row.reason, State(row.state), code),
            "needs_correction": row.state == State.NEEDS_CORRECTION and not code.is_over,
            "attempts": [_attempt(attempt) for attempt in attempts[row.pk]],
        }
        for row in rows
    ]


def _attempt(row: Attempt) -> dict[str, Any]:
    answer_words = meaning(row.outcome).words if row.outcome else ""
    return {"row": row, "url": page_url(row), "words": answer_words}
