"""USED parks the member.

If many players of several guilds get this answer, the code is closed, and probed later.
"""

from __future__ import annotations

import pytest

from giftcodes import tasks
from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.transitions import State
from giftcodes.models import CodeState, GiftCode, Guild, MemberRedemption, Redemption
from giftcodes.models.code_answers import CLAIM_LIMIT_PLAYERS
from tests.factories import gift_code, guild
from tests.pipeline.conftest import World

USED = {"msg": "USED", "err_code": 40_005}


def run(world: World, code: GiftCode, *guilds: Guild) -> list[Redemption]:
    return [world.redeem(one, code) for one in guilds]


def settle(world: World, ticks: int = 3) -> None:
    for _ in range(ticks):
        world.breathe()
        world.sweep()


def test_claim_limits_of_the_first_three_of_fifty_do_not_keep_the_code_from_the_others(
    world: World,
) -> None:
    wolves, code = guild(members=50), gift_code()
    world.knows(wolves)
    world.has(code)
    world.says(**USED, times=3)

    (redemption,) = run(world, code, wolves)
    settle(world)

    code.refresh_from_db()
    assert code.state == CodeState.ACTIVE
    assert len(world.grants) == 47
    assert len(world.requests) == 50
    parked = redemption.member_redemptions.filter(state=State.NOT_ELIGIBLE)
    assert {row.outcome for row in parked} == {Outcome.CLAIM_LIMIT}
    assert parked.count() == 3


def test_a_member_whose_limit_was_reached_is_asked_again_the_next_day(world: World) -> None:
    wolves, code = guild(members=3), gift_code()
    world.knows(wolves)
    world.has(code)
    world.says(**USED)
    (redemption,) = run(world, code, wolves)
    settle(world)
    assert len(world.requests) == 3
    world.pass_time(86_400)

    world.catch_up()
    settle(world)

    assert len(world.requests) == 4
    assert set(redemption.member_redemptions.values_list("state", flat=True)) == {"redeemed"}


def test_claim_limits_of_a_whole_guild_do_not_close_the_code(world: World) -> None:
    """USED may mean a limit that all accounts of this guild have reached."""
    wolves, code = guild(members=3 * CLAIM_LIMIT_PLAYERS), gift_code()
    world.knows(wolves)
    world.has(code)
    world.says(**USED, times=None)

    run(world, code, wolves)
    settle(world)

    code.refresh_from_db()
    assert code.state == CodeState.ACTIVE
    assert len(world.requests) == 3 * CLAIM_LIMIT_PLAYERS


@pytest.fixture
def used_up(world: World) -> GiftCode:
    """A code whose limit many members of two guilds have met."""
    guilds = [guild(members=CLAIM_LIMIT_PLAYERS) for _ in range(2)]
    code = gift_code("USEDUP")
    world.knows(*guilds)
    world.has(code, cap=0)
    for one in guilds:
        world.begin(one, code)
    world.ring(tasks.dispatch, "simulator")
    world.drain()
    settle(world)
    return code


def test_claim_limits_of_many_players_of_two_guilds_close_the_code(
    world: World, used_up: GiftCode
) -> None:
    used_up.refresh_from_db()
    assert (used_up.state, used_up.closed_outcome) == (CodeState.CLOSED, Outcome.CLAIM_LIMIT)
    assert len(world.requests) == CLAIM_LIMIT_PLAYERS
    assert "different guilds" in used_up.reason
    last = MemberRedemption.objects.get(player_id=world.requests[-1]["player"])
    assert (last.state, last.cancel_kind) == (State.CANCELLED, "code_closed")


def test_a_success_in_between_starts_the_count_again(world: World) -> None:
    wolves, bears = (guild(members=CLAIM_LIMIT_PLAYERS) for _ in range(2))
    code = gift_code()
    world.knows(wolves, bears)
    world.has(code)
    world.says(**USED, times=CLAIM_LIMIT_PLAYERS - 1)
    run(world, code, wolves)
    settle(world)
    assert len(world.grants) == 1
    world.says(**USED, times=CLAIM_LIMIT_PLAYERS - 1)

    run(world, code, bears)
    settle(world)

    code.refresh_from_db()
    assert code.state == CodeState.ACTIVE


def test_a_used_up_code_is_probed_and_goes_on_when_the_game_grants_it(
    world: World, used_up: GiftCode
) -> None:
    world.has(used_up, cap=None)
    asked = len(world.requests)
    world.pass_time(601)

    settle(world, ticks=1)

    used_up.refresh_from_db()
    assert used_up.state == CodeState.ACTIVE
    assert len(world.requests) > asked
    world.pass_time(86_400)
    world.catch_up()
    settle(world)
    assert len(world.grants) == 2 * CLAIM_LIMIT_PLAYERS


def test_a_probe_that_meets_the_limit_again_closes_the_code_again(
    world: World, used_up: GiftCode
) -> None:
    asked = len(world.requests)
    world.pass_time(601)

    settle(world, ticks=2)

    used_up.refresh_from_db()
    assert (used_up.state, used_up.closed_outcome) == (CodeState.CLOSED, Outcome.CLAIM_LIMIT)
    assert len(world.requests) == asked + 1


def test_a_probed_code_that_the_game_knows_after_all_is_open_again(world: World) -> None:
    """The code was not found. Now a member meets a limit of the account, so the code exists."""
    wolves, code = guild(members=4), gift_code()
    world.knows(wolves)
    run(world, code, wolves)
    settle(world)
    code.refresh_from_db()
    assert code.closed_outcome == Outcome.CODE_NOT_FOUND
    world.has(code)
    world.says(**USED)
    world.pass_time(601)

    settle(world)

    code.refresh_from_db()
    assert code.state == CodeState.ACTIVE
    assert len(world.grants) == 3


def test_a_probed_code_whose_level_a_member_has_not_reached_is_open_again(world: World) -> None:
    wolves, code = guild(members=4), gift_code()
    world.knows(wolves, level=3)
    run(world, code, wolves)
    settle(world)
    code.refresh_from_db()
    assert code.closed_outcome == Outcome.CODE_NOT_FOUND
    world.has(code, min_level=9)
    world.pass_time(601)

    settle(world)

    code.refresh_from_db()
    assert code.state == CodeState.ACTIVE
    world.knows(wolves, level=30)
    world.pass_time(86_400)
    world.catch_up()
    settle(world)
    assert len(world.grants) == 4


def test_a_probe_with_unknown_words_costs_one_request_and_the_code_is_probed_again_later(
    world: World,
) -> None:
    wolves, code = guild(members=4), gift_code()
    world.knows(wolves)
    run(world, code, wolves)
    settle(world)
    asked = len(world.requests)
    world.says("BRAND NEW WORDS")
    world.pass_time(601)

    settle(world)

    code.refresh_from_db()
    assert (code.state, code.closed_outcome) == (CodeState.CLOSED, Outcome.CODE_NOT_FOUND)
    assert len(world.requests) == asked + 1
    assert code.next_probe_at is not None
    world.has(code)
    world.pass_time(3_601)
    settle(world)
    assert len(world.grants) == 4
