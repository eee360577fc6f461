"""Redeem one member: write the intent, call the game, record the answer. No other step asks the game for anything."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Q

from giftcodes.clients.games import client_for
from giftcodes.clients.games.base import Answer, RateReport
from giftcodes.domain import failpoints, log_lines
from giftcodes.domain.outcomes import (
    ABOUT_THE_CODE,
    JUDGES_CODE,
    ODD_ANSWERS,
    ODD_WORDS,
    PROVING,
    UNDECIDED,
    WRONG_PLAYER,
    Outcome,
    meaning,
)
from giftcodes.domain.transitions import OPEN, SETTLED, AttemptContext, State, Transition, decide
from giftcodes.models import (
    Alarm,
    Attempt,
    CancelKind,
    CodeAnswer,
    CodeChange,
    CodeState,
    EventKind,
    GiftCode,
    Member,
    MemberRedemption,
    PauseKind,
    RateBudget,
    RedemptionEvent,
    Trigger,
    database_now,
)
from giftcodes.models.code import code_words
from giftcodes.models.guild import member_words
from giftcodes.models.member_answers import Asked, Followed, follow
from giftcodes.models.member_redemption import settle_duplicates, values
from giftcodes.models.rate_budget import Observation

#: What is left of the lease when the request goes out must hold the whole call.
_SEND_MARGIN_SECONDS = 1.0
#: An answer is told to the database so often; each time a connection is waited for, some seconds where there is none.
RECORD_TRIES = 3

NOT_SENT = Answer(
    outcome=Outcome.NOT_SENT,
    http_status=None,
    err_code="",
    msg="",
    latency_ms=0,
    body="",
    rate=RateReport(),
)


@dataclass(frozen=True, slots=True)
class Intent:
    """A request that is written down, with all that is needed to send it and to record its answer.

    Args:
        id: of its Attempt.
        row_id, token: the claim that it belongs to.
        published, issue: the code as it is sent, and which of its issues it is.
        permit_until: the end of the window that its permit came from; None: it opens one.
        confirming, is_probe, tries, uncounted_failures: of the row, when it was claimed.
        last_outcome: the row's answer before this one.
        is_marked: the member is marked as unknown to the game (Member.refused_at).
        nickname, listed_as: the member's name and player ID in the guild.
    """

    id: int
    sent_at: dt.datetime
    row_id: int
    token: int
    member_id: int
    redemption_id: int
    gift_code_id: int
    guild_id: int
    provider: str
    player_id: str
    realm: int
    published: str
    issue: int
    permit_until: dt.datetime | None
    confirming: bool
    is_probe: bool
    tries: int
    uncounted_failures: int
    last_outcome: str
    is_marked: bool
    nickname: str
    listed_as: str
    guild: str

    @property
    def member(self) -> str:
        return member_words(self.nickname, self.listed_as)

    @property
    def asked(self) -> Asked:
        return Asked(self.row_id, self.member_id, self.realm, self.last_outcome, self.is_marked)

    @property
    def code(self) -> str:
        return code_words(self.published, self.issue)


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What the task rings next.

    Args:
        provider: the game whose permits may have become free.
        finished: redemptions that look over.
        closed_code_id: a code whose waiting rows are to be cancelled.
        reopened_code_id: a code that works again.
        behind_guild_id: a guild in which a member may be asked again for other codes.
        has_room: more may be claimed now. Otherwise enough requests are under way, and a later one of them rings.
    """

    provider: str
    finished: tuple[int, ...] = ()
    closed_code_id: int | None = None
    reopened_code_id: int | None = None
    behind_guild_id: int | None = None
    has_room: bool = True


