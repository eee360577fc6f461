"""A program that reads one workbook from standard input.

    python -I workbook_reader.py LIMITS < members.xlsx

`giftcodes.domain.limited_process` runs it as a file, so that it imports nothing of this
application: no settings, and no secrets. LIMITS is a JSON object of the fields of `Limits` and
`Archive`. The answer on standard output is a
JSON object with one of these keys:

- `csv`: the rows of the sheet, as CSV.
- `exceeded`: the name of the limit that the workbook exceeds.
- `refused`: the key of another reason (`Refused`).
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
import re
import sys
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from defusedxml.ElementTree import fromstring, iterparse
from openpyxl.chartsheet import Chartsheet
from openpyxl.reader.excel import ExcelReader
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.escape import unescape

#: Parts are read in pieces of this many bytes.
_PIECE_BYTES = 65_536
#: Excel stores 15 digits. A larger number has lost some.
_EXACT = 10**15
_MAX_MERGED_RANGES = 10_000
_MAX_PARTS = 2_000
_MAX_SHEETS = 100
_CONTENT_TYPES = "[Content_Types].xml"
#: The content type of the part that names the sheets. The file may be a workbook or a template,
#: with or without macros.
_WORKBOOK_TYPE = re.compile(
    r"application/vnd\.(openxmlformats-officedocument\.spreadsheetml|ms-excel)\..*main\+xml"
)
#: The types of the parts that are large if the list is long.
_LIST_TYPE = re.compile(r".*\.(worksheet|sharedStrings)\+xml")
#: Parts that are not needed to read cells.
_UNUSED_PART = re.compile(
    r"docProps/|customXml/|xl/(calcChain\.xml|charts/|comments|ctrlProps/|drawings/|externalLinks/"
    r"|media/|pivotCache/|pivotTables/|printerSettings/|queryTables/|slicer|tables/|theme/"
    r"|threadedComments/|webextensions/)",
    re.IGNORECASE,
)
_ENCRYPTED = 0x1
#: A "Strict Open XML" workbook has other namespaces for the same elements (ISO/IEC 29500-1 and -4).
_STRICT = b"http://purl.oclc.org/ooxml/"
_TRANSITIONAL = {
    _STRICT + strict: b"http://schemas.openxmlformats.org/" + usual
    for strict, usual in (
        (b"spreadsheetml/main", b"spreadsheetml/2006/main"),
        (b"drawingml/main", b"drawingml/2006/main"),
        (b"officeDocument/relationships", b"officeDocument/2006/relationships"),
    )
}


class Exceeded(Exception):  # noqa: N818 - not an error of the program
    """The workbook exceeds a limit. The text is the limit's name."""


class Refused(Exception):  # noqa: N818
    """The workbook cannot be used. The text is the key of the reason.

    `large`: it has too many parts, sheets or merged cells, or takes too much memory. `not_xlsx`: it
    is an archive of another kind. `password`: it is encrypted. `unreadable`: it is damaged.
    """


@dataclass(slots=True)
class Budget:
    """What may still be read.

    Args:
        lines: rows of all sheets, including empty ones.
        rows: rows of one sheet that have values.
        columns: cells of one row. This limit is not used up by reading.
        characters: characters in the cells of all sheets.
        unpacked: bytes in the needed parts of the archive, after unpacking.
        marks: XML tags in the needed parts.
        other_marks: XML tags in those needed parts that have no cells, such as the styles.
    """

    lines: int
    rows: int
    columns: int
    characters: int
    unpacked: int
    marks: int
    other_marks: int

    def spend(self, limit: str, number: int) -> None:
        """Count something that is about to be read.

        Raises:
            Exceeded: there is more than the limit.
        """
        left = getattr(self, limit) - number
        setattr(self, limit, left)
        if left < 0:
            raise Exceeded(limit)


