"""The first page: what needs you, what runs, the newest codes, and the pace of the games.

Everything is limited to what a person may see. Each number links to its rows.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import JsonResponse

from giftcodes.admin.codes.proposals import proposals_for
from giftcodes.admin.common import corrected, not_saved
from giftcodes.admin.common.live import BUSY_SECONDS, IDLE_SECONDS, answer, parts_of
from giftcodes.admin.home import chart as chart_page
from giftcodes.admin.home.codes import RecentCodes, recent_codes, states_of_codes
from giftcodes.admin.home.first_steps import first_steps, next_of
from giftcodes.admin.home.games import games_of
from giftcodes.admin.home.needs import needs_of
from giftcodes.admin.home.runs import ended, running
from giftcodes.domain.served import Tone
from giftcodes.models import Alarm, Attempt, Channel, Guild, Redemption, RedemptionEvent, RunState
from giftcodes.queries import scope
from giftcodes.queries.overview import Rows, overview

if TYPE_CHECKING:
    from django.http import HttpRequest

#: The maximum number of runs that are shown. The others are counted, with a link to their list.
RUNS_SHOWN = 8
#: The time between two requests for the parts of the page that take long to count.
SLOW_SECONDS = 300.0
#: After a count, the chart is left unchanged for this many times the duration of the count.
_CHART_REST = 50

_FOLDER = "admin/giftcodes/home"
_PARTS = {
    name: f"{_FOLDER}/{name}.html"
    for name in ("steps", "needs", "running", "ended", "games", "codes")
}
_SLOW_PARTS = {"chart": f"{_FOLDER}/chart.html"}


def may_look(request: HttpRequest) -> bool:
    """Whether a person may see redemptions."""
    return request.user.has_perm("giftcodes.view_redemption")


def add_board(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the dashboard to the index page. Unfold calls this (settings, `DASHBOARD_CALLBACK`).

    With `?count` in the address, the page also shows what takes long to count. Browsers without
    JavaScript need this.
    """
    if not may_look(request):
        return context
    is_counted = "count" in request.GET
    shown = board(request.user, count_all=is_counted)
    shown["outcomes"] = corrected.outcomes(request)
    if is_counted:
        shown.update(_chart_context(request))
    return {
        **context,
        **shown,
        "no_guild": _has_no_guild(request.user),
        "parts": {**_PARTS, **_SLOW_PARTS},
        "is_counted": is_counted,
        "again_in_seconds": _again_in_seconds(shown),
        "wrong": not_saved.take(request),
    }


def live(request: HttpRequest) -> JsonResponse:
    """Respond with the parts of the dashboard that change."""
    if not may_look(request):
        raise PermissionDenied
    shown = board(request.user)
    shown["outcomes"] = corrected.outcomes(request)
    parts = dict(_PARTS)
    if shown["recent"].is_deferred:
        del parts["codes"]  # The page fetches this part from `live_codes`.
    return answer(parts_of(request, parts, shown), again_in_seconds=_again_in_seconds(shown))


def live_codes(request: HttpRequest) -> JsonResponse:
    """Respond with the newest codes, counted in full, because `live` leaves out slow counts."""
    if not may_look(request):
        raise PermissionDenied
    context = _codes_context(request.user, recent_codes(request.user, count_all=True))
    parts = parts_of(request, {"codes": _PARTS["codes"]}, context)
    return answer(parts, again_in_seconds=SLOW_SECONDS)


def live_chart(request: HttpRequest) -> JsonResponse:
    """Respond with the chart. Its last bar is as fresh as the other parts if counting is quick."""
    if not may_look(request):
        raise PermissionDenied
    begun = time.perf_counter()
    context = _chart_context(request)
    took_seconds = time.perf_counter() - begun
    runs = scope.visible(Redemption.objects.filter(state=RunState.RUNNING), request.user)
    seconds = chart_again_in_seconds(took_seconds, is_busy=runs.exists())
    return answer(parts_of(request, _SLOW_PARTS, context), again_in_seconds=seconds)


def chart_again_in_seconds(took_seconds: float, *, is_busy: bool) -> float:
    """The seconds until the page fetches the chart again.

    Args:
        took_seconds: how long the answers took to count. Counting the answers of two weeks
            is slow on a large site, so the pause before the next count is `_CHART_REST` times as
            long, but not longer than `SLOW_SECONDS`.
        is_busy: whether a run is under way.
    """
    least = BUSY_SECONDS if is_busy else IDLE_SECONDS
    return min(max(least, round(took_seconds * _CHART_REST)), SLOW_SECONDS)


def board(person: Any, *, count_all: bool = False) -> dict[str, Any]:
    """The values that the dashboard shows to a person, in a fixed number of queries.

    Args:
        person: the person who looks at it.
        count_all: whether to count the members of the newest codes even if this takes long.
    """
    now = overview(
        Rows(
            redemptions=scope.visible(Redemption.objects.all(), person),
            events=scope.visible(RedemptionEvent.objects.all(), person),
            # Alarms and channels are not read here, because `needs_of` reads them.
            alarms=Alarm.objects.none(),
            channels=Channel.objects.none(),
        ),
        most_runs=RUNS_SHOWN,
        most_recent=0,
    )
    recent = recent_codes(person, count_all=count_all)
    proposals = proposals_for(person)
    games = games_of(now["providers"], person)
    steps = first_steps(person, now["providers"])
    return {
        "steps": steps,
        "next_step": next_of(steps),
        **needs_of(person, beat=now["beat"], games=games, codes=recent.served, proposals=proposals),
        "own_proposals": proposals["own_proposals"],
        **running(now, games, most=RUNS_SHOWN),
        "ends": ended(person),
        "games": games,
        **_codes_context(person, recent),
    }


def _codes_context(person: Any, recent: RecentCodes) -> dict[str, Any]:
    return {"recent": recent, "states": states_of_codes(person)}


def _chart_context(request: HttpRequest) -> dict[str, Any]:
    if scope.sees_all(request.user):
        return chart_page.context(None)
    return chart_page.context(scope.visible(Attempt.objects.all(), request.user))


def _again_in_seconds(shown: dict[str, Any]) -> float:
    is_busy = shown["runs"] or any(one.tone is Tone.BUSY for one in shown["outcomes"])
    return BUSY_SECONDS if is_busy else IDLE_SECONDS


def _has_no_guild(person: Any) -> bool:
    own = scope.visible(Guild.objects.all(), person)
    return not scope.sees_all(person) and not own.exists()
