"""The community's list of published codes, `{"codes": ["CODE dd.mm.yyyy", ...]}`.

The list is only read, never written. docs/reference/protocol.md, section 2, has the facts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from giftcodes.clients.feeds.base import CODE, Listing, PublishedCode, json_object, unique
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.text import clean_token

_DAY = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.(20[0-9]{2})")


def read_list(body: bytes) -> Listing:
    """Read a body. An empty list is valid; anything but a list of codes is a problem."""
    answer = json_object(body)
    if isinstance(answer, Listing):
        return answer
    if words := answer.get("error") or answer.get("detail"):
        return Listing(problem=Sentence.of("feed_error_instead_of_list"), words=str(words))
    if not isinstance(answer.get("codes"), list):
        return Listing(problem=Sentence.of("answer_without_codes"))
    return _listing(answer["codes"])


def _listing(lines: Iterable[Any]) -> Listing:
    found: list[PublishedCode] = []
    skipped: list[Sentence] = []
    for line in lines:
        published = _published(line)
        if isinstance(published, Sentence):
            skipped.append(published)
        else:
            found.append(published)
    return Listing(codes=unique(found), skipped=tuple(skipped))


def _published(line: object) -> PublishedCode | Sentence:
    """Return the code and day of a line, or why the line is skipped.

    A code without a day is accepted. If the day is invalid, the code may be wrong too, so the line
    is skipped.
    """
    if not isinstance(line, str):
        return Sentence.of("line_not_text", type=type(line).__name__)
    words = clean_token(line).split()
    if not 1 <= len(words) <= 2:
        return Sentence.of("line_not_code_and_day", line=line)
    if not CODE.fullmatch(words[0]):
        return Sentence.of("line_not_code", line=line)
    if len(words) == 1:
        return PublishedCode(words[0], None)
    day = _day(words[1])
    return PublishedCode(words[0], day) if day else Sentence.of("line_not_day", line=line)


def _day(text: str) -> date | None:
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    day, month, year = map(int, match.groups())
    try:
        return date(year, month, day)
    except ValueError:
        return None
