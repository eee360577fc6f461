"""How much a list may hold. All readers count against the same limits while they read.

A small file may describe a list of millions of lines, so a limit on the file's size does not help.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from giftcodes.domain.numbers import grouped
from giftcodes.roster.values import UnreadableListError


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one list.

    Args:
        lines: lines of a text, or rows of all sheets that are read, including empty ones.
        rows: records with values.
        columns: cells of one record, up to the last one with a value.
        characters: characters of all cells of a workbook. A text has fewer, because the size of its
            file is limited.
        cell: characters of one cell that is used.
        record_lines: lines of one record, whose quoted cells may have line breaks.
        rereading: characters that are read again, because a quotation mark was not closed.
    """

    lines: int = 50_000
    rows: int = 20_000
    columns: int = 256
    characters: int = 5_000_000
    cell: int = 1_000
    record_lines: int = 100
    rereading: int = 5_000_000


LIMITS = Limits()

_ADVICE = {
    "lines": _(
        "The list has more than %s lines, empty ones included. Copy the lines of members into a "
        "new file, and import that."
    ),
    "rows": _("The list has more than %s members. Split it, and import the parts."),
    "columns": _(
        "The list has a line with more than %s columns. Keep only the columns player ID, nickname, "
        "realm and consent."
    ),
    "characters": _(
        "The list has more than %s characters. Keep only the columns player ID, nickname, realm "
        "and consent."
    ),
}
_NOT_CLOSED = _(
    "The list has too many quotation marks that are not closed. Save it again as CSV, or as xlsx."
)


def too_much(limit: str) -> UnreadableListError:
    """The error of a list that exceeds a limit.

    Args:
        limit: the name of a field of `Limits`, but not `cell` or `record_lines`: exceeding these
            does not end the reading.
    """
    if limit not in _ADVICE:
        return UnreadableListError(str(_NOT_CLOSED))
    return UnreadableListError(_ADVICE[limit] % grouped(getattr(LIMITS, limit)))
