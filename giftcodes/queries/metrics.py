"""What /metrics shows: the state of the system as numbers, read from the database at each request.

Each statement reads an index, a few rows, or figures that are kept (`KeptFigure`), so that a
request costs little, however many rows there are. The labels name games, states and kinds, and
never a guild or a player: programs that watch the system keep their labels for ever.

docs/reference/metrics.md is generated from `METRICS`. The names are an interface: new ones may be
added, but none renamed.
"""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from django.db.models import Count

import giftcodes
from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.transitions import OPEN, State, literals
from giftcodes.models import (
    Alarm,
    CodeState,
    Cursor,
    DeliveryState,
    Feed,
    GiftCode,
    Heartbeat,
    KeptFigure,
    PauseKind,
    RateBudget,
    RunState,
    database_now,
)
from giftcodes.models.feed import FeedKind
from giftcodes.models.games import games
from giftcodes.models.kept_figure import CURSOR
from giftcodes.models.outbox import UNFINISHED
from giftcodes.models.rate_budget import UNLIMITED
from giftcodes.queries.discord import BotStanding, bot
from giftcodes.queries.heartbeat import is_beating
from giftcodes.sql import fetch, statement

#: The recurring steps that leave a cursor when they run, each with the name of its cursor.
_STEPS_WITH_CURSOR = {"sweep": "sweep", "alarms": "alarms"}
#: A request to /metrics counts at most this many waiting member redemptions. If there are more, it
#: shows the figure of the last minute, because counting a million takes half a second.
MOST_WAITING = 20_000
_GOING_RUNS = (RunState.PENDING, RunState.RUNNING)
_ENDED_RUNS = (RunState.COMPLETE, RunState.STOPPED)
#: States of messages that were not delivered, and will not be.
_GIVEN_UP = (DeliveryState.UNKNOWN, DeliveryState.GONE, DeliveryState.FAILED)

_Labels = tuple[str, ...]
#: The values of a metric, each by the values of its labels.
Samples = Mapping[_Labels, float]


@dataclass(frozen=True, slots=True)
class Metric:
    """What one metric says.

    Args:
        name: its name. If it is a counter, Prometheus shows the name with `_total` at the end.
        help: sentences for people.
        labels: the names of its labels.
        is_counter: whether it is a counter, which never falls, or a gauge.
    """

    name: str
    help: str
    labels: _Labels = ()
    is_counter: bool = False


_GAME = ("game",)
_FEED = ("game", "feed")
#: Every metric, by its name.
METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "redeemer_info",
            "The version of Redeemer and of Python. The value is always 1.",
            ("version", "python"),
        ),
        Metric(
            "redeemer_process_alive",
            "1 if a process works: `control` has taken a tick from beat in the last 10 s; "
            "`discord-bot` is connected to Discord. Without a token, the bot is missing.",
            ("process",),
        ),
        Metric(
            "redeemer_step_age_seconds",
            "The seconds since a recurring step last ran. A step that never ran is missing.",
            ("step",),
        ),
        Metric(
            "redeemer_game_on",
            "1 if codes are redeemed for this game, 0 if it is switched off or has no salt.",
            _GAME,
        ),
        Metric(
            "redeemer_game_paused",
            "1 if requests to this game are paused, by the kind of pause.",
            ("game", "kind"),
        ),
        Metric("redeemer_permits_used", "The requests that count in this rate window.", _GAME),
        Metric(
            "redeemer_permits_limit",
            "The requests that a rate window allows. A game without a limit is missing.",
            _GAME,
        ),
        Metric(
            "redeemer_feed_polled",
            "1 if this feed of the game is polled, 0 if a person has switched it off. The feed of "
            "the settings is `main`. A webhook is missing, because it is not polled.",
            _FEED,
        ),
        Metric("redeemer_feed_poll_age_seconds", "The seconds since the last poll.", _FEED),
        Metric(
            "redeemer_feed_answer_age_seconds",
            "The seconds since the feed's last good answer. Missing until there is one.",
            _FEED,
        ),
        Metric("redeemer_feed_failures", "How many polls in a row have failed.", _FEED),
        Metric(
            "redeemer_queue",
            "The open member redemptions: `pending`, `in_flight` or `unconfirmed`. If more than "
            "20,000 are pending, those are counted once a minute.",
            ("game", "state"),
        ),
        Metric(
            "redeemer_attempts",
            "The requests to the game that have ended, by outcome. Each `success` is a member who "
            "got a code.",
            ("game", "outcome"),
            is_counter=True,
        ),
        Metric(
            "redeemer_runs",
            "The redemptions of a code for a guild. Those that are complete or stopped are counted "
            "once a minute.",
            ("game", "state"),
        ),
        Metric("redeemer_codes", "The gift codes.", ("game", "state")),
        Metric("redeemer_guilds", "The active guilds, counted once a minute.", _GAME),
        Metric(
            "redeemer_members",
            "The members for whom codes are redeemed, counted once a minute.",
            _GAME,
        ),
        Metric(
            "redeemer_messages",
            "The messages to the channels of `guilds` and to the `operator`. A `sent` message is "
            "still edited. Those that were given up are counted once a minute.",
            ("to", "delivery"),
        ),
        Metric("redeemer_alarms", "The standing alarms, by kind.", ("kind",)),
    )
}


