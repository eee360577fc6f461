"""Opt out: a player who does not wish to be redeemed for is not asked for, whoever adds or imports them again."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from giftcodes.models import Member, OptOut
from giftcodes.models.privacy import player_hash


@dataclass(frozen=True, slots=True)
class OptOutResult:
    """What came of it.

    Args:
        changed: it was otherwise before.
        members: how many rows, in so many guilds, are the player's.
    """

    changed: bool
    members: int


@transaction.atomic
def opt_out(provider: str, player_id: str) -> OptOutResult:
    """Ask for this player no more. What waits for them is cancelled by the next catch-up; what they have stays theirs.

    Args:
        provider: the game.
        player_id: decimal digits.
    """
    _, changed = OptOut.objects.get_or_create(player_hash=player_hash(provider, player_id))
    return OptOutResult(changed, _mark(provider, player_id, opted_out=True))


@transaction.atomic
def opt_in(provider: str, player_id: str) -> OptOutResult:
    """Take a player's opt-out back, at their wish. Catch-up then redeems what they have not got.

    Args:
        provider: the game.
        player_id: decimal digits.
    """
    deleted, _ = OptOut.objects.filter(player_hash=player_hash(provider, player_id)).delete()
    return OptOutResult(bool(deleted), _mark(provider, player_id, opted_out=False))


def _mark(provider: str, player_id: str, *, opted_out: bool) -> int:
    """Set the mark of each row of a player that has it otherwise. Returns how many rows the player has."""
    rows = Member.objects.select_for_update(no_key=True, of=["self"]).order_by("pk")
    members = list(rows.filter(guild__provider=provider, player_id=player_id))
    for member in members:
        if member.opted_out is not opted_out:
            member.opted_out = opted_out
            member.save(update_fields=["opted_out"])
    return len(members)
