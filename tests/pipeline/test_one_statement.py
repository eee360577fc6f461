"""Most answers are recorded in one statement, which must not miss what changed meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from giftcodes.domain.transitions import State
from giftcodes.models import Attempt, GiftCode, MemberRedemption, RateBudget, database_now
from giftcodes.pipeline import redeem as step
from giftcodes.pipeline.redeem import recording
from tests.pipeline.conftest import World, statements


@pytest.fixture
def intent(world: World) -> step.Intent:
    """The intent of a usual request: its code is proven, and the game answers."""
    redemption = world.begin_proven(members=2)
    second = world.claim(redemption)
    intent = step.intend(second.pk, second.token)
    assert intent is not None
    return intent


@pytest.fixture
def with_locks(monkeypatch: pytest.MonkeyPatch) -> list[step.Intent]:
    """The intents whose answers were recorded with locks."""
    seen: list[step.Intent] = []
    record = recording._record_with_locks

    def note(intent: step.Intent, *more: Any) -> Any:
        seen.append(intent)
        return record(intent, *more)

    monkeypatch.setattr(recording, "_record_with_locks", note)
    return seen


def _row(intent: step.Intent) -> MemberRedemption:
    return MemberRedemption.objects.get(pk=intent.row_id)


def test_a_usual_answer_is_recorded_in_one_statement(
    intent: step.Intent, with_locks: list[step.Intent]
) -> None:
    answer = step.ask(intent)

    assert len(statements(lambda: step.record(intent, answer))) == 2, "and one for what follows"
    assert (_row(intent).state, with_locks) == (State.REDEEMED, [])


def test_permits_that_dispatch_has_used_meanwhile_do_not_matter(
    intent: step.Intent, with_locks: list[step.Intent]
) -> None:
    answer = step.ask(intent)
    RateBudget.objects.update(used=99)

    step.record(intent, answer)

    assert (_row(intent).state, with_locks) == (State.REDEEMED, [])


def test_an_answer_ends_unclear_answers_that_came_after_its_intent(
    intent: step.Intent, with_locks: list[step.Intent]
) -> None:
    answer = step.ask(intent)
    RateBudget.objects.update(unknown_players=["1"], unknown_codes=[intent.gift_code_id])

    step.record(intent, answer)

    assert (_row(intent).state, with_locks) == (State.REDEEMED, [intent])
    assert RateBudget.objects.get().unknown_players == []


def test_a_grant_ends_a_doubt_that_came_up_after_its_intent(
    intent: step.Intent, with_locks: list[step.Intent]
) -> None:
    answer = step.ask(intent)
    GiftCode.objects.update(doubted_at=database_now())

    step.record(intent, answer)

    assert (_row(intent).state, with_locks) == (State.REDEEMED, [intent])
    assert GiftCode.objects.get().doubted_at is None


def test_if_the_claim_is_lost_the_attempt_keeps_the_answer(
    intent: step.Intent, with_locks: list[step.Intent]
) -> None:
    answer = step.ask(intent)
    MemberRedemption.objects.filter(pk=intent.row_id).update(state=State.UNCONFIRMED)

    step.record(intent, answer)

    assert with_locks == [intent]
    assert Attempt.objects.get(pk=intent.id).outcome == "success"
    assert _row(intent).state == State.REDEEMED, "settled by the late answer"
