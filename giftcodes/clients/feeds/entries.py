"""Make a listing from the entries of a source: texts for code, day and end, as strangers wrote
them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from giftcodes.clients.feeds.base import CODE, Listing, PublishedCode, unique
from giftcodes.clients.feeds.moments import end_of, moment
from giftcodes.domain.text import clean_token

#: More entries than this are a mistake: a page whose selector finds everything, for example.
MOST_ENTRIES = 500
TOO_MANY = (
    f"The source has more than {MOST_ENTRIES} entries. They cannot all be codes: check its options."
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a source. The values are as the source has them: a text, a number or None."""

    code: object
    published: object = None
    ends: object = None


def listing_of(entries: Iterable[Entry]) -> Listing:
    """The listing. An entry without a code is skipped; a date that cannot be read is dropped."""
    found: list[PublishedCode] = []
    skipped: list[str] = []
    notes: list[str] = []
    for number, entry in enumerate(entries, start=1):
        if number > MOST_ENTRIES:
            return Listing(problem=TOO_MANY)
        if not isinstance(entry.code, str):
            skipped.append(
                f"its code is not a text but a value of type {type(entry.code).__name__}"
            )
            continue
        code = clean_token(entry.code)
        if not CODE.fullmatch(code):
            skipped.append(f"not 1 to 32 letters and digits: {entry.code}")
            continue
        found.append(published_code(code, entry.published, entry.ends, notes))
    return Listing(codes=unique(found), skipped=tuple(skipped), notes=tuple(notes))


def published_code(
    code: str,
    published: object,
    ends: object,
    notes: list[str],
    *,
    names: tuple[str, str] = ("its day", "its end"),
) -> PublishedCode:
    """The code with its dates. A date that cannot be read is dropped, and a note is added.

    Args:
        code: a well-formed code.
        published, ends: when the code was published and when it ends, as the source has it.
        notes: the notes so far.
        names: how a note names the two dates.
    """
    day = _date(moment, published, f"{code}: {names[0]}", notes)
    end = _date(end_of, ends, f"{code}: {names[1]}", notes)
    return PublishedCode(code, day.date() if day else None, end)


def _date(
    read: Callable[[object], datetime | None], value: object, name: str, notes: list[str]
) -> datetime | None:
    try:
        return read(value)
    except ValueError as error:
        notes.append(f"{name} is {error}; it is taken as unknown")
        return None
