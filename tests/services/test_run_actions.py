"""Stop a run, and take a stop back."""

from __future__ import annotations

from giftcodes import tasks
from giftcodes.models import RunState, Trigger
from giftcodes.pipeline import redeem as step
from giftcodes.pipeline.start_or_refuse import StartKind, start
from giftcodes.services.run_actions import stop, take_back_stop
from tests.factories import gift_code, guild
from tests.pipeline.conftest import World, events, states


def test_stop_waits_for_the_request_under_way(world: World) -> None:
    wolves = guild(members=3)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    redemption = world.begin(wolves, code)
    claim = world.claim(redemption)
    attempt = step.intend(claim.pk, claim.token)
    assert attempt is not None

    assert stop(redemption.pk, trigger=Trigger.ADMIN).done
    tasks.finish(redemption.pk)
    redemption.refresh_from_db()
    assert redemption.state == RunState.RUNNING
    step.record(attempt, step.ask(attempt))
    tasks.finish(redemption.pk)

    redemption.refresh_from_db()
    assert redemption.state == RunState.STOPPED
    assert sorted(states(redemption).values()) == ["cancelled", "cancelled", "redeemed"]
    assert events(redemption) == ["locked", "stop", "unlocked"]


def test_a_claim_whose_request_was_not_sent_yet_is_given_back_on_stop(world: World) -> None:
    wolves = guild(members=1)
    code = gift_code()
    redemption = world.begin(wolves, code)
    claim = world.claim(redemption)
    stop(redemption.pk, trigger=Trigger.ADMIN)

    tasks.redeem_member(claim.pk, claim.token)
    tasks.finish(redemption.pk)

    assert world.requests == []
    assert list(states(redemption).values()) == ["cancelled"]


def test_no_new_run_starts_beside_one_that_is_being_stopped(world: World) -> None:
    wolves = guild(members=2)
    code = gift_code()
    redemption = world.begin(wolves, code)
    world.claim(redemption)
    stop(redemption.pk, trigger=Trigger.ADMIN)

    result = start(guild_id=wolves.pk, gift_code_id=code.pk, trigger=Trigger.ADMIN)

    assert result.kind is StartKind.REFUSED


def test_a_stopped_redemption_starts_again_only_for_a_person(world: World) -> None:
    wolves = guild(members=2)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    redemption = world.begin(wolves, code)
    stop(redemption.pk, trigger=Trigger.ADMIN)
    tasks.finish(redemption.pk)

    world.sweep()
    world.catch_up()
    world.poll()
    redemption.refresh_from_db()
    assert redemption.state == RunState.STOPPED
    assert world.requests == []

    world.redeem(wolves, code, Trigger.ADMIN)
    assert set(states(redemption).values()) == {"redeemed"}


def test_a_stop_that_is_taken_back_lets_the_run_go_on(world: World) -> None:
    wolves = guild(members=2)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    redemption = world.begin(wolves, code)
    world.claim(redemption)
    stop(redemption.pk, trigger=Trigger.ADMIN)

    assert take_back_stop(redemption.pk, trigger=Trigger.ADMIN).done
    world.pass_time(31)
    world.sweep()
    world.tick()

    assert set(states(redemption).values()) == {"redeemed"}
    assert events(redemption)[:3] == ["locked", "stop", "resumed"]


def test_stopping_a_redemption_that_is_not_running_says_so(world: World) -> None:
    wolves = guild(members=1)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    redemption = world.redeem(wolves, code)

    result = stop(redemption.pk, trigger=Trigger.ADMIN)

    assert not result.done
    assert result.message.endswith("is finished.")


def test_a_member_who_leaves_during_a_stop_and_comes_back_is_asked_for(
    world: World,
) -> None:
    wolves = guild(members=2)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    redemption = world.begin(wolves, code)
    stop(redemption.pk, trigger=Trigger.ADMIN)
    tasks.finish(redemption.pk)
    first = wolves.members.order_by("pk")[0]
    wolves.members.filter(pk=first.pk).update(active=False)
    world.redeem(wolves, code, Trigger.ADMIN)
    assert states(redemption)[first.player_id] == "cancelled"

    wolves.members.filter(pk=first.pk).update(active=True)
    world.catch_up()

    assert set(states(redemption).values()) == {"redeemed"}
