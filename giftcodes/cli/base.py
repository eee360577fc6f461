"""The base class of all commands that need the database: output, and errors without tracebacks."""

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

INTERRUPTED_STATUS = 130
LOG_VERBOSITY = 2


class ServerCommand(BaseCommand, ABC):
    """A command that uses the database of a running installation.

    Subclasses do their work in `run`. For an expected error they raise a CommandError whose message
    says what to do. Results go to `screen`, and warnings go to `warn`.
    """

    #: Errors besides CommandError that a subclass expects. Their text is shown without a traceback.
    expected_errors: tuple[type[Exception], ...] = ()
    #: Django sets this if the command was started from the command line.
    _called_from_command_line = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Django has the option `--no-color`, but does not read NO_COLOR (no-color.org).
        if os.environ.get("NO_COLOR"):
            kwargs["no_color"] = True
        super().__init__(*args, **kwargs)

    @property
    def screen(self) -> Screen:
        return Screen(self.stdout, self.style)

    @abstractmethod
    def run(self, **options: Any) -> None:
        """Do the work."""

    def warn(self, text: str) -> None:
        """Print a line to stderr."""
        self.stderr.write(printable(text), self.style.WARNING)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the command, and turn expected errors into a CommandError."""
        if self._called_from_command_line and options["verbosity"] < LOG_VERBOSITY:
            # The command prints its own results. With `-v 2` the log lines are printed, too.
            logging.getLogger("giftcodes").setLevel(logging.WARNING)
        try:
            with database_errors_explained():
                # Connect first, so that a failure leaves no partial output.
                self.reach_server()
                self.run(**options)
        except self.expected_errors as error:
            raise CommandError(str(error)) from error
        except CommandError as error:
            # The message may contain names, and Django prints it unchanged.
            error.args = (printable(str(error)),)
            raise

    def reach_server(self) -> None:
        """Connect to the database. A command overrides this if it must start the server first."""
        connection.ensure_connection()

    def run_from_argv(self, argv: list[str]) -> None:
        """Run from the command line. `| head` and Ctrl-C end the command without a traceback."""
        # One thread needs no pool, and a pool waits four seconds for a server that is down.
        connection.settings_dict.get("OPTIONS", {}).pop("pool", None)
        try:
            super().run_from_argv(argv)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader has closed the pipe. Python must not flush stdout into it at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except KeyboardInterrupt:
            self.stderr.write("Interrupted.")
            sys.exit(INTERRUPTED_STATUS)


@contextmanager
def database_errors_explained() -> Iterator[None]:
    """Turn the errors of a database that is down or out of date into one line with advice.

    Raises:
        CommandError: in place of the database's error.
    """
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise CommandError(_connection_advice(error)) from error
    except ProgrammingError as error:
        if not isinstance(error.__cause__, UndefinedTable | UndefinedColumn):
            raise
        raise CommandError(
            f"The database is not up to date: run `{settings.COMMAND} migrate`, or restart "
            f"`{settings.START_COMMAND}`."
        ) from error


def _connection_advice(error: Exception) -> str:
    if connection.settings_dict["HOST"] == settings.NO_SERVER_HOST:
        return (
            f"No server is running: start it with `{settings.START_COMMAND}`, or set DATABASE_URL."
        )
    reason = str(error).strip().partition("\n")[0]
    return (
        f"The database does not answer ({reason}). "
        f"Start it with `{settings.START_COMMAND}`, or correct DATABASE_URL."
    )
