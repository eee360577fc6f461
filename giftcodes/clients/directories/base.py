"""Make one request to a directory of players.

This module does the HTTP; the module of each directory reads the body.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from giftcodes.clients.http import ExchangeError, Response, Transport, Truncation
from giftcodes.clients.http.headers import is_sendable_key, retry_after_seconds
from giftcodes.clients.http.redactor import Redactor, secrets_in
from giftcodes.domain.text import one_line

MAX_BYTES = 256 * 1024
ERROR_LENGTH = 400
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
        error: what is wrong and what to do, for an operator. Empty if the status is FOUND.
        retry_after_seconds: the wait that the directory asks for, at most a day.
    """

    status: LookupStatus
    name: str = ""
    realm: int | None = None
    error: str = ""
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
        answer = _unreadable(
            f"The directory's answer could not be read ({type(error).__name__}: {error})."
        )
    finally:
        transport.close()
    return replace(answer, name=hide(answer.name), error=one_line(hide(answer.error), ERROR_LENGTH))


def _request(
    config: DirectoryConfig,
    player_id: str,
    read: Callable[[object, str], DirectoryAnswer],
    transport: Transport,
    key_header: str,
) -> DirectoryAnswer:
    if not (player_id.isascii() and player_id.isdecimal()):
        return _unreadable(
            "The player ID has characters other than digits, so it is not looked up. Correct it."
        )
    key = config.directory_key
    if not is_sendable_key(key):
        complaint = "The directory's key has characters that no header can carry."
        return DirectoryAnswer(
            LookupStatus.KEY_REFUSED, error=f"{complaint} {_check(config, 'DIRECTORY_KEY')}"
        )
    url = config.directory_url.replace(ID_PLACEHOLDER, player_id)
    try:
        response = transport.exchange(
            "GET", url, headers={"Accept": "application/json", key_header: key}
        )
    except ExchangeError as error:
        return DirectoryAnswer(
            LookupStatus.UNREACHABLE, error=f"The directory could not be reached ({error})."
        )
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
        words = f"The directory refused our key (HTTP {status}). {_check(config, 'DIRECTORY_KEY')}"
        return DirectoryAnswer(LookupStatus.KEY_REFUSED, error=words)
    if status == 429:
        return DirectoryAnswer(
            LookupStatus.THROTTLED, error="The directory asks for fewer requests (HTTP 429)."
        )
    if status >= 500:
        return DirectoryAnswer(
            LookupStatus.UNREACHABLE, error=f"The directory's server failed (HTTP {status})."
        )
    if status not in (200, 404):
        words = f"The directory does not answer at this address (HTTP {status})."
        return _unreadable(f"{words} {_check(config, 'DIRECTORY_URL')}")
    return (
        _unreadable(response.truncation.value)
        if response.truncation is not Truncation.NONE
        else None
    )


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
        words = f"The answer is not JSON (HTTP {status}). {_check(config, 'DIRECTORY_URL')}"
        return _unreadable(words)
    if status == 404:
        # Only a JSON object is the service's own answer. A web server that does not have this
        # address sends an HTML page.
        if isinstance(value, dict):
            return DirectoryAnswer(
                LookupStatus.NOT_FOUND, error="The directory does not know the player."
            )
        return _unreadable(
            f"The directory does not answer at this address. {_check(config, 'DIRECTORY_URL')}"
        )
    return read(value, player_id)


def _unreadable(words: str) -> DirectoryAnswer:
    return DirectoryAnswer(LookupStatus.UNREADABLE, error=words)


def _check(config: DirectoryConfig, setting: str) -> str:
    return f"Check {config.name.upper()}_{setting} in the settings."
