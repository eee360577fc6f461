"""`manage.py export_player PLAYER_ID --provider P [--output FILE]`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from giftcodes.cli.atomic_file import output_stream
from giftcodes.cli.base import ServerCommand
from giftcodes.cli.lookup import parse_player
from giftcodes.queries.player_data import data_of, in_json, is_known


class Command(ServerCommand):
    help = (
        "Write all data that is kept about a player as JSON: memberships and their changes, "
        "redemptions, requests to the game and its answers. No other person is named. Exit "
        "status: 0, or 1 if no data is kept about the player or the file cannot be written."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "player_id", metavar="PLAYER_ID", help="the player's ID in the game: digits only"
        )
        parser.add_argument("--provider", required=True, metavar="P", help="the game")
        parser.add_argument("--output", metavar="FILE", help="default: standard output")

    def run(self, **options: Any) -> None:
        """Write the data.

        Raises:
            CommandError: no data is kept about the player, or the file cannot be written.
        """
        config, player_id = parse_player(options["provider"], options["player_id"])
        data = data_of(config.name, player_id)
        if not is_known(data):
            raise CommandError(f"No data is kept about player {player_id} of {config.title}.")
        with output_stream(options["output"], self.stdout) as file:
            file.write(in_json(data) + "\n")
