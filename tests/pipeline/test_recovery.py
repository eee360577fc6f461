"""What happens when a worker dies, a message is lost, or a worker returns after its lease."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from giftcodes import tasks
from giftcodes.domain.transitions import State
from giftcodes.models import (
    Alarm,
    Attempt,
    MemberRedemption,
    RateBudget,
    Redemption,
    RunState,
    database_now,
)
from giftcodes.models.failure_isolation import FailureIsolation
from giftcodes.pipeline import redeem as step
from giftcodes.pipeline import sweep as sweep_step
from tests.factories import gift_code, guild, member
from tests.pipeline.conftest import World, events, states


def _one_member(world: World) -> Redemption:
    wolves = guild(members=1)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    return world.begin(wolves, code)


def _held_up_in_one_of_two_guilds(
    world: World, *, then: State
) -> tuple[Redemption, Redemption, step.Intent]:
    """Begin a code for a player in two guilds. A worker of the first one is held up.

    It has written its intent, and has not sent its request.

    Args:
        world: the world.
        then: the state of the first guild's row, after a repeat got another answer meanwhile.

    Returns:
        The redemptions of the two guilds, and the intent. The second guild's row is due.
    """
    wolves, bears = guild(), guild()
    for of in (wolves, bears):
        member(of, "300000001")
    code = gift_code()
    world.knows(wolves, bears)
    world.has(code)
    first = world.begin(wolves, code)
    claim = world.claim(first)
    stale = step.intend(claim.pk, claim.token)
    assert stale is not None
    first.member_redemptions.update(state=then, token=claim.token + 1)
    second = world.begin(bears, code)
    world.pass_time(5)
    return first, second, stale


def test_a_lost_message_costs_a_lease_and_nothing_else(world: World) -> None:
    redemption = _one_member(world)
    world.claim(redemption)
    world.pass_time(31)

    world.sweep()
    world.tick()

    row = redemption.member_redemptions.get()
    assert (row.state, row.tries) == (State.REDEEMED, 0)
    assert Attempt.objects.count() == 1
    assert "recovered" in events(redemption)


def test_a_lease_that_is_not_over_is_left_alone(world: World) -> None:
    redemption = _one_member(world)
    world.claim(redemption)
    world.pass_time(25)

    assert sweep_step.recover_expired_leases(FailureIsolation("sweep")) == 0
    assert redemption.member_redemptions.get().state == State.IN_FLIGHT


def test_a_worker_that_died_after_its_intent_leaves_an_unconfirmed_row(world: World) -> None:
    redemption = _one_member(world)
    claim = world.claim(redemption)
    assert step.intend(claim.pk, claim.token) is not None
    world.pass_time(31)

    world.sweep()
    row = redemption.member_redemptions.get()
    assert (row.state, row.tries) == (State.UNCONFIRMED, 1)
    world.tick()
    assert redemption.member_redemptions.get().state == State.UNCONFIRMED, "asked again before 60 s"
    world.pass_time(30)
    world.tick()

    assert redemption.member_redemptions.get().state == State.REDEEMED
    redemption.refresh_from_db()
    assert redemption.state == RunState.COMPLETE


def test_if_a_worker_died_after_the_effect_the_repeat_finds_the_code_redeemed(
    world: World,
) -> None:
    redemption = _one_member(world)
    claim = world.claim(redemption)
    attempt = step.intend(claim.pk, claim.token)
    assert attempt is not None
    step.ask(attempt)
    world.pass_time(31)
    world.sweep()
    world.pass_time(31)

    world.tick()

    row = redemption.member_redemptions.get()
    assert row.state == State.REDEEMED
    assert len(world.grants) == 1
    assert len(world.requests) == 2


def test_the_answer_of_a_late_worker_does_not_change_the_row(world: World) -> None:
    redemption = _one_member(world)
    claim = world.claim(redemption)
    stale = step.intend(claim.pk, claim.token)
    assert stale is not None
    world.pass_time(31)
    world.sweep()
    world.pass_time(31)
    fresh = world.claim(redemption)
    assert fresh.token > stale.token
    world.says("USER INFO ERROR")

    step.record(stale, step.ask(stale))

    row = redemption.member_redemptions.get()
    assert (row.state, row.token) == (State.IN_FLIGHT, fresh.token)
    assert Attempt.objects.get(pk=stale.id).outcome == "wrong_realm", (
        "the answer stays on its Attempt"
    )


def test_a_late_success_settles_its_row_all_the_same(world: World) -> None:
    redemption = _one_member(world)
    claim = world.claim(redemption)
    stale = step.intend(claim.pk, claim.token)
    assert stale is not None
    world.pass_time(31)
    world.sweep()

    step.record(stale, step.ask(stale))

    assert redemption.member_redemptions.get().state == State.REDEEMED


def test_the_sweep_settles_a_row_whose_success_nobody_recorded(world: World) -> None:
    redemption = _one_member(world)
    claim = world.claim(redemption)
    stale = step.intend(claim.pk, claim.token)
    assert stale is not None
    world.pass_time(31)
    world.sweep()
    Attempt.objects.update(outcome="success")

    world.sweep()

    assert redemption.member_redemptions.get().state == State.REDEEMED
    redemption.refresh_from_db()
    assert redemption.state == RunState.COMPLETE


def test_the_answer_received_counts_as_redeemed_if_the_success_came_too_late(world: World) -> None:
    redemption = _one_member(world)
    claim = world.claim(redemption)
    stale = step.intend(claim.pk, claim.token)
    assert stale is not None
    world.pass_time(31)
    world.sweep()
    world.pass_time(31)
    world.claim(redemption)
    step.record(stale, step.ask(stale))
    fresh = redemption.member_redemptions.get()

    tasks.redeem_member(fresh.pk, fresh.token)

    assert redemption.member_redemptions.get().state == State.REDEEMED


def test_no_request_is_sent_for_a_claim_if_a_late_answer_has_shown_the_grant(world: World) -> None:
    redemption = _one_member(world)
    claim = world.claim(redemption)
    stale = step.intend(claim.pk, claim.token)
    assert stale is not None
    world.pass_time(31)
    world.sweep()
    world.pass_time(31)
    fresh = world.claim(redemption)
    step.record(stale, step.ask(stale))

    tasks.redeem_member(fresh.pk, fresh.token)
    world.drain()

    assert len(world.requests) == 1
    assert redemption.member_redemptions.get().state == State.REDEEMED
    redemption.refresh_from_db()
    assert redemption.state == RunState.COMPLETE


def test_no_request_is_sent_for_a_duplicates_claim_if_a_late_answer_has_shown_the_grant(
    world: World,
) -> None:
    first, second, stale = _held_up_in_one_of_two_guilds(world, then=State.NEEDS_CORRECTION)
    duplicate = world.claim(second)
    step.record(stale, step.ask(stale))

    tasks.redeem_member(duplicate.pk, duplicate.token)
    world.drain()

    assert len(world.requests) == 1
    assert second.member_redemptions.get().covered_by == first.member_redemptions.get()


@pytest.mark.parametrize("by", ["worker", "sweep"])
def test_an_unconfirmed_duplicate_is_covered_if_a_late_answer_has_shown_the_grant(
    world: World, by: str
) -> None:
    first, second, stale = _held_up_in_one_of_two_guilds(world, then=State.NOT_ELIGIBLE)
    # The worker of the other guild's row dies after its intent, and then the first worker returns.
    duplicate = world.claim(second)
    assert step.intend(duplicate.pk, duplicate.token) is not None
    world.pass_time(31)
    world.sweep()
    assert second.member_redemptions.get().state == State.UNCONFIRMED
    if by == "worker":
        step.record(stale, step.ask(stale))
    else:
        Attempt.objects.filter(pk=stale.id).update(outcome="success")
        world.sweep()

    proof = first.member_redemptions.get()
    assert proof.state == State.REDEEMED
    row = second.member_redemptions.get()
    assert (row.state, row.covered_by) == (State.ALREADY_RECEIVED, proof)
    world.sweep()
    second.refresh_from_db()
    assert second.state == RunState.COMPLETE


def test_the_second_of_two_equal_messages_sends_no_request(world: World) -> None:
    redemption = _one_member(world)
    claim = world.claim(redemption)
    first = step.intend(claim.pk, claim.token)
    assert first is not None

    assert step.redeem_member(claim.pk, claim.token) is None

    assert world.requests == []
    assert redemption.member_redemptions.get().state == State.IN_FLIGHT, (
        "the first message still holds its claim"
    )


@pytest.mark.parametrize(
    ("seconds", "why"),
    [(28, "too little of the lease is left for a whole call"), (31, "the lease is over")],
)
def test_a_claim_that_is_too_old_is_given_back_without_a_request(
    world: World, seconds: float, why: str
) -> None:
    redemption = _one_member(world)
    claim = world.claim(redemption)
    world.pass_time(seconds)

    tasks.redeem_member(claim.pk, claim.token)

    assert world.requests == [], why
    row = redemption.member_redemptions.get()
    assert (row.state, row.tries) == (State.PENDING, 0)
    assert row.token > claim.token


def test_no_request_is_sent_for_a_claim_whose_window_is_over(world: World) -> None:
    redemption = _one_member(world)
    claim = world.claim(redemption)
    MemberRedemption.objects.update(permit_until="2020-01-01T00:00:00Z")

    tasks.redeem_member(claim.pk, claim.token)

    assert world.requests == []
    assert redemption.member_redemptions.get().state == State.PENDING


def _hold_up_after_the_intent(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the worker's own clock jump between its intent and its request."""
    real = time.monotonic
    jump = 0.0

    def hit(name: str) -> None:
        nonlocal jump
        jump = seconds if name == "after-intent" else jump

    monkeypatch.setattr(step.failpoints, "hit", hit)
    monkeypatch.setattr(step, "time", SimpleNamespace(monotonic=lambda: real() + jump))


