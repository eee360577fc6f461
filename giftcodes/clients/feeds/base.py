"""Make one request to a feed.

This module does the HTTP; the module of each feed format reads the body.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from giftcodes.clients.feeds.options import SourceOptions
from giftcodes.clients.http import NoAnswerError, NotSentError, Response, Transport, Truncation
from giftcodes.clients.http.destinations import PrivateHosts
from giftcodes.clients.http.headers import is_sendable_key, retry_after_seconds, sendable
from giftcodes.clients.http.redactor import Redactor, secrets_in
from giftcodes.domain.text import one_line

#: How a sentence names the page on which administrators connect a game.
ON_THE_PAGE = "under “Connect a game”"

MAX_BYTES = 2 * 1024 * 1024
MAX_SKIPPED_KEPT = 20
SKIPPED_LENGTH = 100
ETAG_LENGTH = 200
LAST_MODIFIED_LENGTH = 100
ERROR_LENGTH = 400
#: More codes than this in one answer are a mistake, or an attack: each becomes a row in each guild.
MAX_CODES = 2_000
#: At most so many spellings of a code are taken from one answer. Each that the game does not know
#: costs two requests.
MAX_SPELLINGS = 4
#: A well-formed code.
CODE = re.compile(r"[A-Za-z0-9]{1,32}")


class FeedConfig(Protocol):
    """The part of a provider's configuration that a feed needs (`ProviderConfig` has it)."""

    @property
    def name(self) -> str: ...
    @property
    def feed_url(self) -> str: ...
    @property
    def feed_key(self) -> str: ...
    @property
    def feed_format(self) -> str: ...
    @property
    def from_browser(self) -> frozenset[str]: ...
    @property
    def feed_hosts(self) -> PrivateHosts | None: ...
    @property
    def feed_place(self) -> str: ...
    @property
    def feed_options(self) -> SourceOptions | None: ...


class FeedStatus(StrEnum):
    """The status of a reading."""

    OK = "ok"
    NOT_MODIFIED = "not_modified"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PublishedCode:
    """A published code. `expires_at` is in UTC.

    `other_spellings` contains spellings that differ from `code` only in upper and lower case, fewer
    than `MAX_SPELLINGS`.
    """

    code: str
    published_on: date | None
    expires_at: datetime | None = None
    other_spellings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """The content of a feed's answer.

    Args:
        codes: the published codes.
        skipped: why each skipped line was skipped.
        problem: why there is no list, in our words. Empty if there is a list.
        words: the feed's own words for the problem.
        notes: the dates that could not be read. Their codes were kept without the dates.

    `skipped`, `words` and `notes` quote the feed. They are redacted later, before they are cut.
    """

    codes: tuple[PublishedCode, ...] = ()
    skipped: tuple[str, ...] = ()
    problem: str = ""
    words: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedReading:
    """The result of one request to a feed.

    Its texts contain no secret, and PostgreSQL can store them.

    Args:
        status: OK if the feed sent a list, NOT_MODIFIED if the last list still holds, else FAILED.
        codes: the published codes. No two differ only in case.
        skipped: why the first skipped lines were skipped.
        skipped_count: how many lines were skipped.
        error: what is wrong and what to do, for an operator.
        etag, last_modified: the values for the next request. They are from the feed's answer if it
            has a list, otherwise from this request.
        retry_after_seconds: the wait that the feed asks for, at most a day.
        notes: the dates that could not be read. Their codes were kept without the dates.
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
    """Return the JSON object in a body, or a listing that contains the problem."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return Listing(problem="The answer is not JSON. It may be a proxy's page.")
    if not isinstance(answer, dict):
        return Listing(problem="The answer is JSON, but not in the form of a feed.")
    return answer


def unique(found: Iterable[PublishedCode]) -> tuple[PublishedCode, ...]:
    """Return each code once, in the order of the list.

    For a repeated code, the first spelling is used, with the latest day and the latest end. A few
    of its other spellings are kept too, so the time grows no faster than the list.
    """
    codes: dict[str, PublishedCode] = {}
    for one in found:
        first = codes.setdefault(one.code.lower(), one)
        day = max((day for day in (first.published_on, one.published_on) if day), default=None)
        end = max((end for end in (first.expires_at, one.expires_at) if end), default=None)
        others = first.other_spellings
        if len(others) + 1 < MAX_SPELLINGS and one.code not in (first.code, *others):
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
    """Request the list once, and read the answer with `read`. Never raises and never sleeps."""
    # The service may repeat the address in an error, and the address may contain its own key.
    hide = Redactor(config.feed_key, *secrets_in(config.feed_url))
    before = FeedReading(
        FeedStatus.FAILED,
        etag=sendable(etag, ETAG_LENGTH),
        last_modified=sendable(last_modified, LAST_MODIFIED_LENGTH),
    )
    transport = Transport(
        total_seconds=total_seconds,
        connect_seconds=connect_seconds,
        max_bytes=MAX_BYTES,
        private_hosts=config.feed_hosts,
    )
    try:
        reading = _request(config, read, transport, before, hide)
    except Exception as error:  # noqa: BLE001 (one bad feed must not stop the others)
        what = hide(f"{type(error).__name__}: {error}")
        reading = replace(
            before, error=f"The feed's answer could not be read ({what}). It will be polled again."
        )
    finally:
        transport.close()
    return replace(
        reading,
        error=one_line(reading.error, ERROR_LENGTH),
        skipped=tuple(one_line(hide(reason), SKIPPED_LENGTH) for reason in reading.skipped),
        notes=tuple(one_line(hide(note), SKIPPED_LENGTH) for note in reading.notes),
    )


