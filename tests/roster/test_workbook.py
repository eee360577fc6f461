"""Excel workbooks as lists of members."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from openpyxl import Workbook

from giftcodes.roster import ListedMember, UnreadableListError
from tests.member_lists import read_members


def book(*rows: list[Any], before: list[list[Any]] | None = None) -> bytes:
    """A workbook with these rows, and optionally another sheet before theirs."""
    made = Workbook()
    sheet = made.active
    if before is not None:
        for row in before:
            sheet.append(row)
        sheet = made.create_sheet()
        made.active = sheet
    for row in rows:
        sheet.append(row)
    return saved(made)


def saved(made: Workbook) -> bytes:
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()


def test_numbers_texts_and_days_are_read_as_somebody_typed_them() -> None:
    data = book(
        ["Player ID", "Nickname", "State", "Consented", "Power"],
        [123456789, "Amber, the 1st", 1042, dt.datetime.fromisoformat("2026-05-01"), 10.5],
        [],
        ["123456790", "Bir\nch", 1043.0, dt.date(2026, 5, 2), None],
        ["=1+1", "Formula", None, None, None],
    )

    listed = read_members(data)

    assert listed.members == (
        ListedMember(2, "123456789", "Amber, the 1st", 1042, dt.date(2026, 5, 1)),
        ListedMember(4, "123456790", "Bir ch", 1043, dt.date(2026, 5, 2)),
    )
    assert [line.line for line in listed.bad] == [5]
    assert listed.ignored_columns == ("Power",)


def test_a_number_whose_last_digits_excel_lost_is_refused() -> None:
    listed = read_members(book(["player_id"], [1.2345678901234567e18]))

    assert "was rounded by a spreadsheet" in str(listed.bad[0])


def test_the_sheet_that_opens_first_is_read_unless_it_is_empty() -> None:
    assert (
        read_members(book(["123456789"], before=[["999999999"]])).members[0].player_id
        == "123456789"
    )
    assert read_members(book(before=[["999999999"]])).members[0].player_id == "999999999"


def test_a_chart_in_a_sheet_of_its_own_is_passed_over() -> None:
    made = Workbook()
    made.active.append(["999999999"])
    made.create_chartsheet("Chart", 0)
    second = made.create_sheet()
    second.append(["123456789"])
    made.active = second

    assert [member.player_id for member in read_members(saved(made)).members] == ["123456789"]


@pytest.mark.parametrize("number", [123456789, 45000])
def test_an_id_that_is_formatted_as_a_date_says_what_to_do(number: int) -> None:
    made = Workbook()
    sheet = made.active
    sheet.append(["player_id"])
    sheet.append([number])
    sheet["A2"].number_format = "yyyy-mm-dd"

    assert "Format the column as a number, not as a date" in str(read_members(saved(made)).bad[0])


def rewritten(data: bytes, change: Callable[[str, bytes], tuple[str, bytes]]) -> bytes:
    """The workbook after `change`, which gets and returns the name and the content of each part."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(written, "w") as new:
        for name in old.namelist():
            new.writestr(*change(name, old.read(name)))
    return written.getvalue()


def test_a_workbook_in_the_strict_format_is_read() -> None:
    def strict(name: str, part: bytes) -> tuple[str, bytes]:
        for usual, other in (
            (
                b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
                b"http://purl.oclc.org/ooxml/spreadsheetml/main",
            ),
            (
                b"http://schemas.openxmlformats.org/officeDocument/2006/",
                b"http://purl.oclc.org/ooxml/officeDocument/",
            ),
            (
                b"http://schemas.openxmlformats.org/drawingml/2006/main",
                b"http://purl.oclc.org/ooxml/drawingml/main",
            ),
            (b"<workbook ", b'<workbook conformance="strict" '),
            # A strict workbook stores days as text.
            (b'<c r="D2" t="n"><v>5</v></c>', b'<c r="D2" t="d"><v>2026-05-01T00:00:00</v></c>'),
        ):
            part = part.replace(usual, other)
        return name, part

    data = rewritten(
        book(["id", "name", "realm", "consented"], [123456789, "Amber", 1042, 5]), strict
    )

    assert b"purl.oclc.org" in zipfile.ZipFile(io.BytesIO(data)).read("xl/workbook.xml")
    assert read_members(data).members == (
        ListedMember(2, "123456789", "Amber", 1042, dt.date(2026, 5, 1)),
    )


