"""An Excel workbook as CSV text: the sheet that opens first, with one line per row."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

from defusedxml.ElementTree import fromstring, iterparse
from openpyxl import load_workbook
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.escape import unescape

from giftcodes.roster.values import UnreadableListError

#: A workbook is compressed. It is not unpacked if that would take more bytes.
MAX_UNPACKED_BYTES = 20_000_000
MAX_ROWS = 100_000
MAX_COLUMNS = 100
#: Excel stores 15 digits. A larger number has lost some.
_EXACT = 10**15
MAX_MERGED_RANGES = 10_000
_CONTENT_TYPES = "[Content_Types].xml"
#: The type of the part that names the sheets: of a workbook or a template, with or without macros.
_WORKBOOK_TYPE = re.compile(
    r"application/vnd\.(openxmlformats-officedocument\.spreadsheetml|ms-excel)\..*main\+xml"
)
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
_UNREADABLE = "This workbook cannot be read. Open it and save it again as xlsx, or as CSV."


def csv_of_workbook(data: bytes) -> str:
    """Read a workbook.

    Args:
        data: an xlsx file, strict or transitional. If the sheet that opens first is empty, the next
            one that is not is read. Cells that are merged vertically all have the value of the
            first.

    Returns:
        CSV lines with the numbers of the rows.

    Raises:
        UnreadableListError: it is not a workbook, too large, or empty.
    """
    archive = _archive(data)
    try:
        # The warnings are about styles and extensions, which are not used here.
        with warnings.catch_warnings(action="ignore"):
            book = load_workbook(_transitional(archive, data), read_only=True, data_only=True)
            sheets = sorted(book.worksheets, key=lambda sheet: sheet is not book.active)
            texts = (_csv_of(_filled(_rows(sheet), _merged(sheet))) for sheet in sheets)
            text = next((text for text in texts if text.strip("\r\n,")), "")
    except UnreadableListError:
        raise
    except Exception as error:  # A broken file raises many kinds of errors.
        raise UnreadableListError(_UNREADABLE) from error
    if not text:
        raise UnreadableListError("The workbook is empty.")
    return text


def _archive(data: bytes) -> zipfile.ZipFile:
    """The file's parts, after a check that they are small enough and those of a workbook."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise UnreadableListError(_UNREADABLE) from error
    if sum(part.file_size for part in archive.infolist()) > MAX_UNPACKED_BYTES:
        raise UnreadableListError(
            "This workbook is too large. Copy the list into a new one, and save that."
        )
    if not _has_workbook(archive):
        raise UnreadableListError(
            "This is an archive, or a workbook that is not xlsx. Open it and save it as CSV."
        )
    return archive


def _has_workbook(archive: zipfile.ZipFile) -> bool:
    names = archive.namelist()
    if _CONTENT_TYPES not in names:
        return "xl/workbook.xml" in names  # Then it is a broken workbook, and reading it fails.
    try:
        types = fromstring(archive.read(_CONTENT_TYPES))
    except Exception as error:
        raise UnreadableListError(_UNREADABLE) from error
    return any(_WORKBOOK_TYPE.fullmatch(part.get("ContentType", "")) for part in types)


def _transitional(archive: zipfile.ZipFile, data: bytes) -> io.BytesIO:
    """The workbook with the transitional namespaces, the only ones that openpyxl reads."""
    names = [name for name in archive.namelist() if name.endswith((".xml", ".rels"))]
    parts = {name: archive.read(name) for name in names if not name.startswith("docProps/")}
    if not any(_STRICT in part for part in parts.values()):
        return io.BytesIO(data)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as renamed:
        for name, part in parts.items():
            for strict, usual in _TRANSITIONAL.items():
                part = part.replace(strict, usual)
            renamed.writestr(name, part)
    written.seek(0)
    return written


def _rows(sheet: Any) -> Iterator[tuple[Any, ...]]:
    # The dimensions in the file may be wrong.
    sheet.reset_dimensions()
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        if number > MAX_ROWS:
            raise UnreadableListError(
                f"This workbook has more than {MAX_ROWS} rows. Split it, and import the parts."
            )
        yield row[:MAX_COLUMNS]


def _merged(sheet: Any) -> list[tuple[int, int, int]]:
    """Vertically merged cells, as (column from 0, first row from 1, last row).

    openpyxl has them only for sheets that are fully in memory, where one range may be a billion
    cells.
    """
    part = sheet.parent._archive.read(sheet._worksheet_path)
    ranges: list[tuple[int, int, int]] = []
    if b"mergeCell" not in part:
        return ranges
    for _event, element in iterparse(io.BytesIO(part)):
        if element.tag.endswith("}mergeCell") and len(ranges) < MAX_MERGED_RANGES:
            column, first, _last_column, last = range_boundaries(element.get("ref", ""))
            if column and first and last and last > first and column <= MAX_COLUMNS:
                ranges.append((column - 1, first, last))
        elif element.tag.endswith("}row"):
            element.clear()
    return ranges


def _filled(
    rows: Iterable[tuple[Any, ...]], merged: list[tuple[int, int, int]]
) -> Iterator[tuple[Any, ...]]:
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
        yield tuple(filled)


def _csv_of(rows: Iterable[tuple[Any, ...]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written)
    for row in rows:
        writer.writerow([_text(value) for value in row])
    return written.getvalue()


def _text(value: Any) -> str:
    """The text of a cell, as a person would type it."""
    if isinstance(value, dt.datetime):
        value = value.date()
    if isinstance(value, float) and value.is_integer():
        return str(int(value)) if abs(value) < _EXACT else f"{value:.14E}"
    if value is None:
        return ""
    # A workbook writes a carriage return as `_x000D_`. Half of a surrogate pair is not a character.
    text = unescape(str(value)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return " ".join(text.splitlines())
