"""The demo guild, whose members are the players of the bundled simulator."""

from __future__ import annotations

import json
from collections import Counter
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

from giftcodes.clients.http import ExchangeError, Transport
from giftcodes.domain.text import one_line
from giftcodes.models import Guild
from giftcodes.models.games import games
from giftcodes.roster import ListedMember
from giftcodes.services.imports import ImportResult, import_members

_GUILD = "Demo guild"
_NOTES = (
    "A demo: the game is simulated, and no real code is redeemed. Some members live in another "
    "state and wait for a correction, and some are below the level that the demo's codes ask for."
)
_PLAYERS_PATH = "/_sim/players"
_MAX_BYTES = 5_000_000


class DemoError(Exception):
    """The demo guild cannot be filled. The text says what to do."""


def fill_demo_guild() -> tuple[Guild, ImportResult]:
    """Create the demo guild if needed, and add the players that it does not have.

    Existing members are not changed, because an operator may have edited them.

    Raises:
        DemoError: the simulator cannot be used, or a guild of another game is named “Demo guild”.
    """
    players = _players()
    if not players:
        raise DemoError("The simulator has no players: start it with --players 50.")
    realms = Counter(player["realm"] for player in players.values())
    guild = _guild(realm=realms.most_common(1)[0][0])
    known = set(guild.members.values_list("player_id", flat=True))
    # The players' realms are left out, so members get the guild's realm, which is wrong for players
    # who live elsewhere. So the demo shows members who need correction.
    missing = [
        ListedMember(line=number, player_id=player_id, nickname=player["name"])
        for number, (player_id, player) in enumerate(players.items(), start=1)
        if player_id not in known
    ]
    return guild, import_members(guild.pk, missing)


def _guild(*, realm: int) -> Guild:
    guild, _ = Guild.objects.get_or_create(
        name=_GUILD,
        defaults={"provider": "simulator", "realm": realm, "automatic": True, "notes": _NOTES},
    )
    if guild.provider != "simulator":
        raise DemoError(
            f"A guild of another game ({guild.provider}) has the name “{_GUILD}”. "
            "Rename it, and run this again."
        )
    return guild


def _players() -> dict[str, dict[str, Any]]:
    """All players of the simulator, by ID."""
    api = urlsplit(games()["simulator"].api_url)
    if not api.netloc:
        raise DemoError(
            "The simulator is not configured: SIMULATOR_API_URL is not set. The command `up` sets "
            "it."
        )
    url = urlunsplit((api.scheme, api.netloc, _PLAYERS_PATH, "", ""))
    transport = Transport(
        total_seconds=settings.HTTP_SECONDS,
        connect_seconds=settings.HTTP_CONNECT_SECONDS,
        max_bytes=_MAX_BYTES,
    )
    headers = {"Authorization": f"Bearer {settings.SIMULATOR_TOKEN}"}
    try:
        reply = transport.exchange("GET", url, headers=headers)
        if reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise DemoError(
                f"The simulator at {api.netloc} refuses this request: set SIMULATOR_TOKEN to the "
                "token that the simulator was started with. The command `up` does that."
            )
        players: dict[str, dict[str, Any]] = json.loads(reply.body)["players"]
    except ExchangeError as error:
        raise DemoError(
            f"The simulator at {api.netloc} does not answer ({one_line(str(error), 200)}). "
            "Check SIMULATOR_API_URL."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DemoError(
            f"The server at {api.netloc} is not the simulator. Check SIMULATOR_API_URL."
        ) from error
    finally:
        transport.close()
    return players
