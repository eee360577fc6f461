"""The command `export_history`, which writes one row for each member redemption."""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
from pathlib import Path

import pytest
from django.utils import timezone

from giftcodes.cli.atomic_file import atomic_file
from giftcodes.models import MemberRedemption
from giftcodes.queries.history_export import COLUMNS
from tests.commands.conftest import Said, World, run
from tests.factories import gift_code, guild, member


def read(said: Said) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(said.out)))


def test_each_member_redemption_is_a_row(world: World) -> None:
    wolves = guild("Wolves")
    member(wolves, "300000001", nickname="Amber")
    member(wolves, "300000002", nickname="Stranger")
    world.game.merge({"players": {"300000001": {"realm": 1042}}})
    world.has("FROST")
    world.redeem(wolves, gift_code("FROST"))

    said = run("export_history")

    amber, stranger = read(said)
    assert tuple(amber) == COLUMNS
    assert amber["guild"] == "Wolves"
    assert (amber["provider"], amber["code"], amber["issue"]) == ("simulator", "FROST", "1")
    assert (amber["player_id"], amber["nickname"]) == ("300000001", "Amber")
    assert (amber["state"], amber["attempt_count"], amber["last_outcome"]) == (
        "redeemed",
        "1",
        "success",
    )
    assert amber["first_sent_at"] < amber["last_answered_at"]
    assert (stranger["state"], stranger["settled_at"]) == ("needs_correction", "")
    assert "Correct the member's realm" in stranger["reason"]
    assert said.err == "2 row(s) exported.\n"


def test_a_covered_row_names_the_guild_that_proves_it(world: World) -> None:
    wolves, bears = guild("Wolves"), guild("Bears")
    member(wolves, "300000001")
    member(bears, "300000001")
    world.game.merge({"players": {"300000001": {"realm": 1042}}})
    world.has("FROST")
    code = gift_code("FROST")
    world.redeem(wolves, code)
    world.redeem(bears, code)

    rows = read(run("export_history"))

    assert [(row["guild"], row["covered_by_guild"], row["attempt_count"]) for row in rows] == [
        ("Wolves", "", "1"),
        ("Bears", "Wolves", "0"),
    ]


def test_json_lines_have_the_same_columns(world: World) -> None:
    world.begin(guild("Śnieg", members=1), gift_code("FROST"))

    (line,) = run("export_history", "--format", "jsonl").lines

    assert tuple(json.loads(line)) == COLUMNS
    assert json.loads(line)["guild"] == "Śnieg"
    assert json.loads(line)["attempt_count"] == 0
    assert json.loads(line)["settled_at"] is None


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_cell_is_a_formula_in_csv(world: World, start: str) -> None:
    wolves = guild("Wolves")
    member(wolves, "300000001", nickname=f"{start}cmd|' /C calc'!A0")
    world.begin(wolves, gift_code("FROST"))

    (row,) = read(run("export_history"))
    (line,) = run("export_history", "--format", "jsonl").lines

    assert row["nickname"] == f"'{start}cmd|' /C calc'!A0"
    assert row["player_id"] == "300000001"
    assert json.loads(line)["nickname"] == f"{start}cmd|' /C calc'!A0"


def test_a_guild_or_a_code_can_be_chosen(world: World) -> None:
    wolves, bears = guild("Wolves", members=1), guild("Bears", members=1)
    frost, ember = gift_code("FROST"), gift_code("EMBER")
    for who, what in ((wolves, frost), (wolves, ember), (bears, frost)):
        world.begin(who, what)

    def found(*words: str) -> list[tuple[str, str]]:
        return [(row["guild"], row["code"]) for row in read(run("export_history", *words))]

    assert found("--guild", "Wolves") == [("Wolves", "FROST"), ("Wolves", "EMBER")]
    assert found("--code", "frost") == [("Wolves", "FROST"), ("Bears", "FROST")]
    assert found("--guild", "bears", "--code", "FROST") == [("Bears", "FROST")]
    assert found("--guild", "bears", "--code", "EMBER") == []


def test_since_selects_the_rows_that_have_changed_since_that_day(world: World) -> None:
    world.begin(guild(members=2), gift_code("FROST"))
    old = MemberRedemption.objects.order_by("pk")[0]
    MemberRedemption.objects.filter(pk=old.pk).update(updated_at=timezone.now().replace(year=2020))

    rows = read(run("export_history", "--since", "2021-01-01"))

    assert len(rows) == 1
    assert rows[0]["player_id"] != old.player_id


