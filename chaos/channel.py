"""A channel of a guild that counts what is posted to it."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Channel:
    """An HTTP server on this machine that accepts the JSON messages of Apprise."""

    def __init__(self) -> None:
        #: The number of messages so far.
        self.messages = 0
        channel = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                channel.messages += 1
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """The channel's address for Apprise."""
        return f"json://127.0.0.1:{self._server.server_port}/"

    @property
    def settings(self) -> dict[str, str]:
        """The settings that allow such a channel."""
        return {"CHANNEL_PRIVATE_HOSTS": "127.0.0.1", "CHANNEL_SCHEMES": "json"}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
