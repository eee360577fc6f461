"""What all commands that need the servers share: clear words instead of tracebacks, and how things are shown."""

from __future__ import annotations

import logging
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, ProgrammingError, connection
from psycopg.errors import UndefinedColumn, UndefinedTable

from giftcodes.cli.terminal import Screen
from giftcodes.domain.text import printable

NO_SERVER = "No server is running: start it with `make up`, or set DATABASE_URL."
INTERRUPTED_STATUS = 130
LOG_VERBOSITY = 2


class ServerCommand(BaseCommand, ABC):
    """A command on the database of a running installation.

    Subclasses do their work in `run` and raise CommandError where something expected is wrong: the message says
    what to do. What people read goes to `screen`, warnings go to `warn`.
    """

    #: Errors of a subclass whose text is shown as it is.
    expected_errors: tuple[type[Exception], ...] = ()
    #: Set by Django where the command is a process of its own.
    _called_from_command_line = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Django knows `--no-color`, and not yet NO_COLOR (no-color.org)."""
        if os.environ.get("NO_COLOR"):
            kwargs["no_color"] = True
        super().__init__(*args, **kwargs)

    @property
    def screen(self) -> Screen:
        """Where the command shows its results."""
        return Screen(self.stdout, self.style)

    @abstractmethod
    def run(self, **options: Any) -> None:
        """Do the work."""

    def warn(self, text: str) -> None:
        """A line on stderr."""
        self.stderr.write(printable(text), self.style.WARNING)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run, and put the expected troubles into words."""
        if self._called_from_command_line and options["verbosity"] < LOG_VERBOSITY:
            # The command says itself what it does; with `-v 2` the flow's own lines are there too.
            logging.getLogger("giftcodes").setLevel(logging.WARNING)
        try:
            with database_troubles_in_words():
                # Connect first, so that a failure leaves no partial output.
                self.reach_server()
                self.run(**options)
        except self.expected_errors as error:
            raise CommandError(str(error)) from error
        except CommandError as error:
            # Names may stand in it; Django writes it as it is.
            error.args = (printable(str(error)),)
            raise

    def reach_server(self) -> None:
        """See to it that the database answers. A command that has to start it first does otherwise."""
        connection.ensure_connection()

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as a process of its own: `| head` and Ctrl-C end it quietly."""
        # One thread needs no pool, and a pool waits ten seconds for a server that is not there.
        connection.settings_dict.get("OPTIONS", {}).pop("pool", None)
        try:
            super().run_from_argv(argv)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader has gone; nothing is to be written when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except KeyboardInterrupt:
            self.stderr.write("Interrupted.")
            sys.exit(INTERRUPTED_STATUS)


@contextmanager
def database_troubles_in_words() -> Iterator[None]:
    """Turn a database that is away, or out of date, into one line that says what to do.

    Raises:
        CommandError: instead of the database's error.
    """
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise CommandError(_away(error)) from error
    except ProgrammingError as error:
        if not isinstance(error.__cause__, UndefinedTable | UndefinedColumn):
            raise
        raise CommandError(
            "The database is not up to date: run `manage.py migrate`, or restart `make up`."
        ) from error


def _away(error: Exception) -> str:
    if connection.settings_dict["HOST"] == settings.NO_SERVER_HOST:
        return NO_SERVER
    reason = str(error).strip().partition("\n")[0]
    return f"The database does not answer ({reason}). Start it with `make up`, or correct DATABASE_URL."
