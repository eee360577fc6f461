"""`manage.py backup [FILE]`: write a backup of the database into a file."""

from __future__ import annotations

import datetime as dt
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.template.defaultfilters import filesizeformat

from giftcodes.cli.base import ServerCommand
from giftcodes.cli.paths import expanded, without_links
from giftcodes.cli.progress import stage
from giftcodes.models import OptOut
from redeemer.backups.address import Address
from redeemer.backups.dumps import check_value, is_note_of, note_on_opt_outs, own_key, write_dump
from redeemer.backups.programs import exit_on_signals
from redeemer.localserver.errors import CannotStartError
from redeemer.localserver.home import Home


class Command(ServerCommand):
    """Write one consistent dump into one file, while everything runs."""

    expected_errors = (CannotStartError,)
    help = (
        "Write a backup of the database into one file, while everything runs. The file appears "
        "when it is complete, and only its owner can read it. `restore` loads it. The file does "
        "not contain SECRET_KEY: keep the key elsewhere (docs/how-to/back-up-and-restore.md)."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the arguments."""
        parser.add_argument(
            "file",
            nargs="?",
            metavar="FILE",
            help="the file, or a folder for it; default: backups/redeemer-<UTC time>.dump in "
            "REDEEMER_HOME",
        )

    def run(self, **options: Any) -> None:
        """Write the backup.

        Raises:
            CommandError: the file cannot be written, or pg_dump failed. No partial file is left.
        """
        home = Home.from_environment()
        file = _file(options["file"], home)
        address = Address(os.environ["DATABASE_URL"])
        with exit_on_signals():
            self._note_key(address, home)
            with stage(self.screen, "Writing the backup") as tell:
                size = write_dump(address, file, tell)
        self.screen.good(f"{file} ({filesizeformat(size)})".replace("\xa0", " "))

    def _note_key(self, address: Address, home: Home) -> None:
        """Record in the dump which SECRET_KEY its opt-outs need (decision 9)."""
        key, opt_outs = own_key(home), OptOut.objects.count()
        if key is None:
            if opt_outs:
                raise CommandError(
                    "SECRET_KEY is not set here, so the backup cannot record which key its "
                    f"{opt_outs} opt-out(s) need. Set it to the server's key."
                )
            return
        before = note_on_opt_outs(address, check_value(key))
        if opt_outs and before is not None and not is_note_of(before, home):
            self.warn(
                "SECRET_KEY is different from that of the last backup. If the server uses the new "
                f"key too, then {opt_outs} opt-out(s) are no longer recognised."
            )


def _file(named: str | None, home: Home) -> Path:
    """Return the path of the backup. Its folder exists afterwards.

    Raises:
        CommandError: the backup cannot be written there.
    """
    name = f"redeemer-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}.dump"
    path = without_links(expanded(named) if named else home.backups / name)
    try:
        if named is None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif path.is_dir():
            path /= name
        elif path.exists() and not path.is_file():
            raise CommandError(f"{path} is neither a file nor a folder.")
        if not path.parent.is_dir():
            raise CommandError(f"There is no folder {path.parent}.")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path
