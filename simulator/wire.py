"""The subset of HTTP/1.1 that the simulator needs: read a request, send a whole or broken reply.

It is written by hand because some replies break the protocol on purpose, and because it must use
little CPU time: in a benchmark, the app shares the CPU with it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

#: Enough to post a world with a large guild in one body.
MAX_BODY_BYTES = 32_000_000
JSON = "application/json"
HTML = "text/html; charset=UTF-8"
_CHUNK_BYTES = 65_536


class BadRequestError(ValueError):
    """The bytes are not a readable request."""


@dataclass(slots=True)
class Request:
    """One request. Header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    address: str
    keeps_alive: bool

    def form(self) -> dict[str, str]:
        """Return the form fields, or an empty dict if the content type is not a form's.

        If a name occurs several times, the last value counts.
        """
        if not self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return {}
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


async def read_request(reader: asyncio.StreamReader, address: str) -> Request | None:
    """Read the next request of a connection, or return None if the client has closed it.

    Raises:
        BadRequestError: the request is not HTTP, or is too large.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        message = "the head is too long"
        raise BadRequestError(message) from error
    try:
        start, *lines = head[:-4].decode("latin-1").split("\r\n")
        method, target, version = start.split(" ")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        length = int(headers.get("content-length", "0"))
        parts = urlsplit(target)
    except ValueError as error:
        message = "this is not an HTTP request"
        raise BadRequestError(message) from error
    if "transfer-encoding" in headers or not 0 <= length <= MAX_BODY_BYTES:
        message = "a body needs a Content-Length, 32 MB at most"
        raise BadRequestError(message)
    try:
        body = await reader.readexactly(length) if length else b""
    except asyncio.IncompleteReadError:
        return None
    keeps_alive = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    query = dict(parse_qsl(parts.query, keep_blank_values=True)) if parts.query else {}
    return Request(method, parts.path, query, headers, body, address, keeps_alive)


class Reply(Protocol):
    """What is sent for a request. `status` is for the ledger: None if there is no status line."""

    @property
    def status(self) -> int | None: ...

    async def send(self, writer: asyncio.StreamWriter) -> bool:
        """Send the reply, and return whether the connection can carry another request."""
        ...


@dataclass(slots=True)
class Response:
    """A complete HTTP response."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self, length: int | None = None) -> bytes:
        """Return the bytes to send. If given, `length` replaces the true Content-Length."""
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}"]
        if self.status != HTTPStatus.NOT_MODIFIED:
            lines += [
                f"Content-Type: {self.content_type}",
                f"Content-Length: {len(self.body) if length is None else length}",
            ]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + self.body

    async def send(self, writer: asyncio.StreamWriter) -> bool:
        writer.write(self.encoded())
        await writer.drain()
        return True


def json_response(value: Any, status: int = 200) -> Response:
    """Return a response with `value` as JSON."""
    return Response(status, json.dumps(value).encode())


def html_response(status: int) -> Response:
    """Return the HTML page that a proxy sends if the game is down."""
    return Response(
        status, f"<html><body><h1>{status} {_phrase(status)}</h1></body></html>".encode(), HTML
    )


@dataclass(slots=True)
class NoResponse:
    """Close the connection without sending a byte."""

    status: int | None = None

    async def send(self, writer: asyncio.StreamWriter) -> bool:  # noqa: ARG002
        return False


@dataclass(slots=True)
class ConnectionReset:
    """Reset the connection. Closing a socket with an SO_LINGER of 0 seconds sends a TCP RST."""

    status: int | None = None

    async def send(self, writer: asyncio.StreamWriter) -> bool:
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return False


@dataclass(slots=True)
class CutResponse:
    """Announce the whole body in Content-Length, but send half of it and close the connection."""

    response: Response

    @property
    def status(self) -> int:
        return self.response.status

    async def send(self, writer: asyncio.StreamWriter) -> bool:
        whole = self.response.body
        half = Response(
            self.status, whole[: len(whole) // 2], self.response.content_type, self.response.headers
        )
        writer.write(half.encoded(length=max(2, len(whole))))
        await writer.drain()
        return False


@dataclass(slots=True)
class HugeResponse:
    """Send a body of `size` bytes that claims to be JSON but is not."""

    size: int
    status: int = 200

    async def send(self, writer: asyncio.StreamWriter) -> bool:
        writer.write(Response(self.status).encoded(length=self.size))
        junk = b"[" * _CHUNK_BYTES
        for start in range(0, self.size, _CHUNK_BYTES):
            writer.write(junk[: self.size - start])
            await writer.drain()
        return True


@dataclass(slots=True)
class DripResponse:
    """Send one byte every `seconds` seconds, in the head or the body, until the client leaves."""

    seconds: float
    part: str = "body"
    status: int = 200

    async def send(self, writer: asyncio.StreamWriter) -> bool:
        if self.part == "head":
            writer.write(b"HTTP/1.1 200 OK\r\nX-Patience: ")
        else:
            writer.write(Response(self.status).encoded(length=1_000_000_000))
        while True:
            await writer.drain()
            await asyncio.sleep(max(self.seconds, 0.001))
            writer.write(b" " if self.part == "body" else b"a")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
