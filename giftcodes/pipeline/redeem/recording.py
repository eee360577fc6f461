"""Record an answer in the budget, the code, the Attempt and, if the claim holds, the row."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Q

from giftcodes.clients.games.base import Answer
from giftcodes.domain import failpoints, log_lines
from giftcodes.domain.outcomes import UNDECIDED, WRONG_PLAYER, Outcome, meaning
from giftcodes.domain.sentences import english
from giftcodes.domain.transitions import (
    OPEN,
    SETTLED,
    AttemptContext,
    State,
    Transition,
    decide,
    literals,
)
from giftcodes.models import Attempt, CancelKind, CodeChange, Member, MemberRedemption
from giftcodes.models.member_answers import Followed, concerns_other_rows, follow
from giftcodes.models.participants import settle_duplicates
from giftcodes.models.rate_budget import threads_of_workers
from giftcodes.pipeline.redeem.budget_and_code import (
    concerns_budget,
    concerns_code,
    update_budget,
    update_code,
)
from giftcodes.pipeline.redeem.intent import Intent
from giftcodes.pipeline.redeem.snapshot import Snapshot
from giftcodes.sql import execute, fetch, statement


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What the task enqueues next.

    Args:
        provider: the game whose permits may have become free.
        finished: the ids of redemptions whose run seems to be over.
        closed_code_id: the id of a code whose waiting rows must be cancelled.
        reopened_code_id: the id of a code that works again.
        behind_guild_id: the id of a guild in which a member's rows for other codes have become due.
        has_room: whether more may be claimed now. If not, enough requests are under way, and one of
            them enqueues the next dispatch.
    """

    provider: str
    finished: tuple[int, ...] = ()
    closed_code_id: int | None = None
    reopened_code_id: int | None = None
    behind_guild_id: int | None = None
    has_room: bool = True


@dataclass(slots=True)
class Progress:
    """What earlier tries to record an answer have done. A further try does not do it again.

    Args:
        is_again: whether this is a further try.
        budget_changed: whether the answer changed the game's budget. None until it is applied.
    """

    is_again: bool = False
    budget_changed: bool | None = None


def record(intent: Intent, answer: Answer, progress: Progress | None = None) -> FollowUp:
    """Record an answer.

    The Attempt keeps the answer in any case. A late SUCCESS still settles its row, because the
    player has the code.

    Args:
        intent: the request.
        answer: its answer.
        progress: what earlier tries have done. It is updated. None if this is the only try.
    """
    failpoints.hit("before-record")
    progress = progress or Progress()
    recorded = (
        _recorded_before(intent, answer, progress)
        or _record_in_one_statement(intent, answer)
        or _record_with_locks(intent, answer, progress)
    )
    transition, change = recorded.transition, recorded.change
    follow_up = (
        _after_recorded(intent, transition, recorded.followed)
        if recorded.held
        else _after_late_answer(intent, answer.outcome)
    )
    log_lines.answered(
        intent.member,
        meaning(answer.outcome).words,
        settled=transition.state in SETTLED,
        guild=intent.guild,
        code=intent.code,
    )
    return replace(
        follow_up,
        closed_code_id=intent.gift_code_id if change is CodeChange.CLOSED else None,
        reopened_code_id=intent.gift_code_id if change is CodeChange.REOPENED else None,
        has_room=follow_up.has_room or recorded.budget_changed or change is not CodeChange.NOTHING,
    )


class _Recorded(NamedTuple):
    """What was recorded.

    Args:
        transition: how the row has changed, if the claim still held.
        held: whether the claim still held.
        followed, budget_changed, change: what changed elsewhere: in the member's other rows, in the
            game's budget, in the code.
    """

    transition: Transition
    held: bool = True
    followed: Followed = Followed()
    budget_changed: bool = False
    change: CodeChange = CodeChange.NOTHING


def _recorded_before(intent: Intent, answer: Answer, progress: Progress) -> _Recorded | None:
    """What an earlier try has recorded, if only the reply to its commit was lost."""
    if not progress.is_again:
        return None
    if not Attempt.objects.filter(pk=intent.id).exclude(outcome="").exists():
        return None
    transition = decide(answer.outcome, _context(intent, answer.outcome, intent.known))
    return _Recorded(transition, held=False)


