"""Fair shares of the bot's threads, as web processes have them (redeemer/fair_share.py).

Without them, one person with many slow commands, or the members of one server together, could keep
all threads busy, and people in other servers would wait. Here, a *use* is a command, a press or a
request for choices that the bot answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from giftcodes.discord_bot.database import THREADS

#: How many uses of one person, or of the members of one server, are answered at the same time.
MOST_AT_ONCE = max(1, THREADS // 2)
#: How many uses of one person are answered or wait. Further ones are refused.
MOST_OF_PERSON = 10


class TooManyAtOnceError(Exception):
    """Too many uses of this person wait already, so no further one is taken."""


class _Line:
    """The uses of one person, or of one server, in their order."""

    def __init__(self) -> None:
        self.turns = asyncio.Semaphore(MOST_AT_ONCE)
        #: How many uses have their turn, or wait for it.
        self.length = 0


class Turns:
    """Lets the uses of each person, and those in each server, take turns.

    The rest of the threads is left to others. The count is kept in memory, because it is about the
    threads of this process.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    @asynccontextmanager
    async def of(self, user_id: int, server_id: int | None) -> AsyncIterator[None]:
        """Wait for the turn of a person in a server, and have it during this block.

        Args:
            user_id: the person.
            server_id: the server. None in a direct message.

        Raises:
            TooManyAtOnceError: too many uses of this person wait already.
        """
        person = f"person {user_id}"
        if (line := self._lines.get(person)) and line.length >= MOST_OF_PERSON:
            raise TooManyAtOnceError
        async with self._turn(person):
            if server_id is None:
                yield
                return
            async with self._turn(f"server {server_id}"):
                yield

    @asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        line = self._lines.setdefault(name, _Line())
        line.length += 1
        try:
            async with line.turns:
                yield
        finally:
            line.length -= 1
            if not line.length:
                del self._lines[name]
