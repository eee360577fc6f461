"""The first page: what runs, what comes next, and what needs a person. Everything leads to the rows behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, QuerySet
from django.http import JsonResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from giftcodes.admin.common import scope
from giftcodes.admin.common.live import BUSY_SECONDS, IDLE_SECONDS, answer, parts_of
from giftcodes.admin.monitoring.chart import HEIGHT, KINDS, WIDTH, chart
from giftcodes.admin.monitoring.first_steps import first_steps, next_of
from giftcodes.domain.transitions import SETTLED, State
from giftcodes.models import (
    Alarm,
    Attempt,
    Channel,
    CodeState,
    EventKind,
    Feed,
    GiftCode,
    Guild,
    RateBudget,
    Redemption,
    RedemptionEvent,
    RunState,
)
from giftcodes.models.member_redemption import STATE_LABELS
from giftcodes.queries.overview import Rows, overview

if TYPE_CHECKING:
    from django.http import HttpRequest

#: More runs and alarms than these are counted and linked, not shown.
RUNS_SHOWN = 8
ALARMS_SHOWN = 5
CHART_SECONDS = 300.0

_PARTS = {
    name: f"admin/giftcodes/dashboard/{name}.html"
    for name in ("steps", "numbers", "running", "alarms", "games", "codes")
}


def may_look(request: HttpRequest) -> bool:
    """Whether somebody may see how the redemptions stand."""
    return request.user.has_perm("giftcodes.view_redemption")


def add_board(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the index shows. Called by the frame (settings, `DASHBOARD_CALLBACK`)."""
    if not may_look(request):
        return context
    shown = board(request.user)
    again = BUSY_SECONDS if shown["runs"] else IDLE_SECONDS
    return {**context, **shown, "parts": _PARTS, "again_in_seconds": again}


def live(request: HttpRequest) -> JsonResponse:
    """The parts of the board that change."""
    if not may_look(request):
        raise PermissionDenied
    shown = board(request.user)
    return answer(
        parts_of(request, _PARTS, shown),
        again_in_seconds=BUSY_SECONDS if shown["runs"] else IDLE_SECONDS,
    )


def live_chart(request: HttpRequest) -> JsonResponse:
    """The chart. It counts every answer of two weeks, and so is fetched after the page, and seldom."""
    if not may_look(request):
        raise PermissionDenied
    shown = chart(scope.visible(Attempt.objects.all(), request.user))
    context = {"chart": shown, "kinds": KINDS, "width": WIDTH, "height": HEIGHT}
    parts = parts_of(request, {"chart": "admin/giftcodes/dashboard/chart.html"}, context)
    return answer(parts, again_in_seconds=CHART_SECONDS)


def board(person: Any) -> dict[str, Any]:
    """Everything that the board shows to somebody, in a fixed number of queries."""
    now = overview(
        Rows(
            redemptions=scope.visible(Redemption.objects.all(), person),
            events=scope.visible(RedemptionEvent.objects.all(), person),
            alarms=scope.visible(Alarm.objects.all(), person),
            # The list of announcements says which channels rest.
            channels=Channel.objects.none(),
        ),
        most_runs=RUNS_SHOWN,
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
        "runs_more": max(running - len(runs), 0),
        "runs_url": _list(Redemption, state__exact=RunState.RUNNING.value),
        "games": _games(now["providers"], person),
        "alarms": standing[:ALARMS_SHOWN],
        "alarms_more": max(len(standing) - ALARMS_SHOWN, 0),
        "alarms_url": _list(Alarm, standing="yes"),
        "codes": codes,
        "numbers": [
            _number(
                _("running now"), running, _list(Redemption, state__exact=RunState.RUNNING.value)
            ),
            _number(
                _("waiting"),
                now["redemptions"][RunState.PENDING.value],
                _list(Redemption, state__exact=RunState.PENDING.value),
            ),
            _number(_("active codes"), codes[0]["number"], codes[0]["url"]),
            _number(
                _("duplicates refused in 24 hours"),
                now["refused_last_24_h"],
                _list(RedemptionEvent, kind__exact=EventKind.REFUSED.value),
            ),
            _number(
                _("alarms"), len(standing), _list(Alarm, standing="yes"), is_bad=bool(standing)
            ),
        ],
    }


def _number(title: Any, number: int, url: str, *, is_bad: bool = False) -> dict[str, Any]:
    return {"title": title, "number": number, "url": url, "is_bad": is_bad}


def _run(run: dict[str, Any]) -> dict[str, Any]:
    """A run with its link, and what its numbers say."""
    tally = {State(state): number for state, number in run["by_state"].items()}
    return {
        **run,
        "url": reverse("admin:giftcodes_redemption_change", args=[run["id"]]),
        "settled": sum(number for state, number in tally.items() if state in SETTLED),
        "percent": 100 * run["done"] // max(run["total"], 1),
        "counts": [(state, STATE_LABELS[state], tally[state]) for state in State if state in tally],
    }


def _games(games: list[dict[str, Any]], person: Any) -> list[dict[str, Any]]:
    """All games; to an officer those of the own guilds, without what is the operator's to mend."""
    if scope.sees_all(person):
        return [_game(game) for game in games]
    own = set(scope.visible(Guild.objects.all(), person).values_list("provider", flat=True))
    return [{**game, "feed": None, "is_foreign": True} for game in games if game["name"] in own]


def _game(game: dict[str, Any]) -> dict[str, Any]:
    return {
        **game,
        "url": reverse("admin:giftcodes_ratebudget_change", args=[game["name"]]),
        "feed_url": reverse("admin:giftcodes_feed_change", args=[game["name"]]),
        "games_url": _list(RateBudget),
        "feeds_url": _list(Feed),
    }


def _codes(rows: QuerySet[GiftCode]) -> list[dict[str, Any]]:
    found = dict(rows.order_by().values_list("state").annotate(number=Count("pk")))
    return [
        {
            "state": state.value,
            "label": state.label,
            "number": found.get(state.value, 0),
            "url": _list(GiftCode, state__exact=state.value),
        }
        for state in CodeState
    ]


def _list(model: type[Model], **filters: str) -> str:
    return reverse(
        f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist", query=filters or None
    )
