"""Sweep: find what was left behind by processes that died and messages that were lost, and drive it on."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q

from giftcodes.domain import log_lines
from giftcodes.domain.outcomes import MEANINGS, Outcome
from giftcodes.domain.transitions import HOLDING, MAX_TRIES, UNCONFIRMED_SECONDS, State
from giftcodes.models import (
    Alarm,
    Attempt,
    Clock,
    CodeState,
    EventKind,
    Heartbeat,
    MemberRedemption,
    Redemption,
    RunState,
    database_now,
)
from giftcodes.models.admission import settle_duplicates
from giftcodes.models.isolation import FailureIsolation
from giftcodes.models.member_redemption import values

#: A run with a member due and no progress for so long is flagged, unless the game is paused or its window is used up.
STALLED_AFTER = dt.timedelta(seconds=120)

#: Sweeps come every 10 s. Without one for so long nothing ran, so nothing could make progress in that time.
DOWN_AFTER = dt.timedelta(seconds=30)

#: No transaction that settles a row, or opens one, is under way for so long.
TRANSACTIONS_END_AFTER = dt.timedelta(seconds=60)

# Row by row, of those that were asked for and have nothing: they are few, which the planner cannot know.
_GRANTED = """
SELECT m.id
FROM giftcodes_memberredemption m
CROSS JOIN LATERAL (
    SELECT FROM giftcodes_attempt a WHERE a.member_redemption_id = m.id AND a.outcome = 'success' LIMIT 1
) granted
WHERE m.state IN ('pending', 'unconfirmed', 'needs_correction', 'not_eligible', 'failed', 'cancelled')
  AND m.token > 0 AND m.covered_by_id IS NULL
