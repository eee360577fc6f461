"""The code list of kingshot.net: `{"status": …, "data": {"giftCodes": [{"code", …}]}}`.

The list says when each code ends. docs/reference/protocol.md, section 2, has the facts.
"""

from __future__ import annotations

from typing import Any

from giftcodes.clients.feeds.base import CODE, Listing, PublishedCode, json_object, unique
from giftcodes.clients.feeds.entries import published_code


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
        return Listing(
            problem="The feed sent an error and no list. It will be polled again.", words=words
        )
    if not isinstance(entries, list):
        return Listing(
            problem="The answer has no list “data.giftCodes”. The feed's address or format may be "
            "wrong."
        )
    return _listing(entries)


def _is_failure(status: object) -> bool:
    if isinstance(status, str):
        return status.strip().lower().startswith(("err", "fail"))
    return status is False


def _listing(entries: list[Any]) -> Listing:
    found: list[PublishedCode] = []
    skipped: list[str] = []
    notes: list[str] = []
    for entry in entries:
        code = entry.get("code") if isinstance(entry, dict) else None
        if not isinstance(entry, dict):
            skipped.append(f"not an object but a value of type {type(entry).__name__}")
        elif not isinstance(code, str):
            skipped.append(f"its code is not a text but a value of type {type(code).__name__}")
        elif not CODE.fullmatch(code.strip()):
            skipped.append(f"not 1 to 32 letters and digits: {code}")
        else:
            dates = entry.get("createdAt"), entry.get("expiresAt")
            names = ("createdAt", "expiresAt")
            found.append(published_code(code.strip(), *dates, notes, names=names))
    return Listing(codes=unique(found), skipped=tuple(skipped), notes=tuple(notes))
