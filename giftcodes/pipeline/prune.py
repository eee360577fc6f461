"""Prune: delete what is old and proves nothing, some rows at a time, and keep its figures (decision 10)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from giftcodes.models import database_now
from giftcodes.models.attempt import PRUNABLE

#: Rows in one transaction: a few ms, and little to be done again where it is cut off.
BATCH = 500

# Deleted and counted in one statement. In the order of days, so that two who add to the same figures wait for each
# other and do not block each other.
_COUNT = """
    INSERT INTO giftcodes_prunedfigure AS f (provider, day, of, what, number)
    SELECT provider, day, %(of)s, what, count(*) FROM gone GROUP BY 1, 2, 4 ORDER BY 2, 1, 4
    ON CONFLICT (day, provider, of, what) DO UPDATE SET number = f.number + excluded.number
"""

# An earlier request stands behind a RECEIVED that counts as redeemed, whatever its own late answer says by now.
_ATTEMPTS = f"""
WITH old AS MATERIALIZED (
    SELECT a.id
    FROM giftcodes_attempt a
    WHERE a.outcome IN ({", ".join(f"'{one}'" for one in PRUNABLE)})
      AND a.id > %(after)s AND a.sent_at < %(before)s AND a.answered_at < %(before)s
      AND NOT EXISTS (
        SELECT FROM giftcodes_attempt later
        WHERE later.gift_code_id = a.gift_code_id AND later.player_id = a.player_id AND later.id > a.id
          AND later.outcome = 'received')
    ORDER BY a.id
    LIMIT %(batch)s
    FOR UPDATE OF a SKIP LOCKED
), gone AS (
    DELETE FROM giftcodes_attempt a USING old, giftcodes_giftcode c
    WHERE a.id = old.id AND c.id = a.gift_code_id
    RETURNING c.provider, (a.answered_at AT TIME ZONE %(zone)s)::date AS day, a.outcome AS what
), counted AS ({_COUNT})
SELECT max(id), count(*) FROM old
"""  # noqa: S608 - constants of this module

_ENTRIES = f"""
WITH old AS MATERIALIZED (
    SELECT e.id
    FROM giftcodes_redemptionevent e
    WHERE e.kind NOT IN ('locked', 'unlocked') AND e.id > %(after)s AND e.at < %(before)s
    ORDER BY e.id
    LIMIT %(batch)s
    FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM giftcodes_redemptionevent e USING old, giftcodes_giftcode c
    WHERE e.id = old.id AND c.id = e.gift_code_id
    RETURNING c.provider, (e.at AT TIME ZONE %(zone)s)::date AS day, e.kind AS what
), counted AS ({_COUNT})
SELECT max(id), count(*) FROM old
"""  # noqa: S608 - constants of this module

# The runs of a redemption go oldest first, each with both its entries, and never the last one: the journal alternates
# and agrees with the state, whatever is cut off when. The redemption's lock keeps two who prune apart.
_RUNS = f"""
WITH ended AS MATERIALIZED (
    SELECT r.id, e.run_number
    FROM giftcodes_redemptionevent e
    JOIN giftcodes_redemption r ON r.id = e.redemption_id AND r.run_number > e.run_number
    WHERE e.kind = 'unlocked' AND e.at < %(before)s AND r.id >= %(after)s
    ORDER BY r.id, e.run_number
    LIMIT %(batch)s
), held AS MATERIALIZED (
    SELECT r.id FROM giftcodes_redemption r
    WHERE r.id IN (SELECT id FROM ended) ORDER BY r.id FOR NO KEY UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM giftcodes_redemptionevent e USING ended, held, giftcodes_giftcode c
    WHERE held.id = ended.id AND e.redemption_id = ended.id AND e.run_number = ended.run_number
      AND e.kind IN ('locked', 'unlocked') AND c.id = e.gift_code_id
    RETURNING c.provider, (e.at AT TIME ZONE %(zone)s)::date AS day, e.kind AS what, e.redemption_id
), counted AS ({_COUNT})
SELECT (SELECT max(id) + (NOT EXISTS (SELECT FROM gone WHERE redemption_id = (SELECT max(id) FROM ended)))::int
        FROM ended),
       (SELECT count(*) FROM gone)
"""  # noqa: S608 - constants of this module


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows were deleted."""

    attempts: int
    entries: int


def prune() -> Pruned:
    """Delete attempts and journal entries that are older than the settings say. Safe to repeat, to be cut off, and to
    run twice at once: each batch is a transaction of its own, and what somebody else holds is left to the next time.

    Attempts that prove something, or that have no decisive answer, are kept for ever, and so is each redemption's last
    run in the journal.
    """
    attempts = entries = 0
    if days := settings.KEEP_ATTEMPTS_DAYS:
        attempts = _prune(_ATTEMPTS, days=days, of="attempt")
    if days := settings.KEEP_JOURNAL_DAYS:
        entries = _prune(_ENTRIES, days=days, of="event") + _prune(_RUNS, days=days, of="event")
    return Pruned(attempts, entries)


def _prune(statement: str, *, days: int, of: str) -> int:
    """Batch after batch, in ascending order, until none is left. Returns how many rows were deleted."""
    before = database_now() - dt.timedelta(days=days)
    after = deleted = 0
    while (batch := prune_batch(statement, before=before, after=after, of=of)) is not None:
        after, number = batch
        deleted += number
    return deleted


@transaction.atomic(durable=True)
def prune_batch(
    statement: str, *, before: dt.datetime, after: int, of: str
) -> tuple[int, int] | None:
    """Returns where the next batch begins, and how many rows were deleted; None: nothing is left."""
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "before": before,
                "after": after,
                "of": of,
                "batch": BATCH,
                "zone": timezone.get_current_timezone_name(),
            },
        )
        found: tuple[Any, int] = cursor.fetchone()
    return None if found[0] is None else found
