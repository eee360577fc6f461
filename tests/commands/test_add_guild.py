"""`add_guild`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from giftcodes.models import Guild
from tests.commands.conftest import run
from tests.factories import guild

pytestmark = pytest.mark.django_db


def test_a_guild_is_added_and_the_next_step_is_named() -> None:
    said = run(
        "add_guild", "Northern Wolves", "--provider", "Simulator", "--realm", 1042, "--priority", 5
    )

    added = Guild.objects.get()
    assert (added.name, added.provider, added.realm) == ("Northern Wolves", "simulator", 1042)
    assert (added.priority, added.automatic, added.active) == (5, True, True)
    assert said.lines == [
        "Added guild Northern Wolves (Simulator, state 1042).",
        'Next: manage.py import_members FILE --guild "Northern Wolves"',
    ]


def test_a_guild_can_be_added_without_automatic_redeeming() -> None:
    run("add_guild", "Wolves", "--provider", "simulator", "--realm", 1042, "--not-automatic")

    assert not Guild.objects.get().automatic


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "KINGSHOT_SALT is not set"),
        ({"salt": "known", "api_url": ""}, "KINGSHOT_API_URL is not set"),
        ({"salt": "known", "is_enabled": False}, "KINGSHOT_ON is off"),
    ],
)
def test_there_is_a_warning_with_the_reason_if_the_game_is_off(
    settings: Any, fields: dict[str, Any], reason: str
) -> None:
    off = replace(settings.PROVIDERS["kingshot"], **fields)
    settings.PROVIDERS = {**settings.PROVIDERS, "kingshot": off}

    said = run("add_guild", "Wolves", "--provider", "kingshot", "--realm", 77)

    assert said.status == 0
    assert said.err == f"Kingshot is off: {reason}. Nothing is redeemed until it is on.\n"


def test_the_name_of_an_existing_guild_is_refused() -> None:
    guild("Wolves")

    said = run("add_guild", "Wolves", "--provider", "kingshot", "--realm", 77)

    assert said.status == 1
    assert "There is a guild “Wolves” already (simulator, realm 1042)." in said.err
    assert Guild.objects.count() == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            ("Wolves", "--provider", "chess", "--realm", "1"),
            "There are: kingshot, lordrush, simulator, whiteout.",
        ),
        (("Wolves", "--provider", "simulator", "--realm", "0"), "1 or more"),
        (("Wolves", "--provider", "simulator", "--realm=-5"), "1 or more"),
        (("Wolves", "--provider", "simulator", "--realm", "99999999999"), "realm: "),
        (
            ("Wolves", "--provider", "simulator", "--realm", "1", "--priority", "99999"),
            "priority: ",
        ),
        (("", "--provider", "simulator", "--realm", "1"), "name: "),
        (("W" * 81, "--provider", "simulator", "--realm", "1"), "name: "),
        (
            ("Wol\nves", "--provider", "simulator", "--realm", "1"),
            "control character at position 4",
        ),
    ],
)
def test_a_guild_that_cannot_be_added_is_refused_with_the_reason(
    words: tuple[str, ...], reason: str
) -> None:
    said = run("add_guild", *words)

    assert said.status == 1
    assert reason in said.err
    assert not Guild.objects.exists()
