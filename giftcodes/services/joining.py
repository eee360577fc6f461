"""Joining a guild by its join link: the link, a player's request, and an officer's decision.

The answer to a player is the same whether the player is new, a member already, or has opted out. A
request about a player whom the guild or the opt-out list knows always waits for an officer, even if
the link needs no approval, because anyone can enter any player ID.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Min
from django.utils import timezone

from giftcodes.domain.tokens import TokenKind, new_token, token_hash
from giftcodes.models import (
    Guild,
    JoinLink,
    JoinRequest,
    Member,
    OptOut,
    PlayerLink,
    SelfServiceEvent,
    SelfServiceKind,
    Throttle,
)
from giftcodes.models.clock import Clock, clock_plus
from giftcodes.models.guild import own_realm
from giftcodes.models.opted_out import player_hashes
from giftcodes.models.throttle import keyed_hash
from giftcodes.services.corrections import (
    TooManyCorrectionsError,
    count_of_members,
    is_user_limited,
)
from giftcodes.services.players import opt_in, opt_in_again

if TYPE_CHECKING:
    from django.db.models import QuerySet

#: How many requests of a guild may wait. If one more comes, a request of the address that has the
#: most of them gives way, or the new one is not taken.
MOST_WAITING = 100
#: How many requests of one address may wait for a guild.
MOST_WAITING_OF_ADDRESS = 5
#: After this time a request counts as old: officers can refuse all old ones at once.
OLD_AFTER = dt.timedelta(days=1)
#: How many players may join a guild in an hour without an officer. Further requests wait for one.
MOST_JOINS_IN_AN_HOUR = 60
#: How long a request waits. After that it is deleted, with what the player entered.
REQUEST_WAITS = dt.timedelta(days=30)
_HOUR = 3_600.0


class TooManyWaitingError(Exception):
    """So many requests of this guild wait that no further one is taken."""


class TooManyOfAddressError(TooManyWaitingError):
    """So many requests from this address wait for the guild that no further one is taken."""


# --- The link -------------------------------------------------------------------------------------
def make_join_link(
    guild_id: int, *, needs_approval: bool = True, ends_at: dt.datetime | None = None
) -> JoinLink:
    """Make the join link of a guild. A link that it had before stops working at once."""
    token = new_token(TokenKind.JOIN)
    link, _is_new = JoinLink.objects.update_or_create(
        guild_id=guild_id,
        defaults={
            "token": token,
            "token_hash": token_hash(token),
            "needs_approval": needs_approval,
            "ends_at": ends_at,
            "made_at": timezone.now(),
        },
    )
    return link


def renew_join_link(guild_id: int) -> JoinLink | None:
    """Replace the join link of a guild, with the same conditions. None if it has no link."""
    link = JoinLink.objects.filter(guild_id=guild_id).first()
    if link is None:
        return None
    ends_at = None if link.has_ended else link.ends_at
    return make_join_link(guild_id, needs_approval=link.needs_approval, ends_at=ends_at)


def end_join_link(guild_id: int) -> bool:
    """End the join link of a guild. Returns whether there was a link.

    Requests that wait still wait, and the personal links of players who have joined still work.
    """
    deleted, _ = JoinLink.objects.filter(guild_id=guild_id).delete()
    return bool(deleted)


# --- A player asks --------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Wish:
    """What a player enters to join, cleaned and checked.

    Args:
        player_id: decimal digits.
        nickname: the name in the game.
        realm: the state or kingdom.
    """

    player_id: str
    nickname: str
    realm: int


@transaction.atomic
def ask_to_join(link: JoinLink, wish: Wish, *, address: str = "") -> tuple[str, bool]:
    """Add the player to the guild, or let the request wait for an officer.

    Args:
        link: a link that works.
        wish: what the player entered.
        address: the address or network of the player, by which waiting requests are limited. Only
            a keyed hash of it is stored. Empty if it is not known.

    Returns:
        The token of the player's personal link, and whether the player has joined. The page must
        not depend on the second value before the player opens the personal link.

    Raises:
        TooManyOfAddressError: no further request of this address is taken for now.
        TooManyWaitingError: no further request of anybody is taken for now.
    """
    # Imports and requests of one guild take turns.
    guild = Guild.objects.select_for_update(no_key=True).get(pk=link.guild_id)
    # The place comes first, so that the answer does not tell whether the guild knows the player.
    place = _place(guild, address)
    member = None if _must_wait(link, guild, wish) else _added(guild, wish)
    player_link, token = PlayerLink.objects.issue(guild_id=guild.pk, member=member)
    if member is None:
        _wait(player_link, wish, place)
    _note(SelfServiceKind.JOINED if member else SelfServiceKind.ASKED, guild, member)
    return token, member is not None


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the list of waiting requests.

    Args:
        asked_from: what is stored instead of the address.
        giving_way: the id of the request that is deleted when the place is taken, if any.
    """

    asked_from: str
    giving_way: int | None = None


