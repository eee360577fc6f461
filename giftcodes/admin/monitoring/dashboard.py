"""The dashboard: what runs, what comes next, and what needs a person.

Each number links to its rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import JsonResponse
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.codes.proposals import proposals_for
from giftcodes.admin.common import scope
from giftcodes.admin.common.html import (
    list_url,
    model_url,
    page_url,
    result_badge,
    served_bar,
)
from giftcodes.admin.common.live import BUSY_SECONDS, IDLE_SECONDS, answer, parts_of
from giftcodes.admin.common.served import recent_runs
from giftcodes.admin.monitoring.chart import HEIGHT, KINDS, WIDTH, chart
from giftcodes.admin.monitoring.first_steps import first_steps, next_of
from giftcodes.domain.served import Served
from giftcodes.domain.transitions import State
from giftcodes.models import (
    Alarm,
    Attempt,
    Channel,
    CodeState,
    EventKind,
    Feed,
    GiftCode,
    Guild,
    Member,
    MemberRedemption,
    RateBudget,
    Redemption,
    RedemptionEvent,
    RunState,
)
from giftcodes.queries.overview import Rows, overview

if TYPE_CHECKING:
    from django.http import HttpRequest

    from giftcodes.queries.served import RedemptionServed

#: The maximum numbers of runs and alarms that are shown. The others are counted, with a link to
#: their list.
RUNS_SHOWN = 8
ALARMS_SHOWN = 5
RECENT_SHOWN = 5
CHART_SECONDS = 300.0

_PARTS = {
    name: f"admin/giftcodes/dashboard/{name}.html"
    for name in ("steps", "numbers", "running", "alarms", "games", "codes")
}


def may_look(request: HttpRequest) -> bool:
    """Whether a person may see redemptions."""
    return request.user.has_perm("giftcodes.view_redemption")


def add_board(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the dashboard to the index page. Unfold calls this (settings, `DASHBOARD_CALLBACK`)."""
    if not may_look(request):
        return context
    shown = board(request.user)
    again = BUSY_SECONDS if shown["runs"] else IDLE_SECONDS
    # These have form fields. As live parts, they would be replaced while a person types.
    asked = {"no_guild": _has_no_guild(request.user), **proposals_for(request.user)}
    return {**context, **shown, **asked, "parts": _PARTS, "again_in_seconds": again}


def _has_no_guild(person: Any) -> bool:
    own = scope.visible(Guild.objects.all(), person)
    return not scope.sees_all(person) and not own.exists()


def live(request: HttpRequest) -> JsonResponse:
    """Respond with the parts of the dashboard that change."""
    if not may_look(request):
        raise PermissionDenied
    shown = board(request.user)
    return answer(
        parts_of(request, _PARTS, shown),
        again_in_seconds=BUSY_SECONDS if shown["runs"] else IDLE_SECONDS,
    )


def live_chart(request: HttpRequest) -> JsonResponse:
    """Respond with the chart. The page fetches it rarely: counting two weeks of answers is slow."""
    if not may_look(request):
        raise PermissionDenied
    shown = chart(scope.visible(Attempt.objects.all(), request.user))
    context = {"chart": shown, "kinds": KINDS, "width": WIDTH, "height": HEIGHT}
    parts = parts_of(request, {"chart": "admin/giftcodes/dashboard/chart.html"}, context)
    return answer(parts, again_in_seconds=CHART_SECONDS)


