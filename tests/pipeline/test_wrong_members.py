"""Wrong members cost few requests, however many codes there are.

A member whom the game does not know is not asked for again with each new code. A member who is not
eligible is asked for once a day.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from giftcodes.domain.transitions import State
from giftcodes.models import GiftCode, Guild, Member, MemberRedemption, Trigger, database_now
from tests.factories import REALM, gift_code, guild, member
from tests.pipeline.conftest import World

DAY = 86_400.0
#: The tests hold for any number. It is small because a test is one transaction, in which every
#: update leaves a dead version of its row, and dead versions make the statements slower.
MEMBERS = 12


def poll_codes(world: World, *names: str, **conditions: Any) -> list[GiftCode]:
    for name in names:
        world.game.publish(name, **conditions)
    world.poll()
    return list(GiftCode.objects.filter(code__in=names).order_by("pk"))


def live(world: World, times: int = 3) -> None:
    for _ in range(times):
        world.breathe()
        world.sweep()
        world.catch_up()


def asked(world: World, *players: str) -> Counter[str]:
    return Counter(request["player"] for request in world.requests if request["player"] in players)


@pytest.fixture
def wolves(world: World) -> Guild:
    """A guild in which eight members live in another realm than the guild's."""
    wolves = guild("Wolves", members=MEMBERS)
    world.knows(wolves)
    for player in wrong_players(wolves):
        world.game.merge({"players": {player: {"realm": 7}}})
    return wolves


def wrong_players(wolves: Guild) -> list[str]:
    return list(wolves.members.order_by("pk").values_list("player_id", flat=True)[:8])


@pytest.mark.slow
def test_a_day_of_twenty_codes_costs_one_request_for_each_wrong_member(
    world: World, wolves: Guild
) -> None:
    wrong = wrong_players(wolves)
    codes = poll_codes(world, *(f"DAY{number}" for number in range(10)))
    live(world)
    codes += poll_codes(world, *(f"EVENING{number}" for number in range(10)))
    live(world, 18)

    assert set(asked(world, *wrong).values()) == {1}
    rows = MemberRedemption.objects.filter(player_id__in=wrong, gift_code__in=codes)
    assert rows.count() == 160
    assert set(rows.values_list("state", flat=True)) == {State.NEEDS_CORRECTION}
    assert all("orrect the member" in row.reason for row in rows)
    assert len(world.grants) == (MEMBERS - 8) * 20

    for player in wrong:
        Member.objects.filter(player_id=player).update(realm=7)
    world.catch_up()
    # One player can be asked for every 2.2 seconds, so twenty codes take 44 seconds.
    live(world, 21)

    assert len(world.grants) == MEMBERS * 20
    assert set(asked(world, *wrong).values()) == {21}


def test_the_row_of_a_new_code_says_that_the_member_waits_for_correction(
    world: World, wolves: Guild
) -> None:
    poll_codes(world, "FIRST")
    live(world)

    (code,) = poll_codes(world, "SECOND")

    row = MemberRedemption.objects.filter(gift_code=code, player_id=wrong_players(wolves)[0]).get()
    assert (row.state, row.asked_realm, row.token) == (State.NEEDS_CORRECTION, REALM, 0)
    assert row.reason.startswith("Waits for correction")


def test_after_a_week_one_request_finds_out_whether_the_game_knows_the_member_now(
    world: World, wolves: Guild
) -> None:
    wrong = wrong_players(wolves)
    poll_codes(world, "ONE", "TWO", "THREE")
    live(world)
    world.pass_time(7 * DAY - 3_600)
    live(world)
    assert set(asked(world, *wrong).values()) == {1}
    world.pass_time(3_600)

    live(world)

    assert set(asked(world, *wrong).values()) == {2}
    for player in wrong:
        world.game.merge({"players": {player: {"realm": REALM}}})
    world.pass_time(7 * DAY)
    live(world, 5)
    assert len(world.grants) == 3 * MEMBERS


def test_everybody_is_asked_again_when_the_realm_of_the_guild_changes(world: World) -> None:
    wolves = guild("Wolves", members=3)
    world.knows(wolves, realm=7)
    poll_codes(world, "ONE", "TWO")
    live(world)
    assert len(world.requests) == 3

    Guild.objects.filter(pk=wolves.pk).update(realm=7)
    live(world, 5)

    assert len(world.grants) == 6


