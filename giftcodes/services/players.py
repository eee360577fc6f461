"""What a player may ask for: to be left out (opt-out), included again (opt-in), or erased.

Only an administrator can do this for all guilds of a game. Officers and personal links do it for
one guild, where a mark on the member is the opt-out.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy

from giftcodes.domain.sentences import Sentence
from giftcodes.domain.transitions import State
from giftcodes.models import (
    Attempt,
    CancelKind,
    Clock,
    DirectoryLookup,
    GiftCode,
    JoinRequest,
    Member,
    MemberRedemption,
    OptOut,
    PlayerLink,
    RateBudget,
    Redemption,
    SelfServiceEvent,
)
from giftcodes.models.guild import ADDING_PERIOD, ERASED
from giftcodes.models.opted_out import player_hash, player_hashes
from giftcodes.services import api_answers

_BUSY = gettext_lazy(
    "A code is being redeemed for this player right now. They are opted out, and nothing is erased "
    "yet: repeat this in a minute."
)
#: What an erased member's fields are set to, both in the member's row and in its versions.
_EMPTY_IN_VERSIONS: dict[str, Any] = {
    "nickname": "",
    "realm": None,
    "consented_on": None,
    "notes": "",
}
#: The same for the row alone, which has more of these fields than a version.
_EMPTY: dict[str, Any] = {
    **_EMPTY_IN_VERSIONS,
    "refused_realm": None,
    "refused_at": None,
    "refused_since": None,
}


@dataclass(frozen=True, slots=True)
class OptOutResult:
    """The result of an opt-out, or of ending one.

    Args:
        changed: whether an opt-out was stored or deleted, in any guild.
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
    is_new = _write_opt_out(provider, player_id)
    members = Member.objects.filter(guild__provider=provider, player_id=player_id)
    result = opt_out_in(members, reason=reason)
    return OptOutResult(is_new or result.changed, result.members)


@transaction.atomic
def opt_out_in(members: QuerySet[Member], *, reason: str = "") -> OptOutResult:
    """Stop redeeming codes for these members, but not in other guilds of the player.

    No import into their guilds brings them back, because imports leave out opted-out members.

    Args:
        members: the memberships of a player, in the guilds in which the caller may act.
        reason: the change reason of the members' versions.
    """
    return _mark(members, opted_out=True, reason=reason)


@transaction.atomic
def opt_in_again(member: Member, *, reason: str = "") -> None:
    """End the opt-out of a member in one guild. An opt-out in all guilds must not exist.

    Args:
        member: the member.
        reason: the change reason of the member's version.
    """
    _mark(Member.objects.filter(pk=member.pk), opted_out=False, reason=reason)


@transaction.atomic
def opt_in(provider: str, player_id: str, *, reason: str = "") -> OptOutResult:
    """End every opt-out of a player, at the player's request: for all guilds and for single ones.

    Catch-up then redeems what the player does not have.

    Args:
        provider: the game.
        player_id: decimal digits.
        reason: the change reason of the members' versions.
    """
    deleted, _ = OptOut.objects.filter(pk__in=player_hashes(provider, player_id)).delete()
    members = Member.objects.filter(guild__provider=provider, player_id=player_id)
    result = _mark(members, opted_out=False, reason=reason)
    return OptOutResult(bool(deleted) or result.changed, result.members)


def _write_opt_out(provider: str, player_id: str) -> bool:
    """Store an opt-out with the hash of the present key. Returns whether it is new."""
    is_known = OptOut.objects.filter(pk__in=player_hashes(provider, player_id)).exists()
    OptOut.objects.get_or_create(
        player_hash=player_hash(provider, player_id), defaults={"provider": provider}
    )
    return not is_known


def _mark(members: QuerySet[Member], *, opted_out: bool, reason: str) -> OptOutResult:
    """Set `opted_out` in these memberships."""
    rows = list(members.select_for_update(no_key=True, of=["self"]).order_by("pk"))
    changed = [member for member in rows if member.opted_out is not opted_out]
    for member in changed:
        member.opted_out = opted_out
        member._change_reason = reason or None  # type: ignore[attr-defined]
        member.save(update_fields=["opted_out"])
    # A link may take back only the opt-out that it made itself. Here the links of these
    # members forget the opt-outs that they made; `personal_links.stop` marks its link after this.
    PlayerLink.objects.filter(member__in=rows).update(opted_out_at=None)
    return OptOutResult(bool(changed), len(rows))


