"""Reading lists of members as people and spreadsheets write them."""

from __future__ import annotations

from datetime import date

import pytest

from giftcodes.roster import ListedMember, MemberList, UnreadableListError
from tests.member_lists import read_members


def read(text: str) -> MemberList:
    return read_members(text.encode())


def ids(listed: MemberList) -> list[str]:
    return [member.player_id for member in listed.members]


def reasons(listed: MemberList) -> dict[int, str]:
    return {bad.line: bad.reason for bad in listed.bad}


def test_bare_ids_one_a_line_are_enough() -> None:
    listed = read("123456789\n234567890\r\n\r\n  345678901  \n")

    assert ids(listed) == ["123456789", "234567890", "345678901"]
    assert [member.line for member in listed.members] == [1, 2, 4]
    assert not listed.bad


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_without_names_are_read_by_position(delimiter: str) -> None:
    listed = read(delimiter.join(["123456789", "Amber", "1042", "2026-05-01"]))

    assert listed.members == (ListedMember(1, "123456789", "Amber", 1042, date(2026, 5, 1)),)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_named_columns_may_have_any_order(delimiter: str) -> None:
    header = delimiter.join(["Kingdom", "NAME", "Consented on", "Player_ID"])
    listed = read(f"{header}\n{delimiter.join(['77', 'Amber', '31.12.2025', '123456789'])}\n")

    assert listed.members == (ListedMember(2, "123456789", "Amber", 77, date(2025, 12, 31)),)


@pytest.mark.parametrize(
    "name", ["player_id", "Player ID", "id", "ID", "fid", "FID", "player", "uid"]
)
def test_the_id_has_many_names(name: str) -> None:
    assert ids(read(f"{name}\n123456789\n")) == ["123456789"]


@pytest.mark.parametrize("name", ["realm", "kid", "State", "KINGDOM"])
def test_the_realm_has_many_names(name: str) -> None:
    assert read(f"id,{name}\n123456789,#1042\n").members[0].realm == 1042


@pytest.mark.parametrize("cell", ["K1042", "S1042", "state 1042", "Kingdom #1042"])
def test_a_realm_may_have_a_word_before_its_number(cell: str) -> None:
    assert read(f"id,realm\n123456789,{cell}\n").members[0].realm == 1042


def test_beside_a_column_named_id_a_column_named_player_holds_nicknames() -> None:
    assert read("Player,ID\nAmber,123456789\n").members == (ListedMember(2, "123456789", "Amber"),)


def test_unknown_columns_are_ignored_and_reported() -> None:
    listed = read("id,level,name\n123456789,30,Amber\n")

    assert listed.ignored_columns == ("level",)
    assert listed.members == (ListedMember(2, "123456789", "Amber"),)


def test_a_header_without_an_id_is_refused_and_its_columns_are_named() -> None:
    with pytest.raises(UnreadableListError, match=r"\(name, state\).*player_id"):
        read("name,state\nAmber,1042\n")


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"],
    ids=lambda name: name,
)
def test_the_encodings_of_spreadsheets_are_read(encoding: str) -> None:
    listed = read_members("id;name\r\n123456789;Śnieg 雪\r\n234567890;Лис\r\n".encode(encoding))

    assert [member.nickname for member in listed.members] == ["Śnieg 雪", "Лис"]


@pytest.mark.parametrize(
    "cell",
    [
        "123456789.0",
        "123456789,00",
        '="123456789"',
        "'123456789",
        '"123456789"',
        "\u200b123456789\u00a0",
        "\ufeff123456789",
        "“123456789”",
    ],
)
def test_what_a_spreadsheet_puts_around_a_number_is_removed(cell: str) -> None:
    assert ids(read(f"id\tname\n{cell}\tAmber\n")) == ["123456789"]


@pytest.mark.parametrize(
    ("cell", "proposal"),
    [
        ("1,000", "1000"),
        ("1.000", "1000"),
        ("3,000", "3000"),
        ("1.042", "1042"),
        ("1 042", "1042"),
        ("1'042", "1042"),
        ("1\u202f042", "1042"),
        ("۱٬۰۴۲", "1042"),
        ("+1042", "1042"),
        ("-1042", "1042"),
        ("x1042", "1042"),
        ("1042.000", "1042"),
        ("1.5", "whole number"),
        ("1042,5", "whole number"),
        ("1.042E+03", "last digits are lost"),
    ],
)
def test_an_unclear_realm_is_refused_with_a_proposal(cell: str, proposal: str) -> None:
    listed = read(
        f"id;name;realm\n123456789;Amber;{cell}\n234567890;Birch;1042.0\n345678901;Cinder;1042,00\n"
    )

    assert [(member.player_id, member.realm) for member in listed.members] == [
        ("234567890", 1042),
        ("345678901", 1042),
    ]
    assert proposal in reasons(listed)[2]


