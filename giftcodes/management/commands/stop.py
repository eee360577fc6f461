"""`manage.py stop CODE --guild NAME`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from giftcodes import tasks
from giftcodes.cli.base import ServerCommand
from giftcodes.cli.lookup import find_guild, find_known_code
from giftcodes.models import Redemption, Trigger
from giftcodes.services.run_actions import stop


class Command(ServerCommand):
    help = (
        "Stop redeeming a code for a guild. Requests under way finish, and no more are sent. Only "
        "a person starts it again, such as with `redeem` or in the admin. Exit status: 0, or 1 if "
        "there was nothing to stop."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "code", metavar="CODE", help="the gift code, in capitals or small letters"
        )
        parser.add_argument("--guild", required=True, metavar="NAME", help="the guild")

    def run(self, **options: Any) -> None:
        """Request the stop.

        Raises:
            CommandError: the guild or the code is unknown, or there is no run to stop.
        """
        guild = find_guild(options["guild"])
        code = find_known_code(guild, options["code"])
        redemption = Redemption.objects.filter(guild=guild, gift_code=code).first()
        if redemption is None:
            raise CommandError(
                f"Code {code} was never redeemed for guild {guild}; there is nothing to stop."
            )
        result = stop(redemption.pk, trigger=Trigger.COMMAND)
        if not result.done:
            raise CommandError(result.message)
        self.screen.line(result.message)
        # If no request is under way, the run ends at once.
        tasks.finish(redemption.pk)
