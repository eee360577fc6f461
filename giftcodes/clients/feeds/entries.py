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
            return Listing(
                problem=f"The source has more than {MOST_ENTRIES} entries. They cannot all be "
                "codes: check its options."
            )
        if not isinstance(entry.code, str):
            skipped.append(
                f"its code is not a text but a value of type {type(entry.code).__name__}"
            )
            continue
        code = clean_token(entry.code)
        if not CODE.fullmatch(code):
            skipped.append(f"not 1 to 32 letters and digits: {entry.code}")
            continue
        published = _date(moment, entry.published, "day", code, notes)
        end = _date(end_of, entry.ends, "end", code, notes)
        found.append(PublishedCode(code, published.date() if published else None, end))
    return Listing(codes=unique(found), skipped=tuple(skipped), notes=tuple(notes))


def _date(
    read: Callable[[object], datetime | None],
    value: object,
    name: str,
    code: str,
    notes: list[str],
) -> datetime | None:
    try:
        return read(value)
    except ValueError as error:
        notes.append(f"{code}: its {name} is {error}; it is taken as unknown")
        return None