@pytest.mark.parametrize(
    "cell",
    ["123,000", "123.000", "123,456,789", "123.456.789", "123.456", "123456789.5", "+123456789"],
)
def test_a_player_id_is_never_shortened(cell: str) -> None:
    listed = read(f"id;name\n{cell};Amber\n")

    assert not listed.members
    assert "is not a player ID" in reasons(listed)[2]


@pytest.mark.parametrize("line", ["123456789,Amber,1,042", "123456789,Amber,12,345,2026-01-01"])
def test_a_number_that_is_split_by_its_comma_is_refused(line: str) -> None:
    assert not read(f"{line}\n").members
    assert list(reasons(read(f"{line}\n"))) == [1]


def test_a_number_that_is_split_by_its_comma_is_shown_as_it_was() -> None:
    listed = read("id,realm,name\n123456789,1,042\n")

    assert "“1,042” may be one number or two cells" in reasons(listed)[2]


@pytest.mark.parametrize(
    "digits", ["٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "０１２３４５６７８９", "०१२३४५६७८९"]
)
def test_digits_of_every_script_are_read(digits: str) -> None:
    def written(text: str) -> str:
        return text.translate({ord(str(value)): digit for value, digit in enumerate(digits)})

    listed = read(f"{written('123456789')};Amber ۱۲;{written('1042')};{written('2026-05-01')}\n")

    assert listed.members == (ListedMember(1, "123456789", "Amber ۱۲", 1042, date(2026, 5, 1)),)


@pytest.mark.parametrize(
    "invisible",
    "\u00ad\u061c\u180e\u200b\u200d\u200e\u202a\u202e\u2060\u2066\u2069\ufe0f\ufeff\U000e0001",
)
def test_invisible_characters_around_and_within_values_are_removed(invisible: str) -> None:
    def spoiled(text: str) -> str:
        return invisible + text[:2] + invisible + text[2:] + invisible

    listed = read(
        f"{spoiled('id')};{spoiled('name')};realm\n"
        f"{spoiled('123456789')};{spoiled('Amber')};{spoiled('1042')}\n"
    )

    assert listed.members == (ListedMember(2, "123456789", "Amber", 1042),)


@pytest.mark.parametrize("cell", ["1.23457E+08", "1,23457E+08", "1E+08", "1.2e8"])
def test_a_rounded_number_is_refused_with_advice(cell: str) -> None:
    listed = read(f"id;name\n{cell};Amber\n234567890;Birch\n")

    assert ids(listed) == ["234567890"]
    assert "last digits are lost" in reasons(listed)[2]
    assert cell in reasons(listed)[2]


def test_a_rounded_number_in_the_first_line_is_not_a_header() -> None:
    assert list(reasons(read("1.23457E+08\n234567890\n"))) == [1]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Amber", "There is no player ID in this line"),
        ("12", "No number in this line is a player ID"),
        (",Amber", "There is no player ID"),
        ("123456789,Amber,north", "“north” is not a state or kingdom number"),
        ("123456789,Amber,0", "“0” is not a state"),
        ("123456789,Amber,234567890", "Several players are on this line"),
        ("123456789,Amber,1042,yes", "“yes” is not a day"),
        ("123456789,Amber,1042,2026-02-30", "is not a day"),
        ("123456789,Amber, the Great,1042,2026-02-01", "more cells than columns"),
        ('123456789,"Amber', "quotation mark"),
        ("123456789," + "x" * 81, "81 characters"),
        ("123456789,Am\x07ber", "invisible control character at position 3"),
        ("123456789,1042", "a nickname or a realm?"),
    ],
)
def test_a_bad_line_has_a_reason_and_does_not_affect_others(line: str, reason: str) -> None:
    listed = read(f"345678901,Birch,1042\n{line}\n456789012,Cinder,1042\n")

    assert ids(listed) == ["345678901", "456789012"]
    assert list(reasons(listed)) == [2]
    assert reason in reasons(listed)[2]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Amber,123456789", "“Amber” is not a player ID"),
        ("12,Amber", "“12” is not a player ID"),
        ("-123456789,Amber", "is not a player ID"),
        ("123 456 789,Amber", "is not a player ID"),
        (",Amber", "There is no player ID"),
    ],
)
def test_a_cell_in_a_named_id_column_is_refused_if_it_is_not_clearly_a_player_id(
    line: str, reason: str
) -> None:
    listed = read(f"id,name\n345678901,Birch\n{line}\n456789012,Cinder\n")

    assert ids(listed) == ["345678901", "456789012"]
    assert reason in reasons(listed)[3]


def test_names_of_columns_may_stand_below_a_title() -> None:
    listed = read("Members of Wolves\n\nName;Player ID\nAmber;123456789\n")

    assert [(member.line, member.nickname) for member in listed.members] == [(4, "Amber")]
    assert reasons(listed) == {1: "The line is above the names of the columns."}


