"""A stand-in for Discord's webhooks and a bot's messages over HTTP, with scripted failures."""

from __future__ import annotations

import itertools
import json
import re
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "aVerySecretToken-_123"
BOT_TOKEN = "aVery.Secret.TokenOfTheBot-_123"
#: The HTML of a proxy in front of Discord.
PROXY_PAGE = (
    b"<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head></html>"
)
_PATH = re.compile(r"/api/v10/webhooks/([0-9]+)/([^/]+)(?:/messages/([0-9]+))?")
#: How a bot must call itself in the header `User-Agent`.
_BOT_AGENT = re.compile(r"DiscordBot \([^ ,]+, [0-9][^ )]*\)")
_BOT_PATH = re.compile(r"/api/v10/channels/([0-9]+)/messages(?:/([0-9]+))?")
_THREAD_PATH = re.compile(r"/api/v10/channels/([0-9]+)/messages/([0-9]+)/threads")


@dataclass
class Message:
    """A message of a channel, with its earlier versions."""

    channel: str
    versions: list[dict[str, Any]]

    @property
    def titles(self) -> list[str]:
        return [str(version["embeds"][0]["title"]) for version in self.versions]

    @property
    def now(self) -> dict[str, Any]:
        embed: dict[str, Any] = self.versions[-1]["embeds"][0]
        return embed

    @property
    def buttons(self) -> dict[str, str]:
        """The labels of the buttons, with the text that comes back when one is pressed."""
        rows = self.versions[-1].get("components", [])
        return {one["label"]: one["custom_id"] for row in rows for one in row["components"]}

    @property
    def facts(self) -> dict[str, str]:
        return {fact["name"]: fact["value"] for fact in self.now["fields"]}


@dataclass
class Spoil:
    """A scripted answer to the next request.

    Args:
        status: the status of the answer. 0 closes the connection without an answer.
        takes_effect: whether the message is posted or edited nevertheless.
        method: the method of the request to which this applies, or empty for any method.
        path: a part of the address of the request to which this applies.
    """

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    takes_effect: bool = False
    method: str = ""
    path: str = ""

    @classmethod
    def by_proxy(
        cls, status: int, *, headers: dict[str, str] | None = None, method: str = ""
    ) -> Spoil:
        """An answer of a proxy in front of Discord."""
        return cls(
            status, PROXY_PAGE, {"Content-Type": "text/html", **(headers or {})}, method=method
        )