def _place(guild: Guild, address: str) -> _Place:
    """Find a place for one more request, without taking it.

    If the list is full, the address with the most requests loses its oldest one, unless the address
    of the new request would then have as many as that one had. So a person with a few addresses
    cannot keep other players out.

    Raises:
        TooManyOfAddressError: too many requests of this address wait.
        TooManyWaitingError: the list is full, and no request gives way.
    """
    asked_from = keyed_hash("request to join", f"{guild.pk} {address}") if address else ""
    waiting = guild.join_requests.all()
    own = waiting.filter(asked_from=asked_from).count() if asked_from else 0
    if own >= MOST_WAITING_OF_ADDRESS:
        raise TooManyOfAddressError
    if waiting.count() < MOST_WAITING:
        return _Place(asked_from)
    addresses = waiting.exclude(asked_from="").order_by().values("asked_from")
    counted = addresses.annotate(number=Count("pk"), since=Min("asked_at"))
    most = counted.order_by("-number", "since").first()
    if most is None or most["number"] <= own + 1:
        raise TooManyWaitingError
    oldest = waiting.filter(asked_from=most["asked_from"]).order_by("asked_at", "pk")
    return _Place(asked_from, oldest.values_list("pk", flat=True).first())


def _must_wait(link: JoinLink, guild: Guild, wish: Wish) -> bool:
    return (
        link.needs_approval
        or guild.members.filter(player_id=wish.player_id).exists()
        or _has_opted_out(guild, wish.player_id)
        or _joined_lately(guild) >= MOST_JOINS_IN_AN_HOUR
        or not guild.room()
        or not guild.may_add([wish.player_id])
    )


def _has_opted_out(guild: Guild, player_id: str) -> bool:
    """Whether the player has opted out in all guilds."""
    return OptOut.objects.filter(pk__in=player_hashes(guild.provider, player_id)).exists()


def _joined_lately(guild: Guild) -> int:
    events = guild.self_service_events.filter(kind=SelfServiceKind.JOINED)
    return events.filter(at__gt=clock_plus(-_HOUR)).count()


def _added(guild: Guild, wish: Wish) -> Member | None:
    """The new member. None if another page has added the player at this moment."""
    member = Member(
        guild=guild,
        player_id=wish.player_id,
        nickname=wish.nickname,
        realm=own_realm(guild, wish.realm),
        consented_on=timezone.localdate(),
    )
    member._change_reason = SelfServiceKind.JOINED  # type: ignore[attr-defined]
    try:
        with transaction.atomic():
            member.save()
    except IntegrityError:
        return None
    return member


def _wait(link: PlayerLink, wish: Wish, place: _Place) -> None:
    if place.giving_way is not None:
        _delete(JoinRequest.objects.filter(pk=place.giving_way))
    JoinRequest.objects.create(
        guild_id=link.guild_id,
        link=link,
        player_id=wish.player_id,
        nickname=wish.nickname,
        realm=wish.realm,
        consented_on=timezone.localdate(),
        asked_from=place.asked_from,
    )