def test_a_word_in_a_chat_is_not_taken_for_the_name_of_a_column() -> None:
    assert ids(read("Name, please\nAmber 123456789\n")) == ["123456789"]


def test_an_id_of_unusual_length_in_a_named_column_is_unsure() -> None:
    listed = read("id,name\n123,Amber\n1234567890123456,Birch\n")

    assert not listed.members
    assert "“123” has 3 digits; player IDs have 6 to 12" in reasons(listed)[2]
    assert "has 16 digits" in reasons(listed)[3]


def test_the_reason_for_a_bad_cell_is_short_and_has_no_control_characters() -> None:
    shown = reasons(read("123456789\n\x1b[31m" + "x" * 100_000 + "\n"))[2]

    assert "\x1b" not in shown
    assert len(shown) < 200


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "inside", ["joined{}2026, in spring", "Foo{}987654321", "a{}{}345678901,Cinder{}b"]
)
def test_a_line_break_in_a_quoted_cell_starts_no_record(inside: str, end: str) -> None:
    text = end.join(["id,name,note", f'123456789,Amber,"{inside}"', "234567890,Birch,", ""])

    listed = read(text.replace("{}", end))

    assert ids(listed) == ["123456789", "234567890"]
    assert listed.ignored_columns == ("note",)
    assert not listed.bad


def test_records_of_several_lines_keep_the_numbers_of_their_lines() -> None:
    listed = read(
        'id,name\n123456789,"Amber\nthe Great"\n234567890,Birch\n'
        '345678901,"Cin\nder",x\nnobody,Dahlia\n'
    )

    assert [(member.line, member.nickname) for member in listed.members] == [
        (2, "Amber the Great"),
        (4, "Birch"),
    ]
    assert sorted(reasons(listed)) == [5, 7]
    assert "joins the lines 5 to 6" in reasons(listed)[5]


def test_names_of_columns_may_have_line_breaks() -> None:
    assert ids(read('"Player\nID",name\n123456789,Amber\n')) == ["123456789"]


def test_unclosed_quotation_marks_make_only_their_own_lines_bad() -> None:
    lines = [
        f'{number},"open' if number % 2 else f"{number},closed"
        for number in range(100_000_000, 100_003_000)
    ]

    listed = read("\n".join(lines))

    assert ids(listed) == [line[:9] for line in lines if line.endswith("closed")]


def test_an_unclosed_quote_does_not_hide_the_rest() -> None:
    listed = read('id,name\n123456789,"Amber\n234567890,Birch\n')

    assert ids(listed) == ["234567890"]


def test_quoted_cells_may_hold_the_delimiter_and_have_space_around() -> None:
    listed = read('id, name, realm\n123456789, "Amber, the ""Great""" ,1042\n')

    assert listed.members == (ListedMember(2, "123456789", 'Amber, the "Great"', 1042),)


def test_a_player_who_is_listed_twice_is_taken_once_and_reported() -> None:
    listed = read("123456789,Amber,\n234567890,Birch,\n123456789.0,Copy,\n")

    assert [member.nickname for member in listed.members] == ["Amber", "Birch"]
    assert [str(line) for line in listed.repeated] == [
        "Line 3: player 123456789 is already on line 1."
    ]


def test_the_delimiter_that_excel_names_is_used() -> None:
    assert read("sep=;\nid;name\n123456789;Amber, the Great\n").members == (
        ListedMember(3, "123456789", "Amber, the Great"),
    )


@pytest.mark.parametrize(
    ("data", "advice"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \r\n\t\r\n", "empty"),
        (b"PK\x03\x04rest", "as CSV"),
        (b"\xd0\xcf\x11\xe0rest", "save it as CSV"),
        (b"%PDF-1.7", "PDF"),
        (b"\x1f\x8b\x08", "Unpack"),
        (b"1234\x00\x01\x02\x03 567 and much more text", "binary"),
        (b"\xff\xfe1\x00\x00\xd8", "binary"),
        ("123456789,Zoë\n".encode("cp1252"), "Line 1 is not UTF-8"),
        (b"1" * 5_000_001, "larger than 5 MB"),
    ],
)
def test_a_file_that_is_not_a_list_is_refused_with_advice(data: bytes, advice: str) -> None:
    with pytest.raises(UnreadableListError, match=advice):
        read_members(data)


def test_lines_of_delimiters_only_are_skipped() -> None:
    listed = read("id,name,realm\n123456789,Amber,1042\n,,\n ; \n")

    assert ids(listed) == ["123456789"]
    assert not listed.bad


def test_a_header_alone_lists_no_member() -> None:
    assert read("id,name\n") == MemberList((), (), (), ())
