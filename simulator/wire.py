"""As much of HTTP/1.1 as the game needs, in few steps: in a benchmark the app wants the processor."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

#: A large guild's world posted in one piece fits; nothing honest is longer.
MAX_BODY_BYTES = 32_000_000


class BadRequestError(ValueError):
    """What arrived is not a request that can be read."""


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
        """The fields of a form; none if the body does not call itself one. Of equal names the last counts."""
        if not self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return {}
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


async def read_request(reader: asyncio.StreamReader, address: str) -> Request | None:
    """Read the next request of a connection; None when the client has hung up.

    Raises:
        BadRequestError: it is no HTTP, or larger than anything honest.
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
        message = "this is no HTTP request"
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
