"""Opt out: a player who does not wish to be redeemed for is not asked for, whoever adds or imports them again."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from giftcodes.models import Member, OptOut
from giftcodes.models.delivery import player_hash


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
    members = Member.objects.filter(guild__provider=provider, player_id=player_id)
    members.filter(opted_out=False).update(opted_out=True)
    return OptOutResult(changed, members.count())


@transaction.atomic
def opt_in(provider: str, player_id: str) -> OptOutResult:
    """Take a player's opt-out back, at their wish. Catch-up then redeems what they have not got.

    Args:
        provider: the game.
        player_id: decimal digits.
    """
    deleted, _ = OptOut.objects.filter(player_hash=player_hash(provider, player_id)).delete()
    members = Member.objects.filter(guild__provider=provider, player_id=player_id)
    members.filter(opted_out=True).update(opted_out=False)
    return OptOutResult(bool(deleted), members.count())
