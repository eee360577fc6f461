"""A simulated Discord with the real bot, on the real database.

A test describes what people do in an async function, and `play` runs it:

    def test_someone_joins(play: Play, wolves: Guild) -> None:
        async def scenario(stage: Stage) -> None:
            stage.link(wolves)
            anna = stage.person("anna")
            said = await anna.slash("join", player_id="300000001")
            assert "Wolves" in text_of(said)

        play(scenario)

The scenario may use the database directly, because `play` allows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import discord
import simcord
from simcord.actors import MemberActor
from simcord.builders import ChannelHandle, GuildHandle, RoleHandle
from simcord.env import Env
from simcord.results import InteractionResult, ResponseMessage

from giftcodes.discord_bot.client import Bot
from giftcodes.models import BotState, DiscordBot, DiscordServer, Guild

Scenario = Callable[["Stage"], Awaitable[None]]
Play = Callable[[Scenario], None]


class Person:
    """A member of a server, who acts in its channel."""

    def __init__(self, actor: MemberActor, channel: ChannelHandle) -> None:
        self.actor, self.channel = actor, channel

    @property
    def id(self) -> int:
        """Discord's number of the user."""
        return self.actor.id

    async def slash(self, command: str, **options: Any) -> InteractionResult:
        """Use a command."""
        return await self.actor.slash(self.channel, command, **options)

    async def offered(self, command: str, option: str, typed: str = "") -> list[str]:
        """What Discord offers while the person types into an option."""
        found = await self.actor.autocomplete(self.channel, command, option, typed)
        return [choice["name"] for choice in found]

    async def press(self, said: InteractionResult, label: str) -> InteractionResult:
        """Press a button of an answer."""
        return await self.actor.click(message_of(said), label=label)

    async def choose(self, said: InteractionResult, value: str) -> InteractionResult:
        """Choose an entry of the menu of an answer."""
        return await self.actor.select(message_of(said), [value])

    async def fill(self, form: InteractionResult, *entered: str) -> InteractionResult:
        """Send a form."""
        values = {f"field{number}": text for number, text in enumerate(entered)}
        return await self.actor.submit_modal(form, values)


class Server:
    """A Discord server with one channel."""

    def __init__(self, env: Env, name: str) -> None:
        self.env = env
        self.handle: GuildHandle = env.create_guild(name)
        self.channel = self.handle.create_text_channel("general")

    @property
    def id(self) -> int:
        """Discord's number of the server."""
        return self.handle.id

    def role(self, name: str, **permissions: bool) -> RoleHandle:
        """A new role."""
        return self.handle.create_role(name, permissions=discord.Permissions(**permissions))

    def person(self, name: str, *roles: RoleHandle) -> Person:
        """A new Discord user who is a member of the server."""
        actor = self.handle.add_member(self.env.create_user(name), roles=list(roles))
        return Person(actor, self.channel)

    def manager(self, name: str) -> Person:
        """A member with the permission *Manage Server*."""
        return self.person(name, self.role(f"managers of {name}", manage_guild=True))

    def welcomes(self, person: Person) -> Person:
        """The same Discord user in this server."""
        return Person(self.handle.add_member(person.actor.user), self.channel)

    def link(self, guild: Guild, role: RoleHandle | None = None) -> DiscordServer:
        """Link the server to a guild, as `/link` does."""
        return DiscordServer.objects.create(
            guild=guild,
            server_id=self.id,
            name=self.handle.name,
            role_id=role and role.id,
            role_name=role.name if role else "",
        )


class Stage:
    """The simulated Discord, with a first server.

    Args:
        env: simcord's environment.
    """

    def __init__(self, env: Env) -> None:
        self.env = env
        self.told: list[tuple[BotState, str]] = []
        self.is_the_bot = True
        self.home = Server(env, "Home")

    def server(self, name: str) -> Server:
        """One more server."""
        return Server(self.env, name)

    def person(self, name: str, *roles: RoleHandle) -> Person:
        """A member of the first server."""
        return self.home.person(name, *roles)

    def manager(self, name: str) -> Person:
        """A member of the first server with *Manage Server*."""
        return self.home.manager(name)

    def link(self, guild: Guild, role: RoleHandle | None = None) -> DiscordServer:
        """Link the first server to a guild."""
        return self.home.link(guild, role)

    async def restart(self) -> None:
        """End the bot's process, and start a new one. Messages stay."""
        await self.env.restart_bot(new_bot(self))

    def show(self, command: str, person: Person) -> None:
        """Let the first server show a command to a person who lacks its permission."""
        found = self.env.backend.find_command(command, None, type=1)
        assert found is not None
        self.home.handle.set_command_permissions(int(found["id"]), {person.actor: True})

    def syncs(self) -> int:
        """How often the commands were registered."""
        return sum(
            one.method == "PUT" and one.path.endswith("/commands") for one in self.env.http_requests
        )


def new_bot(stage: Stage | None = None) -> Bot:
    """The bot as its process makes it."""

    async def tell(state: BotState, name: str) -> None:
        if stage is not None:
            stage.told.append((state, name))

    return Bot(is_the_bot=lambda: stage is None or stage.is_the_bot, tell=tell)


def run(scenario: Scenario) -> None:
    """Play a scenario. Errors of the bot fail it."""

    async def played() -> None:
        DiscordBot.objects.claim("stage", seconds=3_600)
        async with simcord.run(new_bot(), settle_timeout=60.0) as env:
            stage = Stage(env)
            env.bot.is_the_bot = lambda: stage.is_the_bot  # type: ignore[attr-defined]
            try:
                await scenario(stage)
            except Exception:
                print(env.transcript())
                raise

    asyncio.run(played())


def message_of(said: InteractionResult) -> ResponseMessage:
    """The message that a person sees after an interaction."""
    found = said.followups[-1] if said.followups else said.response
    assert found is not None, said
    return found


def text_of(said: InteractionResult) -> str:
    """All words of an answer."""
    message = message_of(said)
    embeds = [f"{one.title}\n{one.description}" for one in message.embeds]
    return "\n".join([message.content, *embeds])


def labels_of(said: InteractionResult) -> list[str]:
    """The labels of the buttons of an answer."""
    rows = message_of(said).components
    return [one["label"] for row in rows for one in row["components"] if one.get("label")]


def callbacks(stage: Stage) -> list[int]:
    """The kinds of the first answers to all interactions: 5 and 6 mean that more will come."""
    return [
        one.json["type"]
        for one in stage.env.http_requests
        if one.path.endswith("/callback") and isinstance(one.json, dict)
    ]
