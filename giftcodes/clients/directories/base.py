"""One question to a directory of players, and its answer. The base owns HTTP; a directory's file reads the body."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from giftcodes.clients.http import ExchangeError, Response, Transport, Truncation
from giftcodes.clients.http.headers import retry_after_seconds
from giftcodes.clients.http.redactor import Redactor
from giftcodes.domain.text import one_line

MAX_BYTES = 256 * 1024
ERROR_LENGTH = 400
#: In a configured address: where the player ID goes.
PLACE_OF_ID = "{id}"


class DirectoryConfig(Protocol):
    """What a directory needs to know of a game; `giftcodes.clients.games.ProviderConfig` is one."""

    @property
    def name(self) -> str: ...
    @property
    def directory_url(self) -> str: ...
    @property
    def directory_key(self) -> str: ...


class Verdict(StrEnum):
    """How a question went."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    UNREADABLE = "unreadable"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    KEY_REFUSED = "key_refused"


@dataclass(frozen=True, slots=True)
class DirectoryAnswer:
    """What one question brought. Texts hold no secret, and nothing that PostgreSQL cannot store.

    `name` and `realm` are there only with `Verdict.FOUND`. Where there is none, `error` tells an operator what is
    wrong and what to do. `retry_after_seconds` is what the directory asked for, at most a day.
    """

    verdict: Verdict
    name: str = ""
    realm: int | None = None
    error: str = ""
    retry_after_seconds: float | None = None


def ask(
    config: DirectoryConfig,
    player_id: str,
    read: Callable[[object, str], DirectoryAnswer],
    *,
    key_header: str,
    total_seconds: float,
    connect_seconds: float,
) -> DirectoryAnswer:
    """GET one player once. Never raises; never sleeps; never repeats.

    Args:
        player_id: decimal digits.
        read: from the body's JSON value and the player ID to the answer.
        key_header: the header that carries the key.
        total_seconds: the request in all.
        connect_seconds: of these, the most for reaching the server.
    """
    hide = Redactor(config.directory_key)
    transport = Transport(
        total_seconds=total_seconds, connect_seconds=connect_seconds, max_bytes=MAX_BYTES
    )
    try:
        answer = _ask(config, player_id, read, transport, key_header)
    except Exception as error:  # noqa: BLE001 (a bad answer must not stop the task)
        answer = _unreadable(
            f"The directory's answer could not be read ({type(error).__name__}: {error})."
        )
    finally:
        transport.close()
    return replace(answer, name=hide(answer.name), error=one_line(hide(answer.error), ERROR_LENGTH))


def _ask(
    config: DirectoryConfig,
    player_id: str,
    read: Callable[[object, str], DirectoryAnswer],
    transport: Transport,
    key_header: str,
) -> DirectoryAnswer:
    if not (player_id.isascii() and player_id.isdecimal()):
        return _unreadable("The player ID is not digits only, and is not asked for.")
    key = config.directory_key
    if not (key.isascii() and key.isprintable() and key == key.strip()):
        complaint = "The directory's key has characters that no header can carry."
        return DirectoryAnswer(
            Verdict.KEY_REFUSED, error=f"{complaint} {_check(config, 'DIRECTORY_KEY')}"
        )
    url = config.directory_url.replace(PLACE_OF_ID, player_id)
    try:
        reply = transport.exchange(
            "GET", url, headers={"Accept": "application/json", key_header: key}
        )
    except ExchangeError as error:
        return DirectoryAnswer(
            Verdict.UNREACHABLE, error=f"The directory could not be reached ({error})."
        )
    answer = _judge(config, reply)
    if answer is None:
        # Before anything is cut out of the text: half a secret is not found.
        body = Redactor(key)(reply.body.decode("utf-8", "replace"))
        return _read(config, reply.status, body, player_id, read)
    return replace(answer, retry_after_seconds=retry_after_seconds(reply.headers))


def _judge(config: DirectoryConfig, reply: Response) -> DirectoryAnswer | None:
    """An answer that HTTP alone decides; None: the body is to be read."""
    status = reply.status
    if status in (401, 403):
        words = f"The directory refused our key (HTTP {status}). {_check(config, 'DIRECTORY_KEY')}"
        return DirectoryAnswer(Verdict.KEY_REFUSED, error=words)
    if status == 429:
        return DirectoryAnswer(
            Verdict.THROTTLED, error="The directory asks for fewer requests (HTTP 429)."
        )
    if status >= 500:
        return DirectoryAnswer(
            Verdict.UNREACHABLE, error=f"The directory's server failed (HTTP {status})."
        )
    if status not in (200, 404):
        words = f"The directory does not answer at this address (HTTP {status}). {_check(config, 'DIRECTORY_URL')}"
        return _unreadable(words)
    return _unreadable(reply.cut.value) if reply.cut is not Truncation.NOT_CUT else None


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
        # Only a JSON object is the service's own word. A web server without such an address sends a page.
        if isinstance(value, dict):
            return DirectoryAnswer(
                Verdict.NOT_FOUND, error="The directory does not know the player."
            )
        return _unreadable(
            f"The directory does not answer at this address. {_check(config, 'DIRECTORY_URL')}"
        )
    return read(value, player_id)


def _unreadable(words: str) -> DirectoryAnswer:
    return DirectoryAnswer(Verdict.UNREADABLE, error=words)


def _check(config: DirectoryConfig, setting: str) -> str:
    return f"Check {config.name.upper()}_{setting} in the settings."
