"""What a player may ask for: to be left out (opt-out), included again (opt-in), or erased."""

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
    Guild,
    JoinRequest,
    Member,
    MemberRedemption,
    OptOut,
    PlayerLink,
    RateBudget,
    Redemption,
    SelfServiceEvent,
)
from giftcodes.models.guild import ERASED
from giftcodes.models.opted_out import player_hash, player_hashes

_BUSY = (
    "A code is being redeemed for this player right now. They are opted out, and nothing is erased "
    "yet: repeat this in a minute."
)
#: The values of an erased member's fields.
_EMPTY: dict[str, Any] = {
    "nickname": "",
    "realm": None,
    "consented_on": None,
    "notes": "",
    "refused_realm": None,
    "refused_at": None,
    "refused_since": None,
}
_NEVER_KNOWN = "Erased before it was known whether the game had granted it."


@dataclass(frozen=True, slots=True)
class OptOutResult:
    """The result of an opt-out, or of ending one.

    Args:
        changed: whether an opt-out was stored, or deleted.
        members: how many memberships the player has, one for each guild.
    """

    changed: bool
    members: int


@transaction.atomic
def opt_out(provider: str, player_id: str, *, reason: str = "") -> OptOutResult:
    """Stop redeeming codes for this player, in every guild.

    The next catch-up cancels their waiting rows. What was redeemed stays.

    Args:
        provider: the game.
        player_id: decimal digits.
        reason: the change reason of the members' versions.
    """
    changed = _write_opt_out(provider, player_id)
    return OptOutResult(changed, _mark(provider, player_id, opted_out=True, reason=reason))


@transaction.atomic
def opt_in(provider: str, player_id: str, *, reason: str = "") -> OptOutResult:
    """End a player's opt-out, at their request. Catch-up then redeems what they do not have.

    Args:
        provider: the game.
        player_id: decimal digits.
        reason: the change reason of the members' versions.
    """
    deleted, _ = OptOut.objects.filter(pk__in=player_hashes(provider, player_id)).delete()
    return OptOutResult(bool(deleted), _mark(provider, player_id, opted_out=False, reason=reason))


def _write_opt_out(provider: str, player_id: str) -> bool:
    """Store an opt-out with the hash of the present key. Returns whether it is new."""
    is_known = OptOut.objects.filter(pk__in=player_hashes(provider, player_id)).exists()
    OptOut.objects.get_or_create(
        player_hash=player_hash(provider, player_id), defaults={"provider": provider}
    )
    return not is_known


def _mark(provider: str, player_id: str, *, opted_out: bool, reason: str) -> int:
    """Set `opted_out` in each of a player's memberships. Returns the number of memberships."""
    rows = Member.objects.select_for_update(no_key=True, of=["self"]).order_by("pk")
    members = list(rows.filter(guild__provider=provider, player_id=player_id))
    for member in members:
        if member.opted_out is not opted_out:
            member.opted_out = opted_out
            member._change_reason = reason or None  # type: ignore[attr-defined]
            member.save(update_fields=["opted_out"])
    return len(members)


@dataclass(slots=True)
class EraseResult:
    """The result of an erasure.

    Args:
        obstacle: why nothing was erased, in words. Empty if the player was erased.
        pseudonym: the new player ID in every row. Empty if the player had no rows.
        numbers: how many rows of each kind were changed.
        redemptions: the ids of redemptions whose run may be over now.
    """

    obstacle: str = ""
    pseudonym: str = ""
    numbers: dict[str, int] = field(default_factory=dict)
    redemptions: list[int] = field(default_factory=list)


def erase_player(provider: str, player_id: str) -> EraseResult:
    """Remove a player's ID and personal data from every row, for good, and opt them out.

    What was redeemed stays under a pseudonym that no player ever had: it proves that no code was
    redeemed twice, and keeps the figures true. The opt-out stays as a keyed hash, so that no import
    brings the player back. A second call erases what a run has written since the first.

    Args:
        provider: the game.
        player_id: decimal digits.
    """
    members = Member.objects.filter(guild__provider=provider, player_id=player_id)
    # This is committed first, so that runs that start from now on leave this player out.
    with transaction.atomic():
        _write_opt_out(provider, player_id)
        members.update(active=False, opted_out=True)
    with transaction.atomic():
        result = _erase(provider, player_id, members)
    # These updates are outside the transaction above, because the steps `dispatch` and `record`
    # lock these rows before they lock member redemptions.
    RateBudget.objects.filter(provider=provider, unknown_players__contains=[player_id]).update(
        unknown_players=[], unknown_codes=[]
    )
    GiftCode.objects.filter(provider=provider, odd_players__contains=[player_id]).update(
        odd_players=[]
    )
    return result


