"""The state of the system as plain values, for `status`, `status --json` and the dashboard.

The keys are an interface: new ones may be added, but none renamed.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, QuerySet

from giftcodes.clients.games.config import ProviderConfig
from giftcodes.domain.served import Result, Served
from giftcodes.domain.transitions import OPEN, State
from giftcodes.estimates import formatting
from giftcodes.estimates.forecast import Outlook
from giftcodes.estimates.queue_snapshot import Outlooks, read_outlooks
from giftcodes.models import (
    Alarm,
    Channel,
    EventKind,
    Feed,
    RateBudget,
    Redemption,
    RedemptionEvent,
    RunState,
    database_now,
)
from giftcodes.models.games import games
from giftcodes.models.rate_budget import UNLIMITED, USUAL_WINDOW_SECONDS
from giftcodes.queries.connections import Connection, connection_at, connections_at
from giftcodes.queries.heartbeat import is_beating, last_tick_at
from giftcodes.queries.redemption_progress import tallies
from giftcodes.queries.served import RedemptionServed, recent_results

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that are counted and shown: all, or those that a person may see."""

    redemptions: QuerySet[Redemption] = field(default_factory=Redemption.objects.all)
    events: QuerySet[RedemptionEvent] = field(default_factory=RedemptionEvent.objects.all)
    alarms: QuerySet[Alarm] = field(default_factory=Alarm.objects.all)
    channels: QuerySet[Channel] = field(default_factory=Channel.objects.all)


def overview(
    rows: Rows | None = None, *, most_runs: int | None = None, most_recent: int = 10
) -> dict[str, Any]:
    """The state of the system. Times are ISO 8601 in UTC, or None.

    Args:
        rows: the rows to count and show. None means all rows. Games and beat are the same for every
            person.
        most_runs: the maximum number of runs to show. None shows all runs.
        most_recent: the maximum number of ended runs to show.
    """
    rows = rows or Rows()
    now = database_now()
    outlooks = read_outlooks()
    # Each takes one statement, however many games there are.
    budgets, feeds = RateBudget.objects.in_bulk(), list(Feed.objects.all())
    states = Counter(dict(rows.redemptions.order_by().values_list("state").annotate(Count("pk"))))
    return {
        "at": _iso(now),
        "beat": _beat(now),
        "providers": [
            _provider(one, budgets.get(one.config.name), feeds, now) | _queue(one.config, outlooks)
            for one in connections_at(now, budgets)
        ],
        "redemptions": {state.value: states[state.value] for state in RunState},
        "running": _running(rows, outlooks, most_runs),
        "recent": [_ended(run) for run in recent_results(rows.redemptions, most=most_recent)],
        "alarms": _alarms(rows),
        "channels_that_rest": _resting(rows, now),
        "refused_last_24_h": rows.events.filter(kind=EventKind.REFUSED, at__gte=now - _DAY).count(),
    }


def _beat(now: dt.datetime) -> dict[str, Any]:
    at = last_tick_at()
    age = None if at is None else (now - at).total_seconds()
    return {
        "is_alive": is_beating(age),
        "last_tick_at": _iso(at),
        "age_seconds": None if age is None else round(age, 1),
    }


def _provider(
    connection: Connection, budget: RateBudget | None, feeds: Iterable[Feed], now: dt.datetime
) -> dict[str, Any]:
    config = connection.config
    budget = budget or RateBudget(provider=config.name)
    own = [feed for feed in feeds if feed.provider == config.name]
    main = next((feed for feed in own if feed.is_main), Feed(provider=config.name))
    return {
        "name": config.name,
        "title": config.title,
        "is_on": config.is_on,
        "connection": {"state": connection.state.value, "reason": connection.reason},
        "pause": _pause(budget),
        "budget": _budget(budget, config, now),
        "feed": _feed(main) if config.has_feed else None,
        "added_feeds": [_added_feed(feed) for feed in own if not feed.is_main and config.is_on],
    }


def _pause(budget: RateBudget) -> dict[str, Any] | None:
    if not budget.pause_kind:
        return None
    return {
        "kind": budget.pause_kind,
        "reason": budget.pause_reason,
        "until": _iso(budget.paused_until),
    }


def _budget(budget: RateBudget, config: ProviderConfig, now: dt.datetime) -> dict[str, Any]:
    """The window of a game, `seconds` long.

    After its end, `used` is 0. Without a limit, `limit` is None.
    """
    limit = budget.limit(config.rate)
    is_over = budget.window_ends_at is not None and budget.window_ends_at <= now
    return {
        "used": 0 if is_over else budget.used,
        "limit": None if limit == UNLIMITED else limit,
        "seconds": config.rate.seconds if config.rate else USUAL_WINDOW_SECONDS,
        "window_ends_at": None if is_over else _iso(budget.window_ends_at),
    }


def _feed(feed: Feed) -> dict[str, Any]:
    return {
        "id": feed.pk,
        "is_polled": feed.enabled,
        "answered_at": _iso(feed.answered_at),
        "next_poll_at": _iso(feed.next_poll_at),
        "failures": feed.failures,
        "error": feed.error,
        "listed": feed.listed,
        "skipped": feed.skipped,
        "is_trusted": feed.is_trusted,
    }


