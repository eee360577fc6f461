"""What the outlook is told from, read by a fixed number of statements, whatever the number of games and runs.

The order of the queue is dispatch's (flow/dispatch.py): the end of the code, the guild's priority, whose turn is next.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext

from giftcodes.clients.games.config import ProviderConfig
from giftcodes.domain.transitions import HOLDING
from giftcodes.estimates.forecast import Outlook, Run, forecast, in_all
from giftcodes.estimates.pace import USUAL_LATENCY_SECONDS, Pace, Window
from giftcodes.models import RateBudget, database_now
from giftcodes.models.deadline import deadline
from giftcodes.models.member_redemption import values
from giftcodes.models.rate_budget import MARGIN_SECONDS, UNLIMITED, USUAL_WINDOW_SECONDS

#: With more members waiting than this, twins are counted as if each were asked for: finding them would cost seconds,
#: and at 30 requests a minute the end is half a day away.
MOST_TWINS_SOUGHT = 20_000
#: The speed is told from so long ago, and from no fewer requests.
MEASURED_SECONDS = 60.0
FEWEST_MEASURED = 5
#: A longer time without a request is idleness, not slowness.
IDLE_SECONDS = 5.0

_QUEUE = f"""
WITH waiting AS (
    -- A million of these are counted from their index alone.
    SELECT m.redemption_id, count(*) AS requests,
           array_agg(extract(epoch FROM m.next_attempt_at - %(now)s)::float)
               FILTER (WHERE m.next_attempt_at > %(now)s) AS later
    FROM giftcodes_memberredemption m
    WHERE m.state = 'pending'
    GROUP BY m.redemption_id
), asked AS (
    SELECT m.redemption_id,
           count(*) FILTER (WHERE m.state = 'in_flight') AS in_flight,
           count(*) FILTER (WHERE m.state = 'in_flight' AND m.permit_until IS NULL) AS openers,
           array_agg(extract(epoch FROM m.next_attempt_at - %(now)s)::float)
               FILTER (WHERE m.state = 'unconfirmed') AS confirmations
    FROM (
        SELECT redemption_id, state, permit_until, next_attempt_at
        FROM giftcodes_memberredemption WHERE state = 'in_flight'
        UNION ALL
        SELECT redemption_id, state, permit_until, next_attempt_at
        FROM giftcodes_memberredemption WHERE state = 'unconfirmed'
    ) m
    GROUP BY m.redemption_id
)
SELECT c.provider, r.id,
       {deadline("c")},
       -g.priority,
       CASE WHEN r.state IN ('running', 'pending') AND c.state IN ('active', 'probing')
            THEN coalesce(w.requests, 0) ELSE 0 END,
       coalesce(a.in_flight, 0), coalesce(a.openers, 0), coalesce(w.later, ARRAY[]::float[]),
       coalesce(a.confirmations, ARRAY[]::float[]),
       r.state = 'running' AND r.stop_requested_at IS NOT NULL,
       c.proven_at IS NOT NULL AND c.doubted_at IS NULL AND c.state <> 'probing', c.held_until IS NOT NULL
FROM giftcodes_redemption r
JOIN giftcodes_giftcode c ON c.id = r.gift_code_id
JOIN giftcodes_guild g ON g.id = r.guild_id
LEFT JOIN waiting w ON w.redemption_id = r.id
LEFT JOIN asked a ON a.redemption_id = r.id
WHERE r.state = 'running'
   OR (r.state = 'pending' AND c.state = 'active' AND g.active)
   OR a.redemption_id IS NOT NULL
ORDER BY 1, 3, 4, r.last_served_at NULLS FIRST, r.id
"""  # noqa: S608 - constants

# Of several rows for one player and code, one is asked for: the one that holds the claim or the proof already, else
# the one whose turn comes first.
_TWINS = """
WITH waiting AS (
    SELECT m.redemption_id, m.gift_code_id, m.player_id, row_number() OVER turns AS nth,
           first_value(m.redemption_id) OVER turns AS first
    FROM giftcodes_memberredemption m
    JOIN giftcodes_redemption r ON r.id = m.redemption_id AND r.state IN ('running', 'pending')
                                AND r.stop_requested_at IS NULL
    JOIN giftcodes_guild g ON g.id = r.guild_id
    WHERE m.state = 'pending'
    WINDOW turns AS (PARTITION BY m.gift_code_id, m.player_id
                     ORDER BY g.priority DESC, r.last_served_at NULLS FIRST, r.id)
)
SELECT w.redemption_id,
       CASE WHEN held.id IS NULL THEN w.first WHEN held.settled_at IS NULL THEN held.redemption_id END,
       count(*)
FROM waiting w
LEFT JOIN giftcodes_memberredemption held
       ON held.gift_code_id = w.gift_code_id AND held.player_id = w.player_id AND held.covered_by_id IS NULL
      AND held.state = ANY(%(holding)s)
WHERE w.nth > 1 OR held.id IS NOT NULL
GROUP BY 1, 2
"""

_MEASURED = """
SELECT provider, avg(latency_ms)::float / 1000, count(*) FILTER (WHERE gap < %(idle)s),
       extract(epoch FROM sum(gap) FILTER (WHERE gap < %(idle)s))::float