def test_all_issues_of_a_code_are_exported(world: World) -> None:
    wolves = guild(members=1)
    world.begin(wolves, gift_code("FROST", state="active"))
    world.begin(wolves, gift_code("FROST", issue=2))

    assert [row["issue"] for row in read(run("export_history", "--code", "FROST"))] == ["1", "2"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--guild", "Cats"), "There is no guild “Cats”. There is none yet."),
        (("--code", "NEVER"), "There is no code “NEVER”."),
        (("--since", "yesterday"), "“yesterday” is not a day like 2026-06-01"),
        (("--since", "2026-02-30"), "is not a day"),
        (
            ("--output", "/nowhere/at/all.csv"),
            "/nowhere/at/all.csv cannot be written: No such file or directory.",
        ),
        (("--output", "/"), "/ cannot be written: Is a directory."),
        (("--output", f"/{'x' * 300}"), " cannot be written: File name too long."),
        (
            ("--output", "~nobody-here/all.csv"),
            "~nobody-here/all.csv: there is no such home folder",
        ),
    ],
)
def test_an_export_that_cannot_be_made_is_refused_with_the_reason(
    words: tuple[str, ...], reason: str
) -> None:
    said = run("export_history", *words)

    assert said.status == 1
    assert reason in said.err


@pytest.mark.django_db
def test_a_guild_must_be_named_for_a_code_that_two_games_have() -> None:
    gift_code("FROST")
    gift_code("FROST", provider="kingshot")

    said = run("export_history", "--code", "FROST")

    assert said.status == 1
    assert "(kingshot, simulator). Add --guild to choose one." in said.err


def test_a_file_is_complete_or_not_there(world: World, tmp_path: Path) -> None:
    world.begin(guild(members=1), gift_code("FROST"))
    file = tmp_path / "history.csv"

    said = run("export_history", "--output", file)

    assert said.out == ""
    assert file.read_text("utf-8-sig").startswith("guild,provider,code,")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("words", "starts"), [((), codecs.BOM_UTF8 + b"guild,"), (("--format", "jsonl"), b"{")]
)
def test_a_csv_file_begins_with_a_byte_order_mark_for_spreadsheets(
    world: World, tmp_path: Path, words: tuple[str, ...], starts: bytes
) -> None:
    world.begin(guild("Śnieg", members=1), gift_code("FROST"))
    file = tmp_path / "history"

    run("export_history", "--output", file, *words)
    shown = run("export_history", *words)

    assert file.read_bytes().startswith(starts)
    assert not shown.out.startswith("\ufeff"), "programs read the standard output"


def test_an_export_that_breaks_off_leaves_the_previous_file(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begin(guild(members=1), gift_code("FROST"))
    file = tmp_path / "history.csv"
    file.write_text("yesterday's")

    def break_off(_cell: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("giftcodes.queries.history_export.harmless", break_off)

    said = run("export_history", "--output", file)

    assert (said.status, said.err) == (1, f"{file} cannot be written: No space left on device.\n")
    assert file.read_text() == "yesterday's"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.django_db
def test_a_special_file_is_written_to_and_not_replaced() -> None:
    said = run("export_history", "--output", "/dev/null")

    assert said.status == 0
    assert Path("/dev/null").is_char_device()


def test_a_pipe_behind_a_link_is_written_to() -> None:
    reader, writer = os.pipe()

    with atomic_file(Path(f"/dev/fd/{writer}")) as file:
        file.write("a player")
    os.close(writer)

    assert os.read(reader, 100) == b"a player"
    os.close(reader)


def test_a_link_to_itself_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "history.csv"
    file.symlink_to(file)

    with atomic_file(file) as output:
        output.write("a player")

    assert file.read_text() == "a player"


def test_a_pipe_that_is_read_no_more_is_no_error_of_the_file() -> None:
    reader, writer = os.pipe()
    os.close(reader)

    with pytest.raises(BrokenPipeError), atomic_file(Path(f"/dev/fd/{writer}")) as file:
        file.write("a player")
    os.close(writer)


def test_the_history_is_read_as_a_stream(world: World, django_assert_num_queries) -> None:
    world.begin(guild(members=30), gift_code("FROST"))

    with django_assert_num_queries(1):
        said = run("export_history")

    assert len(read(said)) == 30
