"""The REST API of the simulated Discord, as far as a bot and its workers use it."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from chaos.discord import payloads
from chaos.discord.people import EPHEMERAL, MODAL, Json, Message, Use, new_id

#: The seconds in which the first answer to a use of the bot must come. After this time, Discord
#: forgets the use, which it calls an interaction.
FIRST_ANSWER_SECONDS = 3.0

#: A value for `Spoil.status`: close the connection without an answer.
BROKEN = -1
_UNKNOWN_CHANNEL, _UNKNOWN_MESSAGE, _UNKNOWN_INTERACTION = 10003, 10008, 10062
_UNKNOWN_WEBHOOK, _NO_PERMISSION, _ANSWERED_ALREADY = 10015, 50013, 40060
_HAS_THREAD, _WRONG_KIND = 160004, 50024


@dataclass(slots=True)
class Spoil:
    """A scripted answer to requests.

    Args:
        path: a regular expression that the method and the path must contain, such as
            `POST .*/messages`.
        status: the status of the answer. With 0, the true answer is sent after `delay_seconds`.
            With `BROKEN`, the connection is closed without an answer.
        body: the answer. None for no body.
        headers: further headers.
        takes_effect: whether the request is carried out nevertheless.
        delay_seconds: how long the answer takes.
        times: how many requests are answered so.
    """

    path: str
    status: int = 0
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    takes_effect: bool = False
    delay_seconds: float = 0.0
    times: int = 1

    @classmethod
    def too_many(cls, path: str, *, retry_after: float, times: int = 1) -> Spoil:
        """Ask for fewer requests, with status 429."""
        body = {"message": "You are being rate limited.", "retry_after": retry_after}
        return cls(
            path,
            429,
            {**body, "global": False},
            {"Retry-After": str(max(1, round(retry_after)))},
            times=times,
        )


def _json(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """An answer. discord.py compares the Content-Type exactly, and after a 429 it needs `Via`."""
    return web.Response(
        body=json.dumps(body).encode(),
        content_type="application/json",
        status=status,
        headers={"Via": "1.1 google", **(headers or {})},
    )


def _refusal(status: int, code: int, words: str) -> web.Response:
    return _json({"message": words, "code": code}, status=status)


class Rest:
    """The API, and what was done with it.

    Args:
        token: the right token of the bot.
        channels: the IDs of all channels. The caller and this class may add to this set later.
    """

    def __init__(self, token: str, channels: set[int]) -> None:
        self._token = token
        self._channels = channels
        self.commands: list[Json] = []
        self.messages: dict[int, Message] = {}
        self.uses: dict[str, Use] = {}
        #: The method and the path of each request.
        self.requests: list[str] = []
        self.spoils: list[Spoil] = []
        #: The channels in which the bot may not post.
        self.forbidden: set[int] = set()
        #: The channels in which the bot may open no threads.
        self.without_threads: set[int] = set()
        #: The name of each thread. A thread has the number of the message on which it was opened.
        self.threads: dict[int, str] = {}
        #: How often a bot gave a second “first” answer to the same use, which is refused.
        self.answered_already = 0

    def routes(self) -> list[web.RouteDef]:
        """The routes of the API."""
        return [
            web.get("/api/v10/users/@me", self._me),
            web.get("/api/v10/oauth2/applications/@me", self._application),
            web.put("/api/v10/applications/{app}/commands", self._put_commands),
            web.post("/api/v10/users/@me/channels", self._open_direct),
            web.post("/api/v10/channels/{channel}/messages", self._post_message),
            web.patch("/api/v10/channels/{channel}/messages/{message}", self._edit_message),
            web.post("/api/v10/channels/{channel}/messages/{message}/threads", self._open_thread),
            web.post("/api/v10/interactions/{use}/{token}/callback", self._first_answer),
            web.post("/api/v10/webhooks/{app}/{token}", self._follow_up),
            web.patch("/api/v10/webhooks/{app}/{token}/messages/{message}", self._edit_answer),
        ]

    @web.middleware
    async def handle(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Record each request, and spoil it if this was scripted."""
        line = f"{request.method} {request.path}"
        if not request.path.startswith("/api/"):
            return await handler(request)  # type: ignore[no-any-return]
        self.requests.append(line)
        needs_token = not re.search(r"/(interactions|webhooks)/", request.path)
        if needs_token and request.headers.get("Authorization") != f"Bot {self._token}":
            return _refusal(401, 0, "401: Unauthorized")
        spoil = next((one for one in self.spoils if one.times and re.search(one.path, line)), None)
        if spoil is None:
            return await handler(request)  # type: ignore[no-any-return]
        spoil.times -= 1
        answer = await handler(request) if spoil.takes_effect or not spoil.status else None
        await asyncio.sleep(spoil.delay_seconds)
        if spoil.status == BROKEN:
            assert request.transport is not None
            request.transport.abort()
        if not spoil.status:
            assert answer is not None
            return answer  # type: ignore[no-any-return]
        return _json(spoil.body, status=max(spoil.status, 200), headers=spoil.headers)

    # --- The bot ----------------------------------------------------------------------------------
    async def _me(self, _request: web.Request) -> web.Response:
        return _json(payloads.bot_user())

    async def _application(self, _request: web.Request) -> web.Response:
        return _json(payloads.application())

    async def _put_commands(self, request: web.Request) -> web.Response:
        common = {"application_id": str(payloads.APPLICATION_ID), "version": "1"}
        self.commands = [
            {"id": str(new_id()), "type": 1, "description": "", **one, **common}
            for one in await request.json()
        ]
        return _json(self.commands)

    # --- Messages ---------------------------------------------------------------------------------
    async def _open_direct(self, request: web.Request) -> web.Response:
        number = int((await request.json())["recipient_id"])
        self._channels.add(number)
        return _json({"id": str(number), "type": 1})

    async def _post_message(self, request: web.Request) -> web.Response:
        channel = int(request.match_info["channel"])
        if refusal := self._no_access(channel):
            return refusal
        content = await request.json()
        message = Message(new_id(), channel, [content])
        self.messages[message.id] = message
        return _json(payloads.message(message.id, channel, content))

    async def _edit_message(self, request: web.Request) -> web.Response:
        channel = int(request.match_info["channel"])
        if refusal := self._no_access(channel):
            return refusal
        message = self.messages.get(int(request.match_info["message"]))
        if message is None or message.is_deleted or message.channel_id != channel:
            return _refusal(404, _UNKNOWN_MESSAGE, "Unknown Message")
        content = await request.json()
        message.versions.append(content)
        return _json(payloads.message(message.id, channel, content))

    async def _open_thread(self, request: web.Request) -> web.Response:
        channel, number = (int(request.match_info[name]) for name in ("channel", "message"))
        if refusal := self._no_access(channel):
            return refusal
        if channel in self.without_threads:
            return _refusal(403, _NO_PERMISSION, "Missing Permissions")
        if channel in self.threads:
            return _refusal(400, _WRONG_KIND, "Cannot execute action on this channel type")
        message = self.messages.get(number)
        if message is None or message.is_deleted or message.channel_id != channel:
            return _refusal(404, _UNKNOWN_MESSAGE, "Unknown Message")
        if number in self.threads:
            words = "A thread has already been created for this message"
            return _refusal(400, _HAS_THREAD, words)
        self.threads[number] = (await request.json())["name"]
        self._channels.add(number)
        return _json({"id": str(number), "type": 11, "name": self.threads[number]}, status=201)

    def _no_access(self, channel: int) -> web.Response | None:
        if channel not in self._channels:
            return _refusal(404, _UNKNOWN_CHANNEL, "Unknown Channel")
        if channel in self.forbidden:
            return _refusal(403, _NO_PERMISSION, "Missing Permissions")
        return None

    # --- Answers to uses of the bot ---------------------------------------------------------------
    async def _first_answer(self, request: web.Request) -> web.Response:
        use = self.uses.get(request.match_info["token"])
        after = time.monotonic() - use.sent_at if use else 0.0
        if use is None or after > FIRST_ANSWER_SECONDS:
            return _refusal(404, _UNKNOWN_INTERACTION, "Unknown interaction")
        if use.is_acknowledged:
            self.answered_already += 1
            return _refusal(400, _ANSWERED_ALREADY, "Interaction has already been acknowledged.")
        answer = await _content(request)
        use.acknowledged_after = after
        data = answer.get("data") or {}
        if answer["type"] == MODAL:
            use.form = data
        elif "content" in data or data.get("embeds"):
            use.answers.append(data)
        message = {"response_message_id": str(new_id())}
        kind = {"id": str(use.id), "type": use.kind, **message}
        return _json({"interaction": kind})

    async def _follow_up(self, request: web.Request) -> web.Response:
        use = self.uses.get(request.match_info["token"])
        if use is None or not use.is_acknowledged:
            return _refusal(404, _UNKNOWN_WEBHOOK, "Unknown Webhook")
        return await self._answered(request, use)

    async def _edit_answer(self, request: web.Request) -> web.Response:
        use = self.uses.get(request.match_info["token"])
        if use is None or not use.is_acknowledged:
            return _refusal(404, _UNKNOWN_WEBHOOK, "Unknown Webhook")
        if use.source is not None and self._is_deleted(use.source):
            return _refusal(404, _UNKNOWN_MESSAGE, "Unknown Message")
        return await self._answered(request, use)

    async def _answered(self, request: web.Request, use: Use) -> web.Response:
        content = await _content(request)
        use.answers.append({**content, "flags": (content.get("flags") or 0) | EPHEMERAL})
        return _json(payloads.message(new_id(), use.person.server.channel_id, use.answers[-1]))

    def _is_deleted(self, source: Json) -> bool:
        message = self.messages.get(int(source["id"]))
        return message is not None and message.is_deleted


async def _content(request: web.Request) -> Json:
    """The JSON of a request. The names and contents of attached files are added as `files`."""
    if request.content_type != "multipart/form-data":
        return dict(await request.json())
    fields = await request.post()
    found: Json = json.loads(str(fields["payload_json"]))
    files = [one for name, one in fields.items() if name.startswith("files[")]
    found["files"] = [(one.filename, one.file.read()) for one in files if not isinstance(one, str)]
    found.pop("attachments", None)
    return found
