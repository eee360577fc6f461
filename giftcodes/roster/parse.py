"""A whole list, record by record: a bad record costs only itself. A quoted cell may have several lines."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from giftcodes.domain.text import clean_token
from giftcodes.roster import cells
from giftcodes.roster.columns import Columns, columns_of
from giftcodes.roster.text import text_of
from giftcodes.roster.values import BadLine, ListedMember

#: In the order in which they win where two are in equally many lines: a comma may well be a part of a nickname.
_DELIMITERS = ("\t", ";", ",")
_EXCEL_HINT = re.compile(r"sep=([\t;,])", re.IGNORECASE)
_SPACE_AFTER_QUOTE = re.compile(r'" +(?=[\t;,]|$)')
_BEFORE_THOUSANDS = re.compile(r"\d{1,3}")
_THOUSANDS = re.compile(r"\d{3}")
_LINES_TO_SNIFF = 200
#: What a record without values is made of.
_FILLING = " \t,;\u00a0"
#: The columns that hold numbers.
_NUMBERS = ("player_id", "realm")


@dataclass(frozen=True, slots=True)
class MemberList:
    """What a file holds: good lines (each player once), lines with a player who was listed above, and bad ones.

    A record of several lines is known by the number of its first one.
    """

    members: tuple[ListedMember, ...]
    repeated: tuple[BadLine, ...]
    bad: tuple[BadLine, ...]
    ignored_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Record:
    """The cells that begin on a line, and the line of their end; no cells where they cannot be told apart."""

    line: int
    last_line: int
    cells: list[str] | None


def read_members(data: bytes) -> MemberList:
    """Read a file.

    Args:
        data: an xlsx workbook, or text in UTF-8 or UTF-16; columns divided by commas, semicolons or tabs, named in the
            first record or else in the order player ID, nickname, realm, day of consent. A quoted cell may hold line
            breaks.

    Raises:
        UnreadableListError: nothing of it can be used.
    """
    lines = re.split(r"\r\n|\r|\n", text_of(data))
    delimiter, start = _delimiter(lines)
    records = [record for record in _records(lines, delimiter, start) if not _is_empty(record)]
    columns = columns_of((records[0].cells if records else None) or [])
    good: dict[str, ListedMember] = {}
    repeated: list[BadLine] = []
    bad: list[BadLine] = []
    for record in islice(records, int(columns.has_header), None):
        try:
            listed = _member(record, columns, delimiter)
        except cells.CellError as error:
            bad.append(BadLine(record.line, f"{error}{_reach(record)}"))
            continue
        first = good.setdefault(listed.player_id, listed)
        if first is not listed:
            repeated.append(
                BadLine(record.line, f"player {listed.player_id} is on line {first.line} already.")
            )
    return MemberList(tuple(good.values()), tuple(repeated), tuple(bad), columns.ignored)


def _delimiter(lines: Sequence[str]) -> tuple[str, int]:
    """What divides the columns, and how many lines come before the list.

    A first line `sep=;`, which Excel writes, names the delimiter and belongs not to the list.
    """
    filled = [number for number, line in enumerate(lines) if clean_token(line).strip(_FILLING)]
    if filled and (hint := _EXCEL_HINT.fullmatch(lines[filled[0]].strip(" "))):
        return hint[1], filled[0] + 1
    sample = [lines[number] for number in filled[:_LINES_TO_SNIFF]]
    return max(_DELIMITERS, key=lambda delimiter: sum(delimiter in line for line in sample)), 0


def _records(lines: Sequence[str], delimiter: str, start: int) -> Iterator[_Record]:
    """The records in turn. A quotation mark that is not closed costs its line, and not those that follow."""
    at = start
    while at < len(lines):
        begun = at
        rest = (
            _SPACE_AFTER_QUOTE.sub('"', lines[number]) + "\n" for number in range(begun, len(lines))
        )
        reader = csv.reader(rest, delimiter=delimiter, skipinitialspace=True, strict=True)
        try:
            for row in reader:
                yield _Record(at + 1, begun + reader.line_num, row)
                at = begun + reader.line_num
        except csv.Error:
            yield _Record(at + 1, at + 1, None)
            at += 1


def _reach(record: _Record) -> str:
    """Which lines a bad record costs, where it is more than one."""
    if record.last_line == record.line:
        return ""
    return f" A quotation mark joins the lines {record.line} to {record.last_line}: none of them is used."


def _is_empty(record: _Record) -> bool:
    return record.cells is not None and not any(
        clean_token(cell).strip(_FILLING) for cell in record.cells
    )


def _member(record: _Record, columns: Columns, delimiter: str) -> ListedMember:
    row = record.cells
    if row is None:
        raise cells.CellError("A quotation mark is not closed, or text follows it.")
    if any(cell.strip() for cell in row[columns.width :]):
        raise cells.CellError(
            "There are more cells than columns. Put a nickname that holds a delimiter into quotes."
        )
    if delimiter == "," and (number := _number_in_two_cells(row, columns)):
        raise cells.CellError(
            f"“{number}” may be one number or two cells. Write numbers without separators, or divide the columns by "
            "semicolons."
        )
    player_id = cells.player_id(columns.cell(row, "player_id"))
    nickname, realm = columns.cell(row, "nickname"), columns.cell(row, "realm")
    if not columns.has_header and nickname.strip().isdecimal() and not realm.strip():
        raise cells.CellError(
            "Is the second number a nickname or a realm? Name the columns in a first line, such as: player_id,realm"
        )
    return ListedMember(
        line=record.line,
        player_id=player_id,
        nickname=cells.nickname(nickname),
        realm=cells.realm(realm),
        consented_on=cells.consented_on(columns.cell(row, "consented_on")),
    )


def _number_in_two_cells(row: Sequence[str], columns: Columns) -> str:
    """A number that a comma for thousands has torn apart: `1,042`, of which the first cell is read as a realm."""
    for name in _NUMBERS:
        place = columns.places.get(name)
        pair = row[place : place + 2] if place is not None else []
        if (
            len(pair) == 2
            and _BEFORE_THOUSANDS.fullmatch(pair[0])
            and _THOUSANDS.fullmatch(pair[1])
        ):
            return ",".join(pair)
    return ""
