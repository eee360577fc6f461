"""Clients that never finish a request do not block others, and are cut off in the end."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from redeemer.localserver.servers import pick_port
from tests.system.machinery import System, system
from tests.waiting import PATIENCE_SECONDS, wait_for

pytestmark = pytest.mark.system

#: For each kind of client: what it sends first, and what it then sends again and again.
BEGINNINGS = {
    "half a header": (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: ", b"x"),
    "half a body": (
        b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 5000\r\n\r\nusername=",
        b"x",
    ),
    "half a chunk": (
        b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n1000\r\n",
        b"x",
    ),
    "blank lines": (b"\r\n\r\n\r", b"\n\r\n\r"),
    "nothing at all": (b"", b""),
}
CLIENTS = 50
PAUSE_SECONDS = 2.0


class SlowClient:
    """A client that sends a little now and then."""

    def __init__(self, port: int, kind: str) -> None:
        self.kind = kind
        first, self._more = BEGINNINGS[kind]
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        self._socket.sendall(first)
        self._socket.setblocking(False)

    def is_held(self) -> bool:
        """Whether the server still waits for the rest of the request."""
        try:
            return bool(self._socket.recv(1000))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def say_more(self) -> None:
        with suppress(OSError):
            self._socket.send(self._more)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[System]:
    with system(tmp_path) as running:
        yield running


def test_fifty_clients_that_never_finish_block_nobody_and_are_cut_off_in_the_end(
    running: System,
) -> None:
    port = pick_port()
    running.launch("web", [sys.executable, "-m", "redeemer.serving", "--bind", f"127.0.0.1:{port}"])
    wait_for(lambda: _status(port, "/healthz") is not None, "the site to answer")
    clients = [
        SlowClient(port, kind) for kind in BEGINNINGS for _ in range(CLIENTS // len(BEGINNINGS))
    ]
    is_over = threading.Event()
    talking = threading.Thread(target=_talk, args=(clients, is_over))
    talking.start()
    try:
        # Without beat, /healthz answers with 503.
        assert (_status(port, "/healthz"), _status(port, "/admin/login/")) == (503, 200)
        held = [client for client in clients if client.is_held()]
        assert len(held) == CLIENTS

        wait_for(
            lambda: not any(client.is_held() for client in clients),
            "the server to cut them off",
            seconds=2 * PATIENCE_SECONDS,
        )
        assert _status(port, "/admin/login/") == 200
    finally:
        is_over.set()
        talking.join()
        for client in clients:
            client.close()


def _talk(clients: list[SlowClient], is_over: threading.Event) -> None:
    while not is_over.wait(PAUSE_SECONDS):
        for client in clients:
            client.say_more()


def _status(port: int, path: str) -> int | None:
    """The status of the answer; None if there was none."""
    end = time.monotonic() + PATIENCE_SECONDS
    try:
        return requests.get(
            f"http://127.0.0.1:{port}{path}", timeout=end - time.monotonic()
        ).status_code
    except requests.RequestException:
        return None
