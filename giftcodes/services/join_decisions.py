"""An officer's decision about requests to join a guild (joining.py)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction

from giftcodes.models import Guild, JoinRequest, Member, PlayerLink, SelfServiceKind
from giftcodes.models.clock import clock_plus
from giftcodes.models.guild import own_realm
from giftcodes.models.roles import is_user_limited
from giftcodes.services.corrections import TooManyCorrectionsError, count_of_members
from giftcodes.services.joining import delete_requests, has_opted_out, note
from giftcodes.services.players import opt_in, opt_in_again

#: After this time a request counts as old: officers can refuse all old ones at once.
OLD_AFTER = dt.timedelta(days=1)


@dataclass(slots=True)
class Decision:
    """What an officer's decision did.

    Args:
        approved: the members who are in the guild now, or whose link is confirmed now.
        refused: how many requests were deleted.
        opted_out: the requests of players who have opted out. They still wait, because only an
            administrator may end an opt-out.
        without_room: the requests of players for whom the guild has no room. They still wait.
        too_many_added: the requests of players with whom the guild would exceed its limit of new
            players in seven days. They still wait.
        too_many_corrected: the requests of former members who entered another realm, if the guild
            may have no more corrections today. They still wait.
    """

    approved: list[Member] = field(default_factory=list)
    refused: int = 0
    opted_out: list[JoinRequest] = field(default_factory=list)
    without_room: list[JoinRequest] = field(default_factory=list)
    too_many_added: list[JoinRequest] = field(default_factory=list)
    too_many_corrected: list[JoinRequest] = field(default_factory=list)


@transaction.atomic
def approve(
    guild_id: int, request_ids: Iterable[int], *, user_id: int, may_end_opt_outs: bool
) -> Decision:
    """Take the players of these requests into the guild, and confirm their personal links.

    Of several requests for the same player, the first one is approved, and the others are refused.
    An active member keeps the nickname and the realm. Older personal links of the player stop
    working, except a confirmed one of the other kind (web or Discord). Catch-up then redeems for
    the players.

    Args:
        guild_id: the guild. Requests of other guilds are ignored.
        request_ids: the requests.
        user_id: the officer.
        may_end_opt_outs: whether the officer may end the opt-out of a player who asks to join.

    Raises:
        Guild.DoesNotExist: there is no such guild.
    """
    guild = Guild.objects.select_for_update(no_key=True).get(pk=guild_id)
    decision = Decision()
    for request in _waiting(guild, request_ids):
        if request.player_id in {member.player_id for member in decision.approved}:
            continue
        member = guild.members.filter(player_id=request.player_id).first()
        if not (member and member.active) and not guild.room():
            decision.without_room.append(request)
            continue
        if not member and not guild.may_add([request.player_id]):
            decision.too_many_added.append(request)
            continue
        is_out_of_all = has_opted_out(guild, request.player_id)
        is_out = is_out_of_all or (member is not None and member.opted_out)
        is_wanted = may_end_opt_outs or not is_out
        if is_wanted and not _may_correct(guild, member, request, user_id):
            decision.too_many_corrected.append(request)
            continue
        if is_out:
            if not may_end_opt_outs:
                decision.opted_out.append(request)
                continue
            if is_out_of_all:
                opt_in(guild.provider, request.player_id)
            elif member:
                opt_in_again(member)
        decision.approved.append(_approve(guild, request, user_id))
    rest = guild.join_requests.filter(player_id__in=[one.player_id for one in decision.approved])
    decision.refused = delete_requests(rest)
    return decision


def _waiting(guild: Guild, request_ids: Iterable[int]) -> list[JoinRequest]:
    rows = guild.join_requests.filter(pk__in=list(request_ids)).select_related("link")
    return list(rows.order_by("pk"))


def _may_correct(guild: Guild, member: Member | None, request: JoinRequest, user_id: int) -> bool:
    """Count a request that corrects a former member's realm. Returns whether it may be approved."""
    if member is None or member.active or member.realm == own_realm(guild, request.realm):
        return True
    if not is_user_limited(user_id):
        return True
    try:
        count_of_members(guild, 1)
    except TooManyCorrectionsError:
        return False
    return True


def _approve(guild: Guild, request: JoinRequest, user_id: int) -> Member:
    members = guild.members.select_for_update(no_key=True)
    member = members.filter(player_id=request.player_id).first()
    if member is None:
        member = Member(guild=guild, player_id=request.player_id)
    if member.pk is None or not member.active:
        member.active = True
        member.nickname = request.nickname
        member.realm = own_realm(guild, request.realm)
    member.consented_on = request.consented_on
    member._change_reason = SelfServiceKind.APPROVED  # type: ignore[attr-defined]
    member.save()
    link = request.link
    link.member, link.is_confirmed = member, True
    link.save(update_fields=["member", "is_confirmed"])
    request.delete()
    _end_others(link)
    note(SelfServiceKind.APPROVED, guild, member, user_id)
    return member


def _end_others(link: PlayerLink) -> None:
    """Delete the member's other personal links, except a confirmed one of the other kind.

    A member has at most one link of the web and one Discord user.
    """
    PlayerLink.objects.filter(member=link.member).exclude(pk=link.pk).exclude(
        is_confirmed=True, discord_user__isnull=link.discord_user is not None
    ).delete()


@transaction.atomic
def refuse(guild_id: int, request_ids: Iterable[int], *, user_id: int) -> int:
    """Delete requests. Returns how many.

    The personal link of a player who is not a member stops working.

    Args:
        guild_id: the guild. Requests of other guilds are ignored.
        request_ids: the requests.
        user_id: the officer.

    Raises:
        Guild.DoesNotExist: there is no such guild.
    """
    guild = Guild.objects.select_for_update(no_key=True).get(pk=guild_id)
    number = delete_requests(guild.join_requests.filter(pk__in=list(request_ids)))
    for _ in range(number):
        note(SelfServiceKind.REFUSED, guild, None, user_id)
    return number


def refuse_listed(guild_id: int, last_id: int, *, user_id: int, only_old: bool = False) -> int:
    """Delete all requests that an officer saw on a page. Returns how many.

    Args:
        guild_id: the guild.
        last_id: the newest request on the page. Newer ones still wait.
        user_id: the officer.
        only_old: whether only requests that are older than `OLD_AFTER` are deleted.

    Raises:
        Guild.DoesNotExist: there is no such guild.
    """
    listed = JoinRequest.objects.filter(guild=guild_id, pk__lte=last_id)
    if only_old:
        listed = listed.filter(asked_at__lt=clock_plus(-OLD_AFTER.total_seconds()))
    return refuse(guild_id, listed.values_list("pk", flat=True), user_id=user_id)
