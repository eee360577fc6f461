"""How an exchange ends on the wire: with an honest answer, or in one of the ways that answers go wrong."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

JSON = "application/json"
HTML = "text/html; charset=UTF-8"
_CHUNK_BYTES = 65_536


class Ending(Protocol):
    """What is sent, and what the ledger notes of it. `status` is None where no status line is sent."""

    @property
    def status(self) -> int | None: ...

    async def send(self, writer: asyncio.StreamWriter) -> bool:
        """Send it. True: the connection can carry another request."""
        ...


@dataclass(slots=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self, length: int | None = None) -> bytes:
        """The bytes on the wire; `length` is what Content-Length claims, where it lies."""
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


def json_answer(value: Any, status: int = 200) -> Answer:
    """An answer that says `value` in JSON."""
    return Answer(status, json.dumps(value).encode())


def html_answer(status: int) -> Answer:
    """The page that a proxy shows in front of a game that is down, or sleeping."""
    return Answer(
        status, f"<html><body><h1>{status} {_phrase(status)}</h1></body></html>".encode(), HTML
    )


@dataclass(slots=True)
class Dropped:
    """The connection is closed without a byte."""

    status: int | None = None

    async def send(self, writer: asyncio.StreamWriter) -> bool:  # noqa: ARG002
        return False


@dataclass(slots=True)
class Reset:
    """The connection is reset: TCP RST, which a lingering time of 0 makes of a close."""

    status: int | None = None

    async def send(self, writer: asyncio.StreamWriter) -> bool:
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return False


@dataclass(slots=True)
class Cut:
    """The headers promise a whole answer; half of it comes, then the connection closes."""

    answer: Answer

    @property
    def status(self) -> int:
        return self.answer.status

    async def send(self, writer: asyncio.StreamWriter) -> bool:
        whole = self.answer.body
        half = Answer(
            self.status, whole[: len(whole) // 2], self.answer.content_type, self.answer.headers
        )
        writer.write(half.encoded(length=max(2, len(whole))))
        await writer.drain()
        return False


@dataclass(slots=True)
class Huge:
    """A body of `size` bytes of junk that calls itself JSON."""

    size: int
    status: int = 200

    async def send(self, writer: asyncio.StreamWriter) -> bool:
        writer.write(Answer(self.status).encoded(length=self.size))
        junk = b"[" * _CHUNK_BYTES
        for start in range(0, self.size, _CHUNK_BYTES):
            writer.write(junk[: self.size - start])
            await writer.drain()
        return True


@dataclass(slots=True)
class Drip:
    """One byte each `seconds`, for ever, in the head or in the body. It ends when the client hangs up."""

    seconds: float
    part: str = "body"
    status: int = 200

    async def send(self, writer: asyncio.StreamWriter) -> bool:
        if self.part == "head":
            writer.write(b"HTTP/1.1 200 OK\r\nX-Patience: ")
        else:
            writer.write(Answer(self.status).encoded(length=1_000_000_000))
        while True:
            await writer.drain()
            await asyncio.sleep(max(self.seconds, 0.001))
            writer.write(b" " if self.part == "body" else b"a")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
