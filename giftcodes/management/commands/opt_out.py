"""`manage.py opt_out PLAYER_ID --provider P [--undo]`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from giftcodes import tasks
from giftcodes.cli.base import ServerCommand
from giftcodes.cli.lookup import find_player
from giftcodes.services.players import opt_in, opt_out


class Command(ServerCommand):
    """The list of those who opted out holds keyed hashes, and so does not list anybody."""

    help = (
        "Ask for a player no more, in any guild: at the player's wish. No import brings them back; what they have "
        "stays theirs. With --undo, at their wish too, they are redeemed for again. Exit status: 0, or 1 if the "
        "player ID or the game is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the player."""
        parser.add_argument(
            "player_id", metavar="PLAYER_ID", help="the player's ID in the game: digits only"
        )
        parser.add_argument("--provider", required=True, metavar="P", help="the game")
        parser.add_argument(
            "--undo", action="store_true", help="the player wishes to be redeemed for again"
        )

    def run(self, **options: Any) -> None:
        """Write it down, and ring the catch-up.

        Raises:
            CommandError: there is no such game, or this is no player ID.
        """
        config, player_id = find_player(options["provider"], options["player_id"])
        result = (opt_in if options["undo"] else opt_out)(config.name, player_id)
        words = "is redeemed for again" if options["undo"] else "is not asked for any more"
        note = "" if result.changed else " It was so already."
        self.screen.line(
            f"Player {player_id} of {config.title} {words}: {result.members} guild(s).{note}"
        )
        tasks.enqueue_on_commit(tasks.catch_up)
