"""Members move to another guild, and keep what they have."""

from __future__ import annotations

import pytest

from giftcodes.models import Guild, Member
from giftcodes.services.members import move_members
from tests.factories import REALM, gift_code, guild, member
from tests.pipeline.conftest import World, states

pytestmark = pytest.mark.django_db


@pytest.fixture
def wolves() -> Guild:
    return guild("Wolves")


def test_a_member_who_moves_is_not_asked_for_again(world: World, wolves: Guild) -> None:
    amber = member(wolves)
    bears = guild("Bears", members=1)
    code = gift_code("FROST")
    world.knows(wolves, bears)
    world.has(code)
    for one in (wolves, bears):
        world.redeem(one, code)
        world.breathe()
    asked = len(world.requests)

    result = move_members([amber.pk], guild_id=bears.pk)
    world.catch_up()
    world.breathe()

    assert [row.player_id for row in result.moved] == [amber.player_id]
    assert result.left == {wolves.pk}
    assert states(bears.redemptions.get())[amber.player_id] == "already_received"
    assert len(world.requests) == asked


def test_the_game_is_asked_for_the_same_realm(wolves: Guild) -> None:
    bears = guild("Bears", realm=7)
    with_own, without = member(wolves, realm=7), member(wolves, nickname="Birch")

    move_members([with_own.pk, without.pk], guild_id=bears.pk)

    assert bears.members.get(player_id=with_own.player_id).realm is None
    assert bears.members.get(player_id=without.player_id).realm == REALM
    assert bears.members.get(player_id=without.player_id).nickname == "Birch"
    assert not wolves.members.filter(active=True).exists()


def test_a_member_who_was_there_before_comes_back(wolves: Guild) -> None:
    amber = member(wolves, nickname="Amber")
    bears = guild("Bears")
    member(bears, amber.player_id, nickname="Old", active=False)

    move_members([amber.pk], guild_id=bears.pk)

    assert list(bears.members.values_list("nickname", "active")) == [("Amber", True)]


@pytest.mark.parametrize(
    ("fields", "there", "words"),
    [
        ({"opted_out": True}, {}, "has opted out"),
        ({"active": False}, {}, "has left guild Wolves. Import or add the player to guild Bears"),
        ({}, {"provider": "whiteout"}, "plays another game than the guild"),
        ({}, {"active": False}, "cannot move: guild Bears is inactive"),
    ],
)
def test_a_member_who_cannot_move_stays_with_a_reason(
    wolves: Guild, fields: dict[str, object], there: dict[str, object], words: str
) -> None:
    amber = member(wolves, **fields)
    bears = guild("Bears", **there)

    result = move_members([amber.pk], guild_id=bears.pk)

    assert result.refused == [(amber, words)]
    assert not result.moved
    assert Member.objects.get() == amber


def test_a_dry_run_reports_and_changes_nothing(wolves: Guild) -> None:
    amber = member(wolves)
    bears = guild("Bears")

    assert len(move_members([amber.pk], guild_id=bears.pk, dry_run=True).moved) == 1

    assert Member.objects.get().guild == wolves
