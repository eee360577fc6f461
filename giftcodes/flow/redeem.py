"""Redeem one member: write the intent, call the game, record the answer. No other step asks the game for anything."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Q

from giftcodes import faults, story
from giftcodes.models import (
    Alarm,
    Attempt,
    CancelKind,
    Clock,
    CodeNews,
    CodeState,
    GiftCode,
    MemberRedemption,
    PauseKind,
    RateBudget,
    database_now,
)
from giftcodes.models.budget import Heard
from giftcodes.models.clock import clock_plus
from giftcodes.models.redemption import cover_twins, values
from giftcodes.outcomes import ABOUT_THE_CODE, PROVING, UNDECIDED, Outcome, meaning
from giftcodes.providers import client_for
from giftcodes.providers.base import Answer, RateReport
from giftcodes.verdict import OPEN, SETTLED, Situation, State, Verdict, judge

#: What is left of the lease when the request goes out must hold the whole call.
_SEND_MARGIN_SECONDS = 1.0
#: An answer is told to the database so often; each time a connection is waited for, some seconds where there is none.
RECORD_TRIES = 3

NOT_SENT = Answer(
    outcome=Outcome.NOT_SENT, http_status=None, err_code="", msg="", latency_ms=0, body="", rate=RateReport()
)


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What the task rings next.

    Args:
        provider: the game whose permits may have become free.
        finished: redemptions that look over.
        closed_code_id: a code whose waiting rows are to be cancelled.
        reopened_code_id: a code that works again.
    """

    provider: str
    finished: tuple[int, ...] = ()
    closed_code_id: int | None = None
    reopened_code_id: int | None = None


# Every condition under which the request may go out, judged in the statement that writes the intent.
_INTEND = """
INSERT INTO giftcodes_attempt (member_redemption_id, gift_code_id, player_id, realm, token, sent_at)
SELECT m.id, m.gift_code_id, m.player_id, coalesce(person.realm, g.realm), m.token, clock_timestamp()
FROM giftcodes_memberredemption m
JOIN giftcodes_member person ON person.id = m.member_id
JOIN giftcodes_redemption r ON r.id = m.redemption_id
JOIN giftcodes_guild g ON g.id = r.guild_id
JOIN giftcodes_giftcode c ON c.id = m.gift_code_id
JOIN giftcodes_ratebudget b ON b.provider = c.provider
WHERE m.id = %(id)s AND m.token = %(token)s AND m.state = 'in_flight'
  AND m.lease_until > clock_timestamp() + make_interval(secs => %(needed)s)
  AND (m.permit_until IS NULL OR m.permit_until > clock_timestamp())
  AND NOT coalesce(b.window_ends_at > clock_timestamp() AND b.permits_until <= clock_timestamp(), false)
  AND (b.pause_kind = '' OR (m.is_probe AND b.paused_until <= clock_timestamp()))
  AND (m.confirming OR (
        c.state IN ('active', 'probing') AND r.state = 'running' AND r.stop_requested_at IS NULL
        AND person.active AND NOT person.opted_out))
  AND NOT EXISTS (
        SELECT FROM giftcodes_attempt a
        WHERE a.gift_code_id = m.gift_code_id AND a.player_id = m.player_id AND a.outcome = 'success')
ON CONFLICT (member_redemption_id, token) DO NOTHING
RETURNING id, realm
"""


def redeem_member(member_redemption_id: int, token: int) -> Aftermath | None:
    """Ask the game for one member, if this claim still holds, and record what it says.

    A doubled message finds the Attempt of the first one and does nothing. A claim that may no longer be used is given
    back, unsent and uncounted; where that is because the game has granted it already, the row is settled.

    Args:
        member_redemption_id: whose turn it is.
        token: the claim's number.

    Returns:
        What to ring next; None: nothing was done.
    """
    woke_at = time.monotonic()
    attempt = intend(member_redemption_id, token)
    if attempt is None:
        return _settle_what_was_granted(member_redemption_id)
    faults.strike("after-intent")
    # The database judged the lease; if this process was held up since, the request must not go out any more.
    is_late = time.monotonic() - woke_at > settings.LEASE_SECONDS - settings.HTTP_SECONDS - _SEND_MARGIN_SECONDS
    return record_surely(attempt, NOT_SENT if is_late else ask(attempt))


def intend(member_redemption_id: int, token: int) -> Attempt | None:
    """Write the Attempt and commit it, or give the claim back. The row is locked, so that two messages take turns."""
    with transaction.atomic(durable=True):
        row = (
            MemberRedemption.objects.select_for_update(no_key=True)
            .filter(pk=member_redemption_id, token=token, state=State.IN_FLIGHT)
            .first()
        )
        if row is None:
            return None
        with connection.cursor() as cursor:
            needed = settings.HTTP_SECONDS + _SEND_MARGIN_SECONDS
            cursor.execute(_INTEND, {"id": row.pk, "token": token, "needed": needed})
            written = cursor.fetchone()
        if written is None:
            if not Attempt.objects.filter(member_redemption=row, token=token).exists():
                row.give_back()
            return None
    return Attempt.objects.select_related(
        "member_redemption__gift_code", "member_redemption__redemption__guild", "member_redemption__member"
    ).get(pk=written[0])