# Every condition under which the request may go out, judged in the statement that writes the intent. The row is locked,
# so that two messages take turns.
_INTEND = """
WITH claim AS MATERIALIZED (
    SELECT * FROM giftcodes_memberredemption
    WHERE id = %(id)s AND token = %(token)s AND state = 'in_flight'
    FOR NO KEY UPDATE
), known AS MATERIALIZED (
    SELECT m.id AS row_id, m.token, m.member_id, m.redemption_id, m.gift_code_id, g.id AS guild_id, c.provider,
           m.player_id, coalesce(person.realm, g.realm) AS realm, c.code AS published, c.issue, m.permit_until,
           m.confirming, m.is_probe, m.tries, m.uncounted_failures, m.outcome AS last_outcome,
           person.refused_at IS NOT NULL AS is_marked, person.nickname, person.player_id AS listed_as, g.name AS guild
    FROM claim m
    JOIN giftcodes_member person ON person.id = m.member_id
    JOIN giftcodes_redemption r ON r.id = m.redemption_id
    JOIN giftcodes_guild g ON g.id = r.guild_id
    JOIN giftcodes_giftcode c ON c.id = m.gift_code_id
    JOIN giftcodes_ratebudget b ON b.provider = c.provider
    WHERE m.state = 'in_flight'
      AND m.lease_until > clock_timestamp() + make_interval(secs => %(needed)s)
      AND (m.permit_until IS NULL OR m.permit_until > clock_timestamp())
      AND NOT coalesce(b.window_ends_at > clock_timestamp() AND b.permits_until <= clock_timestamp(), false)
      AND NOT coalesce(c.held_until > clock_timestamp(), false)
      AND (b.pause_kind = '' OR (m.is_probe AND b.paused_until <= clock_timestamp()))
      AND (m.confirming OR (
            c.state IN ('active', 'probing') AND r.state = 'running' AND r.stop_requested_at IS NULL
            AND person.active AND NOT person.opted_out))
      AND NOT EXISTS (
            SELECT FROM giftcodes_attempt a
            WHERE a.gift_code_id = m.gift_code_id AND a.player_id = m.player_id AND a.outcome = 'success')
), written AS (
    INSERT INTO giftcodes_attempt (member_redemption_id, gift_code_id, player_id, realm, token, sent_at)
    SELECT row_id, gift_code_id, player_id, realm, token, clock_timestamp() FROM known
    ON CONFLICT (member_redemption_id, token) DO NOTHING
    RETURNING id, sent_at
)
SELECT written.id, written.sent_at, known.* FROM written CROSS JOIN known
"""


def redeem_member(member_redemption_id: int, token: int) -> FollowUp | None:
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
    intent = intend(member_redemption_id, token)
    if intent is None:
        return _settle_what_was_granted(member_redemption_id)
    failpoints.hit("after-intent")
    # The database judged the lease; if this process was held up since, the request must not go out any more.
    is_late = (
        time.monotonic() - woke_at
        > settings.LEASE_SECONDS - settings.HTTP_SECONDS - _SEND_MARGIN_SECONDS
    )
    return record_with_retry(intent, NOT_SENT if is_late else ask(intent))


def intend(member_redemption_id: int, token: int) -> Intent | None:
    """Write the Attempt and commit it, or give the claim back. One statement, which is its own transaction.

    Raises:
        RuntimeError: another transaction is open, and the Attempt would not be there before the request is sent.
    """
    _insist_on_commit()
    with connection.cursor() as cursor:
        needed = settings.HTTP_SECONDS + _SEND_MARGIN_SECONDS
        cursor.execute(_INTEND, {"id": member_redemption_id, "token": token, "needed": needed})
        written = cursor.fetchone()
    if written is None:
        _give_back(member_redemption_id, token)
        return None
    return Intent(*written)


def _insist_on_commit() -> None:
    """As `atomic(durable=True)` does, without a transaction."""
    blocks: list[Any] = connection.atomic_blocks
    if blocks and not blocks[-1]._from_testcase:
        msg = "This must be committed before anything follows from it, and a transaction is open."
        raise RuntimeError(msg)


@transaction.atomic(durable=True)
def _give_back(member_redemption_id: int, token: int) -> None:
    """Hand a claim back that may not be used, unless it has been used: a message may come twice."""
    row = (
        MemberRedemption.objects.select_for_update(no_key=True)
        .filter(pk=member_redemption_id, token=token, state=State.IN_FLIGHT)
        .first()
    )
    if row is not None and not Attempt.objects.filter(member_redemption=row, token=token).exists():
        row.give_back()


def _settle_what_was_granted(member_redemption_id: int) -> FollowUp | None:
    """A late worker may have recorded the game's grant while the claim was on its way: then nothing is left to ask."""
    row = MemberRedemption.objects.select_related("gift_code").get(pk=member_redemption_id)
    granted = Attempt.objects.filter(
        gift_code_id=row.gift_code_id, player_id=row.player_id, outcome=Outcome.SUCCESS
    )
    ids = granted.values_list("member_redemption_id", flat=True)[:1]
    settled = [redemption_id for pk in ids for redemption_id in _settle_by_evidence(pk)]
    if not settled:
        return None
    return FollowUp(provider=row.gift_code.provider, finished=_look_over(settled))


def ask(intent: Intent) -> Answer:
    """Ask the game. The one place where a redeem request is sent, and it is sent once."""
    failpoints.hit("before-send")
    client = client_for(
        settings.PROVIDERS[intent.provider],
        total_seconds=settings.HTTP_SECONDS,
        connect_seconds=settings.HTTP_CONNECT_SECONDS,
    )
    return client.redeem(player_id=intent.player_id, code=intent.published, realm=intent.realm)


