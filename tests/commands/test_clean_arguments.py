"""Command line arguments with invisible characters, other digits, and ambiguous numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from giftcodes.models import GiftCode, Guild, OptOut
from giftcodes.models.opted_out import player_hash
from tests.commands.conftest import World, run
from tests.factories import gift_code, guild, member

pytestmark = pytest.mark.django_db
Enqueued = list[tuple[Any, ...]]


def test_invisible_characters_and_other_digits_are_cleaned_when_a_guild_is_added() -> None:
    said = run(
        "add_guild",
        "\u202eWol\u200bves\u202c",
        "--provider",
        "simu\u00adlator",
        "--realm",
        "۱۰۴۲",
        "--priority",
        "-3",
    )

    assert said.status == 0, said.err
    assert Guild.objects.values_list("name", "realm", "priority").get() == ("Wolves", 1042, -3)


@pytest.mark.parametrize("typed", ["1.000", "1,000", "1_000", "1 000"])
@pytest.mark.parametrize("option", ["--realm", "--priority"])
def test_a_number_with_a_separator_is_refused_and_not_cut_off(option: str, typed: str) -> None:
    numbers = {"--realm": "7", "--priority": "0", option: typed}

    said = run(
        "add_guild",
        "Wolves",
        "--provider",
        "simulator",
        *(word for pair in numbers.items() for word in pair),
    )

    assert said.status == 1
    assert f"“{typed}” is not a whole number." in said.err
    assert "Write 1000 if that is meant." in said.err
    assert not Guild.objects.exists()


@pytest.mark.parametrize("typed", ["\u2066Wolves\u2069", "wol\u00adves", "Wolves\ufeff"])
def test_a_guild_is_found_although_its_name_was_typed_with_invisible_characters(
    tmp_path: Path, enqueued: Enqueued, typed: str
) -> None:
    wolves = guild("Wolves")
    (tmp_path / "list.txt").write_text("\u202a123456789\u202c\n")

    assert run("import_members", tmp_path / "list.txt", "--guild", typed).status == 0
    assert wolves.members.get().player_id == "123456789"


def test_a_guild_whose_stored_name_has_invisible_characters_is_found(
    tmp_path: Path, enqueued: Enqueued
) -> None:
    wolves = guild("Wolves")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE giftcodes_guild SET name = %s", ["\u202eWol\u200bves"])
    (tmp_path / "list.txt").write_text("123456789\n")

    for typed in ("Wolves", "\u202eWol\u200bves", "wolves"):
        assert run("import_members", tmp_path / "list.txt", "--guild", typed).status == 0
    assert wolves.members.count() == 1


def test_a_code_is_read_without_invisible_characters(world: World) -> None:
    wolves = guild("Wolves", members=1)
    world.knows(wolves)

    said = run("redeem", "\u202aFR\u00adOST２０２６\u202c", "--guild", "Wolves")

    assert said.status == 0, said.err
    assert GiftCode.objects.get().code == "FROST2026"
    assert run("stop", "FROST2026\ufe0f", "--guild", "Wolves").status == 0


def test_an_opt_out_works_although_the_id_was_typed_with_invisible_characters(
    enqueued: Enqueued,
) -> None:
    said = run("opt_out", "\u200e۱۲۳۴۵۶۷۸۹\u200e", "--provider", "simulator")

    assert said.status == 0, said.err
    assert OptOut.objects.filter(pk=player_hash("simulator", "123456789")).exists()
    assert "player 123456789 " in said.out


def test_an_error_shows_a_right_to_left_guild_name_unchanged(
    enqueued: Enqueued,
) -> None:
    guild("אבג")
    gift_code("FROST")

    said = run("stop", "FROST", "--guild", "אבג")

    assert said.err == "Code FROST was never redeemed for guild אבג; there is nothing to stop.\n"


def test_the_output_has_no_characters_that_hide_or_reorder_text(
    tmp_path: Path, enqueued: Enqueued
) -> None:
    wolves = guild("\u202eWolves")
    member(wolves, "123456789")
    gift_code("FROST")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE giftcodes_member SET nickname = %s", ["\u202eAm\u200bber"])
    (tmp_path / "list.csv").write_text("id,name\n123456789,\u202eאבג\n\u202enobody\u202c,\n")

    plan = run("redeem", "FROST", "--guild", "Wolves", "--dry-run")
    said = run("import_members", tmp_path / "list.csv", "--guild", "Wolves")

    assert "Amber" in plan.out
    assert "Updated 123456789: nickname Amber → אבג" in said.out
    for text in (plan.out, said.out, said.err):
        assert not set("\u202e\u202c\u200b\u2068\u2069") & set(text)