def _settle_what_was_granted(member_redemption_id: int) -> Aftermath | None:
    """A late worker may have recorded the game's grant while the claim was on its way: then nothing is left to ask."""
    row = MemberRedemption.objects.select_related("gift_code").get(pk=member_redemption_id)
    granted = Attempt.objects.filter(gift_code_id=row.gift_code_id, player_id=row.player_id, outcome=Outcome.SUCCESS)
    ids = granted.values_list("member_redemption_id", flat=True)[:1]
    settled = [redemption_id for pk in ids for redemption_id in _settle_by_evidence(pk)]
    if not settled:
        return None
    return Aftermath(provider=row.gift_code.provider, finished=tuple(pk for pk in set(settled) if _looks_over(pk)))


def ask(attempt: Attempt) -> Answer:
    """Ask the game. The one place where a redeem request is sent, and it is sent once."""
    row = attempt.member_redemption
    faults.strike("before-send")
    client = client_for(
        settings.PROVIDERS[row.gift_code.provider],
        total_seconds=settings.HTTP_SECONDS,
        connect_seconds=settings.HTTP_CONNECT_SECONDS,
    )
    return client.redeem(player_id=attempt.player_id, code=row.gift_code.code, realm=attempt.realm)


def record_surely(attempt: Attempt, answer: Answer) -> Aftermath:
    """Record an answer though the database goes away for a moment: lost here, it would have to be asked for again.

    Where the commit's own answer was lost, the second record finds the claim over and changes nothing.

    Raises:
        django.db.OperationalError, django.db.InterfaceError: the database stays away; the sweep takes over.
    """
    for _ in range(RECORD_TRIES - 1):
        try:
            return record(attempt, answer)
        except (OperationalError, InterfaceError) as error:
            story.warn("The database did not take an answer; it is told again.", error=type(error).__name__)
            connection.close()
    return record(attempt, answer)


def record(attempt: Attempt, answer: Answer) -> Aftermath:
    """Record an answer: on the budget, the Attempt, the code, and the row if the claim still holds.

    The answer stays on the Attempt in any case. A late SUCCESS still settles its row, because it is true.
    """
    faults.strike("before-record")
    row = attempt.member_redemption
    provider = row.gift_code.provider
    _tell_budget(provider, attempt, answer)
    with transaction.atomic(durable=True):
        now = database_now()
        news = _tell_code(attempt, answer.outcome, now=now)
        Attempt.objects.filter(pk=attempt.pk).update(
            answered_at=Clock(),
            outcome=answer.outcome.value,
            http_status=answer.http_status,
            err_code=answer.err_code,
            msg=answer.msg or answer.detail[:200],
            latency_ms=answer.latency_ms,
            body=answer.body,
        )
        code_is_closed = not GiftCode.objects.get(pk=attempt.gift_code_id).is_open
        verdict = judge(answer.outcome, _situation(attempt, code_is_closed=code_is_closed))
        held = _write(attempt, answer.outcome, verdict)
        faults.strike("before-commit")
    covered = _after_the_fact(attempt, answer.outcome, held=held, verdict=verdict)
    story.answered(
        str(row.member),
        meaning(answer.outcome).words,
        settled=verdict.state in SETTLED,
        guild=row.redemption.guild.name,
        code=str(row.gift_code),
    )
    return Aftermath(
        provider=provider,
        finished=tuple(pk for pk in {row.redemption_id, *covered} if _looks_over(pk)),
        closed_code_id=attempt.gift_code_id if news is CodeNews.CLOSED else None,
        reopened_code_id=attempt.gift_code_id if news is CodeNews.REOPENED else None,
    )


def _situation(attempt: Attempt, *, code_is_closed: bool) -> Situation:
    row = attempt.member_redemption
    earlier = Attempt.objects.filter(gift_code_id=attempt.gift_code_id, player_id=attempt.player_id, pk__lt=attempt.pk)
    may_have_been_granted = Q(outcome="") | Q(outcome=Outcome.SUCCESS) | Q(outcome__in=[o.value for o in UNDECIDED])
    return Situation(
        confirming=row.confirming,
        tries=row.tries,
        setbacks=row.setbacks,
        earlier_unknown=earlier.filter(may_have_been_granted).exists(),
        code_is_closed=code_is_closed,
        is_probe=row.is_probe,
        jitter=random.random(),  # noqa: S311
    )


