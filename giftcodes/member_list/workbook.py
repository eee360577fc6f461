"""An Excel workbook as the text of a CSV file: the sheet that opens first, a line for each of its rows."""

from __future__ import annotations

import csv
import datetime as dt
import io
import warnings
import zipfile
from collections.abc import Iterator
from typing import Any

from openpyxl import load_workbook

from giftcodes.member_list.values import UnreadableListError

#: A workbook is compressed: what is too large when it is unpacked is not unpacked.
MAX_UNPACKED_BYTES = 20_000_000
MAX_ROWS = 100_000
MAX_COLUMNS = 100
#: Excel keeps so many digits; a number with more has lost some.
_EXACT = 10**15
_UNREADABLE = "This workbook cannot be read. Open it and save it again as xlsx, or as CSV."


def csv_of_workbook(data: bytes) -> str:
    """Read a workbook.

    Args:
        data: an xlsx file. Where no cell of the sheet that opens first is filled, the next one that has some is read.

    Returns:
        Lines with the same numbers as the rows.

    Raises:
        UnreadableListError: it is none, or too large, or empty.
    """
    _look_inside(data)
    try:
        with warnings.catch_warnings(action="ignore"):  # Of styles and extensions, which nobody needs here.
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            sheets = sorted(book.worksheets, key=lambda sheet: sheet is not book.active)
            texts = (_csv_of(_rows(sheet)) for sheet in sheets)
            text = next((text for text in texts if text.strip("\r\n,")), "")
    except UnreadableListError:
        raise
    except Exception as error:  # A broken file breaks its reader in many ways.
        raise UnreadableListError(_UNREADABLE) from error
    if not text:
        raise UnreadableListError("The workbook is empty.")
    return text


def _look_inside(data: bytes) -> None:
    try:
        parts = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except zipfile.BadZipFile as error:
        raise UnreadableListError(_UNREADABLE) from error
    if not any(part.filename == "xl/workbook.xml" for part in parts):
        raise UnreadableListError("This is an archive, or a workbook that is not xlsx. Open it and save it as CSV.")
    if sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
        raise UnreadableListError("This workbook is too large. Copy the list into a new one, and save that.")


def _rows(sheet: Any) -> Iterator[tuple[Any, ...]]:
    # What a file says of its own size may be wrong.
    sheet.reset_dimensions()
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        if number > MAX_ROWS:
            raise UnreadableListError(f"This workbook has more than {MAX_ROWS} rows. Split it, and import the parts.")
        yield row[:MAX_COLUMNS]


def _csv_of(rows: Iterator[tuple[Any, ...]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written)
    for row in rows:
        writer.writerow([_text(value) for value in row])
    return written.getvalue()


def _text(value: Any) -> str:
    """A cell as somebody would have typed it."""
    if isinstance(value, dt.datetime):
        value = value.date()
    if isinstance(value, float) and value.is_integer():
        return str(int(value)) if abs(value) < _EXACT else f"{value:.14E}"
    return "" if value is None else " ".join(str(value).splitlines())
