"""`manage.py restore FILE`."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from giftcodes.cli.base import ServerCommand
from giftcodes.cli.progress import stage
from redeemer.backups.address import Address
from redeemer.backups.reading import Dump, read_dump
from redeemer.backups.replacing import replace_database
from redeemer.backups.secret_key import check_value, own_key
from redeemer.backups.sessions import refuse_while_connected, refuse_while_ticking
from redeemer.backups.signals import end_in_order
from redeemer.localserver import discovery
from redeemer.localserver.database_only import database_only
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import Home

_HOLDER = "`manage.py restore`"


class Command(ServerCommand):
    """The old database stays in its place until the new one is complete, and is kept afterwards."""

    expected_errors = (CannotStartError,)
    help = (
        "Put a backup in the database's place. Stop `make up` before, or with DATABASE_URL everything that uses it. "
        "The present database is kept under another name. Afterwards everything continues by itself."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file, and what is not to be asked."""
        parser.add_argument("file", metavar="FILE", help="what `backup` wrote")
        parser.add_argument("--yes", action="store_true", help="do not ask whether it is meant")
        parser.add_argument(
            "--any-key",
            action="store_true",
            help="go on with another SECRET_KEY: the opt-outs are not recognised then",
        )

    def reach_server(self) -> None:
        """Not yet: the embedded one is not running, and started here."""

    def run(self, **options: Any) -> None:
        """Restore it.

        Raises:
            CommandError: in one line, why not. The database is as it was then.
        """
        home = Home.from_environment()
        _refuse_while_up(home)
        show = partial(stage, self.screen)
        with end_in_order():
            with show("Reading the backup") as tell:
                dump = read_dump(Path(options["file"]).expanduser().resolve(), tell)
            self._check(dump, home, any_key=options["any_key"])
            if not options["yes"]:
                self._ask(dump)
            with self._address(home) as address:
                refuse_while_connected(address)
                kept = replace_database(address, dump, show)
        self._tell(kept)

    def _check(self, dump: Dump, home: Home, *, any_key: bool) -> None:
        if unknown := dump.unknown_migrations():
            raise CommandError(
                f"{dump.file} is of a newer release: this one does not know {unknown[0]}. Update Redeemer first."
            )
        key = own_key(home)
        if not dump.opt_outs or (key is not None and dump.note == check_value(key)):
            return
        lost = f"its {dump.opt_outs} opt-out(s) would not be recognised, and those players asked for again"
        if not any_key:
            raise CommandError(
                f"The backup was made under another SECRET_KEY than this installation has: {lost}. Set SECRET_KEY in "
                "the environment or in .env to the key of where it was made (`secret_key` in its var/secrets.json); "
                "or add --any-key to go on without."
            )
        self.warn(
            f"SECRET_KEY is another one: {lost.replace('would not be', 'are not').replace('asked', 'are asked')}."
        )

    def _ask(self, dump: Dump) -> None:
        what = f"{dump.file}, made {dump.made_at} from PostgreSQL {dump.server_version}"
        if not sys.stdin.isatty():
            raise CommandError("Nobody can be asked here whether it is meant: add --yes.")
        self.screen.line(f"Restore {what}? It takes the place of the present data, which are kept.")
        if input("Type yes to go on: ").strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was changed.")

    @contextmanager
    def _address(self, home: Home) -> Iterator[Address]:
        """Where the database is, with nobody else at work on it."""
        if url := os.environ.get("DATABASE_URL"):
            address = Address(url)
            refuse_while_ticking(address)
            yield address
            return
        try:
            with database_only(home, _HOLDER, self.screen.line) as url:
                yield Address(url)
        except CannotStartError as error:
            raise CommandError(str(error)) from error

    def _tell(self, kept: str | None) -> None:
        self.screen.good(
            "Restored. Start everything again: it goes on from where the backup was made."
        )
        if kept is None:
            return
        self.screen.line(
            f"The database from before is kept as {kept}. When you are sure, and it runs, drop it:"
        )
        self.screen.line(
            f"  {sys.executable} manage.py shell --no-imports -c '{_DROP.format(kept)}'"
        )


_DROP = 'from django.db import connection as c; c.cursor().execute("DROP DATABASE \\"{}\\"")'


def _refuse_while_up(home: Home) -> None:
    """The workers of a running `make up` must not lose their database under their feet."""
    if not discovery.is_running(home.lock):
        return
    own = os.environ.get("DATABASE_URL")
    if own and own != discovery.database_of_running(home):
        return  # Another installation's.
    holder = home.lock.read_text(encoding="utf-8", errors="replace").strip()
    raise CommandError(f"Stop what is running here ({holder}), restore, and start it again.")
