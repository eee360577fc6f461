"""Make a listing from the entries of a source: texts for code, day and end, as strangers wrote
them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from giftcodes.clients.feeds.base import CODE, Listing, PublishedCode, unique
from giftcodes.clients.feeds.moments import end_of, moment
from giftcodes.domain.sentences import Sentence
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
    skipped: list[Sentence] = []
    notes: list[Sentence] = []
    for number, entry in enumerate(entries, start=1):
        if number > MOST_ENTRIES:
            return too_many_entries()
        if not isinstance(entry.code, str):
            skipped.append(Sentence.of("line_code_not_text", type=type(entry.code).__name__))
            continue
        code = clean_token(entry.code)
        if not CODE.fullmatch(code):
            skipped.append(Sentence.of("line_not_code", line=entry.code))
            continue
        found.append(published_code(code, entry.published, entry.ends, notes))
    return Listing(codes=unique(found), skipped=tuple(skipped), notes=tuple(notes))


def too_many_entries() -> Listing:
    """The listing of an answer with more than `MOST_ENTRIES` entries."""
    return Listing(problem=Sentence.of("too_many_entries", number=MOST_ENTRIES))


def published_code(
    code: str, published: object, ends: object, notes: list[Sentence]
) -> PublishedCode:
    """The code with its dates. A date that cannot be read is dropped, and a note is added.

    Args:
        code: a well-formed code.
        published, ends: when the code was published and when it ends, as the source has it.
        notes: the notes so far.
    """
    day, end = None, None
    try:
        day = moment(published)
    except ValueError:
        notes.append(Sentence.of("line_day_unknown", code=code, value=str(published)))
    try:
        end = end_of(ends)
    except ValueError:
        notes.append(Sentence.of("line_end_unknown", code=code, value=str(ends)))
    return PublishedCode(code, day.date() if day else None, end)
