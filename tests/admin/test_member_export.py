"""The export of members."""

from __future__ import annotations

import codecs
import csv
import io
from typing import Any

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from giftcodes.models import Member
from giftcodes.queries.history_export import harmless
from tests.admin.conftest import Browser
from tests.factories import gift_code, guild, member
from tests.member_lists import read_members


def export(browser: Browser, *members: Member) -> Any:
    data = {"action": "export_csv", "_selected_action": [one.pk for one in members], "index": 0}
    response = browser.post("member_changelist", data=data)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return response


def rows(response: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"), newline="")))[1:]


def test_only_the_chosen_members_are_exported(browser: Browser) -> None:
    wolves = guild()
    ann = member(wolves, "123456789", nickname="Ann", realm=7, active=False)
    member(wolves, "123456780", nickname="Bea")
    assert rows(export(browser, ann)) == [["123456789", "Ann", "7", "", str(wolves), "no"]]


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_cell_is_a_formula(browser: Browser, start: str) -> None:
    ann = member(guild(), "123456789", nickname=f"{start}1+1")
    assert rows(export(browser, ann))[0][1] == f"'{start}1+1"


@pytest.mark.parametrize("cell", ["\t=1+1", "\r=1+1"])
def test_a_cell_that_begins_with_a_control_character_is_no_formula(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


def test_an_import_reads_what_was_exported(browser: Browser) -> None:
    ann = member(guild(), "123456789", nickname="-Ann-", realm=7)
    listed = read_members(export(browser, ann).content)
    assert [(one.player_id, one.nickname, one.realm) for one in listed.members] == [
        ("123456789", "-Ann-", 7)
    ]
    assert not listed.bad


NAMES = [
    "Śnieg 雪",
    "🏳️\u200d🌈 Zoë",
    "אבג",
    "می\u200cخواهم",
    'O\'Neil; "the", Great',
    "=1+1",
    "'quoted",
    "1042",
]


@pytest.mark.parametrize("action", ["export_csv", "export_xlsx"])
def test_every_name_comes_back_from_an_export_as_it_was(browser: Browser, action: str) -> None:
    wolves = guild()
    members = [
        member(wolves, str(123456780 + place), nickname=name) for place, name in enumerate(NAMES)
    ]
    data = {"action": action, "_selected_action": [one.pk for one in members], "index": 0}

    listed = read_members(browser.post("member_changelist", data=data).content)

    assert [one.nickname for one in listed.members] == NAMES
    assert not listed.bad


def test_the_file_begins_with_a_byte_order_mark(browser: Browser) -> None:
    wolves = guild()
    gift_code()
    ann = member(wolves, nickname="雪")
    coverage = browser.client.get(reverse("admin:matrix_export"), {"guild": wolves.pk}).getvalue()

    assert export(browser, ann).content.startswith(codecs.BOM_UTF8 + b"player_id,")
    assert coverage.startswith(codecs.BOM_UTF8 + b"player_id,")


def test_a_workbook_holds_the_same_values_and_no_text_is_a_formula(browser: Browser) -> None:
    wolves = guild("=Wolves")
    ann = member(wolves, "123456789", nickname="=1+1", realm=7)
    data = {"action": "export_xlsx", "_selected_action": [ann.pk], "index": 0}

    response = browser.post("member_changelist", data=data)

    sheet = load_workbook(io.BytesIO(response.content)).active
    assert [[cell.value for cell in row] for row in sheet] == [
        ["player_id", "nickname", "realm", "consented_on", "guild", "active"],
        ["123456789", "=1+1", 7, None, "=Wolves", "yes"],
    ]
    assert {cell.data_type for row in sheet for cell in row if isinstance(cell.value, str)} == {"s"}
    listed = read_members(response.content)
    assert [(one.player_id, one.nickname, one.realm) for one in listed.members] == [
        ("123456789", "=1+1", 7)
    ]


def test_an_export_is_in_the_history_of_the_guild(browser: Browser) -> None:
    wolves, bears = guild(), guild(members=1)
    export(browser, member(wolves), member(wolves))

    assert "Members were exported." in browser.open("guild_history", wolves.pk).content.decode()
    assert "Members were exported." not in browser.open("guild_history", bears.pk).content.decode()
