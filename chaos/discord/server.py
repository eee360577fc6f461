"""The simulated Discord as a whole. It runs in a thread of its own, beside the test."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from chaos.discord import payloads
from chaos.discord.certificate import make_certificate
from chaos.discord.gateway import Gateway
from chaos.discord.people import Json, Message, Person, Server, Use, new_id
from chaos.discord.rest import FIRST_ANSWER_SECONDS, Rest, Spoil

__all__ = ["Discord", "Spoil"]

_COMMAND, _PRESS = 2, 3
_Result = TypeVar("_Result")
_REDIRECT = Path(__file__).resolve().parent / "redirect"
#: It has the form of a token of Discord, but is not a real one.
TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcDE.only-for-tests-0123456789-abcdefghij"


class Discord:
    """A simulated Discord, which serves until `stop`.

    People use the bot by the methods here. Each returns at once; the returned `Use` then shows what
    came of it.

    Args:
        folder: where the certificate is put.
    """

    def __init__(self, folder: Path) -> None:
        self._certificate, self._key = make_certificate(folder)
        #: The servers in which the bot is.
        self.servers: list[Server] = []
        self._channels: set[int] = set()
        self.rest = Rest(TOKEN, self._channels)
        self.gateway = Gateway(TOKEN, lambda: list(self.servers))
        self._loop = asyncio.new_event_loop()
        self._port = 0
        started = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="discord", daemon=True
        )
        self._thread.start()
        started.wait()

    # --- The processes under test -----------------------------------------------------------------
    @property
    def environment(self) -> dict[str, str]:
        """The environment of processes that are to use this Discord."""
        return {
            "DISCORD_TOKEN": TOKEN,
            "SIMULATED_DISCORD": f"{self._port}:{self._certificate}",
            "PYTHONPATH": str(_REDIRECT),
            "CHANNEL_PRIVATE_HOSTS": "127.0.0.1",
        }

    @property
    def is_connected(self) -> bool:
        """Whether a bot is connected."""
        return bool(self.gateway.open)

    def break_connections(self, *, forget: bool = False) -> None:
        """Break the connections of all bots. They may continue their sessions.

        Args:
            forget: whether they must begin new sessions instead.
        """

        async def broken() -> None:
            found = self.gateway.open
            if forget:
                self.gateway.sessions.clear()
            for session in found:
                assert session.socket is not None
                await session.socket.close(code=4000)

        self._call(broken())

    # --- What is there ----------------------------------------------------------------------------
    def add_server(self, name: str) -> Server:
        """Add a server, and the bot to it."""
        one = Server(new_id(), new_id(), new_id(), name)
        self.servers.append(one)
        self._channels.add(one.channel_id)
        self._call(self.gateway.dispatch("GUILD_CREATE", payloads.server(one)))
        return one

    def messages_in(self, server: Server) -> list[Message]:
        """The messages that the bot posted in the channel of a server."""
        every = list(self.rest.messages.values())
        return [one for one in every if one.channel_id == server.channel_id]

    def listed_in_thread(self, message: Message) -> list[Message]:
        """The messages in the thread that was opened on a message."""
        every = list(self.rest.messages.values())
        return [one for one in every if one.channel_id == message.id]

    # --- What people do ---------------------------------------------------------------------------
    def command(self, person: Person, name: str, /, **options: Any) -> Use:
        """Use a slash command, such as `code add`."""
        first, *others = name.split()
        command = self._registered(first, 1)
        return self._sent(Use(_COMMAND, person, payloads.command_data(command, others, options)))

    def menu(self, person: Person, name: str, text: str) -> Use:
        """Choose the entry `name` in the context menu of a message with this text."""
        author = payloads.user(new_id(), "the game")
        target = payloads.message(
            new_id(), person.server.channel_id, {"content": text}, author=author
        )
        return self._sent(
            Use(_COMMAND, person, payloads.menu_data(self._registered(name, 3), target))
        )

    def press(self, person: Person, on: Message | Use, label: str) -> Use:
        """Press a button of a message, or of the last answer to a use.

        Raises:
            KeyError: there is no such button.
        """
        if isinstance(on, Use):
            content, number, buttons = on.answers[-1], new_id(), on.buttons
        else:
            content, number, buttons = on.versions[-1], on.id, on.former_buttons
        source = payloads.message(number, person.server.channel_id, content)
        data = {"custom_id": buttons[label], "component_type": 2, "id": 1}
        return self._sent(Use(_PRESS, person, data, source))

    def _registered(self, name: str, kind: int) -> Json:
        for command in self.rest.commands:
            if (command["name"], command["type"]) == (name, kind):
                return command
        raise KeyError(name)

    def _sent(self, use: Use) -> Use:
        use.token = secrets.token_hex(8)
        self.rest.uses[use.token] = use
        use.sent_at = time.monotonic()
        use.is_delivered = self._call(
            self.gateway.dispatch("INTERACTION_CREATE", payloads.interaction(use))
        )
        return use

    def is_over(self, use: Use) -> bool:
        """Whether nothing more will come of a use: it is answered, or Discord gave it up."""
        is_late = time.monotonic() - use.sent_at > FIRST_ANSWER_SECONDS
        return use.is_answered or (is_late and not use.is_acknowledged)

    # --- The thread -------------------------------------------------------------------------------
    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        runner = self._loop.run_until_complete(self._serve())
        started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _serve(self) -> web.AppRunner:
        app = web.Application(middlewares=[self.rest.handle])
        app.add_routes([*self.rest.routes(), web.get("/", self.gateway.serve)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate, self._key)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        self._port = runner.addresses[0][1]
        return runner

    def _call(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def stop(self) -> None:
        """End the server, and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
