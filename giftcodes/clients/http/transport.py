"""Make one HTTP exchange within a budget of time and bytes. It is never repeated."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import urlencode, urlsplit

import requests
from urllib3 import BaseHTTPResponse, Timeout

from giftcodes import __version__
from giftcodes.clients.http.connections import bounded_pools
from giftcodes.clients.http.destinations import ForbiddenAddressError, PrivateHosts
from giftcodes.clients.http.exchange_budget import CURRENT, AnswerTooLongError, Budget

USER_AGENT = f"Redeemer/{__version__}"

_CHUNK_BYTES = 4096


class Truncation(StrEnum):
    """Why a body is incomplete."""

    NONE = ""
    TOO_SLOW = "The answer did not end in time."
    TOO_LONG = "The answer is longer than any answer should be."
    BROKEN_OFF = "The answer broke off, or could not be decompressed."


@dataclass(frozen=True, slots=True)
class Response:
    """An answer whose headers have arrived.

    `headers` ignores the case of names. `body` is decompressed; `truncation` says whether it is
    complete.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncation: Truncation


class ExchangeError(Exception):
    """There is no answer. The error's text may be long and contain secrets: redact it, then cut."""


class NotSentError(ExchangeError):
    """Nothing was sent.

    The address was bad, the DNS lookup or TLS handshake failed, the connection was refused, or it
    was not made in time.
    """


class ForbiddenHostError(NotSentError):
    """Nothing was sent: the host is at a private address that is not allowed."""


class NoAnswerError(ExchangeError):
    """There is no answer, but at least part of the request was sent. Its effect is unknown."""


class Transport:
    """Makes exchanges within a budget. Threads may share it.

    Connections are reused for some seconds.

    Args:
        total_seconds: the limit for one exchange: DNS, connect, TLS, sending, headers and body.
        connect_seconds: the part of `total_seconds` that DNS, connect and TLS may take together.
        max_bytes: the longest body, after decompression.
        verify: True, or a file with the certificates to trust, which only tests use.
        private_hosts: the private hosts that may be connected to. If None, every host is allowed,
            so set this wherever a person can type the address.
    """

    def __init__(
        self,
        *,
        total_seconds: float,
        connect_seconds: float,
        max_bytes: int,
        verify: bool | str = True,
        private_hosts: PrivateHosts | None = None,
    ) -> None:
        self._total_seconds = total_seconds
        self._connect_seconds = connect_seconds
        self._max_bytes = max_bytes
        self._private_hosts = private_hosts
        self._pools = bounded_pools(verify)

    def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Response:
        """Send one request, once. A redirect is not followed but returned as the answer.

        Args:
            headers: sent in addition to `User-Agent` and `Accept-Encoding: identity`, or in their
                place if they have the same name.
            form: fields for an `application/x-www-form-urlencoded` body.
            body: sent instead of `form`. Its content type must be in `headers`.

        Raises:
            ForbiddenHostError: nothing was sent, because the host is not allowed.
            NotSentError: nothing was sent.
            NoAnswerError: the request may have arrived.
        """
        with self._budget() as budget:
            try:
                return self._exchange(method, url, headers, form, body)
            except Exception as error:  # noqa: BLE001 (urllib3 raises many kinds)
                # `from None`, because the chained traceback could contain the feed key.
                if not budget.sent and _is_forbidden(error):
                    raise ForbiddenHostError(root_cause(error)) from None
                words = _unknown_name(error, url) or root_cause(error)
                raise (NoAnswerError if budget.sent else NotSentError)(words) from None

    def close(self) -> None:
        """Close the idle connections."""
        self._pools.clear()

    @contextmanager
    def _budget(self) -> Iterator[Budget]:
        budget = Budget(
            total_seconds=self._total_seconds,
            connect_seconds=self._connect_seconds,
            max_bytes=self._max_bytes,
            private_hosts=self._private_hosts,
        )
        token = CURRENT.set(budget)
        try:
            yield budget
        finally:
            CURRENT.reset(token)

    def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
        body: bytes | None,
    ) -> Response:
        url, of_url = _prepared(method, url)
        always = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        if body is None and form is not None:
            body = urlencode(form).encode("ascii")
            always["Content-Type"] = "application/x-www-form-urlencoded"
        response = self._pools.urlopen(
            method,
            url,
            headers={**always, **headers, **of_url},
            body=body,
            timeout=Timeout(connect=self._connect_seconds, read=self._total_seconds),
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
        )
        content, truncation = self._read(response)
        return Response(response.status, response.headers, content, truncation)

    def _read(self, response: BaseHTTPResponse) -> tuple[bytes, Truncation]:
        body = bytearray()
        try:
            for chunk in response.stream(_CHUNK_BYTES, decode_content=True):
                body += chunk
                if len(body) > self._max_bytes:
                    return self._cut(response, body, Truncation.TOO_LONG)
        except Exception as error:  # noqa: BLE001 (the status counts even if the body is cut)
            return self._cut(response, body, _truncation_of(error))
        return bytes(body), Truncation.NONE

    def _cut(
        self, response: BaseHTTPResponse, body: bytearray, truncation: Truncation
    ) -> tuple[bytes, Truncation]:
        # The rest of the answer may still arrive, so the connection must not be reused.
        response.close()
        return bytes(body[: self._max_bytes]), truncation


@lru_cache(maxsize=64)
def _prepared(method: str, url: str) -> tuple[str, dict[str, str]]:
    """Check and quote a URL. The result is cached: this takes as long as all else in an exchange.

    Returns:
        The URL, and the headers that it needs: `Authorization`, if it names a user.

    Raises:
        requests.RequestException: the URL cannot be used.
    """
    request = requests.Request(method, url).prepare()
    of_url = {name: value for name, value in request.headers.items() if name == "Authorization"}
    return str(request.url), of_url


def root_cause(error: BaseException) -> str:
    """Return the class and text of the innermost error. Outer ones contain URLs and say less."""
    for _ in range(10):
        inner = error.__cause__ or error.__context__
        if inner is None:
            break
        error = inner
    return f"{type(error).__name__}: {error}"


def _unknown_name(error: BaseException, url: str) -> str:
    """Words for a host whose name cannot be found. Empty for any other error."""
    if not any(isinstance(seen, socket.gaierror) for seen in _causes(error)):
        return ""
    return f"the name {urlsplit(url).hostname} cannot be found"


def _truncation_of(error: BaseException) -> Truncation:
    for seen in _causes(error):
        if isinstance(seen, TimeoutError):
            return Truncation.TOO_SLOW
        if isinstance(seen, AnswerTooLongError):
            return Truncation.TOO_LONG
    return Truncation.BROKEN_OFF


def _is_forbidden(error: BaseException) -> bool:
    return any(isinstance(seen, ForbiddenAddressError) for seen in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