def record_with_retry(intent: Intent, answer: Answer) -> FollowUp:
    """Record an answer though the database goes away for a moment: lost here, it would have to be asked for again.

    Where the commit's own answer was lost, the second record finds the claim over and changes nothing.

    Raises:
        django.db.OperationalError, django.db.InterfaceError: the database stays away; the sweep takes over.
    """
    for _ in range(RECORD_TRIES - 1):
        try:
            return record(intent, answer)
        except (OperationalError, InterfaceError) as error:
            log_lines.warning(
                "The database did not take an answer; it is told again.", error=type(error).__name__
            )
            connection.close()
    return record(intent, answer)


def record(intent: Intent, answer: Answer) -> FollowUp:
    """Record an answer: on the budget, the Attempt, the code, and the row if the claim still holds.

    The answer stays on the Attempt in any case. A late SUCCESS still settles its row, because it is true.
    """
    failpoints.hit("before-record")
    known = _Snapshot.of(intent)
    budget_learned = _update_budget(intent, answer, known)
    with transaction.atomic(durable=True):
        news = _update_code(intent, answer, known)
        verdict = decide(answer.outcome, _situation(intent, answer.outcome, known))
        if answer.outcome in WRONG_PLAYER or intent.is_marked:
            # Members are locked before their shares.
            Member.objects.select_for_update(no_key=True).get(pk=intent.member_id)
        held = _write(intent, answer, verdict)
        followed = follow(intent.asked, answer.outcome) if held else Followed()
        failpoints.hit("before-commit")
    room = _follow_up(intent, answer.outcome, held=held, verdict=verdict, followed=followed)
    log_lines.answered(
        intent.member,
        meaning(answer.outcome).words,
        settled=verdict.state in SETTLED,
        guild=intent.guild,
        code=intent.code,
    )
    return replace(
        room,
        closed_code_id=intent.gift_code_id if news is CodeChange.CLOSED else None,
        reopened_code_id=intent.gift_code_id if news is CodeChange.REOPENED else None,
        has_room=room.has_room or budget_learned or news is not CodeChange.NOTHING,
    )


@dataclass(slots=True)
class _Snapshot:
    """What is known of game and code when an answer comes in: read by one statement, as most answers teach nothing."""

    now: dt.datetime
    budget: RateBudget
    code_is_open: bool
    code_is_proven: bool
    code_is_probed: bool
    code_is_odd: bool
    code_is_held: bool

    @classmethod
    def of(cls, intent: Intent) -> _Snapshot:
        with connection.cursor() as cursor:
            cursor.execute(_KNOWN, {"code": intent.gift_code_id})
            now, state, is_proven, is_odd, is_held, budget = cursor.fetchone()
        return cls(
            now=now,
            budget=RateBudget.from_json(budget),
            code_is_open=state in (CodeState.ACTIVE, CodeState.PROBING),
            code_is_proven=is_proven and state == CodeState.ACTIVE,
            code_is_probed=state == CodeState.PROBING,
            code_is_odd=is_odd,
            code_is_held=is_held,
        )


_KNOWN = """
SELECT clock_timestamp(), c.state, c.proven_at IS NOT NULL AND c.doubted_at IS NULL, c.odd_since IS NOT NULL,
       c.held_until IS NOT NULL, to_jsonb(b)
FROM giftcodes_giftcode c JOIN giftcodes_ratebudget b ON b.provider = c.provider
WHERE c.id = %(code)s
"""


def _situation(intent: Intent, outcome: Outcome, known: _Snapshot) -> AttemptContext:
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
    """An earlier request of ours for this player and code has no answer that rules it out."""
    earlier = Attempt.objects.filter(
        gift_code_id=intent.gift_code_id, player_id=intent.player_id, pk__lt=intent.id
    )
    unknown = (
        Q(outcome="") | Q(outcome=Outcome.SUCCESS) | Q(outcome__in=[o.value for o in UNDECIDED])
    )
    return earlier.filter(unknown).exists()


