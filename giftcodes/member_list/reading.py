"""A whole list, line by line: a bad line costs nobody but itself."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from giftcodes.member_list import cells
from giftcodes.member_list.columns import Columns, columns_of
from giftcodes.member_list.text import text_of
from giftcodes.member_list.values import BadLine, ListedMember

#: In the order in which they win where two are in equally many lines: a comma may well be a part of a nickname.
_DELIMITERS = ("\t", ";", ",")
_EXCEL_HINT = re.compile(r"sep=([\t;,])", re.IGNORECASE)
_SPACE_AFTER_QUOTE = re.compile(r'" +(?=[\t;,]|$)')
_LINES_TO_SNIFF = 200


@dataclass(frozen=True, slots=True)
class MemberList:
    """What a file holds: good lines (each player once), lines with a player who was listed above, and bad ones."""

    members: tuple[ListedMember, ...]
    repeated: tuple[BadLine, ...]
    bad: tuple[BadLine, ...]
    ignored_columns: tuple[str, ...]


def read_members(data: bytes) -> MemberList:
    """Read a file.

    Args:
        data: an xlsx workbook, or text in UTF-8 or UTF-16; columns divided by commas, semicolons or tabs, named in the
            first line or else in the order player ID, nickname, realm, day of consent. A record is one line.

    Raises:
        UnreadableListError: nothing of it can be used.
    """
    lines = _numbered(text_of(data))
    delimiter = _delimiter(lines)
    columns = columns_of(_first_record(lines, delimiter))
    if columns.has_header:
        lines = lines[1:]
    good: dict[str, ListedMember] = {}
    repeated: list[BadLine] = []
    bad: list[BadLine] = []
    for number, line in lines:
        try:
            listed = _member(number, _split(line, delimiter), columns)
        except cells.CellError as error:
            bad.append(BadLine(number, str(error)))
            continue
        first = good.setdefault(listed.player_id, listed)
        if first is not listed:
            repeated.append(BadLine(number, f"player {listed.player_id} is on line {first.line} already."))
    return MemberList(tuple(good.values()), tuple(repeated), tuple(bad), columns.ignored)


def _numbered(text: str) -> list[tuple[int, str]]:
    """Lines that hold something, with their numbers from 1."""
    lines = enumerate(re.split(r"\r\n|\r|\n", text), start=1)
    return [(number, line) for number, line in lines if line.strip(" \t,;\ufeff\u00a0")]


def _delimiter(lines: list[tuple[int, str]]) -> str:
    """What divides the columns. A first line `sep=;`, which Excel writes, says it and is taken off."""
    if lines and (hint := _EXCEL_HINT.fullmatch(lines[0][1].strip(" "))):
        lines.pop(0)
        return hint[1]
    sample = [line for _, line in lines[:_LINES_TO_SNIFF]]
    return max(_DELIMITERS, key=lambda delimiter: sum(delimiter in line for line in sample))


def _first_record(lines: Sequence[tuple[int, str]], delimiter: str) -> list[str]:
    try:
        return _split(lines[0][1], delimiter) if lines else []
    except cells.CellError:
        return []


def _split(line: str, delimiter: str) -> list[str]:
    line = _SPACE_AFTER_QUOTE.sub('"', line)
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True), [])
    except csv.Error as error:
        raise cells.CellError("A quotation mark is not closed, or text follows it.") from error


def _member(number: int, row: list[str], columns: Columns) -> ListedMember:
    if any(cell.strip() for cell in row[columns.width :]):
        raise cells.CellError("There are more cells than columns. Put a nickname that holds a delimiter into quotes.")
    player_id = cells.player_id(columns.cell(row, "player_id"))
    nickname, realm = columns.cell(row, "nickname"), columns.cell(row, "realm")
    if not columns.has_header and nickname.strip().isdecimal() and not realm.strip():
        raise cells.CellError(
            "Is the second number a nickname or a realm? Name the columns in a first line, such as: player_id,realm"
        )
    return ListedMember(
        line=number,
        player_id=player_id,
        nickname=cells.nickname(nickname),
        realm=cells.realm(realm),
        consented_on=cells.consented_on(columns.cell(row, "consented_on")),
    )