def _added_feed(feed: Feed) -> dict[str, Any]:
    """A feed that a person has added. A webhook has no next poll."""
    values = {"name": feed.name, "kind": feed.kind, **_feed(feed)}
    if feed.is_pushed:
        values["next_poll_at"] = None
    return values


def _running(rows: Rows, outlooks: Outlooks, most: int | None) -> list[dict[str, Any]]:
    """The runs in progress. Those that began first come first."""
    running = rows.redemptions.filter(state=RunState.RUNNING).select_related("guild", "gift_code")
    shown = list(running.order_by("locked_at", "pk")[:most])
    counted = tallies(shown)
    return [
        _run(redemption, counted[redemption.pk]) | _outlook(outlooks, redemption.pk)
        for redemption in shown
    ]


def _ended(run: RedemptionServed) -> dict[str, Any]:
    """A run that has ended, with its result."""
    redemption = run.redemption
    return {
        "id": redemption.pk,
        "guild": redemption.guild.name,
        "provider": redemption.guild.provider,
        "code": redemption.gift_code.code,
        "issue": redemption.gift_code.issue,
        "ended_at": _iso(redemption.unlocked_at),
        **_served(run.served, run.result),
    }


def _served(served: Served, result: Result) -> dict[str, Any]:
    words = {"words": served.all_words, "rest": served.rest}
    return {
        "served": {**dataclasses.asdict(served), "total": served.total, **words},
        "result": {
            "kind": result.kind.value,
            "tone": result.tone.value,
            "words": result.words,
            "advice": result.advice,
        },
    }


def _run(redemption: Redemption, tally: dict[State, int]) -> dict[str, Any]:
    served = redemption.shares_of(tally)
    return {
        "id": redemption.pk,
        "guild": redemption.guild.name,
        "provider": redemption.guild.provider,
        "code": redemption.gift_code.code,
        "issue": redemption.gift_code.issue,
        "run_number": redemption.run_number,
        "trigger": redemption.trigger,
        "is_stopping": redemption.is_stopping,
        "locked_at": _iso(redemption.locked_at),
        "done": sum(number for state, number in tally.items() if state not in OPEN),
        "total": sum(tally.values()),
        "by_state": {state.value: tally[state] for state in sorted(tally)},
        **_served(served, redemption.result(served)),
    }


def _outlook(outlooks: Outlooks, redemption_id: int) -> dict[str, Any]:
    """The outlook of a run, or None if the run began after the queue was read."""
    outlook = outlooks.by_redemption.get(redemption_id)
    return {"outlook": outlook and _as_values(outlook, outlooks)}


def _queue(config: ProviderConfig, outlooks: Outlooks) -> dict[str, Any]:
    """The queue of a game. The keys `ahead_…` are left out: nothing is ahead of a whole queue."""
    queue = _as_values(outlooks.by_provider[config.name], outlooks)
    del queue["ahead_of_next"], queue["ahead_of_last"]
    return {"queue": {"redemptions": outlooks.runs[config.name], **queue}}


def _as_values(outlook: Outlook, outlooks: Outlooks) -> dict[str, Any]:
    """An outlook as plain values. If it is unknown, both times are None, and the words say why."""
    return {
        "requests": outlook.requests,
        "ahead_of_next": outlook.ahead_of_next,
        "ahead_of_last": outlook.ahead_of_last,
        "seconds": None if outlook.seconds is None else round(outlook.seconds),
        "finished_at": _iso(outlooks.moment(outlook)),
        "words": formatting.left(outlook),
    }


def _alarms(rows: Rows) -> list[dict[str, Any]]:
    return [
        {
            "kind": alarm.kind,
            "subject": alarm.subject,
            "message": alarm.message,
            "raised_at": _iso(alarm.raised_at),
        }
        for alarm in rows.alarms.filter(raised_at__isnull=False, cleared_at__isnull=True)
    ]


def _resting(rows: Rows, now: dt.datetime) -> list[dict[str, Any]]:
    """Channels to which nothing is sent for now, because they refused a message."""
    resting = rows.channels.filter(
        is_on=True, refused_since__isnull=False, not_before__gt=now
    ).select_related("guild")
    return [
        {
            "guild": channel.guild.name,
            "channel": channel.name,
            "refuses_since": _iso(channel.refused_since),
            "rests_until": _iso(channel.not_before),
            "error": channel.error,
        }
        for channel in resting.order_by("guild__name", "name")
    ]


def _iso(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(dt.UTC).isoformat(timespec="seconds")


def game_now(provider: str, outlooks: Outlooks) -> dict[str, Any] | None:
    """The state of one game, as in `overview`. None if it is no longer in the settings."""
    config = games().get(provider)
    if config is None:
        return None
    budget = RateBudget.objects.filter(pk=provider).first()
    feeds = Feed.objects.filter(provider=provider)
    connection = connection_at(config, outlooks.at, budget)
    return _provider(connection, budget, feeds, outlooks.at) | _queue(config, outlooks)