# The fence: the answer is kept in any case, the row changes only while the claim holds.
_WRITE = """
WITH answered AS (
    UPDATE giftcodes_attempt
    SET answered_at = clock_timestamp(), outcome = %(outcome)s, http_status = %(http_status)s, err_code = %(err_code)s,
        msg = %(msg)s, latency_ms = %(latency_ms)s, body = %(body)s
    WHERE id = %(attempt)s
)
UPDATE giftcodes_memberredemption
SET state = %(state)s, cancel_kind = %(cancel_kind)s, outcome = %(outcome)s, reason = %(reason)s,
    asked_realm = %(realm)s, tries = %(tries)s, uncounted_failures = %(uncounted_failures)s,
    next_attempt_at = clock_timestamp() + make_interval(secs => %(delay)s),
    settled_at = CASE WHEN %(is_settled)s THEN clock_timestamp() END, lease_until = NULL, updated_at = clock_timestamp()
WHERE id = %(row)s AND token = %(token)s AND state = 'in_flight'
"""


def _write(intent: Intent, answer: Answer, verdict: Transition) -> bool:
    """Write the answer, and the verdict if the claim still holds. Returns whether it did."""
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            {
                "attempt": intent.id,
                "outcome": answer.outcome.value,
                "http_status": answer.http_status,
                "err_code": answer.err_code,
                "msg": answer.msg or answer.detail[:200],
                "latency_ms": answer.latency_ms,
                "body": answer.body,
                "row": intent.row_id,
                "token": intent.token,
                "state": verdict.state.value,
                "cancel_kind": CancelKind.CODE_CLOSED.value
                if verdict.state is State.CANCELLED
                else "",
                "reason": verdict.reason,
                "realm": intent.realm,
                "tries": intent.tries + verdict.counts,
                "uncounted_failures": intent.uncounted_failures + 1 if verdict.is_setback else 0,
                "delay": verdict.delay_seconds,
                "is_settled": verdict.state in SETTLED,
            },
        )
        return bool(cursor.rowcount)


def _follow_up(
    intent: Intent, outcome: Outcome, *, held: bool, verdict: Transition, followed: Followed
) -> FollowUp:
    """Settle the twins of a settled row; where the claim was lost, settle what the answer proves all the same."""
    if held:
        if verdict.state is State.FAILED:
            log_lines.trouble(intent.guild, intent.code, f"{intent.member}: {verdict.reason}")
        follows = _what_follows(intent, is_settled=verdict.state in SETTLED)
        return replace(
            follows,
            finished=follows.finished + _look_over(followed.parked),
            behind_guild_id=intent.guild_id if followed.are_due else None,
        )
    log_lines.warning(
        "A late answer came after its claim was over.",
        member=intent.member,
        guild=intent.guild,
        code=intent.code,
    )
    settled = _settle_by_evidence(intent.row_id) if outcome is Outcome.SUCCESS else []
    return FollowUp(provider=intent.provider, finished=_look_over([intent.redemption_id, *settled]))


_WHAT_FOLLOWS = """
SELECT NOT EXISTS (
           SELECT FROM giftcodes_memberredemption m
           WHERE m.redemption_id = %(redemption)s AND m.state IN ('pending', 'in_flight', 'unconfirmed')),
       EXISTS (
           SELECT FROM giftcodes_memberredemption twin
           WHERE twin.gift_code_id = %(code)s AND twin.player_id = %(player)s AND twin.id <> %(row)s),
       (SELECT count(*) FROM giftcodes_memberredemption m
        JOIN giftcodes_giftcode c ON c.id = m.gift_code_id AND c.provider = %(provider)s
        WHERE m.state = 'in_flight')
"""


def _what_follows(intent: Intent, *, is_settled: bool) -> FollowUp:
    """Whether the run looks over, twins are to be settled, and more can be claimed: one look."""
    with connection.cursor() as cursor:
        cursor.execute(
            _WHAT_FOLLOWS,
            {
                "redemption": intent.redemption_id,
                "code": intent.gift_code_id,
                "player": intent.player_id,
                "row": intent.row_id,
                "provider": intent.provider,
            },
        )
        is_over, has_twins, in_flight = cursor.fetchone()
    covered = settle_duplicates(proof_id=intent.row_id) if is_settled and has_twins else []
    return FollowUp(
        provider=intent.provider,
        finished=((intent.redemption_id,) if is_over else ()) + _look_over(covered),
        has_room=in_flight <= settings.IN_FLIGHT_MAX // 2,
    )


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
    return [
        MemberRedemption.objects.values_list("redemption_id", flat=True).get(pk=pk),
        *settle_duplicates(proof_id=pk),
    ]


