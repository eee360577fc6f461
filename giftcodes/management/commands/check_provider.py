"""`manage.py check_provider NAME`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from giftcodes.cli.base import ServerCommand
from giftcodes.cli.lookup import find_provider
from giftcodes.services.provider_check import check_provider


class Command(ServerCommand):
    help = (
        "Check whether a game can work: its salt, its service, its answer to a signed request, "
        "and its code feed. This sends two requests to the game (one without a player, and one "
        "for a player and a code that do not exist) and one to the feed, and shows no secret. "
        "Exit status: 0 if all is well, else 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME", help="the game, such as whiteout or kingshot")

    def run(self, **options: Any) -> None:
        """Print a line for each check: ✓ works, ✗ does not work, – is not set up or not checked.

        Raises:
            CommandError: the game is unknown, or a check failed.
        """
        config = find_provider(options["name"])
        show = {True: self.screen.good, False: self.screen.bad, None: self.screen.neutral}
        self.screen.line(f"{config.title} ({config.name})")
        is_fine = True
        for name, finding in check_provider(
            config, during=lambda name: self.screen.spinner(f"{name} …")
        ):
            show[finding.ok](f"{name}: {finding.words}")
            is_fine = is_fine and finding.ok is not False
        if not is_fine:
            raise CommandError(f"{config.title} cannot work yet: see the lines with ✗.")