def test_a_worker_held_up_between_its_intent_and_the_request_does_not_send(
    world: World, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LEASE_SECONDS = 300.0
    redemption = _one_member(world)
    claim = world.claim(redemption)
    # The message has waited for a time. So less than two minutes of the lease are left.
    world.pass_time(190)
    _hold_up_after_the_intent(monkeypatch, seconds=110 - settings.HTTP_SECONDS)

    tasks.redeem_member(claim.pk, claim.token)

    assert world.requests == []
    row = redemption.member_redemptions.get()
    assert (row.state, row.tries) == (State.PENDING, 0)
    assert Attempt.objects.get().outcome == "not_sent"


def test_a_worker_held_up_for_a_moment_sends_its_request(
    world: World, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LEASE_SECONDS = 300.0
    redemption = _one_member(world)
    claim = world.claim(redemption)
    _hold_up_after_the_intent(monkeypatch, seconds=5)

    tasks.redeem_member(claim.pk, claim.token)

    assert redemption.member_redemptions.get().state == State.REDEEMED


def test_a_run_whose_finish_was_lost_is_unlocked_by_the_sweep(world: World) -> None:
    redemption = _one_member(world)
    redemption.member_redemptions.update(state=State.REDEEMED)

    world.sweep()

    redemption.refresh_from_db()
    assert redemption.state == RunState.COMPLETE


def test_a_redemption_whose_start_was_lost_is_started_by_the_sweep(world: World) -> None:
    wolves = guild(members=1)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    Redemption.objects.ensure(guild_id=wolves.pk, gift_code_id=code.pk)

    world.sweep()

    assert Redemption.objects.get().state == RunState.COMPLETE


def test_a_code_whose_fan_out_was_lost_is_redeemed_by_catch_up(world: World) -> None:
    wolves = guild(members=2)
    code = gift_code()
    world.knows(wolves)
    world.has(code)

    world.catch_up()

    assert len(world.grants) == 2


def test_a_duplicate_whose_settling_was_lost_is_settled_by_the_sweep(world: World) -> None:
    wolves, bears = guild(), guild()
    member(wolves, "300000001")
    member(bears, "300000001")
    code = gift_code()
    first, second = world.begin(wolves, code), world.begin(bears, code)
    first.member_redemptions.update(state=State.REDEEMED)

    world.sweep()

    assert second.member_redemptions.get().covered_by == first.member_redemptions.get()
    second.refresh_from_db()
    assert second.state == RunState.COMPLETE


def test_duplicates_are_never_claimed_together(world: World) -> None:
    wolves, bears = guild(), guild()
    code = gift_code(proven_at="2026-01-01T00:00:00Z")
    redemptions = []
    for of in (wolves, bears):
        for player in ("300000001", "300000002"):
            member(of, player)
        redemptions.append(world.begin(of, code))

    tasks.dispatch("simulator")

    claimed = MemberRedemption.objects.in_flight().values_list("player_id", flat=True)
    assert sorted(claimed) == ["300000001", "300000002"]


def test_an_unconfirmed_duplicate_in_a_stopped_run_comes_to_its_end_and_frees_the_other_one(
    world: World,
) -> None:
    wolves, bears = guild(), guild()
    for of in (wolves, bears):
        member(of, "300000001")
    code = gift_code()
    world.knows(wolves, bears)
    world.has(code)
    world.spoil("drop", when="after")
    stopped = world.redeem(wolves, code)
    assert stopped.member_redemptions.get().state == State.UNCONFIRMED
    from giftcodes.models import Trigger
    from giftcodes.services.run_actions import stop

    stop(stopped.pk, trigger=Trigger.ADMIN)
    tasks.finish(stopped.pk)
    stopped.refresh_from_db()
    assert stopped.state == RunState.STOPPED
    other = world.redeem(bears, code)
    world.pass_time(61)

    world.tick()

    assert stopped.member_redemptions.get().state == State.REDEEMED
    assert other.member_redemptions.get().covered_by == stopped.member_redemptions.get()


def test_a_member_who_leaves_while_waiting_is_not_asked_for(world: World) -> None:
    wolves = guild(members=3)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    redemption = world.begin(wolves, code)
    leaver = wolves.members.first()
    assert leaver is not None
    leaver.active = False
    leaver.save()

    world.tick()
    world.catch_up()

    assert leaver.player_id not in [request["player"] for request in world.requests]
    assert states(redemption)[leaver.player_id] == "cancelled"
    redemption.refresh_from_db()
    assert redemption.state == RunState.COMPLETE


def test_a_member_who_joins_the_guild_during_a_run_joins_the_run(world: World) -> None:
    wolves = guild(members=1)
    code = gift_code()
    redemption = world.begin(wolves, code)
    late = member(wolves)
    world.knows(wolves)
    world.has(code)

    world.catch_up()

    redemption.refresh_from_db()
    assert states(redemption)[late.player_id] == "redeemed"
    assert redemption.run_number == 1
    assert "joined" in events(redemption)


def test_the_budget_row_is_made_once(world: World) -> None:
    _one_member(world)
    tasks.dispatch("simulator")
    tasks.dispatch("simulator")

    assert RateBudget.objects.count() == 1


def test_a_run_that_waits_for_the_duplicate_of_its_member_is_not_called_stalled(
    world: World,
) -> None:
    wolves, bears, code = guild(), guild(), gift_code(proven_at=database_now())
    for pack in (wolves, bears):
        pack.members.create(player_id="300000001")
    world.knows(wolves)
    world.has(code)
    world.spoil("drop", when="before", times=4)
    world.redeem(wolves, code)
    world.redeem(bears, code)

    for _ in range(9):
        world.pass_time(21)
        world.tick()
        world.sweep()

    assert MemberRedemption.objects.get(redemption__guild=wolves).state == "unconfirmed"
    assert Alarm.objects.count() == 0
