"""A late member gets every active code automatically, and members who have it are left alone."""

from __future__ import annotations

import pytest

from giftcodes.models import Guild, Member
from tests.factories import gift_code, guild, member
from tests.pipeline.conftest import World, states

LATE = "300000001"


@pytest.fixture
def wolves(world: World) -> Guild:
    """A guild whose two members have two active codes."""
    wolves = guild("Wolves", members=2)
    world.knows(wolves)
    for code in (gift_code("FROST"), gift_code("SNOW")):
        world.has(code)
        world.redeem(wolves, code)
        world.breathe()
    assert len(world.grants) == 4
    return wolves


def catch_up(world: World) -> list[str]:
    """Catch up. Only the late member may be asked for. Returns the codes of the late member."""
    asked = len(world.requests)
    world.catch_up()
    for _ in range(3):
        world.breathe()
    assert {request["player"] for request in world.requests[asked:]} <= {LATE}, (
        "the other members have the codes"
    )
    return sorted(code for player, code in world.grants if player == LATE)


def test_a_new_member_gets_every_active_code(world: World, wolves: Guild) -> None:
    closed = gift_code("OLD", state="closed")
    member(wolves, LATE)
    world.knows(wolves)
    world.has(closed)

    assert catch_up(world) == ["FROST", "SNOW"]
    assert catch_up(world) == ["FROST", "SNOW"]


def test_a_member_who_comes_back_gets_what_was_missed(world: World, wolves: Guild) -> None:
    late = member(wolves, LATE, active=False)
    world.knows(wolves)
    assert catch_up(world) == []

    Member.objects.filter(pk=late.pk).update(active=True)

    assert catch_up(world) == ["FROST", "SNOW"]


def test_a_member_whose_realm_is_corrected_gets_what_was_missed(
    world: World, wolves: Guild
) -> None:
    late = member(wolves, LATE, realm=7)
    world.knows(wolves)
    assert catch_up(world) == []

    Member.objects.filter(pk=late.pk).update(realm=None)

    assert catch_up(world) == ["FROST", "SNOW"]


def test_a_guild_that_is_switched_on_later_gets_every_active_code(
    world: World, wolves: Guild
) -> None:
    bears = guild("Bears", automatic=False)
    member(bears, LATE)
    world.knows(bears)
    assert catch_up(world) == []

    Guild.objects.filter(pk=bears.pk).update(automatic=True)

    assert catch_up(world) == ["FROST", "SNOW"]


def test_a_member_who_reaches_the_level_gets_the_codes_the_day_after(
    world: World, wolves: Guild
) -> None:
    world.game.merge({"codes": {"FROST": {"min_level": 20}, "SNOW": {"min_level": 20}}})
    member(wolves, LATE)
    world.knows(wolves, level=10)
    assert catch_up(world) == []
    world.knows(wolves, level=30)
    assert catch_up(world) == [], "it is not the next day"

    world.pass_time(86_400)

    assert catch_up(world) == ["FROST", "SNOW"]


def test_a_player_who_moves_to_another_guild_is_covered_by_the_codes_they_have(
    world: World, wolves: Guild
) -> None:
    bears = guild("Bears")
    old = wolves.members.order_by("pk")[0]
    Member.objects.filter(pk=old.pk).update(active=False)
    member(bears, old.player_id)
    world.knows(bears)
    asked = len(world.requests)

    world.catch_up()

    assert len(world.requests) == asked
    for redemption in bears.redemptions.all():
        assert states(redemption) == {old.player_id: "already_received"}
        assert redemption.member_redemptions.get().covered_by is not None