@dataclass(slots=True)
class EraseResult:
    """The result of an erasure.

    Args:
        obstacle: why nothing was erased, in words. Empty if the player was erased.
        pseudonym: the new player ID in every row. Empty if the player had no rows.
        numbers: how many rows of each kind were changed.
        redemptions: the ids of redemptions whose run may be over now.
        opted_out: whether the call opted the player out, in any guild. Even with an obstacle, it
            does.
    """

    obstacle: str = ""
    pseudonym: str = ""
    numbers: dict[str, int] = field(default_factory=dict)
    redemptions: list[int] = field(default_factory=list)
    opted_out: bool = False


def erase_player(provider: str, player_id: str) -> EraseResult:
    """Remove a player's ID and personal data from every row, for good, and opt them out.

    The rows of what was redeemed stay, under a pseudonym that no player ever had. They prove that
    no code was redeemed twice, and keep the figures true. The opt-out stays as a keyed hash, so
    that no import brings the player back. A second call erases what a run has written since the
    first.

    Args:
        provider: the game.
        player_id: decimal digits.
    """
    members = Member.objects.filter(guild__provider=provider, player_id=player_id)
    # The opt-out is committed first, so that runs that start from now on leave the player out.
    opted_out = opt_out(provider, player_id).changed
    with transaction.atomic():
        result = _erase(provider, player_id, members)
        result.opted_out = opted_out
    # These updates are outside the transaction above. The steps `dispatch` and `record` lock these
    # rows before they lock member redemptions, and the opposite order could deadlock.
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
        return EraseResult(str(_BUSY))
    _delete_self_service(
        members, JoinRequest.objects.filter(guild__provider=provider, player_id=player_id)
    )
    api_answers.forget_player(player_id)
    if not locked and not states:
        return EraseResult()
    theirs.cancel(CancelKind.LEFT)
    theirs.filter(state=State.UNCONFIRMED).update(
        state=State.FAILED,
        reason=Sentence.of("erased_before_known"),
        next_attempt_at=None,
        updated_at=Clock(),
    )
    earlier = Member.objects.filter(
        member_redemptions__in=theirs, player_id__startswith=ERASED
    ).first()
    pseudonym = earlier.player_id if earlier else ERASED + secrets.token_hex(6)
    numbers = _rename(provider, player_id, [member.pk for member in locked], pseudonym)
    return EraseResult("", pseudonym, numbers, [redemption.pk for redemption in redemptions])


def _delete_self_service(members: QuerySet[Member], requests: QuerySet[JoinRequest]) -> None:
    """Delete a player's links and these requests to join.

    The journal of self-service keeps what happened, but no longer refers to the members.
    """
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
        "members": Member.objects.filter(pk__in=ids).update(
            player_id=pseudonym, active=False, opted_out=True, **_EMPTY
        ),
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


def erase_in_guild(member: Member, *, reason: str = "") -> EraseResult:
    """Opt a member out in one guild, and remove what this guild knows of the player.

    The player ID stays, whether other guilds know the player or not: it prevents a second request
    for a code that the player has, and keeps imports from bringing the player back. If it stayed
    only for players whom other guilds know, it would reveal those players.

    Args:
        member: the member.
        reason: the change reason of the version that the opt-out writes. An erasure deletes this
            version, so it stays only if nothing can be erased yet.
    """
    # The opt-out is committed first, so that runs that start from now on leave the player out.
    opt_out_in(Member.objects.filter(pk=member.pk, opted_out=False), reason=reason)
    with transaction.atomic():
        return _erase_in_guild(
            Member.objects.select_for_update(no_key=True, of=["self"]).get(pk=member.pk)
        )


def _erase_in_guild(member: Member) -> EraseResult:
    theirs = MemberRedemption.objects.filter(member=member).order_by("pk")
    if State.IN_FLIGHT in [row.state for row in theirs.select_for_update(of=["self"], no_key=True)]:
        return EraseResult(str(_BUSY))
    _delete_self_service(
        Member.objects.filter(pk=member.pk),
        JoinRequest.objects.filter(guild=member.guild_id, player_id=member.player_id),
    )
    api_answers.forget_player(member.player_id)
    # A player who was added counts for a week (`Guild.may_add`). So a version from that week that
    # says that the player was added is kept, but without its values. Otherwise each erasure would
    # make room for one more player.
    versions = Member.history.filter(id=member.pk)
    added = versions.filter(history_type="+", history_date__gt=timezone.now() - ADDING_PERIOD)
    versions.exclude(pk__in=added.values("pk")).delete()
    added.update(**_EMPTY_IN_VERSIONS)
    Member.objects.filter(pk=member.pk).update(active=False, **_EMPTY)
    Attempt.objects.filter(member_redemption__member=member).update(body="")
    _logged([member.pk]).update(object_repr=member.player_id)
    return EraseResult()
