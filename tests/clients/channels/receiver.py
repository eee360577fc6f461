"""A program that receives signed messages over HTTP, with scripted answers."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """What arrived, and the answers to come: each a status and headers. Then 204 without end."""

    port: int = 0
    arrived: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    def address(self, path: str = "/hook?x=1") -> str:
        """The address that a person enters."""
        return f"webhook+http://127.0.0.1:{self.port}{path}"

    def read(self, secret: str) -> list[dict[str, Any]]:
        """What arrived, as a receiver with this secret reads it."""
        return [_read(headers, body, secret) for headers, body in self.arrived]


def _read(headers: dict[str, str], body: bytes, secret: str) -> dict[str, Any]:
    """Check the signature as docs/how-to/announce.md tells receivers."""
    signed = headers["Redeemer-Timestamp"].encode() + b"." + body
    wanted = "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(wanted, headers["Redeemer-Signature"])
    found: dict[str, Any] = json.loads(body)
    assert headers["Redeemer-Id"] == str(found.get("id", ""))
    return found


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.arrived.append((dict(self.headers), body))
            status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
