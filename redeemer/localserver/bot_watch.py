"""Runs the process of the Discord bot only while there is a token."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import psycopg
from psycopg.conninfo import make_conninfo

from redeemer import database_url
from redeemer.localserver.supervisor import Child, Program, Supervisor

#: How often BotWatch asks whether there is a token. Each time needs a new connection to the
#: database, because one that is kept would take 5 MB of the server's memory.
_EVERY_SECONDS = 15.0
_CONNECT_SECONDS = 3
#: Whether a token was entered in the browser (giftcodes.models.stored_setting).
_QUESTION = """
    SELECT EXISTS (
        SELECT FROM giftcodes_storedsetting WHERE name = 'DISCORD_TOKEN' AND value > ''
    )
"""


def has_token(environment: Mapping[str, str]) -> bool | None:
    """Whether a token is set, in the environment or in the browser.

    Args:
        environment: the complete environment of the children.

    Returns:
        None if the database does not answer.
    """
    if environment.get("DISCORD_TOKEN", "").strip():
        return True
    try:
        parameters = database_url.parameters(environment["DATABASE_URL"])
        address = make_conninfo(**{"connect_timeout": str(_CONNECT_SECONDS), **parameters})
        with psycopg.connect(address) as connection:
            row = connection.execute(_QUESTION).fetchone()
    except psycopg.Error:
        return None
    return bool(row and row[0])


class BotWatch:
    """Starts the bot's process when a token is set, and ends it when the token is removed.

    So an installation without a bot has no process for it. The question is asked in a separate
    thread, because the supervisor must not wait for the database.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        program: Program,
        is_wanted: Callable[[], bool | None],
        *,
        every_seconds: float = _EVERY_SECONDS,
    ) -> None:
        """
        Args:
            supervisor: starts and ends the process.
            program: the program of the process.
            is_wanted: whether there is a token. None if that is not known now.
            every_seconds: the time between two questions.
        """
        self._supervisor = supervisor
        self._program = program
        self._is_wanted = is_wanted
        self._every_seconds = every_seconds
        self._due_at = 0.0
        self._answers: list[bool | None] = []
        self._child: Child | None = None

    def poll(self) -> None:
        """Start or end the process after an answer, and ask again if that is due.

        This blocks while the process ends, and may block for some seconds before the process is
        started, because a copy waits for the other threads (redeemer.localserver.copies).
        """
        while self._answers:
            self._follow(self._answers.pop(0))
        if time.monotonic() >= self._due_at:
            self._due_at = time.monotonic() + self._every_seconds
            threading.Thread(
                target=lambda: self._answers.append(self._is_wanted()), name="bot", daemon=True
            ).start()

    def _follow(self, is_wanted: bool | None) -> None:
        if is_wanted and self._child is None:
            # Without a bot, everything else still works. So a failure must end nothing.
            self._child = self._supervisor.start_or_retry(self._program)
        elif is_wanted is False and self._child is not None:
            self._supervisor.end(self._child)
            self._child = None
