"""One exchange: a request out, an answer in, within a budget of time and bytes, and never a repeat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import requests

from giftcodes import __version__
from giftcodes.clients.http.budget import CURRENT, AnswerTooLongError, Budget
from giftcodes.clients.http.connections import BoundedAdapter

USER_AGENT = f"Redeemer/{__version__}"

_CHUNK_BYTES = 4096


class Truncation(StrEnum):
    """Why a body is not the whole body."""

    NOT_CUT = ""
    TOO_SLOW = "The answer did not end in time."
    TOO_LONG = "The answer is longer than any answer should be."
    BROKEN_OFF = "The answer broke off, or could not be decompressed."


@dataclass(frozen=True, slots=True)
class Response:
    """An answer whose headers arrived. `headers` are looked up without case; `body` is decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: Truncation


class ExchangeError(Exception):
    """There is no answer. The text may be long and hold secrets of the request: redact it, then cut it."""


class NotSentError(ExchangeError):
    """Provably nothing of the request arrived: bad address, DNS, refused, TLS, or no connection in time."""


class NoAnswerError(ExchangeError):
    """The request was sent, in part at least, and what came of it is not known."""


class Transport:
    """Makes exchanges within a budget. Threads may share one; connections are reused for a few seconds.

    Args:
        total_seconds: one exchange, in all: DNS, connect, TLS, sending, headers and body.
        connect_seconds: of these, the most for DNS, connect and TLS together.
        max_bytes: the longest body, after decompression.
        verify: True, or a file with the certificates to trust.
    """

    def __init__(
        self,
        *,
        total_seconds: float,
        connect_seconds: float,
        max_bytes: int,
        verify: bool | str = True,
    ) -> None:
        self._total_seconds = total_seconds
        self._connect_seconds = connect_seconds
        self._max_bytes = max_bytes
        self._verify = verify
        self._adapter = BoundedAdapter()

    def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Response:
        """Send one request, once. Redirects are answers like any other: they are not followed.

        Args:
            headers: sent beside `User-Agent` and `Accept-Encoding: identity`.
            form: fields for an `application/x-www-form-urlencoded` body.
            body: instead of a form, a body of the type that `headers` name.

        Raises:
            NotSentError: nothing arrived.
            NoAnswerError: it may have arrived.
        """
        with self._budget() as budget:
            try:
                return self._exchange(method, url, headers, form if body is None else body)
            except Exception as error:  # noqa: BLE001 (urllib3 lets many kinds through)
                # Without the chain: a traceback could show the feed key.
                raise (NoAnswerError if budget.sent else NotSentError)(root_cause(error)) from None

    def close(self) -> None:
        """Close the connections that wait for reuse."""
        self._adapter.close()

    @contextmanager
    def _budget(self) -> Iterator[Budget]:
        budget = Budget(
            total_seconds=self._total_seconds,
            connect_seconds=self._connect_seconds,
            max_bytes=self._max_bytes,
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
        data: Mapping[str, str] | bytes | None,
    ) -> Response:
        always = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        request = requests.Request(method, url, headers={**always, **headers}, data=data).prepare()
        timeout = (self._connect_seconds, self._total_seconds)
        response = self._adapter.send(request, stream=True, timeout=timeout, verify=self._verify)
        body, cut = self._read(response)
        return Response(response.status_code, response.headers, body, cut)

    def _read(self, response: requests.Response) -> tuple[bytes, Truncation]:
        body = bytearray()
        try:
            for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=True):
                body += chunk
                if len(body) > self._max_bytes:
                    return self._cut(response, body, Truncation.TOO_LONG)
        except Exception as error:  # noqa: BLE001 (the status is in, and counts, whatever broke the body)
            return self._cut(response, body, _why(error))
        return bytes(body), Truncation.NOT_CUT

    def _cut(
        self, response: requests.Response, body: bytearray, cut: Truncation
    ) -> tuple[bytes, Truncation]:
        # A connection with the rest of an answer in it must not serve the next request.
        response.raw.close()
        return bytes(body[: self._max_bytes]), cut


def root_cause(error: BaseException) -> str:
    """The class and text of the innermost error: the outer ones repeat addresses and say less."""
    for _ in range(10):
        inner = error.__cause__ or error.__context__
        if inner is None:
            break
        error = inner
    return f"{type(error).__name__}: {error}"


def _why(error: BaseException) -> Truncation:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, TimeoutError):
            return Truncation.TOO_SLOW
        if isinstance(seen, AnswerTooLongError):
            return Truncation.TOO_LONG
        seen = seen.__cause__ or seen.__context__
    return Truncation.BROKEN_OFF