def _request(
    config: FeedConfig,
    read: Callable[[bytes], Listing],
    transport: Transport,
    before: FeedReading,
    hide: Redactor,
) -> FeedReading:
    if not is_sendable_key(config.feed_key):
        complaint = "The feed's key has characters that no header can carry."
        return replace(before, error=f"{complaint} {_check(config, 'FEED_KEY')}")
    try:
        response = transport.exchange("GET", config.feed_url, headers=_headers(config, before))
    except NotSentError as error:
        complaint = f"The feed could not be reached ({hide(str(error))})."
        return replace(
            before, error=f"{complaint} {_check(config, 'FEED_URL')} The feed will be polled again."
        )
    except NoAnswerError as error:
        return replace(
            before, error=f"The feed did not answer ({hide(str(error))}). It will be polled again."
        )
    if response.status == 304 and (before.etag or before.last_modified):
        return replace(before, status=FeedStatus.NOT_MODIFIED)
    listing = read(response.body)
    if problem := _problem(config, response) or listing.problem or _too_many(listing):
        words = f" The feed says: {hide(listing.words)}" if listing.words else ""
        return replace(
            before,
            error=f"{problem}{words}",
            retry_after_seconds=retry_after_seconds(response.headers),
        )
    return _reading(response, listing)


def _headers(config: FeedConfig, reading: FeedReading) -> dict[str, str]:
    headers = {
        "Accept": "application/json",
        "X-API-Key": config.feed_key,
        "If-None-Match": reading.etag,
        "If-Modified-Since": reading.last_modified,
    }
    return {name: value for name, value in headers.items() if value}


def _reading(response: Response, listing: Listing) -> FeedReading:
    return FeedReading(
        FeedStatus.OK,
        codes=listing.codes,
        skipped=listing.skipped[:MAX_SKIPPED_KEPT],
        skipped_count=len(listing.skipped),
        notes=listing.notes[:MAX_SKIPPED_KEPT],
        etag=sendable(response.headers.get("ETag", ""), ETAG_LENGTH),
        last_modified=sendable(response.headers.get("Last-Modified", ""), LAST_MODIFIED_LENGTH),
        retry_after_seconds=retry_after_seconds(response.headers),
    )


def _problem(config: FeedConfig, response: Response) -> str:
    """Return the problem that the HTTP status or a cut body shows. Empty if there is none."""
    status = response.status
    if status in (401, 403):
        return f"The feed refused our key (HTTP {status}). {_check(config, 'FEED_KEY')}"
    if status == 429:
        return "The feed asks for fewer requests (HTTP 429). It will be polled again later."
    if status >= 500:
        return f"The feed's server failed (HTTP {status}). It will be polled again."
    if 300 <= status < 400:
        words = f"The feed answers with a redirect (HTTP {status}), which is not followed."
        return f"{words} {_check(config, 'FEED_URL')}"
    if status != 200:
        return f"The feed does not know this address (HTTP {status}). {_check(config, 'FEED_URL')}"
    return (
        ""
        if response.truncation is Truncation.NONE
        else f"{response.truncation.value} The feed will be polled again."
    )


def _too_many(listing: Listing) -> str:
    if len(listing.codes) <= MAX_CODES:
        return ""
    return f"The feed lists more than {MAX_CODES} codes. Check its address; none of them is used."


def _check(config: FeedConfig, setting: str) -> str:
    """Where to check a value: where it was entered, or where the feed's address was entered."""
    is_unset = setting == "FEED_KEY" and not config.feed_key
    if setting.lower() in config.from_browser or (is_unset and "feed_url" in config.from_browser):
        return f"Check the {_FIELDS[setting]} of the feed {config.feed_place or ON_THE_PAGE}."
    return f"Check {config.name.upper()}_{setting} in the settings."


_FIELDS = {"FEED_URL": "address", "FEED_KEY": "key"}