def metrics() -> dict[str, Samples]:
    """The samples of each metric, by its name in `METRICS`, in a fixed number of statements."""
    found = _Found()
    return {
        "redeemer_info": {(giftcodes.__version__, platform.python_version()): 1},
        **found.processes(),
        **found.pace(),
        **found.feeds(),
        **found.work(),
        **found.messages(),
        "redeemer_alarms": {(kind,): 0 for kind in Alarm.Kind.values}
        | {(kind,): number for kind, number in fetch(statement("metrics", "alarms"))},
    }


class _Found:
    """What several metrics need, read once."""

    def __init__(self) -> None:
        self._now = database_now()
        self._all_games = games()
        self._games = {name: config for name, config in self._all_games.items() if config.is_on}
        self._kept: dict[str, dict[_Labels, int]] = {of.value: {} for of in KeptFigure.Of}
        for figure in KeptFigure.objects.exclude(of=KeptFigure.Of.ATTEMPTS):
            self._kept[figure.of][figure.provider, figure.what] = figure.number
        wanted = [*_STEPS_WITH_CURSOR.values(), CURSOR]
        self._cursors = dict(Cursor.objects.filter(name__in=wanted).values_list("name", "at"))

    def processes(self) -> dict[str, Samples]:
        """The ages of recurring steps, and the processes that they show."""
        beats = Heartbeat.objects.values_list("name", "at")
        ages: dict[_Labels, float] = {(name,): self._age(at) for name, at in beats}
        for step, cursor in _STEPS_WITH_CURSOR.items():
            if cursor in self._cursors:
                ages[step,] = self._age(self._cursors[cursor])
        alive: dict[_Labels, float] = {("control",): float(is_beating(ages.get(("tick",))))}
        standing = bot().standing
        if standing is not BotStanding.NO_TOKEN:
            alive["discord-bot",] = float(standing is BotStanding.CONNECTED)
        return {"redeemer_process_alive": alive, "redeemer_step_age_seconds": ages}

    def pace(self) -> dict[str, Samples]:
        """The window and the pause of each game."""
        budgets = RateBudget.objects.in_bulk()
        used: dict[_Labels, float] = {}
        limits: dict[_Labels, float] = {}
        pauses: dict[_Labels, float] = {}
        for name, config in self._games.items():
            budget = budgets.get(name) or RateBudget(provider=name)
            is_over = budget.window_ends_at is not None and budget.window_ends_at <= self._now
            used[name,] = 0 if is_over else budget.used
            if (limit := budget.limit(config.rate)) != UNLIMITED:
                limits[name,] = limit
            for kind in filter(None, PauseKind.values):
                pauses[name, kind] = float(budget.pause_kind == kind)
        return {
            "redeemer_game_on": {
                (name,): float(config.is_on) for name, config in self._all_games.items()
            },
            "redeemer_game_paused": pauses,
            "redeemer_permits_used": used,
            "redeemer_permits_limit": limits,
        }

    def feeds(self) -> dict[str, Samples]:
        """The feeds that are polled, or that a person has switched off."""
        rows = list(Feed.objects.exclude(kind=FeedKind.PUSHED))
        with_row = {feed.provider for feed in rows if feed.is_main}
        rows += [Feed(provider=name) for name in self._games if name not in with_row]
        feeds = {
            (feed.provider, feed.name): feed
            for feed in rows
            if feed.provider in self._games
            and (self._games[feed.provider].has_feed or not feed.is_main)
        }
        polled = {labels: feed for labels, feed in feeds.items() if feed.enabled}
        return {
            "redeemer_feed_polled": {labels: float(feed.enabled) for labels, feed in feeds.items()},
            "redeemer_feed_poll_age_seconds": {
                labels: self._age(feed.polled_at)
                for labels, feed in polled.items()
                if feed.polled_at
            },
            "redeemer_feed_answer_age_seconds": {
                labels: self._age(feed.answered_at)
                for labels, feed in polled.items()
                if feed.answered_at
            },
            "redeemer_feed_failures": {labels: feed.failures for labels, feed in polled.items()},
        }

    def work(self) -> dict[str, Samples]:
        """The queue, the attempts, and how many runs, codes, guilds and members there are."""
        of = KeptFigure.Of
        ended = {
            labels: number
            for labels, number in self._kept[of.RUNS].items()
            if labels[1] in _ENDED_RUNS
        }
        codes = GiftCode.objects.order_by().values_list("provider", "state")
        return {
            "redeemer_queue": self._queue(),
            "redeemer_attempts": self._attempts(),
            "redeemer_runs": ended
            | self._with_zeros(_GOING_RUNS, fetch(statement("metrics", "runs"))),
            "redeemer_codes": self._with_zeros(CodeState, codes.annotate(number=Count("pk"))),
            "redeemer_guilds": {(game,): n for (game, _), n in self._kept[of.GUILDS].items()},
            "redeemer_members": {(game,): n for (game, _), n in self._kept[of.MEMBERS].items()},
        }

    def _queue(self) -> Samples:
        rows = fetch(statement("metrics", "queue"), most=MOST_WAITING + 1)
        found = self._with_zeros(OPEN, rows)
        waiting = sum(number for (_, state), number in found.items() if state == State.PENDING)
        return found | self._kept[KeptFigure.Of.QUEUE] if waiting > MOST_WAITING else found

    def _attempts(self) -> Samples:
        """The attempts. Until they were counted for the first time, there are no samples."""
        at = self._cursors.get(CURSOR)
        if at is None:
            return {}
        sql = statement("metrics", "attempts")
        return self._with_zeros(Outcome, fetch(sql, after=at, cursor=CURSOR))

    def messages(self) -> dict[str, Samples]:
        """The messages that wait, are still edited, or were given up."""
        to = {KeptFigure.Of.ANNOUNCEMENTS.value: "guilds", KeptFigure.Of.NOTICES.value: "operator"}
        found: dict[_Labels, float] = {(name, DeliveryState.WAITING): 0 for name in to.values()}
        for of, name in to.items():
            for state in _GIVEN_UP:
                found[name, state.value] = self._kept[of].get(("", state.value), 0)
        sql = statement("metrics", "outbox", unfinished=literals(UNFINISHED))
        found |= {(to[of], state): number for of, state, number in fetch(sql)}
        return {"redeemer_messages": found}

    def _age(self, at: dt.datetime) -> float:
        """The age in seconds. If the clock was set back, it is 0."""
        return max(0.0, (self._now - at).total_seconds())

    def _with_zeros(
        self, values: Iterable[Enum], rows: Iterable[tuple[str, str, float]]
    ) -> dict[_Labels, float]:
        """Counts by game and value. A game that is on has 0 of each value that was not found.

        If the sample were missing instead, its first increase would not be seen.
        """
        found: dict[_Labels, float] = {
            (name, value.value): 0 for name in self._games for value in values
        }
        return found | {(game, value): number for game, value, number in rows}
