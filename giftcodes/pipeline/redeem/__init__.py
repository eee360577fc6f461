"""Redeem one member: write the intent, call the game, record the answer.

Only this step sends redeem requests. `intent` is its first part, and `recording` is its last one.
`budget_and_code` applies an answer to the game's budget and to the code.

An answer is judged in this order: the client of the game translates it into an outcome
(clients.games), `budget_and_code` applies it to the game's budget (models.rate_budget) and to the
code (models.code_answers), domain.transitions decides the state of the member redemption, and
models.member_answers carries the answer over to the member's other rows.
"""

from __future__ import annotations

import time

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from giftcodes.clients.games import client_for
from giftcodes.clients.games.base import Answer, RateReport
from giftcodes.domain import failpoints, log_lines, tracing
from giftcodes.domain.outcomes import Outcome
from giftcodes.models.games import game
from giftcodes.pipeline.redeem.intent import Intent, intend
from giftcodes.pipeline.redeem.recording import (
    FollowUp,
    Progress,
    record,
    settle_what_was_granted,
)

__all__ = ["FollowUp", "Intent", "ask", "intend", "record", "redeem_member"]

#: How many times recording an answer is tried. If there is no connection to the database, each try
#: waits some seconds for one.
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


def redeem_member(member_redemption_id: int, token: int) -> FollowUp | None:
    """Ask the game for one member, if this claim still holds, and record the answer.

    A duplicate message finds the Attempt of the first one and does nothing. If the claim may no
    longer be used, it is given back: no request is sent, and no try is counted. If that is because
    the game has granted the code already, the row is settled.

    Args:
        member_redemption_id: the claimed row.
        token: the claim's number.

    Returns:
        What to enqueue next. None if there is nothing to enqueue.
    """
    started_at = time.monotonic()
    with tracing.span("intent", member_redemption_id=member_redemption_id):
        intent = intend(member_redemption_id, token)
    if intent is None:
        return settle_what_was_granted(member_redemption_id)
    failpoints.hit("after-intent")
    # The database checked the lease. If this process has been held up since then, the request might
    # end after the lease: then another request for the player could be under way at the same time.
    is_late = time.monotonic() - started_at > intent.lease_seconds - settings.HTTP_SECONDS
    answer = NOT_SENT if is_late else ask(intent)
    with tracing.span("record"):
        return record_with_retry(intent, answer)


def ask(intent: Intent) -> Answer:
    """Ask the game. Redeem requests are sent only here, and each is sent once."""
    config = game(intent.provider)
    if not config.is_on:
        return NOT_SENT  # The game was disconnected after the claim.
    failpoints.hit("before-send")
    client = client_for(
        config,
        total_seconds=settings.HTTP_SECONDS,
        connect_seconds=settings.HTTP_CONNECT_SECONDS,
    )
    with tracing.span("request", provider=intent.provider):
        answer = client.redeem(
            player_id=intent.player_id, code=intent.published, realm=intent.realm
        )
        tracing.note(outcome=answer.outcome.value, http_status=answer.http_status or 0)
    return answer


def record_with_retry(intent: Intent, answer: Answer) -> FollowUp:
    """Record an answer even if the database is down for a moment.

    If the answer were lost here, the request would have to be repeated. A further try does not
    repeat what an earlier one has done: if only the reply to the last commit was lost, it changes
    neither the budget nor the code. There are two exceptions. If the reply to the commit of the
    budget was lost, the answer may be applied to the budget twice. If an earlier try's commit is
    still under way, it may be applied to the code twice.

    Raises:
        django.db.OperationalError, django.db.InterfaceError: the database stays down. The sweep
            recovers the claim.
    """
    progress = Progress()
    for _ in range(RECORD_TRIES - 1):
        try:
            return record(intent, answer, progress)
        except (OperationalError, InterfaceError) as error:
            log_lines.warning(
                "The database did not store an answer. Storing it is tried again.",
                error=type(error).__name__,
            )
            connection.close()
        progress.is_again = True
    return record(intent, answer, progress)
