"""Any other channel, through Apprise and real HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from giftcodes.announcers import BadAddressError, Fate, Post, announcer_for

pytest.importorskip("apprise")

POST = Post(title="Started", text="Half", facts=(("Members", "7"),))


class Service:
    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.status, self.latency_seconds = 200, 0.0
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                service.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                time.sleep(service.latency_seconds)
                self.send_response(service.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quietly."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def address(self) -> str:
        return f"json://user:aSecretWord@127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    yield running
    running.server.shutdown()
    running.server.server_close()


def test_a_message_is_posted(service: Service) -> None:
    announcer = announcer_for(service.address, total_seconds=3, connect_seconds=1)

    assert announcer.create(POST).fate is Fate.DELIVERED
    assert (service.bodies[0]["title"], service.bodies[0]["message"]) == ("Started", "Half\n\nMembers: 7")
    assert not announcer.can_edit


def test_a_no_is_unknown_and_shows_no_secret(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    service.status = 500

    answer = announcer_for(service.address, total_seconds=3, connect_seconds=1).create(POST)

    assert answer.fate is Fate.UNKNOWN
    assert "aSecretWord" not in answer.error + caplog.text


def test_it_is_bounded_in_time(service: Service) -> None:
    service.latency_seconds = 3.0
    announcer = announcer_for(service.address, total_seconds=0.5, connect_seconds=1)
    begun = time.monotonic()

    assert announcer.create(POST).fate is Fate.UNKNOWN
    assert time.monotonic() - begun < 1.5


def test_an_address_that_apprise_does_not_know_is_refused() -> None:
    with pytest.raises(BadAddressError, match="Apprise knows no such address"):
        announcer_for("nonsense://x/aSecretWord", total_seconds=1, connect_seconds=1)
