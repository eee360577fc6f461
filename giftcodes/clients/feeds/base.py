"""One reading of a feed and what became of it. The base owns HTTP; a feed's file reads the list."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from giftcodes.clients.http import NoAnswerError, NotSentError, Response, Transport, Truncation
from giftcodes.clients.http.headers import retry_after_seconds, sendable
from giftcodes.clients.http.redactor import Redactor
from giftcodes.domain.text import one_line

MAX_BYTES = 2 * 1024 * 1024
MAX_SKIPPED_KEPT = 20
SKIPPED_LENGTH = 100
ETAG_LENGTH = 200
LAST_MODIFIED_LENGTH = 100
ERROR_LENGTH = 400
#: A well-formed code.
CODE = re.compile(r"[A-Za-z0-9]{1,32}")


class FeedConfig(Protocol):
    """What a feed needs to know of a provider; `giftcodes.clients.games.ProviderConfig` is one."""

    @property
    def name(self) -> str: ...
    @property
    def feed_url(self) -> str: ...
    @property
    def feed_key(self) -> str: ...
    @property
    def feed_format(self) -> str: ...


class FeedStatus(StrEnum):
    """How a reading went."""

    OK = "ok"
    NOT_MODIFIED = "not_modified"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PublishedCode:
    """A code as it was published; where the feed names them, the day, the end (an aware moment in UTC), and the same
    code in other capitals."""

    code: str
    published_on: date | None
    expires_at: datetime | None = None
    other_spellings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """A body, read: codes, or `problem`, our words for why there are none.

    `notes` says what was dropped of codes that were kept. `skipped`, `notes` and `words`, the feed's own for the
    problem, are as it sent them: secrets are taken out before a text is cut, and never out of our own words.
    """

    codes: tuple[PublishedCode, ...] = ()
    skipped: tuple[str, ...] = ()
    problem: str = ""
    words: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedReading:
    """What one request to a feed brought. Texts hold no secret, and nothing that PostgreSQL cannot store.

    `codes` are unique without regard to case. `skipped` says why the first lines were left out,
    `skipped_count` how many were; `notes` says what was dropped of codes that were kept. `error` tells an
    operator what is wrong and what to do. `etag` and `last_modified` are to be handed in next time: those that
    were given, unless the feed sent a list.
    """

    status: FeedStatus
    codes: tuple[PublishedCode, ...] = ()
    skipped: tuple[str, ...] = ()
    skipped_count: int = 0
    error: str = ""
    etag: str = ""
    last_modified: str = ""
    retry_after_seconds: float | None = None
    notes: tuple[str, ...] = ()


def json_object(body: bytes) -> dict[str, Any] | Listing:
    """The JSON object that a body is, or a listing that says why it is none."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return Listing(problem="The answer is not JSON, but perhaps a proxy's page.")
    if not isinstance(answer, dict):
        return Listing(problem="The answer is JSON of another shape than a feed's.")
    return answer


def unique(found: Iterable[PublishedCode]) -> tuple[PublishedCode, ...]:
    """In the list's order; a code that comes again keeps its first spelling, its last day and its last end. Other
    spellings, which differ in their capitals, are kept beside the first."""
    codes: dict[str, PublishedCode] = {}
    for one in found:
        first = codes.setdefault(one.code.lower(), one)
        day = max((day for day in (first.published_on, one.published_on) if day), default=None)
        end = max((end for end in (first.expires_at, one.expires_at) if end), default=None)
        others = first.other_spellings
        if one.code not in (first.code, *others):
            others = (*others, one.code)
        codes[one.code.lower()] = PublishedCode(first.code, day, end, others)
    return tuple(codes.values())


