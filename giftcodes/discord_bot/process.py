"""The life of the bot's process: wait for a token, become the bot, connect, and try again.

Nothing here imports discord.py before there is a token.

One process at a time is the bot: it holds a lease in the database (`DiscordBot`), and renews it
every few seconds. If it cannot, it stops answering before the lease ends, so two processes never
answer the same press. A process that dies is replaced when its lease ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from django.db import Error as DatabaseError

from giftcodes.discord_bot.database import in_lease_thread
from giftcodes.domain import failpoints, log_lines
from giftcodes.models import BotState, DiscordBot
from giftcodes.models.site_settings import discord_token


class NotConnectedError(Exception):
    """There is no connection to Discord.

    Args:
        state: why, for the pages and the alarm.
        detail: more for the log. It must not have secrets.
    """

    def __init__(self, state: BotState, detail: str = "") -> None:
        super().__init__(detail)
        self.state = state
        self.detail = detail


class Connect(Protocol):
    """Connects to Discord, and stays connected until it is cancelled (`client.connect`)."""

    async def __call__(
        self,
        token: str,
        is_the_bot: Callable[[], bool],
        tell: Callable[[BotState, str], Awaitable[None]],
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Times:
    """All times in seconds.

    Args:
        lease: how long the lease lasts after it was renewed.
        margin: how long before the end of the lease the process stops answering.
        tick: how often the lease is renewed, and the token is checked for a change.
        pause: the wait after the first failure to connect. It doubles with each further one.
        longest_pause: the longest such wait.
        refused_pause: the wait if Discord refuses the token. A new token ends each wait at once.
        healthy: after a connection that lasted this long, the next wait is `pause` again.
    """

    lease: float = failpoints.seconds("BOT_LEASE_SECONDS", 20.0)
    margin: float = failpoints.seconds("BOT_MARGIN_SECONDS", 5.0)
    tick: float = failpoints.seconds("BOT_TICK_SECONDS", 4.0)
    pause: float = 5.0
    longest_pause: float = 300.0
    refused_pause: float = 600.0
    healthy: float = 60.0


#: What the log says about each reason for having no connection.
_LINES = {
    BotState.TOKEN_REFUSED: "Discord refuses the token. Enter the token of the page “Bot” of the "
    "developer portal, as DISCORD_TOKEN or in the browser.",
    BotState.INTENTS_MISSING: "Discord refuses the intents of the bot. Check the application in "
    "the developer portal.",
    BotState.UNREACHABLE: "Discord cannot be reached. The bot tries again.",
}


async def connect_with_discord_py(
    token: str,
    is_the_bot: Callable[[], bool],
    tell: Callable[[BotState, str], Awaitable[None]],
) -> None:
    """Import discord.py, and connect."""
    from giftcodes.discord_bot.client import connect

    await connect(token, is_the_bot, tell)


class Process:
    """The process of the bot."""

    def __init__(
        self, connect: Connect = connect_with_discord_py, times: Times | None = None
    ) -> None:
        """
        Args:
            connect: connects to Discord.
            times: other times than the usual ones, for tests.
        """
        self._connect = connect
        self._times = times or Times()
        self._holder = f"{socket.gethostname()[:20]}-{os.getpid()}-{secrets.token_hex(4)}"[:40]
        self._held_until = 0.0
        self._failures = 0
        self._is_connected = False
        self._said = ""
        self._claiming: asyncio.Future[bool] | None = None

    def is_the_bot(self) -> bool:
        """Whether this process may answer now."""
        return time.monotonic() < self._held_until

    async def run(self) -> None:
        """Be the bot whenever that is possible, until the task is cancelled."""
        try:
            while True:
                await self._once()
        finally:
            self._held_until = 0.0
            if self._claiming:
                # A claim that is under way would take the lease again after its release.
                await asyncio.wait({self._claiming})
            with contextlib.suppress(DatabaseError):
                await asyncio.shield(in_lease_thread(DiscordBot.objects.release, self._holder))

    async def _once(self) -> None:
        token = await self._token()
        if token is None:
            self._say("🤖 The Discord bot waits for the database.")
        elif not token:
            self._say("🤖 No Discord bot: no token is set.")
        elif (is_ours := await self._renew()) is None:
            self._say("🤖 The Discord bot waits for the database.")
        elif not is_ours:
            self._say("🤖 Another process is the Discord bot. This one waits until that one ends.")
        else:
            await self._be_connected(token)
            return
        await asyncio.sleep(self._times.tick)

    async def _be_connected(self, token: str) -> None:
        """Be connected as long as the token and the lease last, and wait after a failure."""
        began = time.monotonic()
        if not self._failures:
            # After a failure, the pages show the failure until a further try succeeds.
            await self._tell(BotState.CONNECTING, "")
        connection = asyncio.ensure_future(self._connect(token, self.is_the_bot, self._tell))
        try:
            while not connection.done():
                await asyncio.wait({connection}, timeout=self._times.tick)
                if not connection.done() and not await self._goes_on(token):
                    break
        finally:
            connection.cancel()
            (result,) = await asyncio.gather(connection, return_exceptions=True)
            self._is_connected = False
        if isinstance(result, asyncio.CancelledError):
            return
        if not isinstance(result, NotConnectedError):
            if isinstance(result, Exception):
                log_lines.log.error("🤖 The Discord bot failed.", exc_info=result)
            result = NotConnectedError(BotState.UNREACHABLE)
        if time.monotonic() - began >= self._times.healthy:
            self._failures = 0
        await self._tell(result.state, "")
        self._say(f"🤖 {_LINES[result.state]}", level="warning", reason=result.detail)
        await self._wait(self._pause_after(result.state), token)

    def _pause_after(self, state: BotState) -> float:
        if state is not BotState.UNREACHABLE:
            return self._times.refused_pause
        self._failures += 1
        doubled: float = self._times.pause * 2 ** min(self._failures - 1, 10)
        return min(doubled, self._times.longest_pause)

    async def _wait(self, seconds: float, token: str) -> None:
        """Wait, and keep the lease, so that no other process tries the same in the meantime."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, self._times.tick))
            if not await self._goes_on(token):
                return

    async def _goes_on(self, token: str) -> bool:
        """Renew the lease. Returns whether the token is the same, and this process is the bot."""
        found = await self._token()
        if found is not None and found != token:
            self._said, self._failures = "", 0
            return False
        if await self._renew():
            return True
        if self.is_the_bot():
            return True  # The database does not answer, but the lease lasts for some seconds.
        self._say("🤖 The Discord bot lost its lease in the database. It answers no more.")
        return False

    async def _token(self) -> str | None:
        """The token. None if the database does not answer."""
        try:
            return await in_lease_thread(discord_token)
        except DatabaseError:
            return None

    async def _renew(self) -> bool | None:
        """Take or renew the lease. Returns whether it is ours, or None without an answer."""
        before = time.monotonic()
        claim = in_lease_thread(DiscordBot.objects.claim, self._holder, seconds=self._times.lease)
        self._claiming = asyncio.ensure_future(claim)
        try:
            is_ours = await asyncio.shield(self._claiming)
        except DatabaseError:
            return None
        self._held_until = before + self._times.lease - self._times.margin if is_ours else 0.0
        return is_ours

    async def _tell(self, state: BotState, name: str) -> None:
        """Record a change of the connection."""
        if state is BotState.CONNECTED:
            self._say(f"🤖 The Discord bot is connected as {name}.")
        elif self._is_connected:
            self._say("🤖 The connection to Discord broke. The bot connects again.")
        self._is_connected = state is BotState.CONNECTED
        with contextlib.suppress(DatabaseError):
            await in_lease_thread(DiscordBot.objects.tell, self._holder, state, name=name)

    def _say(self, line: str, *, level: str = "info", reason: str = "") -> None:
        """Log a line, unless it is the one that was logged last."""
        if line != self._said:
            self._said = line
            log = log_lines.warning if level == "warning" else log_lines.info
            log(line, **({"reason": reason} if reason else {}))
