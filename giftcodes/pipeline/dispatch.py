"""Dispatch: give the permits of this moment to the members whose turn it is, as claims. One writer for each game.

The RateBudget row is locked for the whole step, so that permits and claims are one decision. What is chosen, and why,
is the statement below; docs/explanation/design.md, “The lock”, is its specification.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from giftcodes.models import RateBudget, Redemption, RunState, database_now
from giftcodes.models.deadline import deadline

#: Two requests for one player this far apart are safe (the game's protocol: about 2 s, and 4 s after TOO FREQUENT).
PLAYER_GAP_SECONDS = 2.2
PLAYER_GAP_AFTER_REFUSAL_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A member redemption that this token may ask for."""

    member_redemption_id: int
    token: int


_ANY_WORK = """
SELECT EXISTS (
    SELECT FROM giftcodes_redemption r
    JOIN giftcodes_giftcode c ON c.id = r.gift_code_id AND c.provider = %(provider)s
    WHERE r.state = 'running' AND NOT coalesce(c.held_until > clock_timestamp(), false)
      AND EXISTS (SELECT FROM giftcodes_memberredemption m WHERE m.redemption_id = r.id AND m.state = 'pending')
) OR EXISTS (
    SELECT FROM giftcodes_memberredemption m
    JOIN giftcodes_giftcode c ON c.id = m.gift_code_id AND c.provider = %(provider)s
    WHERE m.state = 'unconfirmed' AND m.next_attempt_at <= clock_timestamp()
      AND NOT coalesce(c.held_until > clock_timestamp(), false)
)
"""

_IN_FLIGHT = """
SELECT count(*), count(*) FILTER (WHERE m.permit_until IS NULL), count(*) FILTER (WHERE m.is_probe)
FROM giftcodes_memberredemption m
JOIN giftcodes_giftcode c ON c.id = m.gift_code_id AND c.provider = %(provider)s
WHERE m.state = 'in_flight'
"""

#: So many runs of each code for each permit: two of them may want one player, and one has to wait.
RUNS_FOR_A_PERMIT = 2

# The members of run `r` who may be asked now.
_DUE = """
        FROM giftcodes_memberredemption m
        JOIN giftcodes_member person ON person.id = m.member_id AND person.active AND NOT person.opted_out
        WHERE m.redemption_id = r.id AND m.state = 'pending' AND m.next_attempt_at <= %(now)s
          AND m.player_id NOT IN (SELECT player_id FROM busy_players)
          AND NOT EXISTS (
              SELECT FROM giftcodes_memberredemption twin
              WHERE twin.gift_code_id = m.gift_code_id AND twin.player_id = m.player_id AND twin.covered_by_id IS NULL
                AND twin.state IN ('in_flight', 'unconfirmed', 'redeemed', 'already_received', 'same_type'))
        ORDER BY m.next_attempt_at, m.id
"""

# Ten thousand runs of a code are sorted, and looked into one after the other until there are enough with somebody due:
# in the order below, whoever is chosen is in one of those (decision 10).
_CHOOSE = f"""
WITH in_flight AS MATERIALIZED (
    SELECT m.player_id, m.gift_code_id
    FROM giftcodes_memberredemption m
    JOIN giftcodes_giftcode c ON c.id = m.gift_code_id AND c.provider = %(provider)s
    WHERE m.state = 'in_flight'
),
busy_players AS MATERIALIZED (
    SELECT player_id FROM in_flight
    UNION
    SELECT a.player_id
    FROM giftcodes_attempt a
    JOIN giftcodes_giftcode c ON c.id = a.gift_code_id AND c.provider = %(provider)s
    WHERE a.sent_at > %(now)s - %(gap)s OR a.answered_at > %(now)s - %(gap)s
       OR (a.outcome = 'too_frequent' AND a.answered_at > %(now)s - %(long_gap)s)
),
codes AS MATERIALIZED (
    SELECT c.id, c.doubt_guild_id, c.state IN ('active', 'probing') AS is_open,
           (c.proven_at IS NULL OR c.doubted_at IS NOT NULL OR c.held_until IS NOT NULL OR c.state = 'probing')
               AS on_probation,
           {deadline("c")} AS deadline
    FROM giftcodes_giftcode c
    WHERE c.provider = %(provider)s AND NOT coalesce(c.held_until > %(now)s, false)
),
runs AS MATERIALIZED (
    SELECT r.*, c.id AS code_id, c.on_probation, c.deadline,
           (c.doubt_guild_id IS NOT DISTINCT FROM r.guild_id)::int AS same_guild,
           count(*) OVER (PARTITION BY c.id, r.priority) AS equals
    FROM codes c
    CROSS JOIN LATERAL (
        SELECT r.*
        FROM (
            SELECT r.id, r.guild_id, r.last_served_at, g.priority
            FROM giftcodes_redemption r
            JOIN giftcodes_guild g ON g.id = r.guild_id
            WHERE r.gift_code_id = c.id AND r.state = 'running' AND r.stop_requested_at IS NULL
            ORDER BY g.priority DESC, r.last_served_at NULLS FIRST, r.id
            OFFSET 0
        ) r
        CROSS JOIN LATERAL (SELECT {_DUE} LIMIT 1) somebody
        ORDER BY r.priority DESC, r.last_served_at NULLS FIRST, r.id
        LIMIT %(runs)s
    ) r
    WHERE c.is_open
),
due AS (
    SELECT m.id, r.id AS redemption_id, m.player_id, r.code_id, r.on_probation, r.deadline, r.priority,
           r.last_served_at, m.place, 1 AS rank, r.same_guild
    FROM runs r
    CROSS JOIN LATERAL (
        SELECT m.id, m.player_id, row_number() OVER (ORDER BY m.next_attempt_at, m.id) AS place
        -- Where there are more of equal rank than can be asked, none of them has a third turn.
        {_DUE} LIMIT CASE WHEN r.equals >= %(runs)s THEN 2 ELSE %(permits)s END
    ) m
    UNION ALL
    SELECT m.id, m.redemption_id, m.player_id, c.id, c.on_probation AND c.is_open, c.deadline, 0, NULL, 1, 0, 0
    FROM giftcodes_memberredemption m
    JOIN codes c ON c.id = m.gift_code_id
    WHERE m.state = 'unconfirmed' AND m.next_attempt_at <= %(now)s
      AND m.player_id NOT IN (SELECT player_id FROM busy_players)
),
turns AS (
    SELECT due.*,
           row_number() OVER (
               PARTITION BY code_id
               ORDER BY rank, same_guild, priority DESC, place, last_served_at NULLS FIRST, redemption_id, id
           ) AS nth_of_code
    FROM due
),
-- Whose turn it is for a code comes first, and then which of a player's rows: the other way round, a player's row that
-- must wait would stand in the way of the one whose turn it is.
ordered AS (
    SELECT turns.*,
           row_number() OVER (
               PARTITION BY player_id
               ORDER BY rank, deadline, priority DESC, place, last_served_at NULLS FIRST, redemption_id, id
           ) AS nth_of_player
    FROM turns
    WHERE NOT (on_probation AND (nth_of_code > 1 OR code_id IN (SELECT gift_code_id FROM in_flight)))
)
SELECT id, redemption_id
FROM ordered
WHERE nth_of_player = 1
ORDER BY rank, deadline, priority DESC, place, last_served_at NULLS FIRST, redemption_id, id
LIMIT %(permits)s
"""  # noqa: S608 - constants of this module

