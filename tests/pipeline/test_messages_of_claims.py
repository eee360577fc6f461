"""A message has several claims, so that a thread needs fewer messages."""

from __future__ import annotations

from typing import Any

import pytest

from giftcodes import tasks
from giftcodes.models import MemberRedemption, RateBudget, Redemption
from giftcodes.pipeline import redeem as redeem_step
from giftcodes.pipeline.dispatch import Claim, for_messages
from tests.pipeline.conftest import World

MEMBERS = 6


@pytest.fixture(autouse=True)
def _two_threads(settings: Any) -> None:
    settings.REDEEM_THREADS = 2
    settings.IN_FLIGHT_MAX = 2 * settings.CLAIMS_FOR_A_THREAD


@pytest.fixture
def run(world: World) -> Redemption:
    """A run whose code is proven, with a dispatch that claims all members."""
    redemption = world.begin_proven(members=MEMBERS + 1)
    world.rings.clear()
    RateBudget.objects.update(used=0)
    tasks.dispatch("simulator")
    return redemption


def test_each_thread_gets_one_message_and_the_first_claims_come_first() -> None:
    claims = [Claim(number, 1) for number in range(5)]

    assert for_messages(claims) == [
        [Claim(0, 1), Claim(2, 1), Claim(4, 1)],
        [Claim(1, 1), Claim(3, 1)],
    ]
    assert for_messages(claims[:1]) == [[Claim(0, 1)]]


def test_with_a_low_limit_each_thread_still_gets_a_message(settings: Any) -> None:
    settings.IN_FLIGHT_MAX = 4

    assert [len(claims) for claims in for_messages([Claim(n, 1) for n in range(4)])] == [2, 2]


def test_with_a_limit_for_two_hosts_the_threads_of_both_get_messages(settings: Any) -> None:
    settings.IN_FLIGHT_MAX = 4 * settings.CLAIMS_FOR_A_THREAD

    assert len(for_messages([Claim(n, 1) for n in range(8)])) == 4


def test_a_message_redeems_for_all_its_members(world: World, run: Redemption) -> None:
    assert len(world.rings) == 2

    _, args, _ = world.rings.popleft()
    tasks.redeem_member(*args)

    assert _redeemed(run) == 1 + MEMBERS // 2


def test_if_the_game_is_slow_the_other_claims_get_their_own_messages(
    world: World, run: Redemption, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "QUICK_SECONDS", 0.0)
    _, args, _ = world.rings.popleft()
    world.rings.clear()

    tasks.redeem_member(*args)

    assert _redeemed(run) == 1 + 1
    own = [args for task, args, _ in world.rings if task is tasks.redeem_member]
    assert own == [tuple(claim) for claim in args[2:]]


def test_a_claim_that_fails_does_not_hold_up_the_others_of_its_message(
    world: World, run: Redemption, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: int) -> None:
        raise RuntimeError

    _, args, _ = world.rings.popleft()
    world.rings.clear()
    with monkeypatch.context() as broken:
        broken.setattr(redeem_step, "redeem_member", fail)
        with pytest.raises(RuntimeError):
            tasks.redeem_member(*args)

    world.drain()

    assert _redeemed(run) == 1 + len(args[2:])


def _redeemed(run: Redemption) -> int:
    return MemberRedemption.objects.filter(redemption=run, state="redeemed").count()
