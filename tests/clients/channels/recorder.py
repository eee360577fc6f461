"""Local stand-ins that record what Apprise sends: by HTTP to any service, and by SMTP."""

from __future__ import annotations

import email.policy
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

#: One answer that holds what each of the services expects.
ANSWER = {
    "ok": True,
    "success": True,
    "status": "success",
    "id": "1",
    "access_token": "anAccessToken",
    "home_server": "localhost",
    "user_id": "@redeemer:localhost",
    "device_id": "D",
    "room_id": "!room:localhost",
    "event_id": "$event",
    "data": {"authToken": "t", "userId": "u"},
}


@dataclass
class Recorder:
    """What arrived at one port.

    Args:
        port: the port on 127.0.0.1.
        paths: the method and path of each HTTP request, or the content type of each e-mail.
        bodies: the titles and bodies of all HTTP requests and e-mails, as text.
        redirect_to: answer each request with a redirect to this address.
        status, headers, answer: the status, headers and body of each HTTP answer.
    """

    port: int
    paths: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    redirect_to: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = json.dumps(ANSWER).encode()

    @property
    def texts(self) -> list[str]:
        """All texts of the bodies, decoded."""
        return [text for body in self.bodies for text in _texts(body)]


def _texts(body: str) -> list[str]:
    try:
        return list(_leaves(json.loads(body)))
    except ValueError:
        fields = [value for _, value in parse_qsl(body)] if "=" in body else []
        return fields or [body]


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)


@contextmanager
def http_recorder() -> Iterator[Recorder]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            recorder.paths.append(f"{self.command} {self.path}")
            titles = [self.headers[name] for name in ("Title", "X-Title") if self.headers[name]]
            recorder.bodies += [*titles, body.decode()]
            self.send_response(307 if recorder.redirect_to else recorder.status)
            if recorder.redirect_to:
                self.send_header("Location", recorder.redirect_to)
            for name, value in recorder.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(recorder.answer)))
            self.end_headers()
            self.wfile.write(recorder.answer)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    recorder = Recorder(server.server_port)
    with _serving(server):
        yield recorder


@contextmanager
def smtp_recorder() -> Iterator[Recorder]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 stand-in\r\n")
            for line in self.rfile:
                verb = line[:4].upper()
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    _keep(b"".join(iter(self.rfile.readline, b".\r\n")))
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")

    def _keep(raw: bytes) -> None:
        message = BytesParser(policy=email.policy.default).parsebytes(raw)
        recorder.paths.append(message.get_content_type())
        recorder.bodies.append(str(message["Subject"]))
        for part in message.walk():
            if not part.is_multipart():
                recorder.bodies.append(part.get_content())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    recorder = Recorder(server.server_address[1])
    with _serving(server):
        yield recorder


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    ).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