class StandIn:
    """A server with channels by number, all with the same token.

    A bot posts in the same channels, with a token of its own.
    """

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        self.spoils: list[Spoil] = []
        self.gone: set[str] = set()
        #: The right token of the bot, and the channels in which it may not post.
        self.bot_token = BOT_TOKEN
        self.closed_to_bot: set[str] = set()
        #: The name of each thread by its number, and the channels in which the bot may open none.
        self.threads: dict[str, str] = {}
        self.without_threads: set[str] = set()
        #: Direct messages: the user of each channel, and users who take none.
        self.direct: dict[str, str] = {}
        self.deaf: set[str] = set()
        #: Channels that are threads. A new message opens an archived thread. A locked thread
        #: accepts no messages.
        self.archived: set[str] = set()
        self.locked: set[str] = set()
        #: Messages that were edited too often after they were an hour old.
        self.worn_out: set[str] = set()
        self.latency_seconds = 0.0
        #: The number of requests received, answered or not.
        self.arrivals = 0
        #: Drop every second request whose sender has disconnected, so that it has no effect.
        self.forgets = False
        self._forgotten = itertools.cycle([True, False])
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def address(self, channel: int = 1, version: str = "") -> str:
        return (
            f"http://127.0.0.1:{self._server.server_port}/api{version}/webhooks/{channel}/{TOKEN}"
        )

    @property
    def api(self) -> str:
        """What the bot's client uses instead of the address of Discord's API."""
        return f"http://127.0.0.1:{self._server.server_port}/api/v10"

    def spoil(self, status: int, **details: Any) -> None:
        self.spoils.append(Spoil(status, **details))

    def proxy(self, status: int, **details: Any) -> None:
        self.spoils.append(Spoil.by_proxy(status, **details))

    def delete(self, message_id: str) -> None:
        del self.messages[message_id]

    def of(self, channel: int = 1) -> list[Message]:
        """The messages of a channel, oldest first."""
        return [message for message in self.messages.values() if message.channel == str(channel)]

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(
        self,
        method: str,
        address: str,
        body: dict[str, Any],
        sender: socket.socket,
        authorization: str = "",
    ) -> Spoil:
        """Apply a request, and return its answer."""
        self.arrivals += 1
        self._closing.wait(self.latency_seconds)
        parts = urlsplit(address)
        with self._lock:
            if self.forgets and _has_disconnected(sender) and next(self._forgotten):
                return Spoil(0)
            self.requests.append((method, address, body))
            fitting = (one for one in self.spoils if one.path in address)
            spoil = next((one for one in fitting if one.method in ("", method)), None)
            if spoil:
                self.spoils.remove(spoil)
                if not spoil.takes_effect:
                    return spoil
            done = (
                self._do_for_bot(method, parts.path, body, authorization)
                if authorization
                else self._do(method, parts.path, parse_qs(parts.query), body)
            )
            return spoil or done

    def _do(
        self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]
    ) -> Spoil:
        match = _PATH.fullmatch(path)
        if match is None or match[2] != TOKEN or match[1] in self.gone:
            return Spoil(404, {"message": "Unknown Webhook", "code": 10015})
        channel, _, message_id = match.groups()
        if problem := _problem(body):
            return Spoil(400, {"message": problem, "code": 50035})
        if refusal := self._refusal(channel, message_id):
            return refusal
        if method == "POST" and message_id is None:
            number = str(10**17 + len(self.requests))
            self.messages[number] = Message(channel, [body])
            return Spoil(200, {"id": number}) if query.get("wait") == ["true"] else Spoil(204)
        if method == "PATCH" and message_id in self.messages:
            self.messages[message_id].versions.append(body)
            return Spoil(200, {"id": message_id})
        return Spoil(404, {"message": "Unknown Message", "code": 10008})

    def _do_for_bot(
        self, method: str, path: str, body: dict[str, Any], authorization: str
    ) -> Spoil:
        if authorization != f"Bot {self.bot_token}":
            return Spoil(401, {"message": "401: Unauthorized", "code": 0})
        if path == "/api/v10/users/@me/channels":
            number = f"9{body['recipient_id']}"
            self.direct[number] = body["recipient_id"]
            return Spoil(200, {"id": number})
        if thread := _THREAD_PATH.fullmatch(path):
            return self._open_thread(thread[1], thread[2], body)
        match = _BOT_PATH.fullmatch(path)
        if match is None or match[1] in self.gone:
            return Spoil(404, {"message": "Unknown Channel", "code": 10003})
        channel, message_id = match.groups()
        if channel in self.closed_to_bot:
            return Spoil(403, {"message": "Missing Permissions", "code": 50013})
        if self.direct.get(channel) in self.deaf:
            return Spoil(403, {"message": "Cannot send messages to this user", "code": 50007})
        if problem := _problem(body):
            return Spoil(400, {"message": problem, "code": 50035})
        if refusal := self._refusal(channel, message_id):
            return refusal
        if method == "POST" and message_id is None:
            number = str(10**17 + len(self.requests))
            self.messages[number] = Message(channel, [body])
            return Spoil(200, {"id": number})
        if method == "PATCH" and message_id in self.messages:
            self.messages[message_id].versions.append(body)
            return Spoil(200, {"id": message_id})
        return Spoil(404, {"message": "Unknown Message", "code": 10008})

    def _open_thread(self, channel: str, message_id: str, body: dict[str, Any]) -> Spoil:
        """Open a thread. It has the number of its message, which can have only one."""
        if channel in self.gone:
            return Spoil(404, {"message": "Unknown Channel", "code": 10003})
        if channel in self.closed_to_bot | self.without_threads:
            return Spoil(403, {"message": "Missing Permissions", "code": 50013})
        if channel in self.threads:
            words = "Cannot execute action on this channel type"
            return Spoil(400, {"message": words, "code": 50024})
        if message_id not in self.messages or self.messages[message_id].channel != channel:
            return Spoil(404, {"message": "Unknown Message", "code": 10008})
        if not 1 <= len(body["name"].encode("utf-16-le")) // 2 <= 100:
            return Spoil(400, {"message": "Invalid Form Body", "code": 50035})
        if message_id in self.threads:
            words = "A thread has already been created for this message"
            return Spoil(400, {"message": words, "code": 160004})
        self.threads[message_id] = body["name"]
        return Spoil(201, {"id": message_id, "type": 11, "name": body["name"]})

    def _refusal(self, channel: str, message_id: str | None) -> Spoil | None:
        """Discord's refusal of a request to an existing channel, or None.

        A new message opens an archived thread.
        """
        if channel in self.locked:
            return Spoil(400, {"message": "Thread is archived", "code": 50083})
        if message_id is None:
            self.archived.discard(channel)
        elif channel in self.archived:
            return Spoil(400, {"message": "Thread is archived", "code": 50083})
        if message_id in self.worn_out:
            words = (
                "Maximum number of edits to messages older than 1 hour reached. Try again later."
            )
            return Spoil(429, {"message": words, "code": 30046}, {"Retry-After": "10"})
        return None


def _has_disconnected(sender: socket.socket) -> bool:
    readable, _, _ = select.select([sender], [], [], 0)
    return bool(readable) and not sender.recv(1, socket.MSG_PEEK)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Log nothing: the client has disconnected, or was killed."""


def _problem(body: dict[str, Any]) -> str:
    """The reason for which Discord would refuse a body, or an empty text."""
    (embed,) = body["embeds"]
    texts = [
        embed["title"],
        embed["description"],
        *(f[key] for f in embed["fields"] for key in ("name", "value")),
    ]
    lengths = [len(text.encode("utf-16-le")) // 2 for text in texts]
    if lengths[0] > 256 or lengths[1] > 4096 or len(embed["fields"]) > 25 or sum(lengths) > 6000:
        return "Invalid Form Body"
    if "url" in embed and urlsplit(embed["url"]).scheme not in ("http", "https"):
        return "Not a well formed URL."
    if not all(texts[:1] + texts[2:]) or any(length > 1024 for length in lengths[2:]):
        return "Invalid Form Body"
    role = re.fullmatch(r"<@&([0-9]{15,20})>", body["content"]) if "content" in body else None
    if ("content" in body and role is None) or len(body.get("content", "")) > 2000:
        return "Only the mention of a role is expected here."
    safe = [{"parse": []}, *([{"parse": [], "roles": [role[1]]}] if role else [])]
    return "" if body["allowed_mentions"] in safe else "This message could mention people."


def _handler(standin: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            authorization = self.headers.get("Authorization", "")
            if authorization and not _BOT_AGENT.fullmatch(self.headers["User-Agent"]):
                said = Spoil.by_proxy(403)
            else:
                said = standin.answer(self.command, self.path, body, self.connection, authorization)
            if not said.status:
                self.close_connection = True
                return
            data = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
            self.send_response(said.status)
            for name, value in {"Content-Type": "application/json", **said.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_PATCH = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    return Handler


@contextmanager
def running() -> Iterator[StandIn]:
    standin = StandIn()
    try:
        yield standin
    finally:
        standin.close()