def _record_in_one_statement(intent: Intent, answer: Answer) -> _Recorded | None:
    """Record in one statement an answer that concerns only its own row, as most answers do.

    The answer is judged with what was known when the intent was written. The statement is its own
    transaction, because `intend` has refused to run in an open one.

    Returns:
        None if the answer must be recorded with locks: it concerns more than its row, the budget or
        the code has changed since the intent, or the claim no longer holds.
    """
    asked_for = dt.timedelta(milliseconds=answer.latency_ms)
    known = replace(intent.known, now=intent.sent_at + asked_for)
    if (
        concerns_budget(intent, answer, known)
        or concerns_code(answer.outcome, known)
        or concerns_other_rows(intent.asked, answer.outcome)
    ):
        return None
    transition = decide(answer.outcome, _context(intent, answer.outcome, known))
    is_written = _write(intent, answer, transition, only_if_unchanged=known)
    return _Recorded(transition) if is_written else None


def _record_with_locks(intent: Intent, answer: Answer, progress: Progress) -> _Recorded:
    known = Snapshot.read(intent.gift_code_id)
    if progress.budget_changed is None:
        progress.budget_changed = update_budget(intent, answer, known)
    with transaction.atomic(durable=True):
        change, known = update_code(intent, answer, known)
        transition = decide(answer.outcome, _context(intent, answer.outcome, known))
        if answer.outcome in WRONG_PLAYER or intent.is_marked:
            # Members are locked before their member redemptions.
            Member.objects.select_for_update(no_key=True).get(pk=intent.member_id)
        held = _write(intent, answer, transition)
        followed = follow(intent.asked, answer.outcome) if held else Followed()
        failpoints.hit("before-commit")
    return _Recorded(transition, held, followed, progress.budget_changed, change)


def _context(intent: Intent, outcome: Outcome, known: Snapshot) -> AttemptContext:
    return AttemptContext(
        confirming=intent.confirming,
        tries=intent.tries,
        uncounted_failures=intent.uncounted_failures,
        earlier_unknown=outcome is Outcome.RECEIVED and _may_have_been_granted(intent),
        code_is_closed=not known.code_is_open,
        code_is_held=known.code_is_held,
        is_probe=intent.is_probe,
        jitter=random.random(),  # noqa: S311
    )


def _may_have_been_granted(intent: Intent) -> bool:
    """Whether the game may have granted an earlier request for this player and code."""
    earlier = Attempt.objects.filter(
        gift_code_id=intent.gift_code_id, player_id=intent.player_id, pk__lt=intent.id
    )
    unknown = (
        Q(outcome="") | Q(outcome=Outcome.SUCCESS) | Q(outcome__in=[o.value for o in UNDECIDED])
    )
    return earlier.filter(unknown).exists()


def _write(
    intent: Intent,
    answer: Answer,
    transition: Transition,
    *,
    only_if_unchanged: Snapshot | None = None,
) -> bool:
    """Write the answer, and the transition if the claim still holds.

    Args:
        only_if_unchanged: if given, write only while the budget and the code are as in it.

    Returns:
        Whether the row was written.
    """
    is_cancelled = transition.state is State.CANCELLED
    condition, parameters = "true", {}
    if only_if_unchanged is not None:
        condition = statement("redeem", "is_unchanged")
        parameters = {
            "code": intent.gift_code_id,
            "budget_version": only_if_unchanged.budget_version,
            "code_version": only_if_unchanged.code_version,
        }
    changed = execute(
        statement("redeem", "write_answer", condition=condition),
        **parameters,
        attempt=intent.id,
        outcome=answer.outcome.value,
        http_status=answer.http_status,
        err_code=answer.err_code,
        msg=answer.msg or answer.detail[:200],
        latency_ms=answer.latency_ms,
        body=answer.body,
        row=intent.row_id,
        token=intent.token,
        state=transition.state.value,
        cancel_kind=CancelKind.CODE_CLOSED.value if is_cancelled else "",
        reason=transition.reason,
        realm=intent.realm,
        tries=intent.tries + transition.counts,
        uncounted_failures=intent.uncounted_failures + 1 if transition.is_uncounted_failure else 0,
        delay=transition.delay_seconds,
        is_settled=transition.state in SETTLED,
    )
    return bool(changed)


