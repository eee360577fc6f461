"""Make one request to a directory of players.

This module does the HTTP; the module of each directory reads the body.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from giftcodes.clients.http import ExchangeError, Response, Transport
from giftcodes.clients.http.headers import is_sendable_key, retry_after_seconds
from giftcodes.clients.http.redactor import Redactor, secrets_in
from giftcodes.clients.http.truncated import why_cut
from giftcodes.domain.sentences import Sentence
from giftcodes.domain.text import one_line

MAX_BYTES = 256 * 1024
#: The most characters of a directory's text that a sentence quotes.
ERROR_LENGTH = 300
#: Stands for the player ID in a configured URL.
ID_PLACEHOLDER = "{id}"


class DirectoryConfig(Protocol):
    """The part of a provider's configuration that a directory needs (`ProviderConfig` has it)."""

    @property
    def name(self) -> str: ...
    @property
    def directory_url(self) -> str: ...
    @property
    def directory_key(self) -> str: ...


class LookupStatus(StrEnum):
    """The status of a lookup."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    UNREADABLE = "unreadable"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    KEY_REFUSED = "key_refused"


@dataclass(frozen=True, slots=True)
class DirectoryAnswer:
    """The result of one lookup. Its texts contain no secret, and PostgreSQL can store them.

    Args:
        status: FOUND, or why the player was not found.
        name, realm: set only if the status is FOUND.
        error: what is wrong and what to do, for an operator. None if the status is FOUND.
        retry_after_seconds: the wait that the directory asks for, at most a day.
    """

    status: LookupStatus
    name: str = ""
    realm: int | None = None
    error: Sentence | None = None
    retry_after_seconds: float | None = None


def request_player(
    config: DirectoryConfig,
    player_id: str,
    read: Callable[[object, str], DirectoryAnswer],
    *,
    key_header: str,
    total_seconds: float,
    connect_seconds: float,
) -> DirectoryAnswer:
    """Request one player, once. Never raises and never sleeps.

    Args:
        player_id: decimal digits.
        read: a function that takes the body's JSON value and the player ID, and returns the answer.
        key_header: the header that carries the key.
        total_seconds: the limit for the request.
        connect_seconds: the part of `total_seconds` that connecting may take.
    """
    hide = Redactor(config.directory_key, *secrets_in(config.directory_url))
    transport = Transport(
        total_seconds=total_seconds, connect_seconds=connect_seconds, max_bytes=MAX_BYTES
    )
    try:
        answer = _request(config, player_id, read, transport, key_header)
    except Exception as error:  # noqa: BLE001 (a bad answer must not fail the task)
        what = f"{type(error).__name__}: {error}"
        answer = unreadable(Sentence.of("directory_unreadable", error=what))
    finally:
        transport.close()
    words = answer.error
    shown = words and words.with_values(lambda value: one_line(hide(value), ERROR_LENGTH))
    return replace(answer, name=hide(answer.name), error=shown)


def _request(
    config: DirectoryConfig,
    player_id: str,
    read: Callable[[object, str], DirectoryAnswer],
    transport: Transport,
    key_header: str,
) -> DirectoryAnswer:
    if not (player_id.isascii() and player_id.isdecimal()):
        return unreadable(Sentence.of("directory_id_not_digits"))
    key = config.directory_key
    if not is_sendable_key(key):
        words = Sentence.of("directory_key_not_sendable", check=_check(config, "DIRECTORY_KEY"))
        return DirectoryAnswer(LookupStatus.KEY_REFUSED, error=words)
    url = config.directory_url.replace(ID_PLACEHOLDER, player_id)
    try:
        response = transport.exchange(
            "GET", url, headers={"Accept": "application/json", key_header: key}
        )
    except ExchangeError as error:
        words = Sentence.of("directory_unreached", error=str(error))
        return DirectoryAnswer(LookupStatus.UNREACHABLE, error=words)
    answer = _answer_by_status(config, response)
    if answer is None:
        # Redact the text before it is cut: a cut secret is not recognised.
        hide = Redactor(key, *secrets_in(config.directory_url))
        body = hide(response.body.decode("utf-8", "replace"))
        return _read(config, response.status, body, player_id, read)
    return replace(answer, retry_after_seconds=retry_after_seconds(response.headers))


def _answer_by_status(config: DirectoryConfig, response: Response) -> DirectoryAnswer | None:
    """Return the answer if the HTTP status or a cut body decides it.

    None means that the body must be read.
    """
    status = response.status
    if status in (401, 403):
        check = _check(config, "DIRECTORY_KEY")
        words = Sentence.of("directory_refused_key", status=status, check=check)
        return DirectoryAnswer(LookupStatus.KEY_REFUSED, error=words)
    if status == 429:
        return DirectoryAnswer(LookupStatus.THROTTLED, error=Sentence.of("directory_too_often"))
    if status >= 500:
        words = Sentence.of("directory_failed", status=status)
        return DirectoryAnswer(LookupStatus.UNREACHABLE, error=words)
    if status not in (200, 404):
        return _wrong_address(config, "directory_not_at_address", status)
    why = why_cut(response)
    return unreadable(why) if why else None


def _read(
    config: DirectoryConfig,
    status: int,
    body: str,
    player_id: str,
    read: Callable[[object, str], DirectoryAnswer],
) -> DirectoryAnswer:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return _wrong_address(config, "directory_not_json", status)
    if status == 404:
        # Only a JSON object is the service's own answer. A web server that does not have this
        # address sends an HTML page.
        if isinstance(value, dict):
            words = Sentence.of("directory_unknown_player")
            return DirectoryAnswer(LookupStatus.NOT_FOUND, error=words)
        return _wrong_address(config, "directory_not_at_address", status)
    return read(value, player_id)


def unreadable(words: Sentence) -> DirectoryAnswer:
    """An answer that cannot be used, and why."""
    return DirectoryAnswer(LookupStatus.UNREADABLE, error=words)


def _wrong_address(config: DirectoryConfig, key: str, status: int) -> DirectoryAnswer:
    check = _check(config, "DIRECTORY_URL")
    return unreadable(Sentence.of(key, status=status, check=check))


def _check(config: DirectoryConfig, setting: str) -> Sentence:
    return Sentence.of("check_setting", setting=f"{config.name.upper()}_{setting}")
