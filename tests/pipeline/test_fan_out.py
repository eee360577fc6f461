"""Fan-out makes rows and starts runs for some guilds at a time, and may be cut off anywhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction

from giftcodes import tasks
from giftcodes.models import (
    CancelKind,
    Cursor,
    GiftCode,
    MemberRedemption,
    Redemption,
    Trigger,
    database_now,
)
from giftcodes.pipeline import fan_out as step
from giftcodes.pipeline import start_many
from tests.factories import gift_code, guild, member
from tests.lock.conftest import Elsewhere, elsewhere
from tests.pipeline.conftest import World, events, states

__all__ = ["elsewhere"]


@pytest.fixture(autouse=True)
def _two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "BATCH", 2)
    monkeypatch.setattr(start_many, "BATCH", 2)


def running(code: GiftCode) -> int:
    return Redemption.objects.running().filter(gift_code=code).count()


def test_every_guild_gets_a_run_that_is_journalled_once(world: World) -> None:
    for _ in range(5):
        guild(members=2)
    code = gift_code()

    tasks.fan_out(code.pk)
    tasks.fan_out(code.pk)

    assert running(code) == 5
    for redemption in Redemption.objects.all():
        assert events(redemption) == ["locked"]
        assert (redemption.run_number, redemption.trigger) == (1, "poll")
        assert set(states(redemption).values()) == {"pending"}


def test_the_first_guilds_are_asked_for_before_the_last_ones_have_rows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        guild(members=1)
    code = gift_code()
    made: list[int] = []
    monkeypatch.setattr(
        tasks, "enqueue_on_commit", lambda *_: made.append(MemberRedemption.objects.count())
    )

    tasks.fan_out(code.pk)

    assert made == [2, 4, 5]


def test_a_large_guild_has_its_own_transaction(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (step, start_many):
        monkeypatch.setattr(module, "BATCH", 100)
        monkeypatch.setattr(module, "MEMBERS_IN_BATCH", 4)
    for members in (2, 1, 5, 1, 3, 2):
        guild(members=members)
    code = gift_code()

    made = []
    while number := step.make_batch(code.pk):
        made.append(number)
    started = [len(batch.started) for batch in start_many.start_many(code.pk, trigger=Trigger.POLL)]

    assert made == [2, 1, 2, 1]
    assert started == [2, 1, 2, 1]
    assert running(code) == 6
    assert MemberRedemption.objects.count() == 14


def test_the_redemption_of_a_guild_without_members_is_locked_and_unlocked(world: World) -> None:
    guild()
    tasks.fan_out(gift_code().pk)

    assert events(Redemption.objects.get()) == ["locked", "unlocked"]


def test_a_fan_out_that_was_cut_off_is_finished_by_the_next_fan_out(world: World) -> None:
    for _ in range(5):
        guild(members=1)
    code = gift_code()
    step.make_batch(code.pk)
    next(start_many.start_many(code.pk, trigger=Trigger.POLL))
    step.make_batch(code.pk)
    assert (running(code), Redemption.objects.count()) == (2, 4)

    tasks.sweep()
    assert running(code) == 4
    tasks.fan_out(code.pk)

    assert running(code) == 5


def test_redemptions_that_closed_with_their_code_start_again_and_those_that_are_done_do_not(
    world: World,
) -> None:
    wolves, bears = guild(members=1), guild(members=1)
    world.knows(wolves, bears)
    code = gift_code()
    world.has(code)
    done, closed = world.redeem(wolves, code), world.begin(bears, code)
    closed.member_redemptions.update(
        state="cancelled", cancel_kind=CancelKind.CODE_CLOSED, next_attempt_at=None
    )
    tasks.finish(closed.pk)

    tasks.fan_out(code.pk, Trigger.CATCH_UP)

    assert events(done) == ["locked", "unlocked"]
    assert events(closed) == ["locked", "unlocked", "locked"]
    assert set(states(closed).values()) == {"pending"}


def test_a_player_who_has_the_code_through_another_guild_is_covered_at_once(world: World) -> None:
    wolves, bears = guild(members=1), guild()
    duplicate = member(bears, wolves.members.get().player_id)
    world.knows(wolves)
    code = gift_code()
    world.has(code)
    world.redeem(wolves, code)

    tasks.fan_out(code.pk)

    assert states(Redemption.objects.get(guild=bears)) == {duplicate.player_id: "already_received"}
    assert events(Redemption.objects.get(guild=bears)) == ["locked", "unlocked"]


def test_the_sweep_covers_the_duplicate_of_a_row_whose_worker_died_after_it_was_settled(
    world: World,
) -> None:
    wolves, bears, code = guild(members=1), guild(), gift_code()
    member(bears, wolves.members.get().player_id)
    world.begin(wolves, code)
    redemption = world.begin(bears, code)
    world.sweep()
    assert Cursor.objects.filter(name="duplicates").exists()
    proof = MemberRedemption.objects.get(redemption__guild=wolves)
    MemberRedemption.objects.filter(pk=proof.pk).update(
        state="redeemed", settled_at=database_now(), next_attempt_at=None
    )

    world.sweep()

    assert set(states(redemption).values()) == {"already_received"}


def test_a_probe_for_a_player_who_has_the_code_by_now_covers_the_row(world: World) -> None:
    wolves, bears, code = guild(members=1), guild(), gift_code()
    player = wolves.members.get().player_id
    member(bears, player)
    world.begin(wolves, code)
    closed = world.begin(bears, code)
    Cursor.objects.create(name="duplicates")
    MemberRedemption.objects.filter(redemption__guild=wolves).update(
        state="redeemed", next_attempt_at=None, settled_at=database_now() - timedelta(hours=1)
    )
    closed.member_redemptions.update(
        state="cancelled", cancel_kind=CancelKind.CODE_CLOSED, next_attempt_at=None
    )
    GiftCode.objects.update(state="closed", next_probe_at=database_now())

    world.sweep()

    assert states(closed) == {player: "already_received"}


@pytest.mark.django_db(transaction=True)
def test_a_redemption_whose_row_is_locked_is_left_out(elsewhere: Callable[..., Elsewhere]) -> None:
    held, free = guild(members=1), guild(members=1)
    code = gift_code()
    step.fan_out(code.pk)
    with transaction.atomic():
        Redemption.objects.for_update().get(guild=held)
        elsewhere(lambda: list(start_many.start_many(code.pk, trigger=Trigger.SWEEP))).wait()
    assert Redemption.objects.get(guild=held).state == "pending"
    assert Redemption.objects.get(guild=free).state == "running"