@transaction.atomic
def ask_again(link: PlayerLink, *, address: str = "") -> bool:
    """Ask the officers to confirm a personal link, or to take its player back into the guild.

    Args:
        link: a link with a member.
        address: as for `ask_to_join`.

    Returns:
        Whether a request waits now. If not, too many requests of the guild or of this address wait.
    """
    guild = Guild.objects.select_for_update(no_key=True).get(pk=link.guild_id)
    member = link.member
    if member is None or JoinRequest.objects.filter(link=link).exists():
        return True
    try:
        place = _place(guild, address)
    except TooManyWaitingError:
        return False
    _wait(link, Wish(member.player_id, member.nickname, member.realm or guild.realm), place)
    _note(SelfServiceKind.ASKED, guild, member)
    return True


# --- An officer decides ---------------------------------------------------------------------------
@dataclass(slots=True)
class Decision:
    """What an officer's decision did.

    Args:
        approved: the members who are in the guild now, or whose link is confirmed now.
        refused: how many requests were deleted.
        opted_out: the requests of players who once opted out. They still wait, because only an
            administrator may end an opt-out.
        without_room: the requests of players for whom the guild has no room. They still wait.
        too_many_added: the requests of players with whom the guild would exceed its limit of new
            players in seven days. They still wait.
        too_many_corrected: the requests of former members who enter another realm, when the guild
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
    An active member keeps the nickname and the realm. An older personal link stops working.
    Catch-up then redeems for the players.

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
        is_out_of_all = _has_opted_out(guild, request.player_id)
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
    decision.refused = _delete(rest)
    return decision


def _waiting(guild: Guild, request_ids: Iterable[int]) -> list[JoinRequest]:
    rows = guild.join_requests.filter(pk__in=list(request_ids)).select_related("link")
    return list(rows.order_by("pk"))


def _may_correct(guild: Guild, member: Member | None, request: JoinRequest, user_id: int) -> bool:
    """If a request changes a former member's realm, count that. Returns whether it is allowed."""
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
    _note(SelfServiceKind.APPROVED, guild, member, user_id)
    return member


def _end_others(link: PlayerLink) -> None:
    """Delete the member's other personal links: a member has only one."""
    PlayerLink.objects.filter(member=link.member).exclude(pk=link.pk).delete()


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
    number = _delete(guild.join_requests.filter(pk__in=list(request_ids)))
    for _ in range(number):
        _note(SelfServiceKind.REFUSED, guild, None, user_id)
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


def _delete(requests: QuerySet[JoinRequest]) -> int:
    """Delete requests, and their links if these have no member. Returns how many requests."""
    pks = list(requests.values_list("pk", flat=True))
    PlayerLink.objects.filter(request__in=pks, member=None).delete()
    JoinRequest.objects.filter(pk__in=pks).delete()
    return len(pks)


# --- Old rows -------------------------------------------------------------------------------------
def prune() -> None:
    """Delete old requests, ended links, expired counts, and old entries of the journal."""
    before = clock_plus(-REQUEST_WAITS.total_seconds())
    _delete(JoinRequest.objects.filter(asked_at__lt=before))
    PlayerLink.objects.filter(ends_at__lt=Clock()).delete()
    Throttle.objects.filter(resets_at__lt=Clock()).delete()
    if days := settings.KEEP_JOURNAL_DAYS:
        SelfServiceEvent.objects.filter(at__lt=clock_plus(-days * 24 * _HOUR)).delete()


def _note(
    kind: SelfServiceKind, guild: Guild, member: Member | None, user_id: int | None = None
) -> None:
    SelfServiceEvent.objects.create(guild=guild, member=member, kind=kind, user_id=user_id)
