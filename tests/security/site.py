"""The real web server on a database of its own, and clients that speak to it byte by byte."""

from __future__ import annotations

import re
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlencode

from redeemer.localserver.servers import pick_port
from tests.system.machinery import System, system
from tests.waiting import PATIENCE_SECONDS, wait_for

NAME = "codes.example.org"
PASSWORD = "right-password-9"
_OWNER = f"""
import django; django.setup()
from django.contrib.auth.models import User
User.objects.create_superuser("owner", password="{PASSWORD}")
"""
#: The time between two bytes of a client that never finishes its request.
_PAUSE_SECONDS = 1.0


@contextmanager
def running_site(folder: Path, **environment: str) -> Iterator[tuple[System, int]]:
    """Run the web server with an administrator `owner`. Yields the system and the server's port."""
    with system(folder, ALLOWED_HOSTS=f"{NAME},127.0.0.1,localhost", **environment) as running:
        port = pick_port()
        bind = f"127.0.0.1:{port}"
        running.launch("owner", [sys.executable, "-c", _OWNER])
        assert running.processes["owner"].wait(PATIENCE_SECONDS) == 0, running.log("owner")
        running.launch("web", [sys.executable, "-m", "redeemer.serving", "--bind", bind])
        wait_for(lambda: answers(port), "the site to listen")
        yield running, port


def answers(port: int) -> bool:
    """Whether a server accepts connections at this port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Caller:
    """A client at one of this machine's addresses.

    Args:
        port: the port of the server.
        source: the client's address, such as `127.0.0.2`.
        is_tls: whether the server has a certificate.
    """

    def __init__(self, port: int, *, source: str = "127.0.0.1", is_tls: bool = False) -> None:
        self._port, self._source, self._is_tls = port, source, is_tls
        self._cookies: dict[str, str] = {}

    def connect(self) -> socket.socket:
        """A connection to the server."""
        plain = socket.create_connection(
            ("127.0.0.1", self._port), timeout=PATIENCE_SECONDS, source_address=(self._source, 0)
        )
        if not self._is_tls:
            return plain
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(plain, server_hostname=NAME)

    def ask(
        self, path: str, *, form: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """Send a whole request. Returns the status and the body of the answer."""
        body = urlencode(form or {}).encode()
        given = {
            "Host": NAME,
            "Connection": "close",
            "Referer": f"https://{NAME}{path}",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        if form is not None:
            given["Content-Type"] = "application/x-www-form-urlencoded"
            given.setdefault("Content-Length", str(len(body)))
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
        method = "GET" if form is None else "POST"
        return self.send(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)

    def send(self, request: bytes) -> tuple[int, bytes]:
        """Send exactly these bytes. Returns the status and the body of the answer."""
        with self.connect() as connection:
            connection.sendall(request)
            answer = b""
            while part := connection.recv(65_536):
                answer += part
        head, _, content = answer.partition(b"\r\n\r\n")
        for name, value in re.findall(rb"(?mi)^set-cookie: *([^=]+)=([^;]*)", head):
            self._cookies[name.decode()] = value.decode()
        return int(head.split()[1]), content

    def log_in(self, password: str = PASSWORD, **headers: str) -> int:
        """The status of the answer to a login: 302 if the password is right."""
        self._cookies = {}
        _status, page = self.ask("/admin/login/")
        found = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert found, page[:500]
        form = {
            "username": "owner",
            "password": password,
            "csrfmiddlewaretoken": found[1].decode(),
            "next": "/admin/",
        }
        return self.ask("/admin/login/", form=form, **headers)[0]


_HEADER = f"GET /healthz HTTP/1.1\r\nHost: {NAME}\r\nX-Long: "
_BODY = (
    f"POST /admin/login/ HTTP/1.1\r\nHost: {NAME}\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 5000\r\n\r\nusername="
)


class SlowCrowd:
    """Clients that send half a request, and then slowly one byte after the other.

    A client whose connection is closed begins again.
    """

    def __init__(self, caller: Caller, *, clients: int) -> None:
        self._caller = caller
        self._beginnings = [
            (_HEADER if number % 2 else _BODY).encode() for number in range(clients)
        ]
        self._connections: list[socket.socket | None] = [None] * clients
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        #: How often a client had to begin again.
        self.repeats = 0
        #: Set when all clients have begun.
        self.have_begun = threading.Event()

    def __enter__(self) -> SlowCrowd:
        self._thread.start()
        assert self.have_begun.wait(PATIENCE_SECONDS)
        return self

    def __exit__(self, *_error: object) -> None:
        self._is_over.set()
        self._thread.join()
        for connection in self._connections:
            if connection is not None:
                connection.close()

    @property
    def held(self) -> int:
        """How many clients have a connection on which the server waits for more of the request."""
        return sum(connection is not None for connection in self._connections)

    def _run(self) -> None:
        while not self._is_over.is_set():
            for number, beginning in enumerate(self._beginnings):
                if not self._is_over.is_set():
                    self._go_on(number, beginning)
            self.have_begun.set()
            self._is_over.wait(_PAUSE_SECONDS)

    def _go_on(self, number: int, beginning: bytes) -> None:
        connection = self._connections[number]
        if connection is None:
            with suppress(OSError):
                connection = self._caller.connect()
                connection.sendall(beginning)
                connection.setblocking(False)
                self._connections[number] = connection
            return
        try:
            connection.send(b"x")
            connection.recv(1_000)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError:
            pass
        # The server has closed the connection, or has answered.
        connection.close()
        self._connections[number] = None
        self.repeats += 1
