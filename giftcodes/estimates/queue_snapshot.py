"""A snapshot of every game's queue, read with a fixed number of statements, and its forecast.

A queue is in the order of dispatch: by the code's deadline, then by the guild's priority. Runs that
are equal in both take turns.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from django.utils.translation import gettext

from giftcodes.clients.games.config import ProviderConfig
from giftcodes.domain.transitions import HOLDING, values
from giftcodes.estimates.forecast import Outlook, Run, forecast, in_all
from giftcodes.estimates.pace import USUAL_LATENCY_SECONDS, Pace, Window
from giftcodes.models import RateBudget, database_now
from giftcodes.models.deadline import deadline
from giftcodes.models.games import games
from giftcodes.models.rate_budget import (
    MARGIN_SECONDS,
    UNLIMITED,
    USUAL_WINDOW_SECONDS,
    threads_of_workers,
)
from giftcodes.sql import fetch_as, statement

#: If more members wait than this, duplicates are counted as if each needed a request. Finding them
#: would take seconds, and at 30 requests a minute the end is half a day away in any case.
MOST_DUPLICATES_SOUGHT = 20_000
#: The speed is measured over this time, and from at least this many requests.
MEASURED_SECONDS = 60.0
FEWEST_MEASURED = 5
#: A longer time without a request is idleness, not slowness.
IDLE_SECONDS = 5.0


class _QueueRow(NamedTuple):
    provider: str
    redemption_id: int
    deadline: float
    priority: int
    requests: int
    in_flight: int
    openers: int
    later: list[float]
    confirmations: list[float]
    is_stopping: bool
    is_proven: bool
    is_held: bool


class _DuplicatesRow(NamedTuple):
    """Waiting members of a redemption who need no request from it.

    `asked_by` is the redemption that sends the requests for the same players. It is None if no
    request is needed, because the players have the code.
    """

    redemption_id: int
    asked_by: int | None
    number: int


class _MeasuredRow(NamedTuple):
    """The speed that the requests of the last minute show.

    Args:
        provider: the game.
        latency: the average seconds from request to answer, or None if nothing was answered.
        gaps: the number of requests that were sent soon after the previous request.
        seconds: the sum of the times between each of these requests and its previous request.
    """

    provider: str
    latency: float | None = None
    gaps: int = 0
    seconds: float | None = None

    @property
    def speed(self) -> float | None:
        """Requests per second, or None if there were too few requests to measure the speed."""
        return self.gaps / self.seconds if self.seconds and self.gaps >= FEWEST_MEASURED else None


@dataclass(frozen=True, slots=True)
class Outlooks:
    """The forecast of all queues at a moment.

    Args:
        at: the moment.
        by_redemption: the outlook of each redemption that runs, waits to be started, or has a
            request under way, by its id.
        by_provider: the outlook of each game's queue as a whole.
        runs: the number of redemptions in each game's queue.
    """

    at: dt.datetime
    by_redemption: dict[int, Outlook]
    by_provider: dict[str, Outlook]
    runs: dict[str, int]

    def moment(self, outlook: Outlook) -> dt.datetime | None:
        """The moment at which a run with this outlook is finished, to the second.

        It is None if the moment is unknown.
        """
        if outlook.seconds is None:
            return None
        return (self.at + dt.timedelta(seconds=outlook.seconds + 0.5)).replace(microsecond=0)


@dataclass(slots=True)
class Queue:
    """A game's queue, in the order of dispatch, and how fast it moves."""

    pace: Pace
    runs: list[Run]


def read_outlooks() -> Outlooks:
    """Read every game's queue, and forecast it. This takes at most five statements."""
    now = database_now()
    queues = queues_at(now)
    found = {provider: forecast(queue.pace, queue.runs) for provider, queue in queues.items()}
    return Outlooks(
        at=now,
        by_redemption={
            key: outlook for outlooks in found.values() for key, outlook in outlooks.items()
        },
        by_provider={provider: in_all(outlooks.values()) for provider, outlooks in found.items()},
        runs={provider: len(queue.runs) for provider, queue in queues.items()},
    )