def _write(attempt: Attempt, outcome: Outcome, verdict: Verdict) -> bool:
    """Write the verdict, if the claim still holds (the fence). Returns whether it did."""
    row = attempt.member_redemption
    is_cancelled = verdict.state is State.CANCELLED
    changed = MemberRedemption.objects.filter(pk=row.pk, token=attempt.token, state=State.IN_FLIGHT).update(
        state=verdict.state,
        cancel_kind=CancelKind.CODE_CLOSED if is_cancelled else "",
        outcome=outcome.value,
        reason=verdict.reason,
        asked_realm=attempt.realm,
        tries=row.tries + verdict.counts,
        setbacks=row.setbacks + 1 if verdict.is_setback else 0,
        next_attempt_at=None if verdict.delay_seconds is None else clock_plus(verdict.delay_seconds),
        settled_at=Clock() if verdict.state in SETTLED else None,
        lease_until=None,
        updated_at=Clock(),
    )
    return changed == 1


def _after_the_fact(attempt: Attempt, outcome: Outcome, *, held: bool, verdict: Verdict) -> list[int]:
    """Settle the twins of a settled row; where the claim was lost, settle what the answer proves all the same."""
    row = attempt.member_redemption
    guild, code = row.redemption.guild.name, str(row.gift_code)
    if held:
        if verdict.state is State.FAILED:
            story.trouble(guild, code, f"{row.member}: {verdict.reason}")
        return cover_twins(proof_id=row.pk) if verdict.state in SETTLED else []
    story.warn("A late answer came after its claim was over.", member=str(row.member), guild=guild, code=code)
    return _settle_by_evidence(row.pk) if outcome is Outcome.SUCCESS else []


def _settle_by_evidence(pk: int) -> list[int]:
    """Settle a row that its Attempts prove, and its twins. Returns the redemptions in which a row was settled."""
    try:
        with transaction.atomic():
            settled = MemberRedemption.objects.settle_by_evidence([pk])
    except IntegrityError:
        # A twin is in flight or settled: it is the proof, and the sweep covers this row by it.
        return []
    if not settled:
        return []
    return [MemberRedemption.objects.values_list("redemption_id", flat=True).get(pk=pk), *cover_twins(proof_id=pk)]


def _tell_code(attempt: Attempt, outcome: Outcome, *, now: Any) -> CodeNews:
    """Let the code hear what concerns it: seldom, so that its row is seldom locked."""
    if outcome not in PROVING and outcome not in ABOUT_THE_CODE:
        return CodeNews.NOTHING
    known = GiftCode.objects.get(pk=attempt.gift_code_id)
    if outcome in PROVING and known.proven_at and not known.doubted_at and known.state == CodeState.ACTIVE:
        return CodeNews.NOTHING
    code = GiftCode.objects.select_for_update(no_key=True).get(pk=attempt.gift_code_id)
    guild_id = attempt.member_redemption.redemption.guild_id
    return code.hear(outcome, player_id=attempt.player_id, guild_id=guild_id, now=now)


def _tell_budget(provider: str, attempt: Attempt, answer: Answer) -> None:
    """Let the budget learn. Most answers teach it nothing: then its row is not locked."""
    config = settings.PROVIDERS[provider]
    row = attempt.member_redemption
    heard = Heard(
        outcome=answer.outcome,
        has_status=answer.http_status is not None,
        report=answer.rate,
        player_id=attempt.player_id,
        sent_at=attempt.sent_at,
        permit_until=row.permit_until,
        is_probe=row.is_probe,
    )
    now = database_now()
    if not RateBudget.objects.get(pk=provider).hear(heard, rate=config.rate, now=now):
        return
    with transaction.atomic(durable=True):
        budget = RateBudget.objects.select_for_update().get(pk=provider)
        was = budget.pause_kind
        if budget.hear(heard, rate=config.rate, now=database_now()):
            budget.save()
        _sound_alarm(budget, title=config.title, was=was)


def _sound_alarm(budget: RateBudget, *, title: str, was: str) -> None:
    kind = Alarm.Kind.PROVIDER_PAUSED
    if budget.pause_kind and budget.pause_kind != PauseKind.OPERATOR and budget.pause_kind != was:
        Alarm.objects.raise_once(kind, budget.provider, budget.pause_reason)
        story.warn(f"⏸️ {title} is paused: {budget.pause_reason} It is probed by itself.", provider=budget.provider)
    elif was and not budget.pause_kind and Alarm.objects.clear(kind, budget.provider):
        story.tell(f"▶️ {title} answers again; redeeming goes on.", provider=budget.provider)


def _looks_over(redemption_id: int) -> bool:
    return not MemberRedemption.objects.filter(redemption_id=redemption_id, state__in=values(OPEN)).exists()
