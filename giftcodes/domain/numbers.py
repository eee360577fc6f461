"""Read whole numbers as people and spreadsheets write them.

A number is read in full, or refused with a proposal of what to write. It is never shortened.
"""

from __future__ import annotations

import re

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from giftcodes.domain.text import clean_token

_DIGITS = re.compile(r"[0-9]+")
#: Matches `1042.0` and `1042,00`, but not `1.000`, whose separator may be for thousands.
_WITHOUT_FRACTION = re.compile(r"([0-9]+)[.,\u066b]0{1,2}")
_ROUNDED = re.compile(r"[0-9]+([.,\u066b][0-9]+)?[eE][+-]?[0-9]+")
#: Commas, points, spaces, apostrophes, underscores, and the Arabic separators of thousands and
#: decimals.
_SEPARATOR = r"[.,'’_\s\u066b\u066c]"
_GROUPED = re.compile(rf"[0-9]+({_SEPARATOR}[0-9]+)+")
_THOUSANDS = re.compile(rf"[0-9]{{1,3}}({_SEPARATOR})[0-9]{{3}}(\1[0-9]{{3}})*")
_DECIMAL = re.compile(r"[0-9]+[.,\u066b][0-9]*[1-9][0-9]*")
_ZERO_FRACTION = re.compile(r"([0-9]{1,20})[.,\u066b]0+")
_SIGNED = re.compile(r"[+\-\u2212][0-9]+")
_WRAPPED = re.compile(r"[^0-9]*([0-9]+)[^0-9]*")
#: A longer text is compared only with the first two patterns. The time that some of the others take
#: grows with the square of the text's length.
_MOST_CHARACTERS = 100
#: The most digits in a proposal. A longer one would not help.
_PROPOSAL_DIGITS = 20
#: A PostgreSQL bigint holds every number with this many digits.
_BIGINT_DIGITS = 18


class NotWholeError(ValueError):
    """The text is not clearly a whole number. The error's text says why and what to write."""


class RoundedError(NotWholeError):
    """A spreadsheet wrote the number with an exponent, so its last digits are lost."""


def whole_digits(text: str) -> str:
    """Return the digits of a whole number, as ASCII.

    Args:
        text: digits of any script. Invisible characters are ignored, and `1042.0` is read as 1042.
            Any other character is refused.

    Returns:
        The digits, with any leading zeros. Empty if the text is empty.

    Raises:
        RoundedError: the text has an exponent.
        NotWholeError: the text has characters other than digits.
    """
    text = clean_token(text)
    if not text or _DIGITS.fullmatch(text):
        return text
    if match := _WITHOUT_FRACTION.fullmatch(text):
        return match[1]
    if len(text) > _MOST_CHARACTERS:
        raise NotWholeError(_("Write digits only."))
    if _ROUNDED.fullmatch(text):
        raise RoundedError(_("It was rounded by a spreadsheet, and its last digits are lost."))
    raise NotWholeError(_reason(text))


def row_id(text: str | None) -> int | None:
    """Read the ID of a database row from a URL or a form.

    The result is None if there is no ID, or if no row can have it.

    Args:
        text: decimal digits. More than 18 are refused, because PostgreSQL fails if a number is
            larger than a bigint.
    """
    if text and text.isdecimal() and len(text) <= _BIGINT_DIGITS:
        return int(text)
    return None


def _reason(text: str) -> str:
    joined = "".join(_DIGITS.findall(text))
    proposal = _proposal(joined) if len(joined) <= _PROPOSAL_DIGITS else _("Write digits only.")
    separator = _("It has a separator, which may be for thousands or for decimals.")
    if _THOUSANDS.fullmatch(text):
        return f"{separator} {proposal}"
    if _DECIMAL.fullmatch(text):
        return _("It has a fraction. Write a whole number.")
    if match := _ZERO_FRACTION.fullmatch(text):
        return f"{separator} {_proposal(match[1])}"
    if _GROUPED.fullmatch(text):
        why = _("It has separators.")
    elif _SIGNED.fullmatch(text):
        why = _("It has a sign.")
    elif joined and (match := _WRAPPED.fullmatch(text)) and match[1] == joined:
        why = _("There are other characters besides the digits.")
    else:
        return _("Write digits only.")
    return f"{why} {proposal}"


def _proposal(digits: str) -> str:
    return _("Write %s if that is meant.") % digits


def grouped(number: int) -> str:
    """A number with the separators of the reader's language, such as `5,000`."""
    return number_format(number, force_grouping=True)
