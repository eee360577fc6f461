"""`manage.py import_members FILE --guild NAME`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from giftcodes import secret_key, tasks
from giftcodes.cli.base import ServerCommand
from giftcodes.cli.lookup import find_guild
from giftcodes.models import OptOut
from giftcodes.roster import MemberList, UnreadableListError, read_members
from giftcodes.roster.text import MAX_BYTES
from giftcodes.services.imports import ImportResult, import_members, summary

_MOST_SHOWN = 50


class Command(ServerCommand):
    """Good lines are imported in one transaction; each bad one is named with its number and its reason."""

    help = (
        "Import a guild's members from an Excel workbook (xlsx), a CSV file or a list of player IDs. Columns may be "
        "named in the first line (player_id, nickname, realm, consented_on; also id, fid, player, name, kid, state, "
        "kingdom), else they are taken in that order. Members who are there already are corrected, those who left come "
        "back, and those who opted out are left out. Bad lines are reported on stderr and the rest is imported: exit "
        "status 0, or 1 if the file has no usable line. What it did can be undone in the admin."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file and the guild."""
        parser.add_argument(
            "file", metavar="FILE", help="the list, at most 5 MB; - reads standard input"
        )
        parser.add_argument(
            "--guild", required=True, metavar="NAME", help="the guild the players are members of"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would happen, and change nothing"
        )

    def run(self, **options: Any) -> None:
        """Import, tell, and let the catch-up ask for the new members.

        Raises:
            CommandError: the file cannot be used at all, or there is no such guild.
        """
        guild = find_guild(options["guild"])
        _check_opt_outs_are_readable()
        listed = _read(options["file"])
        self._complain(listed)
        if not listed.members:
            raise CommandError(f"Nothing was imported: {_why_nothing(listed)}")
        result = import_members(guild.pk, listed.members, dry_run=options["dry_run"])
        self._tell(result)
        prefix = "Would import" if options["dry_run"] else "Imported"
        self.screen.line(f"{prefix} {summary(listed, result)}.")
        if options["dry_run"]:
            return
        if not guild.active:
            self.warn(f"Guild {guild} is inactive: nothing is redeemed for it.")
        tasks.enqueue_on_commit(tasks.catch_up, [guild.pk])

    def _complain(self, listed: MemberList) -> None:
        if listed.ignored_columns:
            self.warn(f"Columns that are not used: {', '.join(listed.ignored_columns)}.")
        unused = sorted([*listed.bad, *listed.repeated], key=lambda line: line.line)
        self._some([str(line) for line in unused], self.warn)

    def _tell(self, result: ImportResult) -> None:
        self._some(
            [f"Updated {player_id}: {what}" for player_id, what in result.updated], self.screen.line
        )
        self._some(
            [f"Reactivated {player_id}." for player_id in result.reactivated], self.screen.line
        )
        self._some(
            [f"{player_id} opted out and is left out." for player_id in result.opted_out], self.warn
        )

    def _some(self, lines: Sequence[str], show: Any) -> None:
        for line in lines[:_MOST_SHOWN]:
            show(line)
        if len(lines) > _MOST_SHOWN:
            show(f"… and {len(lines) - _MOST_SHOWN} more like these.")


def _why_nothing(listed: MemberList) -> str:
    if listed.bad:
        return f"none of the {len(listed.bad)} line(s) could be used."
    return "the file names columns, and no member."


def _read(file: str) -> MemberList:
    try:
        return read_members(_bytes_of(file))
    except UnreadableListError as error:
        raise CommandError(f"{'Standard input' if file == '-' else file}: {error}") from error


def _bytes_of(file: str) -> bytes:
    """One byte more than is allowed, so that a file that is too large shows as such and is not read to its end."""
    try:
        if file == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(file).expanduser().open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CommandError(f"{file} cannot be read: {reason}.") from error


def _check_opt_outs_are_readable() -> None:
    """The list is keyed with SECRET_KEY: with another key it would be silently empty."""
    if not secret_key.is_set() and OptOut.objects.exists():
        raise CommandError(
            "SECRET_KEY is not set here, so that those who opted out cannot be told. Set it as the server has it."
        )
