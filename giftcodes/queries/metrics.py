"""What /metrics shows: the state of the system as numbers, read from the database at each request.

Each statement reads an index, a few rows, or figures that are kept (`KeptFigure`), so that a
request costs little, however many rows there are. The labels name games, states and kinds, and
never a guild or a player: programs that watch the system keep their labels for ever.

The names are an interface: new ones may be added, but none renamed (docs/reference/metrics.md).
"""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from django.db.models import Count

import giftcodes
from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.transitions import OPEN, literals
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
from giftcodes.models.games import games
from giftcodes.models.kept_figure import CURSOR
from giftcodes.models.outbox import UNFINISHED
from giftcodes.models.rate_budget import UNLIMITED
from giftcodes.queries.discord import BotStanding, bot
from giftcodes.queries.heartbeat import is_beating
from giftcodes.sql import fetch, statement

#: The recurring steps that leave a cursor when they run, each with the name of its cursor.
_STEPS_WITH_CURSOR = {"sweep": "sweep", "alarms": "alarms"}
#: States of messages that are over. Only a count of them is kept.
_GIVEN_UP = (DeliveryState.UNKNOWN, DeliveryState.GONE, DeliveryState.FAILED)

_Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Args:
        name: its name. That of a counter is without the end `_total`.
        help: one sentence for people.
        labels: the names of its labels.
        samples: the values, by the values of the labels.
        is_counter: whether it is a counter, which never falls, or a gauge.
    """

    name: str
    help: str
    labels: _Labels = ()
    samples: Mapping[_Labels, float] = field(default_factory=dict)
    is_counter: bool = False


def metrics() -> list[Metric]:
    """All metrics, in a fixed number of statements."""
    return list(_Read().metrics())


class _Read:
    """What several metrics need, read once."""

    def __init__(self) -> None:
        self._now = database_now()
        self._games = {name: config for name, config in games().items() if config.is_on}
        self._kept: dict[str, dict[_Labels, int]] = {of.value: {} for of in KeptFigure.Of}
        for figure in KeptFigure.objects.exclude(of=KeptFigure.Of.ATTEMPTS):
            self._kept[figure.of][figure.provider, figure.what] = figure.number
        self._cursors = dict(
            Cursor.objects.filter(name__in=[*_STEPS_WITH_CURSOR.values(), CURSOR]).values_list(
                "name", "at"
            )
        )

    def metrics(self) -> Iterator[Metric]:
        yield Metric(
            "redeemer_info",
            "The version of Redeemer and of Python. The value is always 1.",
            ("version", "python"),
            {(giftcodes.__version__, platform.python_version()): 1},
        )
        yield from self._processes()
        yield from self._games_and_pace()
        yield from self._feeds()
        yield from self._work()
        yield from self._messages_and_alarms()

    # --- Processes --------------------------------------------------------------------------------
    def _processes(self) -> Iterator[Metric]:
        ages = {
            (name,): self._age(at)
            for name, at in Heartbeat.objects.values_list("name", "at")
        }
        for step, cursor in _STEPS_WITH_CURSOR.items():
            if cursor in self._cursors:
                ages[step,] = self._age(self._cursors[cursor])
        alive = {("control",): float(is_beating(ages.get(("tick",))))}
        standing = bot().standing
        if standing is not BotStanding.NO_TOKEN:
            alive["discord-bot",] = float(standing is BotStanding.CONNECTED)
        yield Metric(
            "redeemer_step_age_seconds",
            "The seconds since a recurring step last ran. A step that never ran is missing.",
            ("step",),
            ages,
        )
        yield Metric(
            "redeemer_process_alive",
            "1 if a process works: control has taken a tick from beat in the last 10 s; "
            "discord-bot (if there is a token) is connected to Discord.",
            ("process",),
            alive,
        )

    # --- Games ------------------------------------------------------------------------------------
    def _games_and_pace(self) -> Iterator[Metric]:
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
        yield Metric(
            "redeemer_game_on",
            "1 if codes are redeemed for this game, 0 if it is switched off or has no salt.",
            ("game",),
            {(name,): float(config.is_on) for name, config in games().items()},
        )
        yield Metric(
            "redeemer_game_paused",
            "1 if requests to this game are paused, by the kind of pause.",
            ("game", "kind"),
            pauses,
        )
        yield Metric(
            "redeemer_permits_used", "The requests that this rate window counts.", ("game",), used
        )
        yield Metric(
            "redeemer_permits_limit",
            "The requests that a rate window allows. A game without a limit is missing.",
            ("game",),
            limits,
        )

    def _feeds(self) -> Iterator[Metric]:
        rows = Feed.objects.in_bulk()
        feeds = {
            name: rows.get(name) or Feed(provider=name)
            for name, config in self._games.items()
            if config.has_feed
        }
        polled = {name: feed for name, feed in feeds.items() if feed.enabled}
        yield Metric(
            "redeemer_feed_polled",
            "1 if the feed of this game is polled, 0 if a person switched the polling off.",
            ("game",),
            {(name,): float(name in polled) for name in feeds},
        )
        yield Metric(
            "redeemer_feed_poll_age_seconds",
            "The seconds since the feed was last polled.",
            ("game",),
            {(name,): self._age(f.polled_at) for name, f in polled.items() if f.polled_at},
        )
        yield Metric(
            "redeemer_feed_answer_age_seconds",
            "The seconds since the feed's last good answer.",
            ("game",),
            {(name,): self._age(f.answered_at) for name, f in polled.items() if f.answered_at},
        )
        yield Metric(
            "redeemer_feed_failures",
            "How many polls of the feed have failed in a row.",
            ("game",),
            {(name,): feed.failures for name, feed in polled.items()},
        )

    # --- Work -------------------------------------------------------------------------------------
    def _work(self) -> Iterator[Metric]:
        yield Metric(
            "redeemer_queue",
            "The open member redemptions: waiting, being asked, or unconfirmed.",
            ("game", "state"),
            self._with_zeros(OPEN, _by_labels(fetch(statement("metrics", "queue")))),
        )
        yield Metric(
            "redeemer_attempts",
            "The requests to the game that have ended, by outcome. One of `success` is a member "
            "who got a code.",
            ("game", "outcome"),
            self._attempts(),
            is_counter=True,
        )
        running = _by_labels(fetch(statement("metrics", "runs")))
        ended = self._kept_in(KeptFigure.Of.RUNS, (RunState.COMPLETE, RunState.STOPPED))
        yield Metric(
            "redeemer_runs",
            "The redemptions of a code for a guild, by state. Those that are complete or stopped "
            "are counted once a minute.",
            ("game", "state"),
            self._with_zeros(RunState, {**ended, **running}),
        )
        codes = GiftCode.objects.order_by().values_list("provider", "state")
        yield Metric(
            "redeemer_codes",
            "The gift codes, by state.",
            ("game", "state"),
            self._with_zeros(CodeState, _by_labels(codes.annotate(number=Count("pk")))),
        )
        for of, words in (
            (KeptFigure.Of.GUILDS, "The active guilds."),
            (KeptFigure.Of.MEMBERS, "The members for whom codes are redeemed."),
        ):
            yield Metric(
                f"redeemer_{of.value}",
                f"{words} They are counted once a minute.",
                ("game",),
                {(game,): number for (game, _), number in self._kept[of].items()},
            )

    def _attempts(self) -> dict[_Labels, float]:
        """Attempts by game and outcome. None for the first minute after an upgrade."""
        if CURSOR not in self._cursors:
            return {}
        counted = fetch(statement("metrics", "attempts"), after=self._cursors[CURSOR], cursor=CURSOR)
        return self._with_zeros(Outcome, _by_labels(counted))

    # --- Messages and alarms ----------------------------------------------------------------------
    def _messages_and_alarms(self) -> Iterator[Metric]:
        to = {KeptFigure.Of.ANNOUNCEMENTS.value: "guilds", KeptFigure.Of.NOTICES.value: "operator"}
        messages = {(name, DeliveryState.WAITING.value): 0.0 for name in to.values()}
        for of, name in to.items():
            for state in _GIVEN_UP:
                messages[name, state.value] = self._kept[of].get(("", state.value), 0)
        sql = statement("metrics", "outbox", unfinished=literals(UNFINISHED))
        messages |= {(to[of], state): number for of, state, number in fetch(sql)}
        yield Metric(
            "redeemer_messages",
            "The messages to the channels of guilds and to the operator, by delivery. Those that "
            "were given up are counted once a minute.",
            ("to", "delivery"),
            messages,
        )
        standing = {(kind,): 0.0 for kind in Alarm.Kind.values}
        standing |= {(kind,): number for kind, number in fetch(statement("metrics", "alarms"))}
        yield Metric("redeemer_alarms", "The standing alarms, by kind.", ("kind",), standing)

    # --- Helpers ----------------------------------------------------------------------------------
    def _age(self, at: dt.datetime) -> float:
        """The age in seconds. If the clock was set back, it is 0."""
        return max(0.0, (self._now - at).total_seconds())

    def _kept_in(self, of: KeptFigure.Of, states: Iterable[Enum]) -> dict[_Labels, float]:
        wanted = {state.value for state in states}
        return {labels: n for labels, n in self._kept[of].items() if labels[1] in wanted}

    def _with_zeros(
        self, values: Iterable[Enum], found: Mapping[_Labels, float]
    ) -> dict[_Labels, float]:
        """Add 0 for each value of which a game that is on has none. A missing value would hide."""
        zeros = {(name, value.value): 0.0 for name in self._games for value in values}
        return {**zeros, **found}


def _by_labels(rows: Iterable[tuple[str, str, float]]) -> dict[_Labels, float]:
    return {(first, second): number for first, second, number in rows}
