"""The community's list of published codes, `{"codes": ["CODE dd.mm.yyyy", ...]}`: read, never written.

The facts are in PROTOCOL.md, section 2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from giftcodes.feeds.base import FeedConfig, FeedReading, Listing, PublishedCode, read_feed
from giftcodes.text import clean_token

_CODE = re.compile(r"[A-Za-z0-9]{1,32}")
_DAY = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.(20[0-9]{2})")


def fetch(
    config: FeedConfig,
    *,
    etag: str = "",
    last_modified: str = "",
    total_seconds: float,
    connect_seconds: float,
) -> FeedReading:
    """Ask the feed once for its list. Never raises; never sleeps.

    Args:
        etag, last_modified: as the last reading brought them; the feed may then answer "not modified".
        total_seconds: the request in all.
        connect_seconds: of these, the most for reaching the server.
    """
    return read_feed(
        config,
        read_list,
        etag=etag,
        last_modified=last_modified,
        total_seconds=total_seconds,
        connect_seconds=connect_seconds,
    )


def read_list(body: bytes) -> Listing:
    """Read a body. An empty list is a list; anything but a list of codes is a problem, told in words."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return Listing(problem="The answer is not JSON, but perhaps a proxy's page.")
    if not isinstance(answer, dict):
        return Listing(problem="The answer is JSON of another shape than a feed's.")
    if words := answer.get("error") or answer.get("detail"):
        return Listing(problem="The feed sent an error and no list. It is asked again.", words=str(words))
    if not isinstance(answer.get("codes"), list):
        return Listing(problem="The answer has no list of codes: the address may be that of another service.")
    return _listing(answer["codes"])


def _listing(lines: Iterable[Any]) -> Listing:
    """In the list's order; a code that comes again, in any case, keeps its first spelling and last day."""
    found: dict[str, PublishedCode] = {}
    skipped: list[str] = []
    for line in lines:
        published = _published(line)
        if isinstance(published, str):
            skipped.append(published)
            continue
        first = found.setdefault(published.code.lower(), published)
        latest = max((day for day in (first.published_on, published.published_on) if day), default=None)
        found[published.code.lower()] = PublishedCode(first.code, latest)
    return Listing(codes=tuple(found.values()), skipped=tuple(skipped))


def _published(line: object) -> PublishedCode | str:
    """A line's code and day, or why it is skipped.

    A bare code can be redeemed; beside a broken day the code may well be broken, too.
    """
    if not isinstance(line, str):
        return f"not a text but a {type(line).__name__}"
    words = clean_token(line).split()
    if not 1 <= len(words) <= 2:
        return f"not a code and a day: {line}"
    if not _CODE.fullmatch(words[0]):
        return f"not 1 to 32 letters and digits: {line}"
    if len(words) == 1:
        return PublishedCode(words[0], None)
    day = _day(words[1])
    return PublishedCode(words[0], day) if day else f"not a day like 31.12.2026: {line}"


def _day(text: str) -> date | None:
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    day, month, year = map(int, match.groups())
    try:
        return date(year, month, day)
    except ValueError:
        return None
