"""A local HTTP service that Apprise can send JSON to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Service:
    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.status, self.latency_seconds = 200, 0.0
        self.closing = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                service.bodies.append(
                    json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                )
                service.closing.wait(service.latency_seconds)
                self.send_response(service.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    @property
    def address(self) -> str:
        return f"json://user:aSecretWord@127.0.0.1:{self.server.server_port}/hook"


@contextmanager
def apprise_service() -> Iterator[Service]:
    running = Service()
    try:
        yield running
    finally:
        running.closing.set()
        running.server.shutdown()
        running.server.server_close()