def board(person: Any) -> dict[str, Any]:
    """The values that the dashboard shows to a person, in a fixed number of queries."""
    now = overview(
        Rows(
            redemptions=scope.visible(Redemption.objects.all(), person),
            events=scope.visible(RedemptionEvent.objects.all(), person),
            alarms=scope.visible(Alarm.objects.all(), person),
            # The dashboard shows no channels; the list of announcements shows which are paused.
            channels=Channel.objects.none(),
        ),
        most_runs=RUNS_SHOWN,
        most_recent=0,
    )
    runs = [_run(run) for run in now["running"]]
    running = now["redemptions"][RunState.RUNNING.value]
    standing = now["alarms"]
    codes = _codes(scope.visible(GiftCode.objects.all(), person))
    steps = first_steps(person)
    return {
        "is_alive": now["beat"]["is_alive"],
        "last_tick_at": now["beat"]["last_tick_at"],
        "may_start": person.is_superuser,
        "steps": steps,
        "next_step": next_of(steps),
        "runs": runs,
        "recent": [_ended(run) for run in recent_runs(person, most=RECENT_SHOWN)],
        "in_need": _in_need(person),
        "runs_more": max(running - len(runs), 0),
        "runs_url": list_url(Redemption, state__exact=RunState.RUNNING.value),
        "games": _games(now["providers"], person),
        "alarms": standing[:ALARMS_SHOWN],
        "alarms_more": max(len(standing) - ALARMS_SHOWN, 0),
        "alarms_url": list_url(Alarm, standing="yes"),
        "codes": codes,
        "numbers": [
            _number(
                _("running now"), running, list_url(Redemption, state__exact=RunState.RUNNING.value)
            ),
            _number(
                _("waiting"),
                now["redemptions"][RunState.PENDING.value],
                list_url(Redemption, state__exact=RunState.PENDING.value),
            ),
            _number(_("active codes"), codes[0]["number"], codes[0]["url"]),
            _number(
                _("duplicates refused in 24 hours"),
                now["refused_last_24_h"],
                list_url(RedemptionEvent, kind__exact=EventKind.REFUSED.value),
            ),
            _number(
                _("alarms"), len(standing), list_url(Alarm, standing="yes"), is_bad=bool(standing)
            ),
        ],
    }


def _number(title: Any, number: int, url: str, *, is_bad: bool = False) -> dict[str, Any]:
    return {"title": title, "number": number, "url": url, "is_bad": is_bad}


def _run(run: dict[str, Any]) -> dict[str, Any]:
    """A run with its address, its progress and its counts."""
    served = Served.of({State(state): number for state, number in run["by_state"].items()})
    return {
        **run,
        "url": model_url(Redemption, "change", run["id"]),
        "numbers": served,
        "bar": served_bar(served),
    }


def _ended(run: RedemptionServed) -> dict[str, Any]:
    """A run that has ended, with its result."""
    return {
        "code": run.redemption.gift_code,
        "guild": run.redemption.guild,
        "at": run.redemption.unlocked_at,
        "url": page_url(run.redemption),
        "numbers": run.served,
        "badge": result_badge(run.result),
        "bar": served_bar(run.served),
    }


def _in_need(person: Any) -> dict[str, Any]:
    """The number of members who need a correction, and the address of their list."""
    members = scope.visible(Member.objects.all(), person).needing_correction()  # type: ignore[attr-defined]
    return {
        "number": members.count(),
        "url": list_url(MemberRedemption, state__exact=State.NEEDS_CORRECTION.value),
    }


def _games(games: list[dict[str, Any]], person: Any) -> list[dict[str, Any]]:
    """The games that a person may see.

    An officer sees only the games of their own guilds, without the feed and the links, which are
    for operators.
    """
    if scope.sees_all(person):
        return [_game(game) for game in games]
    own = set(scope.visible(Guild.objects.all(), person).values_list("provider", flat=True))
    return [{**game, "feed": None, "is_foreign": True} for game in games if game["name"] in own]


def _game(game: dict[str, Any]) -> dict[str, Any]:
    return {
        **game,
        "url": model_url(RateBudget, "change", game["name"]),
        "feed_url": model_url(Feed, "change", game["name"]),
    }


def _codes(rows: QuerySet[GiftCode]) -> list[dict[str, Any]]:
    found = dict(rows.order_by().values_list("state").annotate(number=Count("pk")))
    return [
        {
            "state": state.value,
            "label": state.label,
            "number": found.get(state.value, 0),
            "url": list_url(GiftCode, state__exact=state.value),
        }
        for state in CodeState
    ]
