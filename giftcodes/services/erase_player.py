"""Erase a player: every row that names them gets a name that nobody had, so that what was counted stays true."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q, QuerySet

from giftcodes.domain.transitions import State
from giftcodes.models import (
    Attempt,
    CancelKind,
    Clock,
    DirectoryLookup,
    GiftCode,
    Member,
    MemberRedemption,
    OptOut,
    RateBudget,
    Redemption,
)
from giftcodes.models.guild import ERASED
from giftcodes.models.privacy import player_hash

_BUSY = (
    "The game is being asked for this player just now. They are opted out, and nothing is erased yet: do it again in a "
    "minute."
)
_UNKNOWN = "Erased before it was known whether the game had granted it."


@dataclass(slots=True)
class EraseResult:
    """What came of it.

    Args:
        obstacle: why nothing was erased, in words; empty: it was.
        pseudonym: the name that the rows have now; empty: nothing was known of the player.
        numbers: how many rows of each kind were changed, by what they are.
        redemptions: ids of those that may be over now.
    """

    obstacle: str = ""
    pseudonym: str = ""
    numbers: dict[str, int] = field(default_factory=dict)
    redemptions: list[int] = field(default_factory=list)


def erase_player(provider: str, player_id: str) -> EraseResult:
    """Take a player's ID, and what is known of them, out of every row, for good, and opt them out.

    What the game granted, and what was asked for, stays under another name: it proves that nobody was asked twice.
    The opt-out stays, too, as a keyed hash: no list brings the player back. It may be called again, for what a run
    that began just before has written meanwhile.

    Args:
        provider: the game.
        player_id: decimal digits.
    """
    members = Member.objects.filter(guild__provider=provider, player_id=player_id)
    # Committed first: whoever brings members into a run from now on leaves this one out.
    with transaction.atomic():
        OptOut.objects.get_or_create(player_hash=player_hash(provider, player_id))
        members.update(active=False, opted_out=True)
    with transaction.atomic():
        result = _erase(provider, player_id, members)
    # Apart: dispatch and the record of an answer lock these rows before they lock shares.
    RateBudget.objects.filter(provider=provider, unknown_players__contains=[player_id]).update(
        unknown_players=[], unknown_codes=[]
    )
    GiftCode.objects.filter(provider=provider, odd_players__contains=[player_id]).update(
        odd_players=[]
    )
    return result


def _erase(provider: str, player_id: str, members: QuerySet[Member]) -> EraseResult:
    shares = MemberRedemption.objects.filter(gift_code__provider=provider, player_id=player_id)
    # In the order in which everybody locks: redemptions, members, their shares.
    redemptions = list(
        Redemption.objects.for_update().filter(pk__in=shares.order_by().values("redemption"))
    )
    locked = list(members.select_for_update(of=["self"]).order_by("pk"))
    states = [
        share.state for share in shares.select_for_update(no_key=True, of=["self"]).order_by("pk")
    ]
    if State.IN_FLIGHT in states:
        return EraseResult(_BUSY)
    if not locked and not states:
        return EraseResult()
    shares.cancel(CancelKind.LEFT)
    shares.filter(state=State.UNCONFIRMED).update(
        state=State.FAILED, reason=_UNKNOWN, next_attempt_at=None, updated_at=Clock()
    )
    earlier = Member.objects.filter(
        member_redemptions__in=shares, player_id__startswith=ERASED
    ).first()
    pseudonym = earlier.player_id if earlier else ERASED + secrets.token_hex(6)
    numbers = _rename(provider, player_id, [member.pk for member in locked], pseudonym)
    return EraseResult("", pseudonym, numbers, [redemption.pk for redemption in redemptions])


def _rename(provider: str, player_id: str, ids: list[int], pseudonym: str) -> dict[str, int]:
    """Replace the name everywhere. Returns how many rows there were of each kind."""
    of_player = Q(gift_code__provider=provider, player_id=player_id)
    versions = Member.history.filter(
        Q(id__in=ids) | Q(guild__provider=provider, player_id=player_id)
    )
    logged = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Member),
        object_id__in=[str(pk) for pk in ids],
    )
    doubted = GiftCode.objects.filter(provider=provider, doubt_player_id=player_id)
    nothing: dict[str, Any] = {
        "nickname": "",
        "realm": None,
        "consented_on": None,
        "notes": "",
        "refused_realm": None,
        "refused_at": None,
    }
    return {
        "members": Member.objects.filter(pk__in=ids).update(player_id=pseudonym, **nothing),
        "versions": versions.delete()[0],
        "redemptions": MemberRedemption.objects.filter(of_player).update(player_id=pseudonym),
        "attempts": Attempt.objects.filter(of_player).update(player_id=pseudonym, body=""),
        "log entries": logged.update(object_repr=pseudonym),
        "lookups": DirectoryLookup.objects.filter(provider=provider, player_id=player_id).delete()[
            0
        ],
        "codes in doubt": doubted.update(doubt_player_id=pseudonym),
    }