def csv_of(data: bytes, budget: Budget) -> str:
    """The rows, as CSV, of the sheet that opens first or of the next one that has values.

    Args:
        data: a workbook, strict or transitional. Cells that are merged vertically all have the
            value of the first.
        budget: counts what is read.

    Returns:
        CSV with a line for each row, including empty rows. Empty if no sheet has a value.

    Raises:
        Exceeded: the workbook exceeds a limit.
        Refused: the workbook cannot be used.
    """
    try:
        # The warnings are about styles and extensions, which are not used here.
        with warnings.catch_warnings(action="ignore"):
            reader = _Reader(
                _needed_parts(data, budget), read_only=True, data_only=True, keep_links=False
            )
            reader.read()
            book = reader.wb
            for sheet in sorted(book.worksheets, key=lambda sheet: sheet is not book.active):
                if text := _csv_of_sheet(sheet, budget):
                    return text
    except (Exceeded, Refused):
        raise
    except MemoryError as error:
        raise Refused("large") from error
    except Exception as error:  # A broken file raises many kinds of errors.
        raise Refused("unreadable") from error
    return ""


class _Reader(ExcelReader):
    """openpyxl's reader, without the parts that are not needed."""

    def read_properties(self) -> None:
        """Skip the properties, which are not needed."""

    def read_custom(self) -> None:
        """Skip the custom properties, which are not needed."""

    def read_theme(self) -> None:
        """Skip the theme, which is not needed."""

    def read_chartsheet(self, sheet: Any, _rel: Any) -> None:
        """Keep the sheet's place, because sheets are counted to find the one that opens first."""
        chart: Any = Chartsheet(parent=self.wb)
        chart.title = sheet.name
        book: Any = self.wb
        book._sheets.append(chart)

    def read_worksheets(self) -> None:
        """Read the sheets, unless there are too many or two of them have the same part.

        A part is read once for each of its sheets. So if many sheets had the same large part, this
        would take too long.
        """
        targets = [relation.target for _sheet, relation in self.parser.find_sheets()]
        if len(targets) > _MAX_SHEETS or len(set(targets)) < len(targets):
            raise Refused("large")
        super().read_worksheets()


def _needed_parts(data: bytes, budget: Budget) -> io.BytesIO:
    """The workbook with only the needed parts and with the namespaces that openpyxl knows."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise Refused("unreadable") from error
    entries = archive.infolist()
    if len(entries) > _MAX_PARTS:
        raise Refused("large")
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise Refused("password")
    types = _content_types(archive, budget)
    if not any(_WORKBOOK_TYPE.fullmatch(kind) for kind in types.values()):
        raise Refused("not_xlsx")
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as needed:
        for name in {entry.filename: None for entry in entries if _is_needed(entry.filename)}:
            has_cells = bool(_LIST_TYPE.fullmatch(types.get(f"/{name}", "")))
            part = _unpacked(archive, name, budget, has_cells=has_cells)
            needed.writestr(name, _transitional(part))
    written.seek(0)
    return written


def _content_types(archive: zipfile.ZipFile, budget: Budget) -> dict[str, str]:
    """The content type of each part that has its own, and of each file extension."""
    if _CONTENT_TYPES not in archive.namelist():
        raise Refused("unreadable" if "xl/workbook.xml" in archive.namelist() else "not_xlsx")
    types = fromstring(_unpacked(archive, _CONTENT_TYPES, budget, has_cells=False))
    return {
        part.get("PartName") or part.get("Extension", ""): part.get("ContentType", "")
        for part in types
    }


def _is_needed(name: str) -> bool:
    return name.endswith((".xml", ".rels")) and not _UNUSED_PART.match(name)


def _unpacked(archive: zipfile.ZipFile, name: str, budget: Budget, *, has_cells: bool) -> bytes:
    """Unpack a part, piece by piece, so that this ends as soon as a limit is exceeded."""
    if archive.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused("unreadable")
    pieces: list[bytes] = []
    with archive.open(name) as part:
        while piece := part.read(_PIECE_BYTES):
            marks = piece.count(b"<")
            budget.spend("unpacked", len(piece))
            budget.spend("marks", marks)
            if not has_cells:
                budget.spend("other_marks", marks)
            pieces.append(piece)
    return b"".join(pieces)


def _transitional(part: bytes) -> bytes:
    if _STRICT in part:
        for strict, usual in _TRANSITIONAL.items():
            part = part.replace(strict, usual)
    return part


def _csv_of_sheet(sheet: Any, budget: Budget) -> str:
    """The rows of a sheet as CSV, up to the last one with a value. Empty if there is no value."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    empty = 0
    for row in _filled(_rows(sheet, budget), _merged(sheet, budget.columns)):
        width = _width(row)
        if not width:
            empty += 1
            continue
        budget.spend("rows", 1)
        if width > budget.columns:
            raise Exceeded("columns")
        written.write("\n" * empty)
        empty = 0
        writer.writerow([_text(value, budget) for value in row[:width]])
    return written.getvalue()


