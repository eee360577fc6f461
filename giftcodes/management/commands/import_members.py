"""`manage.py import_members FILE --guild NAME`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from typing import Any

from django.core.management.base import CommandError

from giftcodes import secret_key, tasks
from giftcodes.cli.base import ServerCommand
from giftcodes.cli.lookup import find_guild
from giftcodes.cli.paths import expanded
from giftcodes.models import OptOut
from giftcodes.models.guild import GuildFullError
from giftcodes.roster import (
    MAX_BYTES,
    MemberList,
    UnreadableListError,
    member_list,
    review_of,
    text_of,
)
from giftcodes.services.imports import ImportResult, import_members, summary

_MOST_SHOWN = 50


class Command(ServerCommand):
    help = (
        "Import a guild's members from an Excel workbook (xlsx), a CSV file, or any text with "
        "player IDs: a message of a chat, a numbered list, a screenshot's text. A line may name "
        "the columns: player_id, nickname, realm, consented_on (also id, fid, player, name, kid, "
        "state, kingdom). Without such a line, cells are read in that order; in a line without "
        "cells, the text beside the player ID is the name. Existing members are corrected, members "
        "who left are reactivated, and players who opted out are skipped. Lines without a player, "
        "and lines that are not certain, are reported on stderr, and the rest is imported. The "
        "import can be undone in the admin. Exit status: 0, or 1 if the file has no usable line."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file",
            metavar="FILE",
            help="the list, at most 5 MB and 20,000 members; - for standard input",
        )
        parser.add_argument(
            "--guild", required=True, metavar="NAME", help="the guild the players are members of"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would happen; change nothing"
        )

        parser.add_argument(
            "--take-unsure",
            action="store_true",
            help="import the lines that are not certain, too; see them with --dry-run first",
        )

    def run(self, **options: Any) -> None:
        """Import the list, print the result, and enqueue the catch-up for the new members.

        Raises:
            CommandError: the guild is unknown or has no room, or the file has no usable line.
        """
        guild = find_guild(options["guild"])
        _require_readable_opt_outs()
        listed = _read(options["file"], with_unsure=options["take_unsure"])
        self._show_problems(listed)
        if not listed.members:
            raise CommandError(f"Nothing was imported: {_why_nothing(listed)}")
        try:
            result = import_members(guild.pk, listed.members, dry_run=options["dry_run"])
        except GuildFullError as error:
            raise CommandError(f"Nothing was imported: {error}") from error
        self._show_result(result)
        prefix = "Would import" if options["dry_run"] else "Imported"
        self.screen.line(f"{prefix} {summary(listed, result)}.")
        if options["dry_run"]:
            return
        if not guild.active:
            self.warn(f"Guild {guild} is inactive: nothing is redeemed for it.")
        tasks.enqueue_on_commit(tasks.catch_up, [guild.pk])

    def _show_problems(self, listed: MemberList) -> None:
        if listed.ignored_columns:
            self.warn(f"Columns that are not used: {', '.join(listed.ignored_columns)}.")
        unused = sorted([*listed.bad, *listed.repeated], key=lambda line: line.line)
        self._show_first([str(line) for line in unused], self.warn)

    def _show_result(self, result: ImportResult) -> None:
        self._show_first(
            [f"Updated {player_id}: {what}" for player_id, what in result.updated], self.screen.line
        )
        self._show_first(
            [f"Reactivated {player_id}." for player_id in result.reactivated], self.screen.line
        )
        self._show_first(
            [f"{player_id} opted out and is skipped." for player_id in result.opted_out], self.warn
        )

    def _show_first(self, lines: Sequence[str], show: Callable[[str], None]) -> None:
        for line in lines[:_MOST_SHOWN]:
            show(line)
        if len(lines) > _MOST_SHOWN:
            show(f"… and {len(lines) - _MOST_SHOWN} more like these.")


def _why_nothing(listed: MemberList) -> str:
    if listed.bad:
        return f"none of the {len(listed.bad)} line(s) could be used."
    return "the file has column names, but no members."


def _read(file: str, *, with_unsure: bool) -> MemberList:
    try:
        review = review_of(text_of(_bytes_of(file)))
        return member_list(review, with_unsure=with_unsure)
    except UnreadableListError as error:
        raise CommandError(f"{'Standard input' if file == '-' else file}: {error}") from error


def _bytes_of(file: str) -> bytes:
    """The content of the file, but at most one byte more than the reader accepts."""
    try:
        if file == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with expanded(file).open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CommandError(f"{file} cannot be read: {reason}.") from error


def _require_readable_opt_outs() -> None:
    """Check that opt-outs can be recognised.

    Opt-outs are hashed with SECRET_KEY. Without the right key, no player would match an opt-out.

    Raises:
        CommandError: there are opt-outs, but SECRET_KEY is not set.
    """
    if not secret_key.is_set() and OptOut.objects.exists():
        raise CommandError(
            "SECRET_KEY is not set here, so players who opted out cannot be recognised. "
            "Set it to the server's value."
        )