def _erase(provider: str, player_id: str, members: QuerySet[Member]) -> EraseResult:
    theirs = MemberRedemption.objects.filter(gift_code__provider=provider, player_id=player_id)
    # Rows are locked in the usual order: redemptions, members, member redemptions.
    redemptions = list(
        Redemption.objects.for_update().filter(pk__in=theirs.order_by().values("redemption"))
    )
    locked = list(members.select_for_update(of=["self"]).order_by("pk"))
    states = [
        row.state for row in theirs.select_for_update(no_key=True, of=["self"]).order_by("pk")
    ]
    if State.IN_FLIGHT in states:
        return EraseResult(_BUSY)
    _delete_self_service(provider, player_id, members)
    if not locked and not states:
        return EraseResult()
    theirs.cancel(CancelKind.LEFT)
    theirs.filter(state=State.UNCONFIRMED).update(
        state=State.FAILED, reason=_NEVER_KNOWN, next_attempt_at=None, updated_at=Clock()
    )
    earlier = Member.objects.filter(
        member_redemptions__in=theirs, player_id__startswith=ERASED
    ).first()
    pseudonym = earlier.player_id if earlier else ERASED + secrets.token_hex(6)
    numbers = _rename(provider, player_id, [member.pk for member in locked], pseudonym)
    return EraseResult("", pseudonym, numbers, [redemption.pk for redemption in redemptions])


def _delete_self_service(
    provider: str, player_id: str, members: QuerySet[Member], guild: Guild | None = None
) -> None:
    """Delete the player's links and requests to join, in one guild or in all.

    The journal of self-service keeps what happened, but no longer refers to the member.
    """
    requests = JoinRequest.objects.filter(guild__provider=provider, player_id=player_id)
    if guild is not None:
        requests = requests.filter(guild=guild)
    PlayerLink.objects.filter(Q(member__in=members) | Q(request__in=requests)).delete()
    SelfServiceEvent.objects.filter(member__in=members).update(member=None)


def _rename(provider: str, player_id: str, ids: list[int], pseudonym: str) -> dict[str, int]:
    """Replace the player ID everywhere. Returns how many rows of each kind there were."""
    of_player = Q(gift_code__provider=provider, player_id=player_id)
    versions = Member.history.filter(
        Q(id__in=ids) | Q(guild__provider=provider, player_id=player_id)
    )
    logged = _logged(ids)
    doubted = GiftCode.objects.filter(provider=provider, doubt_player_id=player_id)
    return {
        "members": Member.objects.filter(pk__in=ids).update(player_id=pseudonym, **_EMPTY),
        "versions": versions.delete()[0],
        "redemptions": MemberRedemption.objects.filter(of_player).update(player_id=pseudonym),
        "attempts": Attempt.objects.filter(of_player).update(player_id=pseudonym, body=""),
        "log entries": logged.update(object_repr=pseudonym),
        "lookups": DirectoryLookup.objects.filter(provider=provider, player_id=player_id).delete()[
            0
        ],
        "codes in doubt": doubted.update(doubt_player_id=pseudonym),
    }


def _logged(ids: list[int]) -> QuerySet[LogEntry]:
    """What the admin logged about these members."""
    kind = ContentType.objects.get_for_model(Member)
    return LogEntry.objects.filter(content_type=kind, object_id__in=[str(pk) for pk in ids])


def forget_in_guild(member: Member) -> None:
    """Remove what one guild knows of a player who is known in other guilds of the game, too.

    The player ID stays in the rows of redemptions, because it prevents a second request for a code
    that the player has. The player must have opted out.

    Args:
        member: the member, locked.
    """
    _delete_self_service(
        member.guild.provider, member.player_id, Member.objects.filter(pk=member.pk), member.guild
    )
    Member.history.filter(id=member.pk).delete()
    Member.objects.filter(pk=member.pk).update(active=False, **_EMPTY)
    Attempt.objects.filter(member_redemption__member=member).update(body="")
    _logged([member.pk]).update(object_repr=member.player_id)
