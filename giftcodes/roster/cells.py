"""Convert a cell to a value.

What spreadsheets add to numbers is removed. A number whose last digits are lost is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from giftcodes.domain.numbers import NotWholeError, RoundedError, whole_digits
from giftcodes.domain.text import clean_name, clean_token, one_line
from giftcodes.domain.validators import (
    REALM_DIGITS,
    validate_day,
    validate_one_line,
    validate_player_id,
)
from giftcodes.roster.limits import LIMITS
from giftcodes.roster.masks import realm_in

Value = TypeVar("Value")

NICKNAME_LENGTH = 80
#: A spreadsheet reads a cell that starts with one of these as a formula. Our exports put an
#: apostrophe before such a cell.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
#: The sign of a mention at the start of a name that was copied from a chat.
MENTION = re.compile(r"\A@(?=[^\W_])")
_QUOTES = "'\"`‘’“”"
_FORMULA = re.compile(r'="?([^"]*)"?')
_LINE_BREAKS = re.compile(r"[\r\n\v\f\x85\u2028\u2029]+")
_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
#: What a spreadsheet shows in place of a value that it cannot compute.
_ERROR = re.compile(r"#(VALUE!|REF!|NAME\?|NUM!|NULL!|DIV/0!|N/A)")
_DOTTED_DAY = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")


class CellError(ValueError):
    """The cell cannot be used. The text says why.

    Args:
        field: the name of the value, if it is known.
    """

    def __init__(self, words: str, field: str = "") -> None:
        super().__init__(words)
        self.field = field


def value(field: str, convert: Callable[[str], Value], cell: str) -> Value:
    """Convert a cell. An error says which value it is about.

    Raises:
        CellError: it cannot be used.
    """
    try:
        return convert(cell)
    except CellError as error:
        error.field = field
        raise


def player_id(cell: str) -> str:
    """A player ID, as digits.

    Excel may write it as `123456789.0`, `="123456789"` or `'123456789`.

    Raises:
        CellError: it is not a player ID.
    """
    try:
        text = whole_digits(_unwrapped(cell))
    except RoundedError as error:
        raise CellError(_rounded(cell)) from error
    except NotWholeError as error:
        advice = _format_advice(cell) or error
        raise CellError(_no_id(cell, advice)) from error
    if not text:
        raise CellError(gettext("There is no player ID."))
    try:
        validate_player_id(text)
    except ValidationError as error:
        raise CellError(_no_id(cell, error.messages[0])) from error
    return text


def nickname(cell: str) -> str:
    """A name on one line, without the apostrophe that our exports put before a formula.

    Raises:
        CellError: it is too long, or it has control characters.
    """
    cell = cell.strip()
    if len(cell) > LIMITS.cell:  # Cleaning a long text would be slow.
        raise CellError(_too_long(cell))
    lines = (line.strip() for line in _LINE_BREAKS.split(cell))
    text = clean_name(" ".join(line for line in lines if line))
    if text.startswith("'") and text[1:].startswith(FORMULA_STARTS):
        text = text[1:]
    if len(text) > NICKNAME_LENGTH:
        raise CellError(_too_long(text))
    try:
        validate_one_line(text)
    except ValidationError as error:
        words = gettext("The nickname cannot be used. %s")
        raise CellError(words % error.messages[0]) from error
    return text


def pasted_nickname(cell: str) -> str:
    """A name as `nickname` reads it, without the sign of a mention, as in `@Amber`.

    In our exports, a name that begins with `@` has an apostrophe before it. Such a name keeps its
    `@`.

    Raises:
        CellError: it is too long, or it has control characters.
    """
    return nickname(MENTION.sub("", cell.strip()))


def _too_long(text: str) -> str:
    words = gettext("The nickname has %(number)d characters; %(most)d are allowed.")
    return words % {"number": len(text), "most": NICKNAME_LENGTH}


def realm(cell: str) -> int | None:
    """The number of a state or kingdom: `1042`, `#1042`, `K1042`. None if the cell is empty.

    Raises:
        CellError: it is not such a number.
    """
    try:
        text = whole_digits(_unwrapped(cell).removeprefix("#"))
    except RoundedError as error:
        raise CellError(_rounded(cell)) from error
    except NotWholeError as error:
        text = realm_in(clean_token(cell[: LIMITS.cell]))
        if not text:
            raise CellError(f"{_no_realm(cell)} {error}") from error
    if not text:
        return None
    if len(text) > REALM_DIGITS or int(text) == 0:
        raise CellError(_no_realm(cell))
    return int(text)


def consented_on(cell: str) -> date | None:
    """A day, such as `2026-12-31` or `31.12.2026`. None if the cell is empty.

    Raises:
        CellError: it is not a day, or it is out of bounds.
    """
    text = clean_token(cell)
    if not text:
        return None
    day = _day(text)
    if day is None:
        words = gettext("%s is not a day like 2026-12-31 or 31.12.2026.")
        raise CellError(words % _shown(cell))
    try:
        validate_day(day)
    except ValidationError as error:
        words = gettext("%(cell)s cannot be used. %(why)s")
        raise CellError(words % {"cell": _shown(cell), "why": error.messages[0]}) from error
    return day


def _day(text: str) -> date | None:
    try:
        if match := _ISO_DAY.fullmatch(text):
            return date(int(match[1]), int(match[2]), int(match[3]))
        if match := _DOTTED_DAY.fullmatch(text):
            return date(int(match[3]), int(match[2]), int(match[1]))
    except ValueError:
        pass
    return None


def looks_like_id(cell: str) -> bool:
    """Whether a cell is a number of at least three digits. If so, its line has no column names."""
    try:
        return len(whole_digits(_unwrapped(cell))) >= 3
    except RoundedError:
        return True
    except NotWholeError:
        return False


def _unwrapped(cell: str) -> str:
    """A number's text without the formula or quotation marks that spreadsheets add."""
    text = clean_token(cell)
    if match := _FORMULA.fullmatch(text):
        text = match[1]
    return clean_token(text.strip(_QUOTES))


def _format_advice(cell: str) -> str:
    """What to do about a number that a spreadsheet shows as a date or an error. Otherwise empty."""
    text = clean_token(cell)
    if _ERROR.fullmatch(text) or _ISO_DAY.fullmatch(text) or _DOTTED_DAY.fullmatch(text):
        return gettext("Format the column as a number, not as a date, and save.")
    return ""


def _rounded(cell: str) -> str:
    words = gettext(
        "%s was rounded by a spreadsheet, and its last digits are lost. Format the column as text, "
        "enter the number again, and save."
    )
    return words % _shown(cell)


def _no_id(cell: str, why: object) -> str:
    return gettext("%(cell)s is not a player ID. %(why)s") % {"cell": _shown(cell), "why": why}


def _no_realm(cell: str) -> str:
    return gettext("%s is not a state or kingdom number.") % _shown(cell)


def _shown(cell: str) -> str:
    shown = one_line(cell, 31)
    return f"“{shown[:30]}…”" if len(shown) > 30 else f"“{shown}”"
