"""`manage.py redeem CODE --guild NAME [--wait]`."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from giftcodes import tasks
from giftcodes.cli.base import ServerCommand
from giftcodes.cli.dry_run import REFUSED_STATUS, show_dry_run
from giftcodes.cli.lookup import explained, find_guild, find_provider
from giftcodes.cli.watch_run import wait_for_everyone
from giftcodes.domain.text import clean_token
from giftcodes.models import GiftCode, Guild, Trigger
from giftcodes.pipeline.start_or_refuse import StartKind, StartResult, start
from giftcodes.services.code_entry import find_or_add_code


class Command(ServerCommand):
    help = (
        "Redeem a code, published or not, for all members of a guild, including those who could "
        "not get it before. An unknown code is added. Exit status: 0 if the run was started or "
        "there was nothing to do; 1 if it cannot be started; 2 if the code is being redeemed "
        "already. With --wait: 0 if at the end every member has the code, or another one of its "
        "group; else 3."
    )

    #: Waits between two reads of the run. A test replaces this to let workers work in that time.
    pause = staticmethod(time.sleep)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "code", metavar="CODE", help="the gift code; a new one is added as it is typed"
        )
        parser.add_argument("--guild", required=True, metavar="NAME", help="the guild")
        parser.add_argument(
            "--provider", metavar="P", help="a safeguard: refuse if the guild plays another game"
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="show what would happen to each member, and why; change nothing",
        )
        parser.add_argument(
            "--json", action="store_true", help="with --dry-run, for programs: one JSON object"
        )
        parser.add_argument(
            "--wait",
            action="store_true",
            help="show the progress until the end; Ctrl-C ends the waiting only",
        )

    def run(self, **options: Any) -> None:
        """Start the run, and wait for its end if asked to.

        Raises:
            CommandError: the start was refused or is not possible, or, with `--wait`, a member does
                not have the code at the end.
        """
        if options["json"] and not options["dry_run"]:
            raise CommandError("--json needs --dry-run.")
        guild = find_guild(options["guild"])
        _check_provider(guild, options["provider"])
        try:
            if options["dry_run"]:
                show_dry_run(self.screen, guild, options["code"], as_json=options["json"])
                return
            code = self._find_or_add(guild, options["code"])
        except ValidationError as error:
            raise CommandError(
                f"“{clean_token(options['code'])}” cannot be a gift code. {explained(error)}"
            ) from error
        result = self._start(guild, code)
        if options["wait"]:
            wait_for_everyone(result.redemption_id, self.screen, self.warn, pause=self.pause)

    def _find_or_add(self, guild: Guild, typed: str) -> GiftCode:
        found = find_or_add_code(guild.provider, typed)
        if found.message:
            self.screen.line(found.message)
        return found.code

    def _start(self, guild: Guild, code: GiftCode) -> StartResult:
        result = start(guild_id=guild.pk, gift_code_id=code.pk, trigger=Trigger.COMMAND)
        match result.kind:
            case StartKind.REFUSED | StartKind.BUSY:
                raise CommandError(result.message, returncode=REFUSED_STATUS)
            case StartKind.NOT_ALLOWED:
                raise CommandError(result.message)
        self.screen.line(result.message)
        if result.has_work:
            # As in tasks.redeem: a run that needs no request ends at once.
            tasks.finish(result.redemption_id)
            tasks.enqueue_on_commit(tasks.dispatch, guild.provider)
        return result


def _check_provider(guild: Guild, name: str | None) -> None:
    if name and (asked := find_provider(name)).name != guild.provider:
        raise CommandError(
            f"Guild {guild} plays {find_provider(guild.provider).title}, not {asked.title}."
        )
