"""An answer is recorded once, even if the connection to the database is lost at that moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from giftcodes.clients.games.base import Answer, RateReport
from giftcodes.domain.outcomes import Outcome
from giftcodes.models import Attempt, MemberRedemption, Trigger
from giftcodes.pipeline import redeem
from giftcodes.pipeline.dispatch import dispatch
from giftcodes.pipeline.start_or_refuse import start
from tests.factories import gift_code, guild
from tests.lock.conftest import Elsewhere

pytestmark = pytest.mark.django_db(transaction=True)

GRANTED = Answer(
    outcome=Outcome.SUCCESS,
    http_status=200,
    err_code="20000",
    msg="SUCCESS",
    latency_ms=5,
    body="",
    rate=RateReport(),
)


def _terminate(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])


def test_an_answer_survives_the_loss_of_the_connection(
    monkeypatch: pytest.MonkeyPatch, elsewhere: Callable[[Callable[[], Any]], Elsewhere]
) -> None:
    wolves, code = guild(members=1), gift_code()
    start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN)
    (claim,) = dispatch("simulator")

    def answer_and_lose_the_connection(_intent: redeem.Intent) -> Answer:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        elsewhere(lambda: _terminate(pid)).wait()
        return GRANTED

    monkeypatch.setattr(redeem, "ask", answer_and_lose_the_connection)

    redeem.redeem_member(claim.member_redemption_id, claim.token)

    row = MemberRedemption.objects.get()
    assert (row.state, row.attempts.get().outcome) == ("redeemed", "success")


def test_an_answer_that_was_recorded_already_changes_nothing_when_it_is_recorded_again() -> None:
    wolves, code = guild(members=1), gift_code()
    start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN)
    (claim,) = dispatch("simulator")
    intent = redeem.intend(claim.member_redemption_id, claim.token)
    assert intent is not None
    redeem.record(intent, GRANTED)
    before = MemberRedemption.objects.values().get()

    redeem.record(intent, GRANTED)

    assert MemberRedemption.objects.values().get() == before


def test_an_intent_is_not_written_into_an_open_transaction() -> None:
    wolves, code = guild(members=1), gift_code()
    start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN)
    (claim,) = dispatch("simulator")

    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        redeem.intend(claim.member_redemption_id, claim.token)

    assert not Attempt.objects.exists()


def test_two_messages_of_one_claim_write_one_intent(
    elsewhere: Callable[[Callable[[], Any]], Elsewhere],
) -> None:
    wolves, code = guild(members=1), gift_code()
    start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN)
    (claim,) = dispatch("simulator")
    with transaction.atomic():
        MemberRedemption.objects.select_for_update(no_key=True).get()
        both = [
            elsewhere(lambda: redeem.intend(claim.member_redemption_id, claim.token))
            for _ in range(2)
        ]
    assert [one.wait() is None for one in both].count(True) == 1
    assert (Attempt.objects.count(), MemberRedemption.objects.get().token) == (1, claim.token)
