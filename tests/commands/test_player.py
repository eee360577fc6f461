"""`export_player` and `erase_player`: a player's data, and its removal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import connection

from giftcodes.models import (
    DirectoryLookup,
    GiftCode,
    Guild,
    Member,
    MemberRedemption,
    OptOut,
    Redemption,
)
from giftcodes.roster import ListedMember
from giftcodes.services import players as erasing
from giftcodes.services.imports import import_members
from tests.commands.conftest import World, run
from tests.factories import gift_code, guild, member
from tests.pipeline.conftest import states

ANNA, BRAM = "300000001", "300000002"
WHO = (ANNA, "--provider", "simulator")


@pytest.fixture
def wolves(world: World) -> Guild:
    """A guild with Anna, who is in a second guild, too.

    The game refused her realm. It was corrected, and then the code was redeemed for her.
    """
    wolves, bears = guild("Wolves"), guild("Bears")
    for of in (wolves, bears):
        anna = member(of, ANNA, nickname="Anna", realm=7)
    member(wolves, BRAM, nickname="Bram")
    world.knows(wolves, bears)
    frost = gift_code("FROST")
    world.has(frost)
    world.redeem(wolves, frost)
    for row in Member.objects.filter(player_id=ANNA):
        row.realm = None
        row.save()
    for player, name in ((ANNA, "Annalise"), (BRAM, "Bramble")):
        DirectoryLookup.objects.create(
            provider="simulator", player_id=player, said="found", name=name, realm=7
        )
    user = User.objects.create_user("officer-otto")
    LogEntry.objects.log_actions(user.pk, [anna], CHANGE, "Made active.", single_object=True)
    world.catch_up()
    for of in (wolves, bears):
        world.redeem(of, frost)
        world.breathe()
    world.redeem(wolves, gift_code("NOTHING"))
    world.breathe()
    assert (ANNA, "FROST") in world.grants
    return wolves


def places_of(text: str) -> set[str]:
    """The tables of the database in which a text occurs."""
    found = set()
    with connection.cursor() as cursor:
        for model in apps.get_models():
            table = model._meta.db_table
            cursor.execute(
                f'SELECT count(*) FROM "{table}" AS row WHERE row::text LIKE %s', [f"%{text}%"]
            )
            if cursor.fetchone()[0]:
                found.add(table)
    return found


def test_the_export_has_all_data_of_the_player_and_of_nobody_else(
    world: World, wolves: Guild
) -> None:
    data = json.loads(run("export_player", *WHO).out)

    assert [one["guild"] for one in data["members"]] == ["Wolves", "Bears"]
    assert [version["realm"] for version in data["members"][0]["versions"]] == [7, None]
    assert data["members"][1]["actions"][0]["what"] == "Made active."
    frost = [one for one in data["redemptions"] if one["code"] == "FROST"]
    assert {one["guild"]: one["state_now"] for one in frost} == {
        "Wolves": "already_received",
        "Bears": "redeemed",
    }
    asked = [attempt["outcome"] for one in frost for attempt in one["attempts"]]
    assert asked == ["wrong_realm", "success"]
    assert data["opted_out"] is False
    assert [(one["name"], one["realm"]) for one in data["directory"]] == [("Annalise", 7)]
    assert BRAM not in json.dumps(data)
    assert "otto" not in json.dumps(data)


def test_the_export_can_go_into_a_file(world: World, wolves: Guild, tmp_path: Path) -> None:
    file = tmp_path / "anna.json"

    assert run("export_player", *WHO, "--output", file).out == ""

    assert json.loads(file.read_text())["player_id"] == ANNA


def test_the_export_says_if_nothing_is_kept_about_a_player(world: World) -> None:
    assert "No data is kept about player 300000001 of Simulator." in run("export_player", *WHO).err
    wrong = run("export_player", "anna", "--provider", "simulator")
    assert "“anna” is not a player ID" in wrong.err


def test_an_erased_player_is_nowhere_in_the_database_and_the_audit_finds_nothing_broken(
    world: World, wolves: Guild
) -> None:
    assert len(places_of(ANNA)) >= 4
    grants = len(world.grants)

    said = run("erase_player", *WHO, "--yes")

    assert said.status == 0, said.err
    assert "members 2" in said.out
    assert (places_of(ANNA), places_of("Anna")) == (set(), set())
    assert places_of("Bram"), "the data of other players must stay"
    audit = run("audit", "--ledger", world.game.url)
    assert audit.status == 0, audit.out
    assert states(wolves.redemptions.get(gift_code__code="FROST"))[BRAM] == "redeemed"
    assert len(set(states(wolves.redemptions.get(gift_code__code="FROST")))) == 2
    world.catch_up()
    for _ in range(3):
        world.breathe()
    assert len(world.grants) == grants


def test_no_list_brings_an_erased_player_back(world: World, wolves: Guild) -> None:
    run("erase_player", *WHO, "--yes")

    result = import_members(wolves.pk, [ListedMember(1, ANNA), ListedMember(2, "300000009")])

    assert result.opted_out == [ANNA]
    assert places_of(ANNA) == set()
    assert json.loads(run("export_player", *WHO).out)["opted_out"] is True


def test_nothing_is_erased_without_the_option_yes(world: World, wolves: Guild) -> None:
    said = run("erase_player", *WHO)

    assert said.status == 1
    assert "--yes" in said.err
    assert not OptOut.objects.exists()


def test_during_a_request_nothing_is_erased_and_afterwards_no_request_is_sent(
    world: World,
) -> None:
    wolves = guild()
    member(wolves, ANNA)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    claimed = world.claim(world.begin(wolves, code))

    said = run("erase_player", *WHO, "--yes")

    assert said.status == 1
    assert "repeat this in a minute" in said.err
    claimed.refresh_from_db()
    assert (claimed.player_id, claimed.state) == (ANNA, "in_flight")
    world.pass_time(60)
    world.sweep()
    world.catch_up()
    assert run("erase_player", *WHO, "--yes").status == 0
    assert places_of(ANNA) == set()
    assert world.requests == []
    assert Redemption.objects.get().state == "complete"


def test_an_unconfirmed_row_of_an_erased_player_is_not_left_open(world: World) -> None:
    wolves = guild()
    member(wolves, ANNA)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    world.spoil("drop", when="after")
    redemption = world.redeem(wolves, code)
    assert states(redemption) == {ANNA: "unconfirmed"}

    run("erase_player", *WHO, "--yes")
    world.drain()

    row = MemberRedemption.objects.get()
    assert (row.state, row.reason) == (
        "failed",
        "Erased before it was known whether the game had granted it.",
    )
    redemption.refresh_from_db()
    assert redemption.state == "complete"
    assert run("audit").status == 0


def test_rows_written_during_an_erasure_get_the_same_pseudonym_from_the_next_erasure(
    world: World, wolves: Guild
) -> None:
    first = erasing.erase_player("simulator", ANNA)
    share = MemberRedemption.objects.filter(player_id=first.pseudonym).exclude(outcome="").first()
    MemberRedemption.objects.filter(pk=share.pk).update(player_id=ANNA)  # type: ignore[union-attr]

    second = erasing.erase_player("simulator", ANNA)

    assert second.pseudonym == first.pseudonym
    assert places_of(ANNA) == set()


def test_the_same_number_in_another_game_is_another_player(world: World) -> None:
    there: Any = member(guild(provider="whiteout"), ANNA, nickname="Other")
    member(guild(), ANNA)

    run("erase_player", *WHO, "--yes")

    there.refresh_from_db()
    assert (there.player_id, there.nickname, there.opted_out) == (ANNA, "Other", False)
    assert GiftCode.objects.count() == 0
