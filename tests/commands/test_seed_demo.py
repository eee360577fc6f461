"""`seed_demo`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from giftcodes.models import Guild
from tests.commands.conftest import World, run
from tests.factories import guild

pytestmark = pytest.mark.parametrize("simulator", [{"players": 50}], indirect=True)


def test_the_players_of_the_simulator_become_the_demo_guild(world: World) -> None:
    said = run("seed_demo")

    demo = Guild.objects.get()
    assert (demo.name, demo.provider, demo.realm, demo.automatic) == (
        "Demo guild",
        "simulator",
        1042,
        True,
    )
    assert "simulated" in demo.notes
    players = world.game.world()["players"]
    assert dict(demo.members.values_list("player_id", "nickname")) == {
        pk: p["name"] for pk, p in players.items()
    }
    assert set(demo.members.values_list("realm", flat=True)) == {None}
    assert said.out == "Demo guild: 50 member(s), 50 of them new.\n"


def test_some_members_of_the_demo_cannot_get_the_code_and_show_why(world: World) -> None:
    run("seed_demo")
    world.rings.clear()
    world.game.publish("FROST", min_level=9)

    world.poll()

    numbers = {
        str(state): number
        for state, number in Guild.objects.get().redemptions.get().tally().items()
    }
    assert 2 <= numbers["needs_correction"] <= 5
    assert 2 <= numbers["not_eligible"] <= 6
    assert numbers["redeemed"] >= 39


def test_seeding_again_adds_nobody_and_undoes_nothing(world: World) -> None:
    run("seed_demo")
    demo = Guild.objects.get()
    changed = demo.members.order_by("pk")[0]
    changed.nickname, changed.active, changed.realm = "Mine", False, 7
    changed.save()
    world.rings.clear()

    said = run("seed_demo")

    changed.refresh_from_db()
    assert (changed.nickname, changed.active, changed.realm) == ("Mine", False, 7)
    assert said.out == "Demo guild: 50 member(s), 0 of them new.\n"
    assert not world.rings


def test_new_players_are_added_to_an_existing_demo_guild(world: World) -> None:
    run("seed_demo")
    Guild.objects.get().members.order_by("pk")[0].delete()

    assert run("seed_demo").out == "Demo guild: 50 member(s), 1 of them new.\n"


def test_a_guild_of_another_game_with_the_name_of_the_demo_is_left_alone(world: World) -> None:
    guild("Demo guild", provider="kingshot")

    said = run("seed_demo")

    assert said.status == 1
    assert "Rename it" in said.err
    assert not Guild.objects.get().members.exists()


def test_an_unreachable_simulator_is_reported_in_one_line(world: World) -> None:
    world.game.stop()

    said = run("seed_demo")

    assert said.status == 1
    assert said.err.startswith("The simulator at 127.0.0.1:")
    assert not Guild.objects.exists()


def test_a_simulator_with_another_token_is_reported_in_one_line(
    world: World, settings: Any
) -> None:
    settings.SIMULATOR_TOKEN = "another"

    said = run("seed_demo")

    assert (said.status, "set SIMULATOR_TOKEN" in said.err) == (1, True)
    assert not Guild.objects.exists()


def test_a_simulator_without_an_address_is_reported_in_one_line(
    world: World, settings: Any
) -> None:
    off = replace(settings.PROVIDERS["simulator"], api_url="")
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": off}

    said = run("seed_demo")

    assert (said.status, "SIMULATOR_API_URL is not set" in said.err) == (1, True)
