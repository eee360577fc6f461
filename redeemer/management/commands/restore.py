"""`manage.py restore FILE`: replace the database with a backup."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.core.management.base import CommandError

from giftcodes.cli.base import ServerCommand
from giftcodes.cli.paths import expanded, without_links
from giftcodes.cli.progress import stage
from redeemer import paths
from redeemer.backups.address import Address
from redeemer.backups.dumps import Dump, can_decrypt, is_note_of, own_key, read_dump
from redeemer.backups.programs import exit_on_signals
from redeemer.backups.replacing import (
    refuse_while_connected,
    refuse_while_ticking,
    replace_database,
)
from redeemer.localserver import discovery
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import Home, SecretStore
from redeemer.localserver.installation import database_only

_HOLDER = "`manage.py restore`"


class Command(ServerCommand):
    """Replace the database with a backup.

    The old database is not changed until the new one is complete, and is kept afterwards.
    """

    expected_errors = (CannotStartError,)
    help = (
        "Replace the database with a backup. Stop `up` first; if DATABASE_URL is set, stop "
        "everything that uses the database. The present database is kept under another name. Start "
        "everything again afterwards: the work continues from the time of the backup."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the arguments."""
        parser.add_argument("file", metavar="FILE", help="a file that `backup` wrote")
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
        parser.add_argument(
            "--any-key",
            action="store_true",
            help="go on with another SECRET_KEY; opt-outs are then no longer recognised",
        )

    def reach_server(self) -> None:
        """Do nothing: the embedded server does not run yet, and `run` starts it."""

    def run(self, **options: Any) -> None:
        """Restore the backup.

        Raises:
            CommandError: the restore failed; the message is one line. The database is unchanged.
        """
        home = Home.from_environment()
        _refuse_while_up(home)
        show = partial(stage, self.screen)
        with exit_on_signals():
            with show("Reading the backup") as tell:
                dump = read_dump(without_links(expanded(options["file"])), tell)
            self._check(dump, home, any_key=options["any_key"])
            if not options["yes"]:
                self._confirm(dump)
            with self._address(home) as address:
                refuse_while_connected(address)
                kept = replace_database(address, dump, show, secret_key=_key_of(home))
        self._report(kept)

    def _check(self, dump: Dump, home: Home, *, any_key: bool) -> None:
        if unknown := dump.unknown_migrations():
            raise CommandError(
                f"{dump.file} is from a newer release: this one does not know {unknown[0]}. "
                "Update Redeemer first."
            )
        if dump.opt_outs and not is_note_of(dump.note, home):
            self._check_opt_outs(dump, any_key=any_key)
        if not can_decrypt(dump, home):
            self.warn(
                "The backup contains secrets that cannot be decrypted, because their key is not in "
                "the settings. Put it into ENCRYPTION_KEYS or OLD_SECRET_KEY. Otherwise enter the "
                "addresses of channels and feeds again, and the salts and keys under “Connect a "
                "game”."
            )

    def _check_opt_outs(self, dump: Dump, *, any_key: bool) -> None:
        opt_outs = f"its {dump.opt_outs} opt-out(s)"
        if not any_key:
            raise CommandError(
                "The backup was made with another SECRET_KEY than that of this installation: "
                f"{opt_outs} would not be recognised, and codes would be redeemed for those "
                "players again. Set SECRET_KEY in the environment or in .env to the key of the "
                "installation where the backup was made (`secret_key` in its var/secrets.json); or "
                "add --any-key to go on without the opt-outs."
            )
        self.warn(
            f"The backup was made with another SECRET_KEY: {opt_outs} are not recognised, and "
            "codes are redeemed for those players again."
        )

    def _confirm(self, dump: Dump) -> None:
        what = f"{dump.file}, made {dump.made_at} from PostgreSQL {dump.server_version}"
        if not sys.stdin.isatty():
            raise CommandError("There is no terminal to ask for confirmation: add --yes.")
        self.screen.line(
            f"Restore {what}? The present database is replaced, but kept under another name."
        )
        if input("Type yes to go on: ").strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was changed.")

    @contextmanager
    def _address(self, home: Home) -> Iterator[Address]:
        """Yield the database's address, after a check that no other program uses the database."""
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

    def _report(self, kept: str | None) -> None:
        self.screen.good(
            "Restored. Start everything again: the work continues from the time of the backup."
        )
        if kept is None:
            return
        self.screen.line(
            f"The old database is kept as {kept}. When everything runs and you are sure, drop it:"
        )
        self.screen.line(f"  {_command_line()} shell --no-imports -c '{_DROP.format(kept)}'")


def _command_line() -> str:
    return paths.COMMAND if paths.IS_INSTALLED else f"{sys.executable} {paths.COMMAND}"


def _key_of(home: Home) -> str:
    """Return the installation's SECRET_KEY.

    If there is no key yet, one is generated and stored, as `make up` does. If DATABASE_URL is set,
    the database is not the one of `make up`: no key is generated, and the result is empty.
    """
    if key := own_key(home):
        return key
    if os.environ.get("DATABASE_URL"):
        return ""
    return SecretStore(home.secrets).get_or_create("secret_key")


_DROP = 'from django.db import connection as c; c.cursor().execute("DROP DATABASE \\"{}\\"")'


def _refuse_while_up(home: Home) -> None:
    """Refuse to restore while `make up` is running, because its workers would lose their database.

    Raises:
        CommandError: `make up` is running, or the installation belongs to another user.
    """
    if not discovery.is_running(home.lock):
        return
    own = os.environ.get("DATABASE_URL")
    if own and own != discovery.database_of_running(home):
        return  # DATABASE_URL names the database of another installation.
    try:
        holder = home.lock.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise CommandError(
            f"{home.folder} belongs to another user: run this as that user."
        ) from error
    raise CommandError(f"Stop what is running here ({holder}), restore, and start it again.")