def queues_at(now: dt.datetime) -> dict[str, Queue]:
    """The queue of each game, even if it is empty.

    Args:
        now: the moment from which seconds are counted.
    """
    rows = fetch_as(
        _QueueRow, statement("queue_snapshot", "queue", deadline=deadline("c")), now=now
    )
    runs: dict[str, list[Run]] = defaultdict(list)
    openers: dict[str, int] = defaultdict(int)
    for row in rows:
        openers[row.provider] += row.openers
        runs[row.provider].append(_run(row))
    duplicates = _duplicates(sum(row.requests for row in rows))
    budgets = RateBudget.objects.in_bulk()
    measured = {row.provider: row for row in _measure(now)} if rows else {}
    return {
        config.name: Queue(
            pace=_pace(
                budgets.get(config.name) or RateBudget(provider=config.name),
                config,
                measured.get(config.name) or _MeasuredRow(config.name),
                now=now,
                in_flight=sum(run.in_flight for run in runs[config.name]),
                openers_out=openers[config.name],
            ),
            runs=[
                _without_duplicates(run, duplicates[run.id]) if run.id in duplicates else run
                for run in runs[config.name]
            ],
        )
        for config in games().values()
    }


def _run(row: _QueueRow) -> Run:
    hindrance = ""
    if row.is_held:
        hindrance = gettext("unknown: the game's answers for this code are unclear")
    return Run(
        id=row.redemption_id,
        rank=(row.deadline, row.priority),
        requests=row.requests,
        later=tuple(row.later),
        confirmations=tuple(row.confirmations),
        in_flight=row.in_flight,
        is_stopping=row.is_stopping,
        is_proven=row.is_proven,
        hindrance=hindrance,
    )


def _duplicates(waiting: int) -> dict[int, list[_DuplicatesRow]]:
    """The waiting members of each redemption who need no request from it.

    Args:
        waiting: the total number of waiting members.
    """
    found: dict[int, list[_DuplicatesRow]] = defaultdict(list)
    if 0 < waiting <= MOST_DUPLICATES_SOUGHT:
        query = statement("queue_snapshot", "duplicates")
        for row in fetch_as(_DuplicatesRow, query, holding=values(HOLDING)):
            found[row.redemption_id].append(row)
    return found


def _without_duplicates(run: Run, duplicates: Iterable[_DuplicatesRow]) -> Run:
    requests = max(0, run.requests - sum(row.number for row in duplicates))
    return replace(
        run,
        requests=requests,
        later=run.later[:requests],
        waits_for=tuple(
            (row.asked_by, row.number)
            for row in duplicates
            if row.asked_by is not None and row.asked_by != run.id
        ),
    )


def _measure(now: dt.datetime) -> list[_MeasuredRow]:
    return fetch_as(
        _MeasuredRow,
        statement("queue_snapshot", "measured"),
        now=now,
        idle=dt.timedelta(seconds=IDLE_SECONDS),
        measured=dt.timedelta(seconds=MEASURED_SECONDS),
    )


def _pace(
    budget: RateBudget,
    config: ProviderConfig,
    measured: _MeasuredRow,
    *,
    now: dt.datetime,
    in_flight: int,
    openers_out: int,
) -> Pace:
    window_over_in = _seconds_to(budget.window_ends_at, now)
    pause_over_in = _seconds_to(budget.paused_until, now) if budget.pause_kind else 0.0
    is_unlimited = budget.limit(config.rate) == UNLIMITED
    return Pace(
        window=None if is_unlimited else _window(budget, config, now=now, openers_out=openers_out),
        speed=measured.speed,
        latency=max(measured.latency or USUAL_LATENCY_SECONDS, 0.001),
        threads=threads_of_workers(),
        in_flight=in_flight,
        held_for=max(pause_over_in, window_over_in if is_unlimited else 0.0),
        is_on_trial=bool(budget.pause_kind),
        hindrance=_hindrance(budget, config),
    )


def _window(
    budget: RateBudget, config: ProviderConfig, *, now: dt.datetime, openers_out: int
) -> Window:
    ends_in = _seconds_to(budget.window_ends_at, now)
    length = config.rate.seconds if config.rate else USUAL_WINDOW_SECONDS
    return Window(
        limit=budget.limit(config.rate),
        seconds=length + MARGIN_SECONDS,
        left=budget.permits(rate=config.rate, now=now, openers_out=openers_out) if ends_in else 0,
        ends_in=ends_in or None,
        openers_out=openers_out,
    )


def _hindrance(budget: RateBudget, config: ProviderConfig) -> str:
    if not config.is_on:
        return gettext("unknown: %s is off") % config.title
    if budget.pause_kind and budget.paused_until is None:
        return gettext("paused until it is resumed")
    return ""


def _seconds_to(moment: dt.datetime | None, now: dt.datetime) -> float:
    """Seconds until a moment, or 0 if it has passed or is unknown."""
    return max(0.0, (moment - now).total_seconds()) if moment else 0.0
