"""`manage.py erase_player PLAYER_ID --provider P --yes`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from giftcodes import tasks
from giftcodes.cli.base import ServerCommand
from giftcodes.cli.lookup import parse_player
from giftcodes.services.players import erase_player


class Command(ServerCommand):
    help = (
        "Erase a player's data for good: ID, nickname, realm, consent, notes and history of "
        "changes. Redemptions stay, under a pseudonym. The player is opted out, so that no import "
        "adds them again; the opt-out is stored as a keyed hash. Backups, log files and posted "
        "messages are not changed. Exit status: 0, or 1 if --yes is missing or a request for the "
        "player is under way."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "player_id", metavar="PLAYER_ID", help="the player's ID in the game: digits only"
        )
        parser.add_argument("--provider", required=True, metavar="P", help="the game")
        parser.add_argument("--yes", action="store_true", help="confirm: this cannot be undone")

    def run(self, **options: Any) -> None:
        """Erase the player, and print what was erased.

        Raises:
            CommandError: `--yes` is missing, or a request for the player is under way.
        """
        config, player_id = parse_player(options["provider"], options["player_id"])
        if not options["yes"]:
            raise CommandError(
                f"This would erase player {player_id} of {config.title} for good. "
                "Add --yes to confirm."
            )
        result = erase_player(config.name, player_id)
        if result.obstacle:
            raise CommandError(result.obstacle)
        for redemption_id in result.redemptions:
            tasks.enqueue_on_commit(tasks.finish, redemption_id)
        if not result.pseudonym:
            self.screen.line(
                f"No data was kept about player {player_id} of {config.title}. "
                "The player is now opted out."
            )
            return
        numbers = ", ".join(f"{what} {number}" for what, number in result.numbers.items() if number)
        self.screen.line(
            f"Player {player_id} of {config.title} is erased: {numbers}. "
            f"The rows now have the pseudonym {result.pseudonym}."
        )
        self.screen.line("Backups, log files and posted messages were not changed.")
