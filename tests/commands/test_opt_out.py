"""`opt_out`: a player's wish, which no import or edit may undo."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from giftcodes.models import Member, OptOut
from giftcodes.roster import ListedMember
from giftcodes.services.imports import import_members
from tests.commands.conftest import World, run
from tests.factories import gift_code, guild, member
from tests.member_lists import members_in
from tests.pipeline.conftest import states


def test_no_guild_redeems_for_a_player_who_opted_out_and_no_import_brings_them_back(
    world: World,
) -> None:
    wolves, bears = guild("Wolves"), guild("Bears")
    for pack in (wolves, bears):
        member(pack, "300000001")
    member(wolves, "300000002")
    world.knows(wolves, bears)
    code = gift_code("FROST")
    world.has(code)
    redemption = world.begin(wolves, code)

    said = run("opt_out", "300000001", "--provider", "simulator")
    world.catch_up()
    world.redeem(bears, code)
    import_members(bears.pk, [ListedMember(line=1, player_id="300000001")])

    assert said.lines == [
        "Codes are no longer redeemed for player 300000001 of Simulator, who is in 2 guild(s)."
    ]
    assert states(redemption) == {"300000001": "cancelled", "300000002": "redeemed"}
    assert {request["player"] for request in world.requests} == {"300000002"}
    assert set(
        Member.objects.filter(player_id="300000001").values_list("opted_out", flat=True)
    ) == {True}
    assert "300000001" not in str(OptOut.objects.values().get()), (
        "the row must not show the player ID"
    )


@pytest.mark.parametrize("spelling", ["0300000001", "00300000001", "٠٣٠٠٠٠٠٠٠١"])
def test_a_player_who_opted_out_does_not_come_back_with_zeros_in_front_of_the_id(
    world: World, spelling: str
) -> None:
    wolves = guild("Wolves")
    run("opt_out", "300000001", "--provider", "simulator")

    listed = members_in(f"{spelling}\n300000002")

    assert [line.player_id for line in listed.members] == ["300000002"]
    assert "does not begin with 0" in str(listed.bad[0])
    # The opt-out also holds for a caller that does not check the ID.
    result = import_members(wolves.pk, [ListedMember(line=1, player_id="0300000001")])
    assert result.opted_out == ["0300000001"]
    with pytest.raises(ValidationError, match="does not begin with 0"):
        Member(guild=wolves, player_id=spelling).full_clean()
    with pytest.raises(ValidationError, match="has opted out"):
        Member(guild=wolves, player_id="0300000001").clean()


def test_a_player_who_opted_out_cannot_be_added_by_hand(world: World) -> None:
    wolves = guild("Wolves")
    run("opt_out", "300000001", "--provider", "simulator")

    with pytest.raises(ValidationError, match="has opted out"):
        Member(guild=wolves, player_id="300000001").full_clean()


def test_after_an_undone_opt_out_codes_are_redeemed_for_the_player_again(world: World) -> None:
    wolves = guild("Wolves")
    member(wolves, "300000001")
    world.knows(wolves)
    world.has(gift_code("FROST"))
    run("opt_out", "300000001", "--provider", "simulator")
    world.catch_up()

    run("opt_out", "300000001", "--provider", "simulator", "--undo")
    world.catch_up()

    assert [player for player, _ in world.grants] == ["300000001"]
    assert not OptOut.objects.exists()
    again = run("opt_out", "300000001", "--provider", "simulator", "--undo")
    assert "This was already the case." in again.out


def test_what_is_no_player_id_is_refused(world: World) -> None:
    said = run("opt_out", "Amber", "--provider", "simulator")

    assert said.status == 1
    assert "is not a player ID" in said.err
