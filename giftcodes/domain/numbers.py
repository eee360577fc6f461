"""Whole numbers as people and spreadsheets write them: read whole, or refused with a proposal. Never shortened."""

from __future__ import annotations

import re

from giftcodes.domain.text import clean_token

_DIGITS = re.compile(r"[0-9]+")
#: `1042.0` and `1042,00`. Three zeros may as well be thousands: `1.000`.
_WITHOUT_FRACTION = re.compile(r"([0-9]+)[.,\u066b]0{1,2}")
_ROUNDED = re.compile(r"[0-9]+([.,\u066b][0-9]+)?[eE][+-]?[0-9]+")
#: Commas, points, blanks, apostrophes, underscores, and the Arabic signs for thousands and for decimals.
_SEPARATOR = r"[.,'’_\s\u066b\u066c]"
_GROUPED = re.compile(rf"[0-9]+({_SEPARATOR}[0-9]+)+")
_THOUSANDS = re.compile(rf"[0-9]{{1,3}}({_SEPARATOR})[0-9]{{3}}(\1[0-9]{{3}})*")
_DECIMAL = re.compile(r"[0-9]+[.,\u066b][0-9]*[1-9][0-9]*")
_ZERO_FRACTION = re.compile(r"([0-9]{1,20})[.,\u066b]0+")
_SIGNED = re.compile(r"[+\-\u2212][0-9]+")
_WRAPPED = re.compile(r"[^0-9]*([0-9]+)[^0-9]*")
#: A proposal that is longer is no help.
_LONGEST = 20


class NotWholeError(ValueError):
    """The text is not plainly a whole number. The error's text says why, and proposes what to write."""


class RoundedError(NotWholeError):
    """A spreadsheet wrote the number with an exponent, and its last digits are lost."""


def whole_digits(text: str) -> str:
    """The digits of a whole number, as ASCII.

    Args:
        text: digits of any script, perhaps among invisible characters. `1042.0` is 1042; whatever else stands beside
            digits is refused.

    Returns:
        The digits; leading zeros stay. Empty where the text is.

    Raises:
        RoundedError: it has an exponent.
        NotWholeError: it is something else than digits.
    """
    text = clean_token(text)
    if not text or _DIGITS.fullmatch(text):
        return text
    if match := _WITHOUT_FRACTION.fullmatch(text):
        return match[1]
    if _ROUNDED.fullmatch(text):
        raise RoundedError("It was rounded by a spreadsheet, and its last digits are lost.")
    raise NotWholeError(_reason(text))


def _reason(text: str) -> str:
    joined = "".join(_DIGITS.findall(text))
    proposal = (
        f"Write {joined} if that is meant." if len(joined) <= _LONGEST else "Write digits only."
    )
    if _THOUSANDS.fullmatch(text):
        return f"It has a separator, which may be for thousands or for decimals. {proposal}"
    if _DECIMAL.fullmatch(text):
        return "It has a fraction. Write a whole number."
    if match := _ZERO_FRACTION.fullmatch(text):
        return f"It has a separator, which may be for thousands or for decimals. Write {match[1]} if that is meant."
    if _GROUPED.fullmatch(text):
        return f"It has separators. {proposal}"
    if _SIGNED.fullmatch(text):
        return f"It has a sign. {proposal}"
    if joined and (match := _WRAPPED.fullmatch(text)) and match[1] == joined:
        return f"Something else stands beside the digits. {proposal}"
    return "Write digits only."
