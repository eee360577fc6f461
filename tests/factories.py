"""Rows for tests, with defaults for all fields that a test does not set."""

from __future__ import annotations

from itertools import count
from typing import Any

from giftcodes.models import GiftCode, Guild, Member, Source

_numbers = count(1)

REALM = 1042


def guild(name: str = "", *, members: int = 0, **fields: Any) -> Guild:
    """A guild of the simulator, with a number of members with new player IDs."""
    name = name or f"Guild {next(_numbers)}"
    row = Guild.objects.create(**{"name": name, "provider": "simulator", "realm": REALM, **fields})
    Member.objects.bulk_create(Member(guild=row, player_id=player_id()) for _ in range(members))
    return row


def player_id() -> str:
    """A new player ID."""
    return str(200_000_000 + next(_numbers))


def member(of: Guild, player: str = "", **fields: Any) -> Member:
    return Member.objects.create(guild=of, player_id=player or player_id(), **fields)


def gift_code(code: str = "", **fields: Any) -> GiftCode:
    """An active code of the simulator."""
    code = code or f"CODE{next(_numbers)}"
    return GiftCode.objects.create(
        **{"provider": "simulator", "code": code, "source": Source.COMMAND, **fields}
    )
