"""`import_members`."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from giftcodes.models import Member, OptOut
from giftcodes.models.opted_out import player_hash
from tests.commands.conftest import World, run
from tests.factories import REALM, gift_code, guild, member

pytestmark = pytest.mark.django_db

Enqueued = list[tuple[Any, ...]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "members.csv"


def test_good_lines_are_imported_and_bad_ones_reported(file: Path, enqueued: Enqueued) -> None:
    wolves = guild("Wolves")
    member(wolves, "300000001", nickname="Old")
    file.write_text(
        "id,name,realm\n300000001,Old,\n300000002,Amber,1042\n300000003,Birch,1050\nnobody,Cinder,\n"
    )

    said = run("import_members", file, "--guild", "Wolves")

    assert said.status == 0
    assert said.lines[-1] == "Imported 2, already there 1, bad 1."
    assert "Line 5: “nobody” is not a player ID." in said.err
    assert dict(wolves.members.values_list("player_id", "realm")) == {
        "300000001": None,
        "300000002": None,  # The same as the guild's, so it is not stored.
        "300000003": 1050,
    }
    assert enqueued == [("catch_up", [wolves.pk])]


def test_a_dry_run_says_the_same_and_changes_nothing(file: Path, enqueued: Enqueued) -> None:
    wolves = guild("Wolves")
    gone = member(wolves, "300000001", active=False)
    file.write_text("300000001\n300000002\n")

    said = run("import_members", file, "--guild", "Wolves", "--dry-run")

    assert said.lines[-1] == "Would import 1, already there 0, bad 0, reactivated 1."
    gone.refresh_from_db()
    assert not gone.active
    assert wolves.members.count() == 1
    assert enqueued == []


def test_a_member_is_corrected_from_the_list_and_the_change_is_reported(
    file: Path, enqueued: Enqueued
) -> None:
    wolves = guild("Wolves")
    known = member(wolves, "300000001", nickname="Old", realm=1050)
    file.write_text("id,name,realm,consented\n300000001,New,1042,2026-05-01\n")

    said = run("import_members", file, "--guild", "Wolves")

    known.refresh_from_db()
    assert (known.nickname, known.realm, known.consented_on) == ("New", None, date(2026, 5, 1))
    assert (
        "Updated 300000001: nickname Old → New, realm 1050 → 1042, consented on no day → 2026-05-01"
        in said.out
    )
    assert said.lines[-1] == "Imported 0, already there 1, bad 0, updated 1."


def test_an_empty_cell_changes_nothing(file: Path, enqueued: Enqueued) -> None:
    wolves = guild("Wolves")
    known = member(wolves, "300000001", nickname="Old", realm=1050)
    file.write_text("id,name,realm\n300000001,,\n")

    run("import_members", file, "--guild", "Wolves")

    known.refresh_from_db()
    assert (known.nickname, known.realm) == ("Old", 1050)


def test_a_member_who_left_comes_back(file: Path, enqueued: Enqueued) -> None:
    wolves = guild("Wolves")
    gone = member(wolves, "300000001", active=False)
    file.write_text("300000001\n")

    said = run("import_members", file, "--guild", "Wolves")

    gone.refresh_from_db()
    assert gone.active
    assert "Reactivated 300000001." in said.out
    assert said.lines[-1] == "Imported 0, already there 0, bad 0, reactivated 1."


def test_a_player_who_opted_out_is_left_out(file: Path, enqueued: Enqueued) -> None:
    wolves = guild("Wolves")
    OptOut.objects.create(player_hash=player_hash("simulator", "300000001"))
    refusing = member(wolves, "300000002", active=False, opted_out=True)
    file.write_text("300000001\n300000002\n300000003\n")

    said = run("import_members", file, "--guild", "Wolves")

    refusing.refresh_from_db()
    assert not refusing.active
    assert set(wolves.members.values_list("player_id", flat=True)) == {"300000002", "300000003"}
    assert said.lines[-1] == "Imported 1, already there 0, bad 0, opted out 2."


def test_an_opt_out_list_that_cannot_be_read_stops_the_import(
    file: Path, enqueued: Enqueued, settings: Any
) -> None:
    wolves = guild("Wolves")
    OptOut.objects.create(player_hash=player_hash("simulator", "300000001"))
    settings.SECRET_KEY = ""
    file.write_text("300000001\n")

    said = run("import_members", file, "--guild", "Wolves")

    assert said.status == 1
    assert "SECRET_KEY is not set here" in said.err
    assert not wolves.members.exists()


def test_the_same_list_twice_imports_nobody_twice(file: Path, enqueued: Enqueued) -> None:
    wolves = guild("Wolves")
    file.write_text("300000001\n300000002\n300000001\n")

    first = run("import_members", file, "--guild", "Wolves")
    second = run("import_members", file, "--guild", "Wolves")

    assert "Line 3: player 300000001 is already on line 1." in first.err
    assert first.lines[-1] == "Imported 2, already there 0, bad 0, repeated 1."
    assert second.lines[-1] == "Imported 0, already there 2, bad 0, repeated 1."
    assert wolves.members.count() == 2


def test_a_player_may_be_a_member_of_two_guilds(file: Path, enqueued: Enqueued) -> None:
    wolves, bears = guild("Wolves"), guild("Bears")
    member(wolves, "300000001")
    file.write_text("300000001\n")

    run("import_members", file, "--guild", "Bears")

    assert bears.members.get().player_id == "300000001"


def test_a_list_without_a_usable_line_fails(file: Path, enqueued: Enqueued) -> None:
    guild("Wolves")
    file.write_text("Amber\nBirch\n")

    said = run("import_members", file, "--guild", "Wolves")

    assert said.status == 1
    assert "Nothing was imported: none of the 2 line(s) could be used." in said.err
    assert enqueued == []


@pytest.mark.parametrize(
    ("data", "advice"), [(b"", "The file is empty."), (b"PK\x03\x04", "as CSV")]
)
def test_a_file_that_is_no_list_fails_with_its_name(
    file: Path, enqueued: Enqueued, data: bytes, advice: str
) -> None:
    guild("Wolves")
    file.write_bytes(data)

    said = run("import_members", file, "--guild", "Wolves")

    assert said.status == 1
    assert f"{file}: " in said.err
    assert advice in said.err


def test_a_missing_file_is_reported_in_one_line(file: Path) -> None:
    guild("Wolves")

    said = run("import_members", file, "--guild", "Wolves")

    assert (said.status, said.err) == (1, f"{file} cannot be read: No such file or directory.\n")


def test_the_home_folder_of_an_unknown_user_is_reported_in_one_line() -> None:
    guild("Wolves")

    said = run("import_members", "~nobody-here/list.csv", "--guild", "Wolves")

    assert said.status == 1
    assert said.err == "~nobody-here/list.csv: there is no such home folder.\n"


def test_standard_input_is_read_for_a_dash(
    enqueued: Enqueued, monkeypatch: pytest.MonkeyPatch
) -> None:
    wolves = guild("Wolves")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"300000001\n")))

    run("import_members", "-", "--guild", "Wolves")

    assert wolves.members.get().player_id == "300000001"


def test_many_bad_lines_are_not_all_shown(file: Path, enqueued: Enqueued) -> None:
    guild("Wolves")
    file.write_text("300000001\n" + "nobody\n" * 60)

    said = run("import_members", file, "--guild", "Wolves")

    assert said.err.count("There is no player ID in this line.") == 50
    assert "… and 10 more like these." in said.err


def test_a_chat_is_read_and_its_lines_are_judged_in_the_words_of_the_page(
    file: Path, enqueued: Enqueued
) -> None:
    wolves = guild("Wolves")
    file.write_text(
        "hi all\n1. Amber 300 000 001 K1043\n2. Birch 30OOOO002\n300000003, 300000004\n"
    )

    said = run("import_members", file, "--guild", "Wolves")

    assert said.lines[-1] == "Imported 3, already there 0, bad 2."
    assert said.err.splitlines() == [
        "Line 1: There is no player ID in this line.",
        "Line 3: Letters were read as digits: is “30OOOO002” the player ID 300000002?",
    ]
    assert set(wolves.members.values_list("player_id", "nickname", "realm")) == {
        ("300000001", "Amber", 1043),
        ("300000003", "", None),
        ("300000004", "", None),
    }


def test_unsure_lines_are_imported_if_that_is_asked_for(file: Path, enqueued: Enqueued) -> None:
    wolves = guild("Wolves")
    file.write_text("Birch 30OOOO002\n123\nhello\n")

    assert run("import_members", file, "--guild", "Wolves").status == 1
    said = run("import_members", file, "--guild", "Wolves", "--take-unsure")

    assert said.lines[-1] == "Imported 2, already there 0, bad 1."
    assert set(wolves.members.values_list("player_id", flat=True)) == {"300000002", "123"}


def test_a_guild_s_name_may_be_typed_in_any_case_and_an_unknown_name_gets_similar_names(
    file: Path,
) -> None:
    guild("Northern Wolves")
    file.write_text("300000001\n")

    assert run("import_members", file, "--guild", "northern wolves").status == 0
    said = run("import_members", file, "--guild", "Northen Wolfs")

    assert said.status == 1
    assert "Did you mean: Northern Wolves?" in said.err


def test_new_members_get_the_active_codes(file: Path, world: World) -> None:
    wolves = guild("Wolves")
    code = gift_code()
    world.has(code)
    world.game.merge({"players": {"300000001": {"realm": REALM}}})
    file.write_text("300000001\n")

    run("import_members", file, "--guild", "Wolves")
    world.drain()

    assert world.grants == [("300000001", code.code)]
    assert Member.objects.get(player_id="300000001").member_redemptions.get().state == "redeemed"
    assert wolves.redemptions.get().state == "complete"


def test_an_import_takes_few_queries_for_many_members(
    file: Path, enqueued: Enqueued, django_assert_max_num_queries
) -> None:
    guild("Wolves")
    file.write_text("\n".join(str(400_000_000 + number) for number in range(2_000)))

    with django_assert_max_num_queries(25):
        said = run("import_members", file, "--guild", "Wolves")

    assert said.lines[-1] == "Imported 2000, already there 0, bad 0."
