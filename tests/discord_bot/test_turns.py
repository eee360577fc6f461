"""One person, or the members of one server, cannot keep the bot from answering others."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError

from giftcodes.discord_bot.answers import Answer
from giftcodes.discord_bot.database import THREADS, in_database
from giftcodes.discord_bot.replies import choices, reply
from giftcodes.discord_bot.turns import MOST_AT_ONCE, MOST_OF_PERSON, Turns
from giftcodes.services.discord_links import Asker
from giftcodes.sql import execute
from tests.waiting import PATIENCE_SECONDS

Use = Callable[[int, int | None], asyncio.Task[None]]


class Slow:
    """A command that takes until `finish`."""

    def __init__(self) -> None:
        self._is_over = threading.Event()
        #: The people whose uses are under way.
        self.under_way: list[int] = []

    def __call__(self, asker: Asker) -> Answer:
        self.under_way.append(asker.user_id)
        assert self._is_over.wait(PATIENCE_SECONDS)
        return Answer("Done.")

    def finish(self) -> None:
        self._is_over.set()


class Discord:
    """What `reply` needs of Discord: it keeps the answers to each person."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.answers: list[tuple[int, str]] = []

    def use(self, work: Any, user_id: int, server_id: int | None) -> asyncio.Task[None]:
        """Let a person use a command."""
        return asyncio.ensure_future(reply(self.interaction(user_id, server_id), work))

    def interaction(self, user_id: int, server_id: int | None) -> Any:
        """A use of a command."""

        async def defer(**_how: Any) -> None:
            pass

        async def send(*, content: str, **_more: Any) -> None:
            self.answers.append((user_id, content))

        return SimpleNamespace(
            user=SimpleNamespace(id=user_id, display_name="Anna", name="anna"),
            guild_id=server_id,
            permissions=SimpleNamespace(manage_guild=False),
            response=SimpleNamespace(defer=defer),
            followup=SimpleNamespace(send=send),
            client=SimpleNamespace(turns=self.turns, answering=contextlib.nullcontext),
        )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


def play(scenario: Callable[[Discord, Slow], Awaitable[None]]) -> None:
    """Play a scenario with as many threads as the bot has."""

    async def played() -> None:
        threads = ThreadPoolExecutor(THREADS)
        asyncio.get_running_loop().set_default_executor(threads)
        slow = Slow()
        async with _ending(slow):
            await scenario(Discord(), slow)

    asyncio.run(played())


@contextlib.asynccontextmanager
async def _ending(slow: Slow) -> AsyncIterator[None]:
    try:
        yield
    finally:
        slow.finish()


def quick(_asker: Asker) -> Answer:
    return Answer("Quick.")


@pytest.mark.parametrize("how", ["one person in many servers", "many people in one server"])
def test_others_are_answered_during_many_slow_uses(transactional_db: None, how: str) -> None:
    async def scenario(discord: Discord, slow: Slow) -> None:
        numbers = range(1, THREADS + 2)
        if how == "one person in many servers":
            uses = [discord.use(slow, 1, number) for number in numbers]
        else:
            uses = [discord.use(slow, number, 1) for number in numbers]
        await until(lambda: len(slow.under_way) >= MOST_AT_ONCE)

        async with asyncio.timeout(PATIENCE_SECONDS):
            await discord.use(quick, 77, 77)

        assert discord.answers == [(77, "Quick.")]
        assert len(slow.under_way) == MOST_AT_ONCE
        slow.finish()
        await asyncio.gather(*uses)
        assert len(discord.answers) == 1 + len(uses)

    play(scenario)


def test_too_many_uses_of_a_person_are_refused_until_some_are_answered(
    transactional_db: None,
) -> None:
    async def scenario(discord: Discord, slow: Slow) -> None:
        uses = [discord.use(slow, 1, None) for _ in range(MOST_OF_PERSON)]
        await until(lambda: len(slow.under_way) >= MOST_AT_ONCE)
        await discord.use(quick, 1, None)
        ((_user, words),) = discord.answers
        assert "Wait for the answers" in words
        assert (
            await choices(discord.interaction(1, None), lambda _asker, _text: [("a", "a")], "")
            == []
        )
        slow.finish()
        await asyncio.gather(*uses)
        await discord.use(quick, 1, None)
        assert discord.answers[-1] == (1, "Quick.")

    play(scenario)


def test_the_database_cancels_a_statement_that_takes_too_long(
    transactional_db: None, settings: Any
) -> None:
    settings.WEB_STATEMENT_SECONDS = 0.2

    async def scenario(_discord: Discord, _slow: Slow) -> None:
        with pytest.raises(OperationalError, match="statement timeout"):
            await in_database(execute, "SELECT pg_sleep(%(seconds)s)", seconds=PATIENCE_SECONDS)

    play(scenario)
