"""The code list of kingshot.net: `{"status": …, "data": {"giftCodes": [{"code", …}]}}`.

The list says when each code ends. docs/reference/protocol.md, section 2, has the facts.
"""

from __future__ import annotations

from typing import Any

from giftcodes.clients.feeds.base import CODE, Listing, PublishedCode, json_object, unique
from giftcodes.clients.feeds.entries import published_code
from giftcodes.domain.sentences import Sentence


def read_list(body: bytes) -> Listing:
    """Read a body. An empty list is valid; anything but a list of codes is a problem."""
    answer = json_object(body)
    if isinstance(answer, Listing):
        return answer
    data = answer.get("data")
    entries = data.get("giftCodes") if isinstance(data, dict) else None
    words = next(
        (str(answer[name]) for name in ("error", "detail", "message") if answer.get(name)), ""
    )
    if _is_failure(answer.get("status")) or (words and not isinstance(entries, list)):
        return Listing(problem=Sentence.of("feed_error_instead_of_list"), words=words)
    if not isinstance(entries, list):
        return Listing(problem=Sentence.of("answer_without_gift_codes"))
    return _listing(entries)


def _is_failure(status: object) -> bool:
    if isinstance(status, str):
        return status.strip().lower().startswith(("err", "fail"))
    return status is False


def _listing(entries: list[Any]) -> Listing:
    found: list[PublishedCode] = []
    skipped: list[Sentence] = []
    notes: list[Sentence] = []
    for entry in entries:
        code = entry.get("code") if isinstance(entry, dict) else None
        if not isinstance(entry, dict):
            skipped.append(Sentence.of("line_not_object", type=type(entry).__name__))
        elif not isinstance(code, str):
            skipped.append(Sentence.of("line_code_not_text", type=type(code).__name__))
        elif not CODE.fullmatch(code.strip()):
            skipped.append(Sentence.of("line_not_code", line=code))
        else:
            dates = entry.get("createdAt"), entry.get("expiresAt")
            found.append(published_code(code.strip(), *dates, notes))
    return Listing(codes=unique(found), skipped=tuple(skipped), notes=tuple(notes))
