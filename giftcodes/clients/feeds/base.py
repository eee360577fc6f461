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
from giftcodes.clients.http import (
    ForbiddenHostError,
    NoAnswerError,
    NotSentError,
    Response,
    Transport,
)
from giftcodes.clients.http.destinations import PrivateHosts
from giftcodes.clients.http.headers import is_sendable_key, retry_after_seconds, sendable
from giftcodes.clients.http.redactor import Redactor, secrets_in
from giftcodes.clients.http.truncated import why_cut
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.text import one_line

MAX_BYTES = 2 * 1024 * 1024
MAX_SKIPPED_KEPT = 20
#: The most characters of a feed's text that the reason for a skipped line, or a note, quotes.
QUOTED_LENGTH = 100
ETAG_LENGTH = 200
LAST_MODIFIED_LENGTH = 100
ERROR_LENGTH = 300
#: More codes than this in one answer are a mistake, or an attack: each becomes a row in each guild.
MAX_CODES = 2_000
#: At most so many spellings of a code are taken from one answer. Each spelling that the game does
#: not know costs two requests.
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
    def has_feed_page(self) -> bool: ...
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

    `other_spellings` contains fewer than `MAX_SPELLINGS` spellings. They differ from `code` only in
    upper and lower case.
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
        problem: why there is no list. None if there is a list.
        words: the feed's own words for the problem.
        notes: the dates that could not be read. Their codes were kept without the dates.

    The sentences and `words` quote the feed. They are redacted later, before they are cut.
    """

    codes: tuple[PublishedCode, ...] = ()
    skipped: tuple[Sentence, ...] = ()
    problem: Sentence | None = None
    words: str = ""
    notes: tuple[Sentence, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedReading:
    """The result of one request to a feed.

    Its texts contain no secret, and PostgreSQL can store them.

    Args:
        status: OK if the feed sent a list, NOT_MODIFIED if the last list still holds, else FAILED.
        codes: the published codes. No two differ only in case.
        skipped: why the first skipped lines were skipped.
        skipped_count: how many lines were skipped.
        error: what is wrong and what to do, for an operator. None if nothing is.
        etag, last_modified: the values for the next request. They are from the feed's answer if it
            has a list, otherwise from this request.
        retry_after_seconds: the wait that the feed asks for, at most a day.
        notes: the dates that could not be read. Their codes were kept without the dates.
    """

    status: FeedStatus
    codes: tuple[PublishedCode, ...] = ()
    skipped: tuple[Sentence, ...] = ()
    skipped_count: int = 0
    error: Sentence | None = None
    etag: str = ""
    last_modified: str = ""
    retry_after_seconds: float | None = None
    notes: tuple[Sentence, ...] = ()


def json_object(body: bytes) -> dict[str, Any] | Listing:
    """Return the JSON object in a body, or a listing that contains the problem."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return Listing(problem=Sentence.of("answer_not_json"))
    if not isinstance(answer, dict):
        return Listing(problem=Sentence.of("answer_other_json"))
    return answer


def unique(found: Iterable[PublishedCode]) -> tuple[PublishedCode, ...]:
    """Return each code once, in the order of the list.

    For a repeated code, the first spelling is used, with the latest day and the latest end. Only a
    few of its other spellings are kept, so that the time grows no faster than the list.
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
        reading = _request(config, read, transport, before)
    except Exception as error:  # noqa: BLE001 (one bad feed must not stop the others)
        what = f"{type(error).__name__}: {error}"
        reading = replace(before, error=Sentence.of("feed_unreadable", error=what))
    finally:
        transport.close()
    return replace(
        reading,
        error=reading.error and _quoting(reading.error, hide, ERROR_LENGTH),
        skipped=tuple(_quoting(reason, hide, QUOTED_LENGTH) for reason in reading.skipped),
        notes=tuple(_quoting(note, hide, QUOTED_LENGTH) for note in reading.notes),
    )


def _quoting(sentence: Sentence, hide: Redactor, most: int) -> Sentence:
    """A sentence whose values have no secret and at most `most` characters."""
    return sentence.with_values(lambda value: one_line(hide(value), most))


def _request(
    config: FeedConfig,
    read: Callable[[bytes], Listing],
    transport: Transport,
    before: FeedReading,
) -> FeedReading:
    if not is_sendable_key(config.feed_key):
        check = _check(config, "FEED_KEY")
        return replace(before, error=Sentence.of("feed_key_not_sendable", check=check))
    try:
        response = transport.exchange("GET", config.feed_url, headers=_headers(config, before))
    except ForbiddenHostError:
        words = Sentence.of("feed_at_private_host", setting="GAME_PRIVATE_HOSTS")
        return replace(before, error=words)
    except NotSentError as error:
        check = _check(config, "FEED_URL")
        words = Sentence.of("feed_unreached", error=str(error), check=check)
        return replace(before, error=words)
    except NoAnswerError as error:
        return replace(before, error=Sentence.of("feed_no_answer", error=str(error)))
    if response.status == 304 and (before.etag or before.last_modified):
        return replace(before, status=FeedStatus.NOT_MODIFIED)
    listing = read(response.body)
    if problem := _problem(config, response) or listing.problem or _too_many(listing):
        if listing.words:
            problem = Sentence.of("feed_says", problem=problem, said=listing.words)
        return replace(
            before,
            error=problem,
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


def _problem(config: FeedConfig, response: Response) -> Sentence | None:
    """Return the problem that the HTTP status or a cut body shows. None if there is none."""
    status = response.status
    if status in (401, 403):
        return Sentence.of("feed_refused_key", status=status, check=_check(config, "FEED_KEY"))
    if status == 429:
        return Sentence.of("feed_too_often")
    if status >= 500:
        return Sentence.of("feed_failed", status=status)
    if status != 200:
        key = "feed_redirects" if 300 <= status < 400 else "feed_not_at_address"
        return Sentence.of(key, status=status, check=_check(config, "FEED_URL"))
    why = why_cut(response)
    return Sentence.of("feed_answer_cut", why=why) if why else None


def _too_many(listing: Listing) -> Sentence | None:
    if len(listing.codes) <= MAX_CODES:
        return None
    return Sentence.of("too_many_codes", number=MAX_CODES)


def _check(config: FeedConfig, setting: str) -> Sentence:
    """The sentence that says where to check a value: at the place where it was entered.

    If there is no key, this is the place where the feed's address was entered.
    """
    is_unset = setting == "FEED_KEY" and not config.feed_key
    if setting.lower() in config.from_browser or (is_unset and "feed_url" in config.from_browser):
        what = "address" if setting == "FEED_URL" else "key"
        return Sentence.of(f"check_{what}_of_{'feed' if config.has_feed_page else 'game'}")
    return Sentence.of("check_setting", setting=f"{config.name.upper()}_{setting}")