def test_redeem_now_asks_for_a_wrong_member_again(world: World, wolves: Guild) -> None:
    (code,) = poll_codes(world, "ONE")
    live(world)
    world.redeem(wolves, code, Trigger.ADMIN)
    live(world)

    assert set(asked(world, *wrong_players(wolves)).values()) == {2}


def test_redeem_now_for_a_new_code_does_not_ask_for_members_who_are_known_to_be_wrong(
    world: World, wolves: Guild
) -> None:
    poll_codes(world, "ONE")
    live(world)
    code = gift_code("BYHAND")
    world.has(code)

    world.redeem(wolves, code, Trigger.ADMIN)
    live(world)

    assert set(asked(world, *wrong_players(wolves)).values()) == {1}


# --- Not eligible ---------------------------------------------------------------------------------
@pytest.fixture
def low(world: World) -> Member:
    """A member whose level is too low for five codes."""
    bears = guild("Bears", members=1)
    low = bears.members.get()
    world.knows(bears, level=3)
    poll_codes(world, *(f"LEVEL{number}" for number in range(5)), min_level=9)
    live(world, 6)
    assert len(world.requests) == 5
    return low


def test_a_member_who_is_not_eligible_for_five_codes_is_asked_once_a_day(
    world: World, low: Member
) -> None:
    for day in range(1, 6):
        world.pass_time(DAY)
        live(world, 4)
        assert len(world.requests) == 5 + day

    asked_for = Counter(request["code"] for request in world.requests)
    assert set(asked_for.values()) == {2}, "each code has its turn"


def test_a_member_whose_level_rose_gets_all_codes_on_the_next_day(
    world: World, low: Member
) -> None:
    world.knows(low.guild, level=30)
    world.pass_time(DAY)

    live(world, 6)

    assert len(world.grants) == 5
    assert len(world.requests) == 10


def test_each_condition_is_asked_for_separately(world: World) -> None:
    bears = guild("Bears", members=1)
    world.knows(bears, level=3, vip=0)
    poll_codes(world, "LEVEL", min_level=9)
    poll_codes(world, "VIP", min_vip=5)
    live(world, 4)
    assert len(world.requests) == 2
    world.pass_time(DAY)

    live(world, 4)

    assert len(world.requests) == 4


def test_a_closed_code_does_not_hold_up_the_member_s_other_codes(world: World, low: Member) -> None:
    oldest = MemberRedemption.objects.order_by("updated_at", "pk")[0]
    GiftCode.objects.filter(pk=oldest.gift_code_id).update(state="closed")
    world.pass_time(DAY)

    live(world, 4)

    assert len(world.requests) == 6


def test_a_new_member_with_a_wrong_realm_costs_one_request_and_not_one_for_each_code(
    world: World,
) -> None:
    bears = guild("Bears", members=2)
    world.knows(bears)
    poll_codes(world, *(f"CODE{number}" for number in range(6)))
    live(world, 6)
    late = member(bears, "300000001", realm=99)
    world.game.merge({"players": {late.player_id: {"realm": REALM}}})

    live(world, 6)

    assert asked(world, late.player_id) == {late.player_id: 1}


def test_a_code_that_is_held_back_does_not_hold_up_the_member_s_other_codes(
    world: World, low: Member
) -> None:
    oldest = MemberRedemption.objects.order_by("updated_at", "pk")[0]
    world.pass_time(DAY)
    GiftCode.objects.filter(pk=oldest.gift_code_id).update(
        held_until=database_now() + timedelta(hours=1), odd_since=database_now()
    )
    asked_before = len(world.requests)

    live(world, 4)

    assert len(world.requests) == asked_before + 1


def test_a_member_whose_realm_is_removed_is_asked_for_in_the_guild_s_realm_again(
    world: World,
) -> None:
    bears = guild("Bears", members=1)
    world.knows(bears, realm=7)
    poll_codes(world, "ONE")
    live(world)
    Member.objects.update(realm=8)
    live(world)
    assert len(world.requests) == 2
    world.knows(bears, realm=REALM)
    Member.objects.update(realm=None)

    live(world)

    assert len(world.grants) == 1
