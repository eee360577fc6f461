"""Divide a text into records and cells. A bad record does not affect the others.

A record may have several lines, because a quoted cell may have several.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from django.utils.translation import gettext

from giftcodes.domain.text import clean_token
from giftcodes.roster import cells
from giftcodes.roster.cells import looks_like_id
from giftcodes.roster.columns import Columns, columns_of, known_names
from giftcodes.roster.limits import LIMITS, too_much
from giftcodes.roster.values import ListedMember

#: If several of these are in equally many lines, the first one is taken. The comma comes last,
#: because it may be part of a nickname.
_DELIMITERS = ("\t", ";", "|", ",")
_EXCEL_HINT = re.compile(r"sep=([\t;,])", re.IGNORECASE)
_SPACE_AFTER_QUOTE = re.compile(r'" +(?=[\t;|,]|$)')
_BEFORE_THOUSANDS = re.compile(r"\d{1,3}")
_THOUSANDS = re.compile(r"\d{3}")
_LINES_TO_SNIFF = 200
#: The names of the columns are looked for in this many records at the start.
_RECORDS_TO_SNIFF = 5
#: A record that consists only of these characters has no values, and is skipped.
_FILLING = " \t,;|\u00a0"
#: The fixed cost of reading a line, in characters. The line's own characters are added to it.
_LINE_COST = 20
#: The columns that hold numbers.
_NUMBERS = ("player_id", "realm")


@dataclass(frozen=True, slots=True)
class Record:
    """The cells from `line` to `last_line`. `cells` is None if they cannot be separated."""

    line: int
    last_line: int
    cells: list[str] | None


@dataclass(frozen=True, slots=True)
class Table:
    """The records of a text, and the columns in which their values are.

    Args:
        lines: the lines of the text.
        before: the records before the one that names the columns.
        records: the records with values. Each is read, and checked against the limits, when it is
            taken.
        columns: the columns, found by the names in a record, or else by position.
        delimiter: the character between two cells.
    """

    lines: Sequence[str]
    before: Sequence[Record]
    records: Iterator[Record]
    columns: Columns
    delimiter: str


def table_of(text: str) -> Table:
    """Divide a text into records.

    Raises:
        UnreadableListError: the first record names columns without the player ID, or the text
            exceeds `LIMITS`. The limits of records are checked later, when records are taken.
    """
    lines = _lines(text)
    delimiter, start = _delimiter(lines)
    records = _filled(_records(lines, delimiter, start))
    head = list(islice(records, _RECORDS_TO_SNIFF))
    named = _record_with_names(head)
    columns = columns_of(head[named].cells or [] if head else [])
    after = head[named + 1 :] if columns.has_header else head[named:]
    return Table(lines, head[:named], chain(after, records), columns, delimiter)


def _record_with_names(head: Sequence[Record]) -> int:
    """The number of the record that names the columns. 0 if none does, or the first one does.

    A title or a greeting may stand above the names.
    """
    for number, record in enumerate(head):
        if any(looks_like_id(cell) for cell in record.cells or []):
            break
        names = known_names(record.cells or [])
        if number and "player_id" in names and len(names) > 1:
            return number
    return 0


def _lines(text: str) -> list[str]:
    if text.count("\n") + text.count("\r") - text.count("\r\n") > LIMITS.lines:
        raise too_much("lines")
    return re.split(r"\r\n|\r|\n", text)


def _delimiter(lines: Sequence[str]) -> tuple[str, int]:
    """The delimiter, and the number of lines before the list.

    A first line `sep=;`, as Excel writes it, names the delimiter and is not part of the list.
    """
    is_filled = (number for number, line in enumerate(lines) if clean_token(line).strip(_FILLING))
    filled = list(islice(is_filled, _LINES_TO_SNIFF))
    if filled and (hint := _EXCEL_HINT.fullmatch(lines[filled[0]].strip(" "))):
        return hint[1], filled[0] + 1
    sample = [lines[number] for number in filled]
    return max(_DELIMITERS, key=lambda delimiter: sum(delimiter in line for line in sample)), 0


class _LongRecordError(Exception):
    """A record has too many lines: a quotation mark is not closed."""


def _records(lines: Sequence[str], delimiter: str, start: int) -> Iterator[Record]:
    """The records in order. An unclosed quotation mark makes only its own line bad.

    The lines after it, which were read as part of its record, are read again.
    """
    at = last = start
    rereading = 0

    def rest() -> Iterator[str]:
        nonlocal last
        for last in range(at, len(lines)):
            if last - at >= LIMITS.record_lines:
                raise _LongRecordError
            yield _SPACE_AFTER_QUOTE.sub('"', lines[last]) + "\n"

    while at < len(lines):
        begun = at
        reader = csv.reader(rest(), delimiter=delimiter, skipinitialspace=True, strict=True)
        try:
            for row in reader:
                yield Record(at + 1, begun + reader.line_num, row)
                at = begun + reader.line_num
        except (csv.Error, _LongRecordError):
            yield Record(at + 1, at + 1, None)
            rereading += sum(len(line) + _LINE_COST for line in lines[at + 1 : last + 1])
            if rereading > LIMITS.rereading:
                raise too_much("rereading") from None
            at += 1


def _filled(records: Iterable[Record]) -> Iterator[Record]:
    """The records with values.

    Raises:
        UnreadableListError: there are too many, or one has too many cells.
    """
    number = 0
    for record in records:
        width = None if record.cells is None else _width(record.cells)
        if width == 0:
            continue
        if width is not None and width > LIMITS.columns:
            raise too_much("columns")
        number += 1
        if number > LIMITS.rows:
            raise too_much("rows")
        yield record


def _width(row: Sequence[str]) -> int:
    """How many cells a record has, up to the last one with a value."""
    return next(
        (
            place
            for place in range(len(row), 0, -1)
            if row[place - 1] and clean_token(row[place - 1]).strip(_FILLING)
        ),
        0,
    )


def joined_lines(record: Record) -> str:
    """A sentence about the lines of a bad record. Empty if it has only one line."""
    if record.last_line == record.line:
        return ""
    words = gettext(
        " A quotation mark joins the lines %(first)d to %(last)d: none of them is used."
    )
    return words % {"first": record.line, "last": record.last_line}


def member_of(record: Record, columns: Columns, delimiter: str) -> ListedMember:
    """The member in a record.

    Raises:
        CellError: the record cannot be used. The error's `field` is set if one value is the reason.
    """
    row = record.cells
    if row is None:
        raise cells.CellError(
            gettext("A quotation mark is not closed, or text follows the closing quotation mark.")
        )
    if any(cell.strip() for cell in row[columns.width :]):
        raise cells.CellError(
            gettext(
                "There are more cells than columns. Put a nickname that contains a delimiter into "
                "quotation marks."
            ),
            "nickname",
        )
    if delimiter == "," and (number := _number_in_two_cells(row, columns)):
        words = gettext(
            "“%s” may be one number or two cells. Write numbers without separators, or divide the "
            "columns by semicolons."
        )
        raise cells.CellError(words % number, "realm")
    player_id = cells.value("player_id", cells.player_id, columns.cell(row, "player_id"))
    nickname, realm = columns.cell(row, "nickname"), columns.cell(row, "realm")
    if not columns.has_header and nickname.strip().isdecimal() and not realm.strip():
        raise cells.CellError(
            gettext(
                "Is the second number a nickname or a realm? Name the columns in a first line, "
                "such as: player_id,realm"
            ),
            "nickname",
        )
    return ListedMember(
        line=record.line,
        player_id=player_id,
        nickname=cells.value("nickname", cells.pasted_nickname, nickname),
        realm=cells.value("realm", cells.realm, realm),
        consented_on=cells.value(
            "consented_on", cells.consented_on, columns.cell(row, "consented_on")
        ),
    )


def _number_in_two_cells(row: Sequence[str], columns: Columns) -> str:
    """A number, such as `1,042`, that its comma may have split into two cells. Empty if none."""
    for name in _NUMBERS:
        position = columns.positions.get(name)
        pair = row[position : position + 2] if position is not None else []
        if (
            len(pair) == 2
            and _BEFORE_THOUSANDS.fullmatch(pair[0])
            and _THOUSANDS.fullmatch(pair[1])
        ):
            return ",".join(pair)
    return ""
