"""`manage.py seed_demo`: a guild of the simulator's players, for `make up` without a game."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.core.management.base import CommandError

from giftcodes import tasks
from giftcodes.cli.base import ServerCommand
from giftcodes.clients.http import ExchangeError, Transport
from giftcodes.domain.text import one_line
from giftcodes.models import Guild
from giftcodes.roster import ListedMember
from giftcodes.services.imports import import_members

GUILD = "Demo guild"
NOTES = (
    "A demo: the game is simulated, and no real code is redeemed. Some members live in another state and wait for a "
    "correction, and some are below the level that the demo's codes ask for."
)
_PLAYERS_PATH = "/_sim/players"
_MAX_BYTES = 5_000_000


class Command(ServerCommand):
    """Adds what is missing and changes nothing that is there: an operator may have played with it."""

    help = "Make the demo guild and fill it with the bundled simulator's players. `make up` does it by itself."

    def run(self, **_options: Any) -> None:
        """Make and fill it.

        Raises:
            CommandError: the simulator is not configured or does not answer.
        """
        players = _players()
        if not players:
            raise CommandError("The simulator has no players: start it with --players 50.")
        guild = _guild(
            realm=Counter(player["realm"] for player in players.values()).most_common(1)[0][0]
        )
        known = set(guild.members.values_list("player_id", flat=True))
        # Without their realm: those who live elsewhere show what a correction is.
        missing = [
            ListedMember(line=number, player_id=player_id, nickname=player["name"])
            for number, (player_id, player) in enumerate(players.items(), start=1)
            if player_id not in known
        ]
        result = import_members(guild.pk, missing)
        self.screen.line(
            f"{guild.name}: {len(known) + len(result.added)} member(s), {len(result.added)} of them new."
        )
        if result.added:
            tasks.enqueue_on_commit(tasks.catch_up, [guild.pk])


def _guild(*, realm: int) -> Guild:
    guild, _ = Guild.objects.get_or_create(
        name=GUILD,
        defaults={"provider": "simulator", "realm": realm, "automatic": True, "notes": NOTES},
    )
    if guild.provider != "simulator":
        raise CommandError(
            f"Another game's guild ({guild.provider}) has the name {GUILD}. Rename it, and run this again."
        )
    return guild


def _players() -> dict[str, dict[str, Any]]:
    """Everybody the simulator knows."""
    api = urlsplit(settings.PROVIDERS["simulator"].api_url)
    if not api.netloc:
        raise CommandError(
            "The simulator is not configured: SIMULATOR_API_URL is not set. `make up` sets it itself."
        )
    url = urlunsplit((api.scheme, api.netloc, _PLAYERS_PATH, "", ""))
    transport = Transport(
        total_seconds=settings.HTTP_SECONDS,
        connect_seconds=settings.HTTP_CONNECT_SECONDS,
        max_bytes=_MAX_BYTES,
    )
    try:
        reply = transport.exchange("GET", url, headers={})
        players: dict[str, dict[str, Any]] = json.loads(reply.body)["players"]
    except ExchangeError as error:
        raise CommandError(
            f"The simulator at {api.netloc} does not answer ({one_line(str(error), 200)})."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(f"What answers at {api.netloc} is not the simulator.") from error
    finally:
        transport.close()
    return players
