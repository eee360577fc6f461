"""Joining a guild by its join link or in Discord: the link, and a player's request.

The answer to a player is the same whether the player is new, a member already, or has opted out. A
request about a player whom the guild or the opt-out list knows always waits for an officer, even if
the link needs no approval, because anyone can enter any player ID.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Min, Q
from django.utils import timezone

from giftcodes.domain.tokens import TokenKind, new_token, token_hash
from giftcodes.models import (
    DiscordCode,
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
from giftcodes.services.self_service_limits import discord_address

if TYPE_CHECKING:
    from django.db.models import QuerySet

#: How many requests of a guild may wait. If the list is full and one more comes, either the address
#: with the most waiting requests loses its oldest one, or the new request is refused.
MOST_WAITING = 100
#: How many requests of one address may wait for a guild.
MOST_WAITING_OF_ADDRESS = 5
#: How many players may join a guild in an hour without an officer. Others wait for an officer.
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


def end_join_link(guild_id: int) -> bool:
    """End the join link of a guild. Returns whether there was a link.

    Waiting requests stay in the list, and the personal links of players who have joined still work.
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
    guild = _locked(link.guild_id)
    player_link, token = _ask(guild, wish, needs_approval=link.needs_approval, address=address)
    return token, player_link.member is not None


class JoinResult(Enum):
    """What became of a request to join in Discord."""

    JOINED = "joined"
    WAITS = "waits"
    IS_MEMBER = "is member"


@transaction.atomic
def ask_in_discord(
    guild_id: int, wish: Wish, *, discord_user: int, discord_name: str
) -> JoinResult:
    """Add the player of a Discord user to a guild, or let the request wait for an officer.

    The conditions are those of the guild's join link. Without a join link that works, an officer
    decides. If the Discord user has this player in the guild already, there is no second link.

    Args:
        guild_id: an active guild.
        wish: what the player entered.
        discord_user: Discord's number of the user who asks.
        discord_name: the user's name in Discord, which officers see.

    Raises:
        TooManyOfAddressError: no further request of this Discord user is taken for now.
        TooManyWaitingError: no further request of anybody is taken for now.
    """
    guild = _locked(guild_id)
    address = discord_address(discord_user)
    own = PlayerLink.objects.of_discord(discord_user).filter(guild=guild)
    known = own.filter(
        Q(member__player_id=wish.player_id) | Q(request__player_id=wish.player_id)
    ).first()
    if known is not None:
        return _ask_once_more(known, guild, wish, address)
    join_link = JoinLink.objects.filter(guild=guild).first()
    needs_approval = join_link is None or join_link.has_ended or join_link.needs_approval
    link, _token = _ask(
        guild,
        wish,
        needs_approval=needs_approval,
        address=address,
        discord_user=discord_user,
        discord_name=discord_name,
    )
    return JoinResult.WAITS if link.member is None else JoinResult.JOINED


def _ask_once_more(link: PlayerLink, guild: Guild, wish: Wish, address: str) -> JoinResult:
    """What `/join` does for a player whom the Discord user has in this guild already."""
    member = link.member
    if member is None or JoinRequest.objects.filter(link=link).exists():
        return JoinResult.WAITS
    if member.active and not member.opted_out:
        return JoinResult.IS_MEMBER
    _wait(link, wish, _place(guild, address))
    note(SelfServiceKind.ASKED, guild, member)
    return JoinResult.WAITS


def _locked(guild_id: int) -> Guild:
    """The guild, locked: imports and requests of one guild take turns."""
    return Guild.objects.select_for_update(no_key=True).get(pk=guild_id)


def _ask(
    guild: Guild,
    wish: Wish,
    *,
    needs_approval: bool,
    address: str,
    discord_user: int | None = None,
    discord_name: str = "",
) -> tuple[PlayerLink, str]:
    """The new personal link of a player, and its token. If it has no member, the request waits."""
    # A place in the list is found even if none will be needed: a full list refuses known and new
    # players alike, so the answer does not tell whether the guild knows the player.
    place = _place(guild, address)
    must_wait = needs_approval or _must_wait(guild, wish)
    member = None if must_wait else _added(guild, wish)
    link, token = PlayerLink.objects.issue(
        guild_id=guild.pk, member=member, discord_user=discord_user, discord_name=discord_name
    )
    if member is None:
        _wait(link, wish, place)
    note(SelfServiceKind.JOINED if member else SelfServiceKind.ASKED, guild, member)
    return link, token


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

    If the list is full, the oldest request of the address with the most requests gives way. But if
    the new request would give its own address as many requests as that one has now, or more, it is
    refused. So a person with a few addresses cannot keep other players out.

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


def _must_wait(guild: Guild, wish: Wish) -> bool:
    return (
        guild.members.filter(player_id=wish.player_id).exists()
        or has_opted_out(guild, wish.player_id)
        or _joined_lately(guild) >= MOST_JOINS_IN_AN_HOUR
        or not guild.room()
        or not guild.may_add([wish.player_id])
    )


def has_opted_out(guild: Guild, player_id: str) -> bool:
    """Whether the player has opted out in all guilds."""
    return OptOut.objects.filter(pk__in=player_hashes(guild.provider, player_id)).exists()


def _joined_lately(guild: Guild) -> int:
    events = guild.self_service_events.filter(kind=SelfServiceKind.JOINED)
    return events.filter(at__gt=clock_plus(-_HOUR)).count()


def _added(guild: Guild, wish: Wish) -> Member | None:
    """The new member. None if another page has added the player in the meantime."""
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
        delete_requests(JoinRequest.objects.filter(pk=place.giving_way))
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
    guild = _locked(link.guild_id)
    member = link.member
    if member is None or JoinRequest.objects.filter(link=link).exists():
        return True
    try:
        place = _place(guild, address)
    except TooManyWaitingError:
        return False
    _wait(link, Wish(member.player_id, member.nickname, member.realm or guild.realm), place)
    note(SelfServiceKind.ASKED, guild, member)
    return True


# --- Old rows -------------------------------------------------------------------------------------
def prune() -> None:
    """Delete old requests, ended links and codes, expired counts, and old journal entries."""
    before = clock_plus(-REQUEST_WAITS.total_seconds())
    delete_requests(JoinRequest.objects.filter(asked_at__lt=before))
    PlayerLink.objects.filter(ends_at__lt=Clock()).delete()
    DiscordCode.objects.filter(ends_at__lt=Clock()).delete()
    Throttle.objects.filter(resets_at__lt=Clock()).delete()
    if days := settings.KEEP_JOURNAL_DAYS:
        SelfServiceEvent.objects.filter(at__lt=clock_plus(-days * 24 * _HOUR)).delete()


def delete_requests(requests: QuerySet[JoinRequest]) -> int:
    """Delete requests, and their links if these have no member. Returns how many requests."""
    pks = list(requests.values_list("pk", flat=True))
    PlayerLink.objects.filter(request__in=pks, member=None).delete()
    JoinRequest.objects.filter(pk__in=pks).delete()
    return len(pks)


def note(
    kind: SelfServiceKind, guild: Guild, member: Member | None, user_id: int | None = None
) -> None:
    """Journal what a player or an officer did."""
    SelfServiceEvent.objects.create(guild=guild, member=member, kind=kind, user_id=user_id)
