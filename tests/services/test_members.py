"""Members move to another guild, and keep what they have."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from giftcodes.models import Guild, Member
from giftcodes.models.history import FIRST_KNOWN
from giftcodes.services.members import move_members, set_on_members
from tests.factories import REALM, gift_code, guild, member
from tests.pipeline.conftest import World, states

pytestmark = pytest.mark.django_db


def versions(row: Member) -> list[tuple[str, str, bool]]:
    return list(row.history.values_list("history_change_reason", "nickname", "active"))


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


def test_after_a_move_the_game_is_asked_with_the_same_realm(wolves: Guild) -> None:
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


def test_a_player_who_leaves_two_guilds_has_one_membership_in_the_new_one(wolves: Guild) -> None:
    amber = member(wolves, nickname="Amber")
    again = member(guild("Foxes"), amber.player_id)
    bears = guild("Bears")

    result = move_members([amber.pk, again.pk], guild_id=bears.pk)

    assert [row.player_id for row in result.moved] == [amber.player_id] * 2
    assert [row.guild.name for row in Member.objects.filter(active=True)] == ["Bears"]


def test_each_moved_row_keeps_its_earlier_values_and_gets_a_version_with_the_reason(
    wolves: Guild,
) -> None:
    amber, birch = member(wolves, nickname="Amber"), member(wolves)
    Member.history.all().delete()
    bears = guild("Bears")
    there = member(bears, amber.player_id, nickname="Old", active=False)
    there.history.all().delete()

    move_members([amber.pk, birch.pk], guild_id=bears.pk)

    came, left = f"Moved from #{wolves.pk}.", f"Moved to #{bears.pk}."
    assert versions(there) == [(came, "Amber", True), (FIRST_KNOWN, "Old", False)]
    assert versions(amber) == [(left, "Amber", False), (FIRST_KNOWN, "Amber", True)]
    assert [reason for reason, *_ in versions(bears.members.get(player_id=birch.player_id))] == [
        came
    ]


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_number_of_statements_does_not_grow_with_the_members(
    wolves: Guild, django_assert_max_num_queries: DjangoAssertNumQueries, *, dry_run: bool
) -> None:
    ids = [member(wolves).pk for _ in range(40)]
    bears = guild("Bears")

    with django_assert_max_num_queries(20):
        move_members(ids, guild_id=bears.pk, dry_run=dry_run)

    assert bears.members.count() == (0 if dry_run else 40)


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


def test_a_field_of_many_members_is_set_in_few_statements_and_leaves_versions(
    wolves: Guild, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    members = [member(wolves, realm=number % 2 or None) for number in range(40)]
    Member.history.all().delete()

    with django_assert_max_num_queries(8):
        changed, same = set_on_members([row.pk for row in members], "realm", lambda _member: 1)

    assert len(changed) == len(same) == 20
    assert set(wolves.members.values_list("realm", flat=True)) == {1}
    assert list(changed[0].history.values_list("realm", "history_change_reason")) == [
        (1, ""),
        (None, FIRST_KNOWN),
    ]
    assert not same[0].history.exists()
