"""`manage.py erase_player PLAYER_ID --provider P --yes`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from giftcodes import tasks
from giftcodes.cli.base import ServerCommand
from giftcodes.cli.lookup import find_player
from giftcodes.services.erase_player import erase_player


class Command(ServerCommand):
    """A player asks to be forgotten: this does it. What was counted stays true."""

    help = (
        "Erase a player for good: ID, nickname, realm, consent, notes and history of changes. What was redeemed stays, "
        "under a name that nobody had. The player is opted out, so that no list brings them back; that is kept as a "
        "keyed hash. Backups, log files and messages that were posted are not touched. Exit status: 0, or 1 if the "
        "game is being asked for the player just now."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the player."""
        parser.add_argument(
            "player_id", metavar="PLAYER_ID", help="the player's ID in the game: digits only"
        )
        parser.add_argument("--provider", required=True, metavar="P", help="the game")
        parser.add_argument(
            "--yes", action="store_true", help="it cannot be undone: say that you mean it"
        )

    def run(self, **options: Any) -> None:
        """Erase, and tell what.

        Raises:
            CommandError: it is not confirmed, or the game is being asked for the player.
        """
        config, player_id = find_player(options["provider"], options["player_id"])
        if not options["yes"]:
            raise CommandError(
                f"Player {player_id} of {config.title} would be erased for good. If you mean it: --yes"
            )
        result = erase_player(config.name, player_id)
        if result.obstacle:
            raise CommandError(result.obstacle)
        for redemption_id in result.redemptions:
            tasks.enqueue_on_commit(tasks.finish, redemption_id)
        if not result.pseudonym:
            self.screen.line(
                f"Nothing was kept of player {player_id} of {config.title}. The opt-out is."
            )
            return
        numbers = ", ".join(f"{what} {number}" for what, number in result.numbers.items() if number)
        self.screen.line(
            f"Player {player_id} of {config.title} is erased: {numbers}. The rows say {result.pseudonym}."
        )
        self.screen.line(
            "Backups, log files and messages that were posted still have what they had."
        )
