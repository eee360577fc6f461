"""Sweep: find and continue the work that dead processes and lost messages left behind."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q

from giftcodes.domain import log_lines
from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.sentences import Sentence, english, reason_of
from giftcodes.domain.transitions import HOLDING, MAX_TRIES, UNCONFIRMED_SECONDS, State, literals
from giftcodes.models import (
    Alarm,
    Attempt,
    Clock,
    CodeState,
    Cursor,
    EventKind,
    MemberRedemption,
    Redemption,
    RunState,
    database_now,
)
from giftcodes.models.code_state import OPEN_STATES
from giftcodes.models.failure_isolation import FailureIsolation
from giftcodes.models.member_redemption import IN_VAIN
from giftcodes.models.participants import settle_duplicates
from giftcodes.models.start_rules import startable
from giftcodes.sql import fetch, statement

#: A run with a due member and no progress for this long is flagged, unless the game is paused or
#: its window is used up.
STALLED_AFTER = dt.timedelta(seconds=120)

#: Sweeps come every 10 s. If the last one is older than this, the system was down, and nothing
#: could make progress.
DOWN_AFTER = dt.timedelta(seconds=30)

#: Every transaction that settles or opens a row has ended after this time.
TRANSACTIONS_END_AFTER = dt.timedelta(seconds=60)


@dataclass(slots=True)
class Findings:
    """What the task must do next.

    Args:
        to_start: the ids of codes that have redemptions waiting to be started.
        maybe_over: the ids of redemptions whose run seems to be over.
        closed_codes: the ids of closed codes that rows still wait for.
    """

    to_start: list[int] = field(default_factory=list)
    maybe_over: list[int] = field(default_factory=list)
    closed_codes: list[int] = field(default_factory=list)


def sweep(isolation: FailureIsolation) -> Findings:
    """Make one pass over everything that may have been left behind.

    Each part has its own transactions. A part or an item that fails does not stop the others.

    Args:
        isolation: the caller's `FailureIsolation`.
    """
    isolation.call("expired leases", recover_expired_leases, isolation)
    isolation.call("evidence", settle_by_evidence, isolation)
    isolation.call("duplicates", settle_new_duplicates)
    isolation.call("stalled runs", flag_stalled, isolation)
    return Findings(
        to_start=isolation.call("codes to start", _codes_to_start) or [],
        maybe_over=isolation.call("runs to finish", _maybe_over) or [],
        closed_codes=isolation.call("closed codes", _codes_with_waiting_rows) or [],
    )


def recover_expired_leases(isolation: FailureIsolation) -> int:
    """Recover the claims whose lease is over.

    A row whose request was sent and has no answer becomes unconfirmed. A row whose request was not
    sent waits again, and no try is counted.

    Args:
        isolation: the caller's `FailureIsolation`.

    Returns:
        The number of recovered claims.
    """
    recovered: Counter[int] = Counter()
    left_out: set[int] = set()
    while ids := _expired(left_out):
        batch = isolation.call("a batch of claims", _recover_batch, ids)
        if batch is None:
            # One of the claims cannot be recovered, so recover them one by one.
            batch = [
                found
                for pk in ids
                for found in isolation.call(f"claim {pk}", _recover_batch, [pk]) or []
            ]
        # A claim that was not recovered, or that another transaction holds, is left to the next
        # sweep.
        left_out.update(ids)
        recovered.update(batch)
    for redemption in Redemption.objects.filter(pk__in=recovered).select_related(
        "guild", "gift_code"
    ):
        isolation.call(
            f"redemption {redemption.pk}", _report_recovered, redemption, recovered[redemption.pk]
        )
    return sum(recovered.values())


def _report_recovered(redemption: Redemption, number: int) -> None:
    redemption.journal(EventKind.RECOVERED, detail=Sentence.of("claims_recovered", number=number))
    log_lines.trouble(
        redemption.guild.name,
        str(redemption.gift_code),
        f"{number} claim(s) were left behind by a worker that is gone. They are tried again.",
    )


def _expired(left_out: set[int]) -> list[int]:
    """The ids of some claims whose lease is over, except those that were tried already."""
    expired = (
        MemberRedemption.objects.in_flight()
        .filter(lease_until__lt=Clock())
        .exclude(pk__in=left_out)
    )
    return list(expired.order_by("pk").values_list("pk", flat=True)[:200])


@transaction.atomic
def _recover_batch(ids: list[int]) -> list[int]:
    """Recover those claims that are still expired. Returns the redemption id of each of them."""
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
    """Take a claim from a worker that is gone.

    The token is increased, so that the worker cannot record an answer if it comes back.
    """
    if attempt is None or attempt.outcome == Outcome.NOT_SENT:
        row.give_back()
        return
    row.tries += not row.is_probe
    row.state = State.UNCONFIRMED
    row.reason = reason_of(Outcome.UNANSWERED)
    row.outcome = Outcome.UNANSWERED
    row.next_attempt_at = attempt.sent_at + dt.timedelta(seconds=UNCONFIRMED_SECONDS)
    if row.tries >= MAX_TRIES:
        row.state, row.next_attempt_at = State.FAILED, None
        row.reason = Sentence.of("no_clear_answer_after_crash", tries=MAX_TRIES)
    row.token += 1
    row.lease_until = None
    row.asked_realm = attempt.realm
    row.save()


def settle_by_evidence(isolation: FailureIsolation) -> int:
    """Settle rows whose Attempt has a SUCCESS that a late worker could not write to the row.

    Args:
        isolation: the caller's `FailureIsolation`.

    Returns:
        The number of settled rows.
    """
    ids = [pk for (pk,) in fetch(statement("sweep", "granted", unsettled=literals(IN_VAIN)))]
    return sum(
        isolation.call(f"member redemption {pk}", _settle_by_evidence, pk) or 0 for pk in ids
    )


def _settle_by_evidence(pk: int) -> int:
    try:
        with transaction.atomic():
            return len(MemberRedemption.objects.settle_by_evidence([pk]))
    except IntegrityError:
        # A duplicate is in flight or settled by now. Once it is settled, it covers this row.
        return 0


@transaction.atomic
def settle_new_duplicates() -> None:
    """Settle the duplicates of the rows that were settled since the last sweep.

    An interruption may have left such duplicates open. Rows that were settled earlier need no look:
    a transaction that opens a duplicate of such a row settles that duplicate at once.
    """
    now = database_now()
    last = Cursor.position("duplicates")
    settle_duplicates(settled_after=last and last - TRANSACTIONS_END_AFTER)
    Cursor.move_to("duplicates", now)


def flag_stalled(isolation: FailureIsolation) -> None:
    """Raise an alarm for each run that has a due member and unused permits, but no progress.

    The alarm is cleared when the run makes progress. Time in which the system was down does not
    count: after a start of the system, each run has the whole time again.

    Args:
        isolation: the caller's `FailureIsolation`.
    """
    _note_sweep()
    stalled = _stalled_runs()
    for redemption in Redemption.objects.filter(pk__in=stalled).select_related(
        "guild", "gift_code"
    ):
        isolation.call(f"redemption {redemption.pk}", _flag_stalled, redemption)
    subjects = {str(pk) for pk in stalled}
    for alarm in Alarm.objects.standing().filter(kind=Alarm.Kind.NO_PROGRESS):
        if alarm.subject not in subjects:
            isolation.call(f"alarm {alarm.pk}", Alarm.objects.clear, alarm.kind, alarm.subject)


def _flag_stalled(redemption: Redemption) -> None:
    message = Sentence.of(
        "no_progress",
        code=str(redemption.gift_code),
        guild=str(redemption.guild),
        seconds=f"{STALLED_AFTER.total_seconds():.0f}",
    )
    if Alarm.objects.raise_once(Alarm.Kind.NO_PROGRESS, str(redemption.pk), message):
        redemption.journal(EventKind.STALLED, detail=message)
        log_lines.trouble(
            redemption.guild.name,
            str(redemption.gift_code),
            f"{english(message)} It is dispatched again.",
        )


@transaction.atomic
def _note_sweep() -> None:
    """Note the time of this sweep. If the system was down until now, note it as `awake`, too."""
    if not Cursor.move_to_now("sweep", longest_gap=DOWN_AFTER):
        Cursor.move_to("awake", database_now())


def _stalled_runs() -> list[int]:
    rows = fetch(
        statement("sweep", "stalled", holding=literals(HOLDING)),
        after=STALLED_AFTER,
        open_codes=list(OPEN_STATES),
    )
    return [pk for (pk,) in rows]


def _codes_to_start() -> list[int]:
    rows = Redemption.objects.pending().filter(startable())
    return sorted(rows.order_by().values_list("gift_code_id", flat=True).distinct())


def _maybe_over() -> list[int]:
    open_rows = MemberRedemption.objects.open().filter(redemption=OuterRef("pk"))
    in_flight = MemberRedemption.objects.in_flight().filter(redemption=OuterRef("pk"))
    over = Redemption.objects.running().filter(
        ~Exists(open_rows) | (Q(stop_requested_at__isnull=False) & ~Exists(in_flight))
    )
    return list(over.values_list("pk", flat=True))


def _codes_with_waiting_rows() -> list[int]:
    """The ids of closed codes for which rows still wait.

    Cancelling these rows was interrupted, or their claims were given back after the code closed.
    """
    closed = [CodeState.CLOSED, CodeState.DELETED]
    waiting = MemberRedemption.objects.pending().filter(redemption=OuterRef("pk"))
    # Only redemptions in these two states can have a waiting row.
    rows = Redemption.objects.filter(
        Exists(waiting),
        Q(state=RunState.RUNNING) | Q(state=RunState.PENDING),
        gift_code__state__in=closed,
    )
    return sorted(set(rows.values_list("gift_code_id", flat=True)))
