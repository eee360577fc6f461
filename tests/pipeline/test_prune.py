"""Old rows that prove nothing are deleted in batches; their figures stay, and invariants hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F, Sum

from giftcodes.admin.home.chart import chart
from giftcodes.audit import audit
from giftcodes.models import (
    Attempt,
    EventKind,
    MemberRedemption,
    PrunedFigure,
    Redemption,
    RedemptionEvent,
    Trigger,
)
from giftcodes.pipeline import prune as step
from tests.factories import gift_code, guild, member
from tests.lock.conftest import Elsewhere, elsewhere
from tests.pipeline.conftest import World

__all__ = ["elsewhere"]


def age(days: float) -> None:
    """Let the attempts and the journal become older."""
    ago = timedelta(days=days)
    Attempt.objects.update(sent_at=F("sent_at") - ago, answered_at=F("answered_at") - ago)
    MemberRedemption.objects.update(
        settled_at=F("settled_at") - ago, updated_at=F("updated_at") - ago
    )
    Redemption.objects.update(unlocked_at=F("unlocked_at") - ago)
    RedemptionEvent.objects.update(at=F("at") - ago)


def pruned(of: str) -> int:
    """How many rows were deleted, by the stored figures."""
    return PrunedFigure.objects.filter(of=of).aggregate(sum=Sum("number"))["sum"] or 0


def written(of: type[Attempt] | type[RedemptionEvent], name: str) -> int:
    """How many rows were ever written: those that exist, and those that were deleted."""
    return of._default_manager.count() + pruned(name)


def broken() -> set[str]:
    return {finding.name for finding in audit().broken}


def runs(times: int, *, guilds: int = 1) -> list[Redemption]:
    """Redemptions with this number of finished runs each, and without members."""
    code = gift_code()
    return [_runs(times, code.pk) for _ in range(guilds)]


def _runs(times: int, code_id: int) -> Redemption:
    row = Redemption.objects.create(guild=guild(), gift_code_id=code_id)
    for number in range(1, times + 1):
        row.begin_run(trigger=Trigger.ADMIN, user_id=None)
        row.journal(EventKind.REFUSED, trigger=Trigger.COMMAND)
        row.end_run("complete", now=row.gift_code.first_seen_at, detail=str(number))  # type: ignore[arg-type]
    return row


def entries(redemption: Redemption) -> list[tuple[str, int]]:
    rows = RedemptionEvent.objects.filter(redemption=redemption).order_by("id")
    return list(rows.values_list("kind", "run_number"))


def test_attempts_that_prove_something_are_kept_and_the_others_are_deleted_when_old(
    world: World,
) -> None:
    wolves, code = guild(members=3), gift_code()
    low = member(wolves)
    world.knows(wolves)
    world.game.merge({"players": {low.player_id: {"level": 5}}})
    world.has(code, min_level=10)
    world.says("TOO FREQUENT.")
    redemption = world.redeem(wolves, code)
    world.breathe()
    world.sweep()
    kinds = sorted(Attempt.objects.values_list("outcome", flat=True))
    assert kinds == ["level_too_low", "success", "success", "success", "too_frequent"]

    assert step.prune() == step.Pruned(0, 0), "Nothing is old."
    age(91)
    assert step.prune().attempts == 2

    assert sorted(Attempt.objects.values_list("outcome", flat=True)) == ["success"] * 3
    assert pruned("attempt") == 2
    assert broken() == set()
    assert step.prune().attempts == 0
    assert redemption.member_redemptions.settled().count() == 3


def test_the_chart_shows_the_same_before_and_after_pruning(world: World, settings: Any) -> None:
    settings.KEEP_ATTEMPTS_DAYS = 2
    wolves, code = guild(members=2), gift_code()
    world.knows(wolves)
    world.has(code)
    world.says("TOO FREQUENT.")
    world.redeem(wolves, code)
    world.breathe()
    age(5)
    before = chart(None)
    assert not before.is_empty

    assert step.prune().attempts == 1

    assert chart(None) == before


def test_the_request_because_of_which_the_answer_received_counts_as_redeemed_is_kept(
    world: World,
) -> None:
    wolves, code = guild(members=1), gift_code()
    world.knows(wolves)
    world.has(code)
    redemption = world.redeem(wolves, code)
    (proof,) = Attempt.objects.all()
    # As if the second request had been answered with RECEIVED, and the answer to the first request,
    # TOO_FREQUENT, had come only after that.
    Attempt.objects.filter(pk=proof.pk).update(outcome="too_frequent")
    MemberRedemption.objects.update(token=2)
    last = {"token": 2, "outcome": "received", "answered_at": proof.answered_at, "realm": 1}
    Attempt.objects.create(
        member_redemption_id=proof.member_redemption_id,
        gift_code=code,
        player_id=proof.player_id,
        **last,
    )
    age(91)
    assert redemption.member_redemptions.get().state == "redeemed"

    assert step.prune().attempts == 0

    assert "settled_rows_have_a_proof" not in broken()


def test_runs_are_deleted_whole_and_oldest_first_and_the_last_run_stays(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "BATCH", 1)
    one, other = runs(3, guilds=2)
    age(366)
    _runs(1, one.gift_code_id)
    before = written(RedemptionEvent, "event")
    batches = 0
    horizon = step.database_now() - timedelta(days=365)
    for name in ("entries", "runs"):
        first_id = 0
        # Wherever pruning is interrupted, nothing is lost, and the journal is whole.
        while (batch := step.prune_batch(name, before=horizon, first_id=first_id)).last_id:
            first_id = batch.last_id if batch.has_more_of_last else batch.last_id + 1
            batches += 1
            assert written(RedemptionEvent, "event") == before
            assert "runs_do_not_overlap" not in broken()
            assert "state_agrees_with_journal" not in broken()

    assert batches >= 6 + 4
    assert entries(one) == entries(other) == [("locked", 3), ("unlocked", 3)]
    assert RedemptionEvent.objects.filter(kind="refused").count() == 1, "The new refusal stays."


def test_with_zero_days_everything_is_kept_for_ever(db: None, settings: Any) -> None:
    settings.KEEP_ATTEMPTS_DAYS = settings.KEEP_JOURNAL_DAYS = 0
    runs(2)
    age(5_000)

    assert step.prune() == step.Pruned(0, 0)


@pytest.mark.django_db(transaction=True)
def test_prune_does_not_wait_for_a_redemption_that_is_being_started(
    elsewhere: Callable[..., Elsewhere],
) -> None:
    held, free = runs(2, guilds=2)
    age(366)
    with transaction.atomic():
        Redemption.objects.for_update().get(pk=held.pk)
        elsewhere(step.prune).wait()
    assert [number for _, number in entries(held)] == [1, 1, 2, 2]
    assert [number for _, number in entries(free)] == [2, 2]

    step.prune()

    assert [number for _, number in entries(held)] == [2, 2]


@pytest.mark.django_db(transaction=True)
def test_two_prunes_at_once_delete_everything_once(
    elsewhere: Callable[..., Elsewhere], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "BATCH", 7)
    rows = runs(4, guilds=20)
    age(366)
    before = written(RedemptionEvent, "event")

    both = [elsewhere(step.prune), elsewhere(step.prune)]
    deleted = sum(one.wait().entries for one in both)
    deleted += step.prune().entries

    assert written(RedemptionEvent, "event") == before
    assert deleted == pruned("event") == before - 2 * len(rows)
    assert broken() == set()
