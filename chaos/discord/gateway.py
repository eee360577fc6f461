"""The gateway of the simulated Discord: sessions, heartbeats, events, and their repetition."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from chaos.discord import payloads
from chaos.discord.people import Json, Server

_DISPATCH, _HEARTBEAT, _IDENTIFY, _RESUME, _INVALID, _HELLO, _ACKNOWLEDGED = 0, 1, 2, 6, 9, 10, 11
_HEARTBEAT_MS = 5_000
_WRONG_TOKEN = 4004


@dataclass(slots=True)
class Session:
    """A session of a bot. It outlives its connection, and is continued by another one."""

    id: str = field(default_factory=lambda: secrets.token_hex(8))
    events: list[Json] = field(default_factory=list)
    socket: web.WebSocketResponse | None = None

    @property
    def is_open(self) -> bool:
        return self.socket is not None and not self.socket.closed

    async def dispatch(self, name: str, data: Any) -> bool:
        """Send an event, or keep it until the session is continued. Returns whether it was sent."""
        event = {"op": _DISPATCH, "t": name, "s": len(self.events) + 1, "d": data}
        self.events.append(event)
        if self.socket is None or self.socket.closed:
            return False
        try:
            await self.socket.send_json(event)
        except ConnectionError:
            return False  # The bot was killed just now.
        return True


class Gateway:
    """The sessions of all bots.

    Args:
        token: the right token.
        servers: returns the servers in which the bot is.
    """

    def __init__(self, token: str, servers: Callable[[], list[Server]]) -> None:
        self._token = token
        self._servers = servers
        self.sessions: dict[str, Session] = {}
        #: How often a bot identified itself, and how often a session was continued.
        self.identified = 0
        self.resumed = 0

    @property
    def open(self) -> list[Session]:
        return [one for one in self.sessions.values() if one.is_open]

    async def dispatch(self, name: str, data: Any) -> bool:
        """Send an event to every session. Returns whether one of them is connected."""
        sent = [await session.dispatch(name, data) for session in list(self.sessions.values())]
        return any(sent)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection."""
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        await socket.send_json({"op": _HELLO, "d": {"heartbeat_interval": _HEARTBEAT_MS}})
        session: Session | None = None
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            sent = message.json()
            match sent["op"]:
                case code if code == _HEARTBEAT:
                    await socket.send_json({"op": _ACKNOWLEDGED})
                case code if code == _IDENTIFY:
                    if sent["d"]["token"] != self._token:
                        await socket.close(code=_WRONG_TOKEN)
                    else:
                        session = await self._identify(socket)
                case code if code == _RESUME:
                    session = await self._resume(socket, sent["d"])
        if session is not None and session.socket is socket:
            session.socket = None
        return socket

    async def _identify(self, socket: web.WebSocketResponse) -> Session:
        session = Session(socket=socket)
        # A bot that begins a new session does not continue an old one, so those without a
        # connection are forgotten.
        self.sessions = {one.id: one for one in self.open} | {session.id: session}
        self.identified += 1
        servers = self._servers()
        ready = {
            "v": 10,
            "user": payloads.bot_user(),
            "guilds": [{"id": str(one.id), "unavailable": True} for one in servers],
            "session_id": session.id,
            "resume_gateway_url": "wss://gateway.discord.gg",
            "application": {"id": str(payloads.APPLICATION_ID), "flags": 0},
        }
        await session.dispatch("READY", ready)
        for one in servers:
            await session.dispatch("GUILD_CREATE", payloads.server(one))
        return session

    async def _resume(self, socket: web.WebSocketResponse, wanted: Json) -> Session | None:
        session = self.sessions.get(wanted["session_id"])
        if session is None or wanted["token"] != self._token:
            await socket.send_json({"op": _INVALID, "d": False})
            return None
        session.socket = socket
        self.resumed += 1
        for event in session.events[wanted["seq"] or 0 :]:
            await socket.send_json(event)
        await session.dispatch("RESUMED", {})
        return session