FROM (
    SELECT c.provider, a.latency_ms, a.sent_at - lag(a.sent_at) OVER (PARTITION BY c.provider ORDER BY a.sent_at) AS gap
    FROM giftcodes_attempt a
    JOIN giftcodes_giftcode c ON c.id = a.gift_code_id
    WHERE a.sent_at > %(now)s - %(measured)s AND a.outcome <> 'not_sent'
) sent
GROUP BY provider
"""


@dataclass(frozen=True, slots=True)
class Outlooks:
    """What was to be expected at a moment.

    Args:
        at: the moment.
        by_redemption: of each redemption that runs, or waits to be started, by its id.
        by_provider: of each game's queue as a whole.
        runs: how many redemptions each game's queue holds.
    """

    at: dt.datetime
    by_redemption: dict[int, Outlook]
    by_provider: dict[str, Outlook]
    runs: dict[str, int]

    def moment(self, outlook: Outlook) -> dt.datetime | None:
        """When it is finished, to the second; None: there is no telling."""
        if outlook.seconds is None:
            return None
        return (self.at + dt.timedelta(seconds=outlook.seconds + 0.5)).replace(microsecond=0)


@dataclass(slots=True)
class Queue:
    """A game's queue, in order, and how fast it moves."""

    pace: Pace
    runs: list[Run]


def read() -> Outlooks:
    """Every game's queue. At most five statements."""
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
    """The queue of each game, also of those that have nothing to do."""
    rows = ask(_QUEUE, now=now)
    runs: dict[str, list[Run]] = defaultdict(list)
    openers: dict[str, int] = defaultdict(int)
    for (
        provider,
        pk,
        ends_at,
        priority,
        waiting,
        in_flight,
        opening,
        later,
        confirmations,
        stops,
        proven,
        held,
    ) in rows:
        openers[provider] += opening
        runs[provider].append(
            Run(
                id=pk,
                rank=(ends_at, priority),
                requests=waiting,
                later=tuple(later),
                confirmations=tuple(confirmations),
                in_flight=in_flight,
                is_stopping=stops,
                is_proven=proven,
                hindrance=gettext("unknown: the game's answers for this code are not known here")
                if held
                else "",
            )
        )
    twins = _twins(sum(run.requests for of_game in runs.values() for run in of_game))
    budgets = RateBudget.objects.in_bulk()
    measured = {name: _Measured(*row) for name, *row in _measure(now)} if rows else {}
    return {
        config.name: Queue(
            pace=_pace(
                budgets.get(config.name) or RateBudget(provider=config.name),
                config,
                measured.get(config.name) or _Measured(),
                now=now,
                in_flight=sum(run.in_flight for run in runs[config.name]),
                openers_out=openers[config.name],
            ),
            runs=[
                _without_twins(run, twins[run.id]) if run.id in twins else run
                for run in runs[config.name]
            ],
        )
        for config in settings.PROVIDERS.values()
    }


def _twins(waiting: int) -> dict[int, list[tuple[int | None, int]]]:
    """For each redemption who asks for its members' twins (None: nobody has to), and for how many."""
    found: dict[int, list[tuple[int | None, int]]] = defaultdict(list)
    if 0 < waiting <= MOST_TWINS_SOUGHT:
        for redemption_id, other, number in ask(_TWINS, holding=values(HOLDING)):
            found[redemption_id].append((other, number))
    return found


def _without_twins(run: Run, twins: Iterable[tuple[int | None, int]]) -> Run:
    requests = max(0, run.requests - sum(number for _, number in twins))
    return replace(
        run,
        requests=requests,
        later=run.later[:requests],
        waits_for=tuple(
            (other, number) for other, number in twins if other is not None and other != run.id
        ),
    )


@dataclass(frozen=True, slots=True)
class _Measured:
    """What the requests of the last minute show.

    Args:
        latency: seconds from request to answer, on average; None: nothing was answered.
        gaps: how many requests followed another one closely.
        seconds: the time between those, in all.
    """

    latency: float | None = None
    gaps: int = 0
    seconds: float | None = None

    @property
    def speed(self) -> float | None:
        """Requests a second; None: too few to tell."""
        return self.gaps / self.seconds if self.seconds and self.gaps >= FEWEST_MEASURED else None


def _measure(now: dt.datetime) -> list[Any]:
    return ask(
        _MEASURED,
        now=now,
        idle=dt.timedelta(seconds=IDLE_SECONDS),
        measured=dt.timedelta(seconds=MEASURED_SECONDS),
    )


def _pace(
    budget: RateBudget,
    config: ProviderConfig,
    measured: _Measured,
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
        # Twice as many are claimed as there are threads (settings.IN_FLIGHT_MAX).
        threads=max(1, settings.IN_FLIGHT_MAX // 2),
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
        return gettext("paused until somebody resumes it")
    return ""


def _seconds_to(moment: dt.datetime | None, now: dt.datetime) -> float:
    """Seconds until a moment; 0 if it is over or unknown."""
    return max(0.0, (moment - now).total_seconds()) if moment else 0.0


def ask(statement: str, **parameters: Any) -> list[Any]:
    """All rows of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
