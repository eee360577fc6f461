"""`manage.py opt_out PLAYER_ID --provider P [--undo]`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from giftcodes import tasks
from giftcodes.cli.base import ServerCommand
from giftcodes.cli.lookup import parse_player
from giftcodes.services.players import opt_in, opt_out


class Command(ServerCommand):
    help = (
        "Stop redeeming codes for a player, in every guild. Use this when the player asks for it. "
        "No import adds the player again, and the opt-out is stored as a keyed hash. With --undo, "
        "codes are redeemed for the player again. Exit status: 0, or 1 if the player ID or the "
        "game is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "player_id", metavar="PLAYER_ID", help="the player's ID in the game: digits only"
        )
        parser.add_argument("--provider", required=True, metavar="P", help="the game")
        parser.add_argument(
            "--undo", action="store_true", help="end the opt-out, when the player asks for it"
        )

    def run(self, **options: Any) -> None:
        """Store the opt-out, or remove it, and enqueue the catch-up.

        Raises:
            CommandError: the game is unknown, or the player ID is not valid.
        """
        config, player_id = parse_player(options["provider"], options["player_id"])
        result = (opt_in if options["undo"] else opt_out)(config.name, player_id)
        words = "redeemed again" if options["undo"] else "no longer redeemed"
        note = "" if result.changed else " This was already the case."
        self.screen.line(
            f"Codes are {words} for player {player_id} of {config.title}, who is in "
            f"{result.members} guild(s).{note}"
        )
        tasks.enqueue_on_commit(tasks.catch_up)