def _update_code(intent: Intent, answer: Answer, known: _Snapshot) -> CodeChange:
    """Let the code hear what concerns it: seldom, so that its row is seldom locked."""
    outcome = answer.outcome
    is_about_it = (
        outcome in PROVING | ABOUT_THE_CODE | ODD_ANSWERS or outcome is Outcome.CLAIM_LIMIT
    )
    if not is_about_it and not (
        (known.code_is_odd or known.code_is_probed) and outcome in JUDGES_CODE
    ):
        return CodeChange.NOTHING
    if outcome in PROVING and known.code_is_proven and not known.code_is_odd:
        return CodeChange.NOTHING
    code = GiftCode.objects.select_for_update(no_key=True).get(pk=intent.gift_code_id)
    was = code.code
    news = code.apply_response(
        CodeAnswer(
            outcome=outcome,
            words=_words(answer),
            spelling=intent.published,
            player_id=intent.player_id,
            guild_id=intent.guild_id,
            now=database_now(),
            claim_limits=_claim_limits(intent) if outcome is Outcome.CLAIM_LIMIT else (0, 0),
            game_answered_at=known.budget.last_answer_at,
        )
    )
    known.code_is_open, known.code_is_held = code.is_open, code.is_held
    if code.code != was and news in (CodeChange.RESPELLED, CodeChange.PROVEN, CodeChange.REOPENED):
        RedemptionEvent.objects.create(
            gift_code=code,
            kind=EventKind.RESPELLED,
            trigger=Trigger.PROBE,
            detail=f"{was} → {code.code}",
        )
    return news


def _words(answer: Answer) -> str:
    """An answer in short, as the game gave it."""
    if answer.outcome in ODD_WORDS:
        number = f" (err_code {answer.err_code})" if answer.err_code else ""
        return f"“{answer.msg}”{number}"
    status = f" (HTTP {answer.http_status})" if answer.http_status else ""
    return f"{meaning(answer.outcome).words}{status}"


_CLAIM_LIMITS = """
SELECT count(DISTINCT a.player_id), count(DISTINCT r.guild_id)
FROM giftcodes_attempt a
JOIN giftcodes_memberredemption m ON m.id = a.member_redemption_id
JOIN giftcodes_redemption r ON r.id = m.redemption_id
WHERE a.gift_code_id = %(code)s AND (a.outcome = 'code_used_up' OR a.id = %(this)s)
  AND a.id > coalesce((
      SELECT max(granted.id) FROM giftcodes_attempt granted
      WHERE granted.gift_code_id = %(code)s AND granted.outcome = ANY(%(proving)s)), 0)
"""


def _claim_limits(intent: Intent) -> tuple[int, int]:
    """Players, and guilds, that met a claim limit since the code was last granted, this answer included."""
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {
            "code": intent.gift_code_id,
            "this": intent.id,
            "proving": sorted(outcome.value for outcome in PROVING),
        }
        cursor.execute(_CLAIM_LIMITS, parameters)
        found: tuple[int, int] = cursor.fetchone()
    return found


def _update_budget(intent: Intent, answer: Answer, known: _Snapshot) -> bool:
    """Let the budget learn. Most answers teach it nothing: then its row is not locked. Returns whether it learned."""
    config = settings.PROVIDERS[intent.provider]
    heard = Observation(
        outcome=answer.outcome,
        has_status=answer.http_status is not None,
        report=answer.rate,
        player_id=intent.player_id,
        code_id=intent.gift_code_id,
        sent_at=intent.sent_at,
        permit_until=intent.permit_until,
        is_probe=intent.is_probe,
    )
    if not known.budget.apply_response(heard, rate=config.rate, now=known.now):
        return False
    with transaction.atomic(durable=True):
        budget = RateBudget.objects.select_for_update().get(pk=intent.provider)
        was = budget.pause_kind
        if budget.apply_response(heard, rate=config.rate, now=database_now()):
            budget.save()
        _sound_alarm(budget, title=config.title, was=was)
    return True


def _sound_alarm(budget: RateBudget, *, title: str, was: str) -> None:
    if budget.pause_kind and budget.pause_kind != PauseKind.OPERATOR and budget.pause_kind != was:
        Alarm.objects.of_a_pause(budget.provider, budget.pause_kind, budget.pause_reason)
        log_lines.warning(
            f"⏸️ {title} is paused: {budget.pause_reason} It is probed by itself.",
            provider=budget.provider,
        )
    elif was and not budget.pause_kind and Alarm.objects.pause_is_over(budget.provider):
        log_lines.info(f"▶️ {title} answers again; redeeming goes on.", provider=budget.provider)


def _look_over(redemption_ids: Iterable[int]) -> tuple[int, ...]:
    """Those of some redemptions in which nothing is open any more."""
    ids = set(redemption_ids)
    if not ids:
        return ()
    still_open = MemberRedemption.objects.filter(redemption_id__in=ids, state__in=values(OPEN))
    return tuple(
        sorted(ids - set(still_open.order_by().values_list("redemption_id", flat=True).distinct()))
    )