# The state is looked at again: between the choice and the locks the run may have been stopped.
_CLAIM = """
UPDATE giftcodes_memberredemption m
SET state = 'in_flight', token = m.token + 1, confirming = (m.state = 'unconfirmed'), is_probe = %(is_probe)s,
    permit_until = %(permit_until)s, lease_until = clock_timestamp() + %(lease)s, updated_at = clock_timestamp()
WHERE m.id = ANY(%(ids)s)
  AND (m.state = 'unconfirmed' OR (m.state = 'pending' AND m.redemption_id = ANY(%(running)s)))
RETURNING m.id, m.token
"""


# Runs that were served together were served one after the other: else the same ones would always get one more.
_SERVED = """
UPDATE giftcodes_redemption r SET last_served_at = %(now)s + served.place * interval '1 microsecond'
FROM unnest(%(ids)s::bigint[], %(places)s::int[]) AS served (id, place)
WHERE r.id = served.id
RETURNING r.id
"""


def dispatch(provider: str) -> list[Claim]:
    """Claim as many member redemptions as the game takes now.

    Args:
        provider: the game's name.

    Returns:
        The claims, one message for each; empty where there is nothing to do or nothing may be sent.

    Raises:
        KeyError: no such game is configured.
    """
    config = settings.PROVIDERS[provider]
    if not config.is_on or not _ask(_ANY_WORK, provider=provider)[0][0]:
        return []
    RateBudget.objects.get_or_create(provider=provider)
    with transaction.atomic():
        budget = RateBudget.objects.select_for_update().get(provider=provider)
        now = database_now()
        if budget.is_paused(now):
            return []
        in_flight, openers, probes = _ask(_IN_FLIGHT, provider=provider)[0]
        permits = min(
            budget.permits(rate=config.rate, now=now, openers_out=openers),
            settings.IN_FLIGHT_MAX - in_flight,
        )
        is_probe = budget.is_probing(now)
        if is_probe:
            permits = min(permits, 1 - probes)
        if permits <= 0:
            return []
        return _claim(budget, permits=permits, is_probe=is_probe, now=now)


def _claim(budget: RateBudget, *, permits: int, is_probe: bool, now: dt.datetime) -> list[Claim]:
    """Choose, lock the redemptions in order, claim, and take exactly as many permits as rows."""
    chosen = _ask(
        _CHOOSE,
        provider=budget.provider,
        now=now,
        permits=permits,
        runs=permits * RUNS_FOR_A_PERMIT,
        gap=dt.timedelta(seconds=PLAYER_GAP_SECONDS),
        long_gap=dt.timedelta(seconds=PLAYER_GAP_AFTER_REFUSAL_SECONDS),
    )
    if not chosen:
        return []
    redemption_ids = sorted({redemption_id for _, redemption_id in chosen})
    running = [
        row.pk
        for row in Redemption.objects.filter(pk__in=redemption_ids).for_update()
        if row.state == RunState.RUNNING and row.stop_requested_at is None
    ]
    permit_until = budget.roll_window(now)
    claimed = _ask(
        _CLAIM,
        ids=[member_redemption_id for member_redemption_id, _ in chosen],
        running=running,
        is_probe=is_probe,
        permit_until=permit_until,
        lease=dt.timedelta(seconds=settings.LEASE_SECONDS),
    )
    budget.consume(len(claimed), now=now)
    budget.save(update_fields=["used", "others", "reserve", "permits_until", "window_ends_at"])
    last = {
        redemption_id: place
        for place, (_, redemption_id) in enumerate(chosen)
        if redemption_id in running
    }
    _ask(_SERVED, ids=list(last), places=list(last.values()), now=now)
    turn = {member_redemption_id: place for place, (member_redemption_id, _) in enumerate(chosen)}
    return sorted(
        (Claim(*row) for row in claimed), key=lambda claim: turn[claim.member_redemption_id]
    )


def _ask(statement: str, **parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