def read_feed(
    config: FeedConfig,
    read: Callable[[bytes], Listing],
    *,
    etag: str,
    last_modified: str,
    total_seconds: float,
    connect_seconds: float,
) -> FeedReading:
    """GET a list once and read it with `read`. Never raises; never sleeps; the poll is what repeats."""
    hide = Redactor(config.feed_key)
    before = FeedReading(
        FeedStatus.FAILED,
        etag=sendable(etag, ETAG_LENGTH),
        last_modified=sendable(last_modified, LAST_MODIFIED_LENGTH),
    )
    transport = Transport(
        total_seconds=total_seconds, connect_seconds=connect_seconds, max_bytes=MAX_BYTES
    )
    try:
        reading = _ask(config, read, transport, before, hide)
    except Exception as error:  # noqa: BLE001 (one bad source must not stop the rest)
        what = hide(f"{type(error).__name__}: {error}")
        reading = replace(
            before, error=f"The feed's answer could not be read ({what}). It is asked again."
        )
    finally:
        transport.close()
    return replace(
        reading,
        error=one_line(reading.error, ERROR_LENGTH),
        skipped=tuple(one_line(hide(reason), SKIPPED_LENGTH) for reason in reading.skipped),
        notes=tuple(one_line(hide(note), SKIPPED_LENGTH) for note in reading.notes),
    )


def _ask(
    config: FeedConfig,
    read: Callable[[bytes], Listing],
    transport: Transport,
    before: FeedReading,
    hide: Redactor,
) -> FeedReading:
    if not _key_is_sendable(config.feed_key):
        complaint = "The feed's key has characters that no header can carry."
        return replace(before, error=f"{complaint} {_check(config, 'FEED_KEY')}")
    try:
        reply = transport.exchange("GET", config.feed_url, headers=_headers(config, before))
    except NotSentError as error:
        complaint = f"The feed could not be reached ({hide(str(error))})."
        return replace(before, error=f"{complaint} {_check(config, 'FEED_URL')} It is asked again.")
    except NoAnswerError as error:
        return replace(
            before, error=f"The feed did not answer ({hide(str(error))}). It is asked again."
        )
    if reply.status == 304 and (before.etag or before.last_modified):
        return replace(before, status=FeedStatus.NOT_MODIFIED)
    listing = read(reply.body)
    if problem := _problem(config, reply) or listing.problem:
        words = f" The feed says: {hide(listing.words)}" if listing.words else ""
        return replace(
            before,
            error=f"{problem}{words}",
            retry_after_seconds=retry_after_seconds(reply.headers),
        )
    return _reading(reply, listing)


def _key_is_sendable(key: str) -> bool:
    return key.isascii() and key.isprintable() and key == key.strip()


def _headers(config: FeedConfig, reading: FeedReading) -> dict[str, str]:
    headers = {
        "Accept": "application/json",
        "X-API-Key": config.feed_key,
        "If-None-Match": reading.etag,
        "If-Modified-Since": reading.last_modified,
    }
    return {name: value for name, value in headers.items() if value}


def _reading(reply: Response, listing: Listing) -> FeedReading:
    return FeedReading(
        FeedStatus.OK,
        codes=listing.codes,
        skipped=listing.skipped[:MAX_SKIPPED_KEPT],
        skipped_count=len(listing.skipped),
        notes=listing.notes[:MAX_SKIPPED_KEPT],
        etag=sendable(reply.headers.get("ETag", ""), ETAG_LENGTH),
        last_modified=sendable(reply.headers.get("Last-Modified", ""), LAST_MODIFIED_LENGTH),
        retry_after_seconds=retry_after_seconds(reply.headers),
    )


def _problem(config: FeedConfig, reply: Response) -> str:
    """Why an answer is not a list, judged by HTTP alone, or an empty text."""
    status = reply.status
    if status in (401, 403):
        return f"The feed refused our key (HTTP {status}). {_check(config, 'FEED_KEY')}"
    if status == 429:
        return "The feed asks for fewer requests (HTTP 429). It is asked again later."
    if status >= 500:
        return f"The feed's server failed (HTTP {status}). It is asked again."
    if 300 <= status < 400:
        return f"The feed redirects (HTTP {status}), which is not followed. {_check(config, 'FEED_URL')}"
    if status != 200:
        return f"The feed does not know this address (HTTP {status}). {_check(config, 'FEED_URL')}"
    return "" if reply.cut is Truncation.NOT_CUT else f"{reply.cut.value} It is asked again."


def _check(config: FeedConfig, setting: str) -> str:
    return f"Check {config.name.upper()}_{setting} in the settings."
