"""The connection to Discord: the gateway, the registration of commands, and the events."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import discord
from discord import app_commands

from giftcodes.discord_bot.commands import COMMANDS
from giftcodes.discord_bot.database import in_database
from giftcodes.discord_bot.process import NotConnectedError
from giftcodes.discord_bot.replies import Interaction, pressed
from giftcodes.discord_bot.translating import Catalogues, speak_to
from giftcodes.discord_bot.turns import Turns
from giftcodes.domain import log_lines
from giftcodes.models import BotState, DiscordBot
from giftcodes.services import discord_links

#: The gateway's codes for a wrong token, and for intents that the application may not have.
_WRONG_TOKEN, _WRONG_INTENTS = 4004, {4013, 4014}

#: How long the connection is kept for answers that have begun, before it is closed.
_LAST_ANSWERS_SECONDS = 5.0

#: Called at each change of the connection, with its new state and the bot's name in Discord.
Tell = Callable[[BotState, str], Awaitable[None]]


class Tree(app_commands.CommandTree["Bot"]):
    """The commands. A process that is no longer the bot does not answer."""

    async def interaction_check(self, interaction: discord.Interaction[Bot]) -> bool:
        speak_to(interaction)
        return self.client.is_the_bot()

    async def on_error(
        self, interaction: discord.Interaction[Bot], error: app_commands.AppCommandError
    ) -> None:
        """Log what `reply` could not answer, such as a command that Discord has and we have not."""
        if not isinstance(error, app_commands.CheckFailure):
            name = interaction.command.name if interaction.command else ""
            log_lines.warning("🤖 A command failed.", command=name, error=repr(error)[:200])


class Bot(discord.Client):
    """The bot. It gets the events of servers and of its commands and buttons, but no messages.

    Args:
        is_the_bot: whether this process is still the bot.
        tell: called with each change of the connection.
    """

    def __init__(self, *, is_the_bot: Callable[[], bool], tell: Tell) -> None:
        intents = discord.Intents.none()
        intents.guilds = True
        super().__init__(
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
        )
        self.is_the_bot = is_the_bot
        self._tell = tell
        self._answering: set[asyncio.Task[Any]] = set()
        self.turns = Turns()
        self.tree = Tree(self)
        for command in COMMANDS:
            self.tree.add_command(command)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Keep the connection open during this block, in which this task answers a person."""
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        try:
            yield
        finally:
            self._answering.discard(task)

    async def close(self) -> None:
        """Take nothing new, finish the answers that have begun, and close the connection."""
        self.is_the_bot = lambda: False
        if self._answering:
            await asyncio.wait(self._answering, timeout=_LAST_ANSWERS_SECONDS)
        await super().close()

    async def setup_hook(self) -> None:
        """Register the commands, if their definition changed since they were registered last."""
        await in_database(DiscordBot.objects.keep_application, self.application_id)
        catalogues = await Catalogues.of(self.tree)
        await self.tree.set_translator(catalogues)
        commands = self.tree.get_commands()
        written = [await one.get_translated_payload(self.tree, catalogues) for one in commands]
        text = json.dumps([self.application_id, written], sort_keys=True, default=str)
        found = hashlib.sha256(text.encode()).hexdigest()
        if await in_database(DiscordBot.objects.commands_hash) == found:
            return
        try:
            await self.tree.sync()
        except discord.HTTPException as error:
            log_lines.warning(
                "🤖 Discord did not take the commands. They are sent again at the next start.",
                error=error.code,
            )
            return
        await in_database(DiscordBot.objects.keep_commands_hash, found)
        log_lines.info("🤖 The commands are registered in Discord.", number=len(written))

    async def on_ready(self) -> None:
        """Tell that the bot is connected, with the name that Discord shows."""
        await self._tell(BotState.CONNECTED, str(self.user or ""))

    async def on_resumed(self) -> None:
        """Tell that the bot is connected again."""
        await self._tell(BotState.CONNECTED, str(self.user or ""))

    async def on_disconnect(self) -> None:
        """Report that the connection is lost. discord.py connects again by itself."""
        if not self.is_closed():
            await self._tell(BotState.CONNECTING, "")

    async def on_interaction(self, interaction: Interaction) -> None:
        """Answer buttons, menus and forms. The tree answers commands."""
        kinds = (discord.InteractionType.component, discord.InteractionType.modal_submit)
        if interaction.type in kinds and self.is_the_bot():
            speak_to(interaction)
            await pressed(interaction)

    async def on_guild_update(self, before: discord.Guild, after: discord.Guild) -> None:
        """Keep the new name of a server."""
        if before.name != after.name:
            await in_database(discord_links.note_name, after.id, after.name)

    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        """Keep the new name of a role."""
        if before.name != after.name:
            await in_database(discord_links.note_role, after.guild.id, after.id, after.name)

    async def on_guild_role_delete(self, role: discord.Role) -> None:
        """Forget a role that was deleted."""
        await in_database(discord_links.note_role, role.guild.id, role.id, None)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Say that the bot was removed from a server. The links of the server stay."""
        log_lines.warning("🤖 The bot was removed from a Discord server.", server=guild.id)

    async def on_error(self, event_method: str, /, *_args: Any, **_kwargs: Any) -> None:
        """Log an error in one line with its traceback, instead of discord.py's own lines."""
        log_lines.log.error(
            "🤖 The bot failed.", event_method=event_method, exc_info=sys.exc_info()
        )


async def connect(token: str, is_the_bot: Callable[[], bool], tell: Tell) -> None:
    """Be connected until the task is cancelled. discord.py repairs a broken connection by itself.

    Raises:
        NotConnectedError: there is no connection, and the error says why.
    """
    bot = Bot(is_the_bot=is_the_bot, tell=tell)
    try:
        await bot.start(token)
    except discord.LoginFailure:
        raise NotConnectedError(BotState.TOKEN_REFUSED) from None
    except discord.PrivilegedIntentsRequired:
        raise NotConnectedError(BotState.INTENTS_MISSING) from None
    except discord.ConnectionClosed as error:
        raise NotConnectedError(_state_of(error.code), f"gateway code {error.code}") from None
    except discord.HTTPException as error:
        raise NotConnectedError(BotState.UNREACHABLE, f"HTTP {error.status}") from None
    except (TimeoutError, discord.DiscordException, aiohttp.ClientError, OSError) as error:
        raise NotConnectedError(BotState.UNREACHABLE, type(error).__name__) from None
    finally:
        await bot.close()


def _state_of(code: int) -> BotState:
    if code == _WRONG_TOKEN:
        return BotState.TOKEN_REFUSED
    return BotState.INTENTS_MISSING if code in _WRONG_INTENTS else BotState.UNREACHABLE
