"""An answer whose recording is tried again is applied once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError

from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.transitions import State
from giftcodes.models import Attempt, GiftCode, MemberRedemption, RateBudget, database_now
from giftcodes.pipeline import redeem as step
from giftcodes.pipeline.redeem import recording
from tests.pipeline.conftest import World


@pytest.fixture(autouse=True)
def _one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the connection, because the test runs in one transaction."""
    monkeypatch.setattr(step, "connection", SimpleNamespace(close=lambda: None))


@pytest.fixture
def intent(world: World) -> step.Intent:
    """The intent of a request for a code that unclear answers have held back before."""
    redemption = world.begin_proven(members=2)
    now = database_now()
    GiftCode.objects.update(odd_since=now, odd_answers=1, held_until=now - timedelta(seconds=1))
    row = world.claim(redemption)
    intent = step.intend(row.pk, row.token)
    assert intent is not None
    return intent


def failing_once(call: Callable[..., Any], *, is_done: bool) -> Callable[..., Any]:
    """Let the connection break during the first call: after what it does, or before."""
    calls = []

    def wrapped(*args: Any) -> Any:
        calls.append(args)
        if len(calls) > 1:
            return call(*args)
        if is_done:
            call(*args)
        raise OperationalError

    return wrapped


def test_if_only_the_reply_to_the_commit_is_lost_an_unclear_answer_counts_once(
    intent: step.Intent, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = replace(step.ask(intent), outcome=Outcome.UNRECOGNISED, msg="WORDS NOT KNOWN.")
    monkeypatch.setattr(step, "record", failing_once(step.record, is_done=True))

    step.record_with_retry(intent, odd)

    assert GiftCode.objects.get().odd_answers == 2
    assert Attempt.objects.get(pk=intent.id).outcome == Outcome.UNRECOGNISED


def test_if_the_connection_breaks_after_the_budget_the_answer_is_applied_to_it_once(
    intent: step.Intent, monkeypatch: pytest.MonkeyPatch
) -> None:
    RateBudget.objects.update(reported_limit=30, used=30)
    refused = replace(step.ask(intent), outcome=Outcome.THROTTLED)
    monkeypatch.setattr(
        recording, "update_code", failing_once(recording.update_code, is_done=False)
    )

    step.record_with_retry(intent, refused)

    assert RateBudget.objects.get().others == 1
    assert MemberRedemption.objects.get(pk=intent.row_id).state == State.PENDING