def test_the_workbook_part_of_the_archive_may_have_any_name() -> None:
    def renamed(name: str, part: bytes) -> tuple[str, bytes]:
        return name.replace("workbook.xml", "workbook2.xml"), part.replace(
            b"workbook.xml", b"workbook2.xml"
        )

    data = rewritten(book(["123456789"]), renamed)

    assert "xl/workbook2.xml" in zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert read_members(data).members[0].player_id == "123456789"


def test_escaped_characters_are_read_as_what_they_stand_for() -> None:
    listed = read_members(
        book(["id", "name"], ["123456789_x000D_", "Am_x000D_\nber"], ["123456790", "_x005F_x000D_"])
    )

    assert [(one.player_id, one.nickname) for one in listed.members] == [
        ("123456789", "Am ber"),
        ("123456790", "_x000D_"),
    ]


def test_half_a_character_is_replaced() -> None:
    listed = read_members(
        book(["id", "name"], ["123456789", "Am_xD83D_ber"], ["123456790", "_xD83D__xDE00_"])
    )

    assert [one.nickname for one in listed.members] == ["Am\ufffdber", "😀"]


def merged(*ranges: str) -> bytes:
    made = Workbook()
    sheet = made.active
    for row in (
        ["id", "name", "realm"],
        [123456789, "Amber", 1042],
        [123456790, "Birch", None],
        [123456791, "Cinder", None],
        [123456792, "Dahlia", None],
        [None, None, None],
    ):
        sheet.append(row)
    for one in ranges:
        sheet.merge_cells(one)
    return saved(made)


def test_each_row_of_a_merged_cell_gets_the_value_of_the_cell() -> None:
    listed = read_members(merged("C2:C4"))

    assert [one.realm for one in listed.members] == [1042, 1042, 1042, None]
    assert not listed.bad


def test_a_merged_cell_that_goes_beyond_the_end_of_the_list_adds_no_lines() -> None:
    listed = read_members(merged("C2:C900"))

    assert [one.realm for one in listed.members] == [1042] * 4
    assert not listed.bad


def test_a_merged_range_of_billions_of_cells_is_read_quickly() -> None:
    def huge(name: str, part: bytes) -> tuple[str, bytes]:
        return name, part.replace(b'ref="C2:C4"', b'ref="C2:XFD1048576"')

    assert [one.realm for one in read_members(rewritten(merged("C2:C4"), huge)).members] == [
        1042
    ] * 4


def packed(**parts: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return written.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (book(), "The workbook is empty."),
        (book(["123456789"])[:-300], "cannot be read"),
        (packed(mimetype=b"application/vnd.oasis.opendocument.spreadsheet"), "not xlsx"),
        (packed(**{"xl/workbook.xml": b"<a/>"}), "cannot be read"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 500, "with a password"),
    ],
    ids=["empty", "cut off", "ods", "no workbook", "old"],
)
def test_a_workbook_that_cannot_be_used_says_what_to_do(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableListError, match=words):
        read_members(data)


def test_entities_are_not_expanded() -> None:
    source = io.BytesIO(book(["123456789"]))
    evil = io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(evil, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "xl/workbook.xml":
                content = (
                    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e "'
                    + b"x" * 1000
                    + b'">]>'
                    + content
                )
            new.writestr(name, content)

    with pytest.raises(UnreadableListError, match="cannot be read"):
        read_members(evil.getvalue())