class _WhatFollows(NamedTuple):
    """What was read after an answer was recorded.

    Args:
        is_over: whether no row of the redemption is open.
        has_duplicates: whether the player has a row for this code in another guild.
        in_flight: how many requests to this game are under way.
    """

    is_over: bool
    has_duplicates: bool
    in_flight: int


def _after_recorded(intent: Intent, transition: Transition, followed: Followed) -> FollowUp:
    """Settle the duplicates of a settled row, and find what comes next.

    It is called only if the claim still held.
    """
    if transition.state is State.FAILED:
        log_lines.trouble(
            intent.guild, intent.code, f"{intent.member}: {english(transition.reason)}"
        )
    (look,) = fetch(
        statement("redeem", "what_follows", open=literals(OPEN)),
        redemption=intent.redemption_id,
        code=intent.gift_code_id,
        player=intent.player_id,
        row=intent.row_id,
        provider=intent.provider,
    )
    found = _WhatFollows(*look)
    settled: list[int] = []
    if transition.state in SETTLED and found.has_duplicates:
        settled = settle_duplicates(proof_id=intent.row_id)
    own = (intent.redemption_id,) if found.is_over else ()
    return FollowUp(
        provider=intent.provider,
        finished=own + _without_open_rows(settled) + _without_open_rows(followed.parked),
        behind_guild_id=intent.guild_id if followed.are_due else None,
        has_room=_is_time_to_dispatch(found.in_flight),
    )


def _is_time_to_dispatch(in_flight: int) -> bool:
    """Whether this answer enqueues a dispatch: if one request for each thread is left, or none.

    If each answer below that number enqueued a dispatch, several would be enqueued before the first
    one runs. Two answers at the same time may both miss the number. Then the next tick dispatches,
    or the last answer does, because no request is in flight any more.
    """
    return in_flight in (threads_of_workers(), 0)


def _after_late_answer(intent: Intent, outcome: Outcome) -> FollowUp:
    """Settle what the answer proves, although the claim was lost."""
    log_lines.warning(
        "A late answer came after its claim was over.",
        member=intent.member,
        guild=intent.guild,
        code=intent.code,
    )
    settled = _settle_by_evidence(intent.row_id) if outcome is Outcome.SUCCESS else []
    return FollowUp(
        provider=intent.provider, finished=_without_open_rows([intent.redemption_id, *settled])
    )


def settle_what_was_granted(member_redemption_id: int) -> FollowUp | None:
    """Settle a row whose claim may not be used because the game has granted the code already.

    A late worker may have recorded the grant after the claim was made.
    """
    row = MemberRedemption.objects.select_related("gift_code").get(pk=member_redemption_id)
    granted = Attempt.objects.filter(
        gift_code_id=row.gift_code_id, player_id=row.player_id, outcome=Outcome.SUCCESS
    )
    ids = granted.values_list("member_redemption_id", flat=True)[:1]
    settled = [redemption_id for pk in ids for redemption_id in _settle_by_evidence(pk)]
    if not settled:
        return None
    return FollowUp(provider=row.gift_code.provider, finished=_without_open_rows(settled))


def _settle_by_evidence(pk: int) -> list[int]:
    """Settle a row whose Attempts prove that its player has the code, and settle its duplicates.

    Returns:
        The ids of the redemptions in which a row was settled.
    """
    try:
        with transaction.atomic():
            settled = MemberRedemption.objects.settle_by_evidence([pk])
    except IntegrityError:
        # A duplicate is in flight or settled. Once it is settled, the sweep settles this row, too.
        return []
    if not settled:
        return []
    settle_duplicates(proof_id=pk)
    rows = MemberRedemption.objects.filter(Q(pk=pk) | Q(covered_by=pk))
    return list(rows.values_list("redemption_id", flat=True))


def _without_open_rows(redemption_ids: Iterable[int]) -> tuple[int, ...]:
    """The ids of those redemptions that have no open row."""
    ids = set(redemption_ids)
    if not ids:
        return ()
    still_open = MemberRedemption.objects.open().filter(redemption_id__in=ids).order_by()
    return tuple(sorted(ids - set(still_open.values_list("redemption_id", flat=True).distinct())))
