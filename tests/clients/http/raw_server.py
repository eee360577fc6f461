"""A server on a raw socket, with which a test can send any bytes and break the protocol."""

from __future__ import annotations

import itertools
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

#: How long a server drips or is silent. A client that waits that long has no time limit.
SLOW_SECONDS = 120.0


@dataclass
class Request:
    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {
            name: values[0]
            for name, values in parse_qs(self.body.decode(), strict_parsing=True).items()
        }


class Talk:
    """The server's side of one connection."""

    def __init__(self, server: RawServer, sock: socket.socket) -> None:
        self._server = server
        self.sock = sock
        self._file = sock.makefile("rb")

    def hear(self) -> Request | None:
        """The next request; None if the client has disconnected."""
        line = self._file.readline().decode("latin-1").strip()
        if not line:
            return None
        headers: dict[str, str] = {}
        while header := self._file.readline().decode("latin-1").strip():
            name, _, value = header.partition(":")
            headers[name.strip().lower()] = value.strip()
        request = Request(line, headers, self._file.read(int(headers.get("content-length", 0))))
        self._server.requests.append(request)
        return request

    def say(self, data: bytes) -> None:
        self.sock.sendall(data)

    def drip(self, data: bytes, every_seconds: float = 0.05) -> None:
        """Send byte by byte, repeatedly, until the client disconnects or the test ends."""
        ends_at = time.monotonic() + SLOW_SECONDS
        for byte in itertools.cycle(data):
            if self._server.closing.wait(every_seconds) or time.monotonic() > ends_at:
                return
            self.sock.sendall(bytes([byte]))

    def hold(self) -> None:
        """Send nothing until the test ends."""
        self._server.closing.wait(SLOW_SECONDS)

    def reset(self) -> None:
        """Close the connection with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.hang_up()

    def hang_up(self) -> None:
        self._file.close()
        self.sock.close()


Script = Callable[[Talk], None]


@dataclass
class RawServer:
    """Runs `script` for each connection, each in its own thread."""

    script: Script
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    #: The number of connections that the server has closed. The client's kernel has received all
    #: their bytes and their end.
    closed: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/api"

    def stop(self) -> None:
        self.closing.set()
        self._listener.close()
        for sock in self._sockets:
            sock.close()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
                self._sockets.append(sock)
            talk = Talk(self, sock)
            self.script(talk)
            talk.hang_up()
            self.closed += 1
        except (OSError, ValueError):
            pass  # the client hung up, or the test has ended


def http(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    """A complete answer that keeps the connection open."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode("latin-1") + body


def answering(*answers: bytes) -> Script:
    """Answer each request, on any connection, with the next answer. The last one is repeated."""
    left = list(answers)

    def script(talk: Talk) -> None:
        while talk.hear():
            talk.say(left.pop(0) if len(left) > 1 else left[0])

    return script