"""


@dataclass(slots=True)
class Findings:
    """What the task does next.

    Args:
        to_start: codes of redemptions that wait to be started.
        maybe_over: runs that look over.
        closed_codes: codes that are closed, and waited for.
    """

    to_start: list[int] = field(default_factory=list)
    maybe_over: list[int] = field(default_factory=list)
    closed_codes: list[int] = field(default_factory=list)


def sweep(isolation: FailureIsolation | None = None) -> Findings:
    """One pass over everything that may have been left behind. Each part is a transaction of its own.

    Args:
        apart: the pass; None: one of its own. A part that fails, or an item of one, does not stop the others.
    """
    isolation = isolation or FailureIsolation("sweep")
    isolation.call("expired leases", recover_expired_leases, isolation)
    isolation.call("evidence", settle_by_evidence, isolation)
    isolation.call("twins", settle_new_duplicates)
    isolation.call("stalled runs", flag_stalled, isolation)
    return Findings(
        to_start=isolation.call("codes to start", _codes_to_start) or [],
        maybe_over=isolation.call("runs to finish", _maybe_over) or [],
        closed_codes=isolation.call("closed codes", _codes_with_waiting_rows) or [],
    )


def recover_expired_leases(isolation: FailureIsolation | None = None) -> int:
    """Claims whose lease is over: sent without an answer is unconfirmed; never sent waits again, uncounted.

    Args:
        isolation: of the pass that this is a part of; None: one of its own.

    Returns:
        How many claims were recovered.
    """
    isolation = isolation or FailureIsolation("sweep")
    recovered: Counter[int] = Counter()
    left_out: set[int] = set()
    while ids := _expired(left_out):
        batch = isolation.call("a batch of claims", _recover_batch, ids)
        if batch is None:
            # One of them cannot be recovered: each by itself.
            batch = [
                found
                for pk in ids
                for found in isolation.call(f"claim {pk}", _recover_batch, [pk]) or []
            ]
        # What was recovered is expired no longer; what was not, or is held by others just now, is for the next sweep.
        left_out.update(ids)
        recovered.update(batch)
    for redemption in Redemption.objects.filter(pk__in=recovered).select_related(
        "guild", "gift_code"
    ):
        isolation.call(
            f"redemption {redemption.pk}", _tell_of_recovered, redemption, recovered[redemption.pk]
        )
    return sum(recovered.values())


def _tell_of_recovered(redemption: Redemption, number: int) -> None:
    redemption.journal(EventKind.RECOVERED, detail=f"{number} claim(s) whose worker was gone.")
    log_lines.trouble(
        redemption.guild.name,
        str(redemption.gift_code),
        f"{number} claim(s) were left behind by a worker that is gone. They are taken up again by themselves.",
    )


def _expired(left_out: set[int]) -> list[int]:
    """Some of the claims whose lease is over, without those that were tried already."""
    expired = (
        MemberRedemption.objects.in_flight()
        .filter(lease_until__lt=Clock())
        .exclude(pk__in=left_out)
    )
    return list(expired.order_by("pk").values_list("pk", flat=True)[:200])


@transaction.atomic
def _recover_batch(ids: list[int]) -> list[int]:
    """Recover these claims, if they are expired still. Returns the redemption of each that was."""
    rows = list(
        MemberRedemption.objects.select_for_update(no_key=True, skip_locked=True)
        .in_flight()
        .filter(pk__in=ids, lease_until__lt=Clock())
        .order_by("pk")
    )
    attempts = {
        (attempt.member_redemption_id, attempt.token): attempt
        for attempt in Attempt.objects.filter(
            member_redemption__in=rows, token=F("member_redemption__token")
        )
    }
    for row in rows:
        _recover(row, attempts.get((row.pk, row.token)))
    return [row.redemption_id for row in rows]


def _recover(row: MemberRedemption, attempt: Attempt | None) -> None:
    """Take a claim from a worker that is gone. The token grows, so that the worker cannot record if it comes back."""
    if attempt is None or attempt.outcome == Outcome.NOT_SENT:
        row.give_back()
        return
    row.tries += not row.is_probe
    row.state = State.UNCONFIRMED
    row.reason = MEANINGS[Outcome.UNANSWERED].reason
    row.outcome = Outcome.UNANSWERED
    row.next_attempt_at = attempt.sent_at + dt.timedelta(seconds=UNCONFIRMED_SECONDS)
    if row.tries >= MAX_TRIES:
        row.state, row.next_attempt_at = State.FAILED, None
        row.reason = (
            f"No clear answer in {MAX_TRIES} tries. Look at the attempts, then press Redeem now."
        )
    row.token += 1
    row.lease_until = None
    row.asked_realm = attempt.realm
    row.save()


def settle_by_evidence(isolation: FailureIsolation | None = None) -> int:
    """Settle rows whose Attempts hold a SUCCESS that a late worker could not record.

    Args:
        isolation: of the pass that this is a part of; None: one of its own.

    Returns:
        How many rows were settled.
    """
    isolation = isolation or FailureIsolation("sweep")
    with connection.cursor() as cursor:
        cursor.execute(_GRANTED)
        ids = [row[0] for row in cursor.fetchall()]
    return sum(
        isolation.call(f"member redemption {pk}", _settle_by_evidence, pk) or 0 for pk in ids
    )


def _settle_by_evidence(pk: int) -> int:
    try:
        with transaction.atomic():
            return len(MemberRedemption.objects.settle_by_evidence([pk]))
    except IntegrityError:
        # A twin holds the code meanwhile; when it is settled, this row is covered by it.
        return 0


@transaction.atomic
def settle_new_duplicates() -> None:
    """Settle the twins of rows that were settled since the last sweep, whoever died before it did so.

    Whatever opens a row covers it in the same transaction if its player has the code already. So what is left is a
    proof that is newer than the row, or that was written at the same time.
    """
    now = database_now()
    last = Heartbeat.objects.filter(name="twins").values_list("at", flat=True).first()
    settle_duplicates(settled_after=last and last - TRANSACTIONS_END_AFTER)
    Heartbeat.objects.update_or_create(
        name="twins", defaults={"at": now}, create_defaults={"at": now}
    )


def flag_stalled(isolation: FailureIsolation | None = None) -> None:
    """Alarm where a run has a member due and nothing moves although permits go unused; clear it where it moves.

    The time in which the system was down does not count: after a start, each run has the whole time again.

    Args:
        isolation: of the pass that this is a part of; None: one of its own.
    """
    isolation = isolation or FailureIsolation("sweep")
    _note_sweep()
    stalled = dict(_stalled_runs())
    for redemption in Redemption.objects.filter(pk__in=stalled).select_related(
        "guild", "gift_code"
    ):
        isolation.call(f"redemption {redemption.pk}", _flag_stalled, redemption)
    subjects = {str(pk) for pk in stalled}
    for alarm in Alarm.objects.standing().filter(kind=Alarm.Kind.NO_PROGRESS):
        if alarm.subject not in subjects:
            isolation.call(f"alarm {alarm.pk}", Alarm.objects.clear, alarm.kind, alarm.subject)


def _flag_stalled(redemption: Redemption) -> None:
    message = f"{redemption}: no progress for {STALLED_AFTER.total_seconds():.0f} s although requests were allowed."
    if Alarm.objects.raise_once(Alarm.Kind.NO_PROGRESS, str(redemption.pk), message):
        redemption.journal(EventKind.STALLED, detail=message)
        log_lines.trouble(
            redemption.guild.name, str(redemption.gift_code), f"{message} It is driven on."
        )


def _note_sweep() -> None:
    """Note this sweep (`sweep`) and, if none came before it for long, that the system runs since now (`awake`)."""
    with connection.cursor() as cursor:
        down_after: Any = DOWN_AFTER
        cursor.execute(
            """
            WITH before AS (SELECT at FROM giftcodes_heartbeat WHERE name = 'sweep'),
            noted AS (
                INSERT INTO giftcodes_heartbeat (name) VALUES ('sweep')
                ON CONFLICT (name) DO UPDATE SET at = clock_timestamp()
            )
            INSERT INTO giftcodes_heartbeat (name)
            SELECT 'awake'
            -- A sweep in the future: the clock was set back.
            WHERE NOT EXISTS (SELECT FROM before WHERE at BETWEEN clock_timestamp() - %s AND clock_timestamp())
            ON CONFLICT (name) DO UPDATE SET at = clock_timestamp()
            """,
            [down_after],
        )


def _stalled_runs() -> list[tuple[int, str]]:
    with connection.cursor() as cursor:
        after: Any = STALLED_AFTER
        cursor.execute(
            """
            SELECT r.id, g.name
            FROM giftcodes_redemption r
            JOIN giftcodes_guild g ON g.id = r.guild_id
            JOIN giftcodes_giftcode c ON c.id = r.gift_code_id AND c.state IN ('active', 'probing')
            JOIN giftcodes_ratebudget b ON b.provider = g.provider AND b.pause_kind = ''
            JOIN giftcodes_heartbeat awake ON awake.name = 'awake' AND awake.at < clock_timestamp() - %(after)s
            WHERE r.state = 'running' AND r.stop_requested_at IS NULL
              AND greatest(r.locked_at, r.last_served_at, c.held_until) < clock_timestamp() - %(after)s
              AND (b.window_ends_at IS NULL OR b.window_ends_at < clock_timestamp() - %(after)s)
              AND EXISTS (SELECT FROM giftcodes_memberredemption m
                          WHERE m.redemption_id = r.id AND m.state = 'pending'
                            AND m.next_attempt_at < clock_timestamp() - %(after)s
                            -- Whose player another guild's row holds is not due: that row is asked first.
                            AND NOT EXISTS (
                                SELECT FROM giftcodes_memberredemption twin
                                WHERE twin.gift_code_id = m.gift_code_id AND twin.player_id = m.player_id
                                  AND twin.covered_by_id IS NULL AND twin.state = ANY(%(holding)s)))
            """,
            {"after": after, "holding": values(HOLDING)},
        )
        return list(cursor.fetchall())


def _codes_to_start() -> list[int]:
    rows = Redemption.objects.pending().filter(
        gift_code__state=CodeState.ACTIVE, guild__active=True
    )
    return sorted(rows.order_by().values_list("gift_code_id", flat=True).distinct())


def _maybe_over() -> list[int]:
    open_rows = MemberRedemption.objects.open().filter(redemption=OuterRef("pk"))
    in_flight = MemberRedemption.objects.in_flight().filter(redemption=OuterRef("pk"))
    over = Redemption.objects.running().filter(
        ~Exists(open_rows) | (Q(stop_requested_at__isnull=False) & ~Exists(in_flight))
    )
    return list(over.values_list("pk", flat=True))


def _codes_with_waiting_rows() -> list[int]:
    """Closed codes with rows that still wait: their cancelling was cut off, or a row came back."""
    closed = [CodeState.CLOSED, CodeState.DELETED]
    waiting = MemberRedemption.objects.pending().filter(redemption=OuterRef("pk"))
    # An ended run has nobody who waits.
    rows = Redemption.objects.filter(
        Exists(waiting),
        Q(state=RunState.RUNNING) | Q(state=RunState.PENDING),
        gift_code__state__in=closed,
    )
    return sorted(set(rows.values_list("gift_code_id", flat=True)))
