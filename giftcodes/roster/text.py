"""Decode the bytes of a file: a workbook, or text. Other files get a clear error."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from giftcodes.roster.values import UnreadableListError
from giftcodes.roster.workbook import csv_of_workbook

MAX_BYTES = 5_000_000

#: The first bytes of a workbook.
_ARCHIVE = b"PK\x03\x04"
#: The first bytes of files that are not text, and what to do about them.
_NOT_TEXT = (
    (
        b"\xd0\xcf\x11\xe0",
        _(
            "This is an old Excel workbook (xls), or one with a password. Open it and save it as "
            "CSV."
        ),
    ),
    (b"%PDF", _("This is a PDF. Copy the list into a spreadsheet and save it as CSV.")),
    (b"\x1f\x8b", _("This is compressed. Unpack it first.")),
)
_BYTE_ORDER_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
_BINARY = _("This is a binary file, not text. Save the list as CSV (UTF-8).")


def text_of(data: bytes) -> str:
    """Decode a file.

    Raises:
        UnreadableListError: it is empty, too large, or not text.
    """
    if len(data) > MAX_BYTES:
        words = _("It is larger than %d MB. Split it, and import the parts.")
        raise UnreadableListError(words % (MAX_BYTES // 1_000_000))
    if data.startswith(_ARCHIVE):
        return csv_of_workbook(data)
    for start, advice in _NOT_TEXT:
        if data.startswith(start):
            raise UnreadableListError(str(advice))
    text = _decode(data, _encoding_of(data)).removeprefix("\ufeff")
    if not text.strip():
        raise UnreadableListError(str(_("The file is empty.")))
    return text


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise UnreadableListError(str(_BINARY)) from error
        line = data.count(b"\n", 0, error.start) + 1
        words = _(
            "Line %d is not UTF-8. Save the list as “CSV UTF-8”, so that no nickname is garbled."
        )
        raise UnreadableListError(words % line) from error


def _encoding_of(data: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return encoding
    if b"\0" not in data:
        return "utf-8"
    # Digits and delimiters in UTF-16 have a zero in every other byte.
    evens, odds = data[0::2].count(0), data[1::2].count(0)
    if max(evens, odds) < len(data) / 4:
        raise UnreadableListError(str(_BINARY))
    return "utf-16-be" if evens > odds else "utf-16-le"
