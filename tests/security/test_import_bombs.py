"""Lists that would take very much memory or time to read are refused, with advice."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from giftcodes.models import Guild, Member
from giftcodes.roster import turns
from tests.commands.conftest import run
from tests.factories import guild
from tests.roster import bombs

pytestmark = pytest.mark.django_db
PAGE = "/admin/import/"

FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "one long string in each row": (
        bombs.long_string_in_each_row,
        "more than 5,000,000 characters",
    ),
    "sheets of one part": (bombs.sheets_of_one_part, "Copy the list into a new workbook"),
    "empty rows": (bombs.empty_rows, "Copy the list into a new workbook"),
    "a row far below": (bombs.rows_far_below, "more than 50,000 lines, empty ones included"),
    "wide rows": (bombs.wide_rows, "more than 256 columns"),
    "a huge part": (bombs.one_huge_part, "Copy the list into a new workbook"),
    "a part that lies about its size": (bombs.lying_about_its_size, "save it again as xlsx"),
    "a password": (bombs.encrypted, "Save it without one, or as CSV"),
    "a workbook in an archive": (bombs.nested, "save it as CSV"),
}
TEXTS: dict[str, tuple[str, str]] = {
    "100,000 members": (
        "".join(f"{number}\n" for number in range(100_000_000, 100_100_000)),
        "more than 50,000 lines",
    ),
    "30,000 members": (
        "".join(f"{number}\n" for number in range(100_000_000, 100_030_000)),
        "more than 20,000 members. Split it",
    ),
    "300,000 columns": ("id" + ",x" * 300_000 + "\n123456789\n", "more than 256 columns"),
    "quotation marks that are not closed": ('a","\n' * 50_000, "Save it again as CSV, or as xlsx"),
    "empty lines": ("\n" * 100_000 + "123456789", "more than 50,000 lines"),
}


@pytest.fixture
def post(admin_client: Client) -> Callable[..., str]:
    """Sends the form of the import into a guild, and returns the page."""
    wolves = guild("Wolves")

    def post(**data: Any) -> str:
        response = admin_client.post(PAGE, {"guild": wolves.pk, **data})
        assert response.status_code == 200
        return unescape(response.content.decode())

    return post


@pytest.mark.parametrize("name", ["members.xlsx", "members.csv"])
@pytest.mark.parametrize(("make", "words"), FILES.values(), ids=FILES)
def test_a_workbook_that_is_too_large_inside_is_refused(
    post: Callable[..., str], make: Callable[[], bytes], words: str, name: str
) -> None:
    data = make()

    assert len(data) < 1_000_000
    assert words in post(file=SimpleUploadedFile(name, data))
    assert not Member.objects.exists()


@pytest.mark.parametrize(("text", "words"), TEXTS.values(), ids=TEXTS)
def test_a_pasted_list_that_is_too_large_is_refused(
    post: Callable[..., str], text: str, words: str
) -> None:
    assert words in post(listing=text, apply="yes")
    assert not Member.objects.exists()


def test_a_guild_has_one_long_list_read_at_a_time(post: Callable[..., str]) -> None:
    text = "".join(f"{number}\n" for number in range(100_000_000, 100_003_000))

    with turns.turn_to_read(text, Guild.objects.get()):
        assert "Another long list of this guild is being read" in post(listing=text)
    assert "Another long list" not in post(listing=text)


def test_a_list_with_nul_is_refused(post: Callable[..., str]) -> None:
    file = SimpleUploadedFile("members.csv", b"id,name\n123456789,Am\0ber\n")

    assert "This is a binary file" in post(file=file)
    assert "Null characters are not allowed" in post(listing="123456789,Am\0ber")


def test_the_command_refuses_a_workbook_that_is_too_large_with_one_line_of_advice(
    tmp_path: Path,
) -> None:
    guild("Wolves")
    file = tmp_path / "members.xlsx"
    file.write_bytes(bombs.rows_far_below())

    said = run("import_members", file, "--guild", "Wolves")

    assert said.status == 1
    assert said.err == (
        f"{file}: The list has more than 50,000 lines, empty ones included. Copy the lines of "
        "members into a new file, and import that.\n"
    )


def test_the_command_reads_no_more_of_a_file_than_it_accepts(tmp_path: Path) -> None:
    guild("Wolves")
    file = tmp_path / "members.csv"
    with file.open("wb") as opened:
        opened.truncate(1_000_000_000)

    said = run("import_members", file, "--guild", "Wolves")

    assert said.err == f"{file}: It is larger than 5 MB. Split it, and import the parts.\n"