def _rows(sheet: Any, budget: Budget) -> Iterator[tuple[Any, ...]]:
    # The dimensions in the file may be wrong.
    sheet.reset_dimensions()
    for row in sheet.iter_rows(values_only=True):
        budget.spend("lines", 1)
        yield row


def _width(row: Sequence[Any]) -> int:
    """How many cells a row has, up to the last one with a value."""
    return next((place for place in range(len(row), 0, -1) if row[place - 1] not in (None, "")), 0)


def _merged(sheet: Any, columns: int) -> list[tuple[int, int, int]]:
    """Vertically merged cells, as (column from 0, first row from 1, last row).

    openpyxl knows them only for sheets that it loads into memory as a whole. There it makes each
    cell of a range, and one range may have a billion cells.
    """
    part = sheet.parent._archive.read(sheet._worksheet_path)
    ranges: list[tuple[int, int, int]] = []
    if b"mergeCell" not in part:
        return ranges
    for _event, element in iterparse(io.BytesIO(part)):
        if element.tag.endswith("}mergeCell"):
            if len(ranges) == _MAX_MERGED_RANGES:
                raise Refused("large")
            column, first, _last_column, last = range_boundaries(element.get("ref", ""))
            if column and first and last and last > first and column <= columns:
                ranges.append((column - 1, first, last))
        elif element.tag.endswith("}row"):
            element.clear()
    return ranges


def _filled(
    rows: Iterable[tuple[Any, ...]], merged: list[tuple[int, int, int]]
) -> Iterator[Sequence[Any]]:
    """The rows, with the value of a merged range in each of its cells. An empty row stays empty."""
    starts: dict[int, list[tuple[int, int]]] = {}
    for column, first, last in merged:
        starts.setdefault(first, []).append((column, last))
    active: dict[int, tuple[Any, int]] = {}
    for number, row in enumerate(rows, start=1):
        filled = list(row)
        has_values = any(value is not None for value in row)
        for column, (value, last) in list(active.items()):
            if number > last:
                del active[column]
            elif value is not None and has_values:
                filled += [None] * (column + 1 - len(filled))
                filled[column] = value
        for column, last in starts.get(number, ()):
            active[column] = (filled[column] if column < len(filled) else None, last)
        yield filled


def _text(value: Any, budget: Budget) -> str:
    """The text of a cell, as a person would type it."""
    budget.spend("characters", len(value) if isinstance(value, str) else 1)
    if isinstance(value, dt.datetime):
        value = value.date()
    if isinstance(value, float) and value.is_integer():
        return str(int(value)) if abs(value) < _EXACT else f"{value:.14E}"
    if value is None:
        return ""
    # A workbook writes a carriage return as `_x000D_`. Half of a surrogate pair is not a character,
    # so it is replaced.
    text = unescape(str(value)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return " ".join(text.splitlines())


def main(argument: str) -> dict[str, str]:
    """Read the workbook on standard input. Returns the answer."""
    limits = json.loads(argument)
    budget = Budget(**{name: limits[name] for name in Budget.__slots__})
    try:
        return {"csv": csv_of(sys.stdin.buffer.read(), budget)}
    except Exceeded as error:
        return {"exceeded": str(error)}
    except Refused as error:
        return {"refused": str(error)}


if __name__ == "__main__":
    answer = main(sys.argv[1])
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode())
    sys.stdout.buffer.flush()
    # Do not spend time on freeing memory.
    os._exit(0)
