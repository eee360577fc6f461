"""What needs a person: unknown members and codes, requests to join, channels that refuse messages.

The rows are given by the caller, who limits them to those that a person may see. Every function
takes at most a fixed number of statements, however many guilds and members there are.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Left

from giftcodes import encryption
from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.served import HAVING
from giftcodes.domain.transitions import State, values
from giftcodes.models import (
    Announcement,
    Attempt,
    Channel,
    CodeState,
    DeliveryState,
    GiftCode,
    Guild,
    JoinRequest,
    Member,
    MemberRedemption,
)
from giftcodes.queries.player_codes import FEWEST_MATES, place_of, refusals_of, refused_places

#: A guild's own state or kingdom counts as wrong only if at least this many of its members are
#: unknown to the game.
FEWEST_FOR_GUILD = 3
#: The maximum number of states or kingdoms that are offered for a member or a guild.
MOST_OFFERS = 3


@dataclass(frozen=True, slots=True)
class MemberToCorrect:
    """A member whom the game does not know.

    Args:
        member: the member, with the guild.
        codes: the number of active codes that wait for the correction.
        is_no_player: whether the game said that it has no player with this ID at all.
        offers: the states or kingdoms of guild-mates, each with the number of mates. Those in which
            the game does not know the member are left out.
        refused: the states or kingdoms in which the game does not know the member.
    """

    member: Member
    codes: int = 0
    is_no_player: bool = False
    offers: tuple[tuple[int, int], ...] = ()
    refused: tuple[int, ...] = ()


@dataclass(slots=True)
class GuildToCorrect:
    """A guild with members whom the game does not know.

    Args:
        guild: the guild.
        number: how many of its members the game does not know.
        long: how many of them have been unknown for a long time.
        since: when the first of them became unknown.
        members: the number of members for whom codes are redeemed.
        first: some of the unknown members. It is empty if the guild itself must be corrected.
        offers: the states or kingdoms in which the game knows other members, each with their
            number. If `is_whole`, this leaves out each one in which the game refused more members
            than it knows.
        refused_in: other states or kingdoms in which the game did not know most of these members
            either. Only if `is_whole`, and if none of these members has any code.
    """

    guild: Guild
    number: int
    long: int
    since: dt.datetime
    members: int = 0
    first: list[MemberToCorrect] = field(default_factory=list)
    offers: tuple[tuple[int, int], ...] = ()
    refused_in: tuple[int, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether so many members are unknown that the guild's state or kingdom must be wrong."""
        return is_guild_wrong(self.number, self.members)


class Waiting(NamedTuple):
    """A guild with requests to join that wait for an officer."""

    guild_id: int
    guild: str
    number: int
    since: dt.datetime


def guilds_to_correct(
    members: QuerySet[Member], *, most: int, most_members: int, long_before: dt.datetime
) -> tuple[list[GuildToCorrect], int]:
    """The active guilds with members whom the game does not know, in eight statements at most.

    Args:
        members: the members to choose from.
        most: the maximum number of guilds.
        most_members: the maximum number of members in `first`, in all guilds together.
        long_before: a member who was unknown before this moment counts in `long`.

    Returns:
        The guilds, those with the most unknown members first, and how many guilds are left out.
    """
    unknown = members.needing_correction().filter(guild__active=True)  # type: ignore[attr-defined]
    is_long = Q(refused_since__lt=long_before)
    counted = list(
        unknown.order_by()
        .values_list("guild_id")
        .annotate(
            number=Count("pk"),
            long=Count("pk", filter=is_long),
            since=Min(Coalesce("refused_since", "refused_at")),
        )
        .order_by("-number", "guild_id")
    )
    if not counted:
        return [], 0
    rows = Guild.objects.in_bulk([guild_id for guild_id, *_rest in counted[:most]])
    found = [
        GuildToCorrect(rows[guild_id], number, long, since)
        for guild_id, number, long, since in counted[:most]
    ]
    places = _places([one.guild for one in found])
    for one in found:
        one.members = sum(number for number, _unknown in places[one.guild.pk].values())
        one.offers = _offers(one.guild.pk, places, without={one.guild.realm})
    _add_refusals([one for one in found if one.is_whole], unknown)
    by_member = [one.guild.pk for one in found if not one.is_whole]
    some = unknown.filter(guild__in=by_member).select_related("guild")
    _add_members(found, list(some.order_by("-refused_at", "pk")[:most_members]), places)
    return found, max(0, len(counted) - most)


def _add_refusals(guilds: Sequence[GuildToCorrect], unknown: QuerySet[Member]) -> None:
    """Set `refused_in` of guilds, and leave out the offers that are probably wrong.

    An offer stays if the game knows at least as many members there as it refused.

    Two statements at most.
    """
    if not guilds:
        return
    refused, known_once = _refusals([one.guild.pk for one in guilds], unknown)
    for one in guilds:
        numbers = refused[one.guild.pk]
        one.offers = tuple(
            (place, known) for place, known in one.offers if numbers.get(place, 0) <= known
        )
        if one.guild.pk not in known_once:
            one.refused_in = _refused_elsewhere(one.guild, one.number, numbers)


def _refusals(
    guild_ids: Sequence[int], unknown: QuerySet[Member]
) -> tuple[dict[int, dict[int, int]], set[int]]:
    """What the game said about the unknown members of these guilds, in two statements.

    Returns:
        By guild, the number of members whom it refused in each state or kingdom. And the guilds in
        which it gave one of these members a code before.
    """
    members = unknown.filter(guild__in=guild_ids).order_by().values("pk")
    counted = (
        refusals_of(members)
        .values_list("member_redemption__member__guild_id", "realm")
        .annotate(number=Count("member_redemption__member", distinct=True))
    )
    refused: dict[int, dict[int, int]] = defaultdict(dict)
    for guild_id, realm, number in counted:
        refused[guild_id][realm] = number
    having = MemberRedemption.objects.filter(member__in=members, state__in=values(HAVING))
    return refused, set(having.order_by().values_list("member__guild_id", flat=True).distinct())


def _refused_elsewhere(guild: Guild, unknown: int, numbers: dict[int, int]) -> tuple[int, ...]:
    """The other states or kingdoms in which the game refused most of a guild's unknown members."""
    return tuple(
        place
        for place, number in sorted(numbers.items())
        if place != guild.realm and is_guild_wrong(number, unknown)
    )


def guilds_with_wrong_ids(guilds: Mapping[Guild, int], members: QuerySet[Member]) -> set[int]:
    """The guilds whose player IDs are probably wrong, in two statements at most.

    They are those whose `GuildToCorrect.refused_in` is not empty.

    Args:
        guilds: guilds whose state or kingdom may be wrong (`is_guild_wrong`), each with the number
            of its unknown members.
        members: the members to choose from.
    """
    if not guilds:
        return set()
    unknown = members.needing_correction()  # type: ignore[attr-defined]
    refused, known_once = _refusals([guild.pk for guild in guilds], unknown)
    return {
        guild.pk
        for guild, number in guilds.items()
        if guild.pk not in known_once and _refused_elsewhere(guild, number, refused[guild.pk])
    }


def unknown_by_guild(members: QuerySet[Member]) -> dict[int, int]:
    """How many of these members the game does not know, by active guild, in one statement."""
    unknown = members.needing_correction().filter(guild__active=True)  # type: ignore[attr-defined]
    counted = unknown.order_by().values_list("guild_id").annotate(number=Count("pk"))
    return dict(counted)


def is_guild_wrong(unknown: int, members: int) -> bool:
    """Whether so many members are unknown that the guild's state or kingdom must be wrong."""
    return unknown >= FEWEST_FOR_GUILD and 2 * unknown > members


_Places = dict[int, dict[int, tuple[int, int]]]


def _places(guilds: Sequence[Guild]) -> _Places:
    """By guild and by state or kingdom: the number of members, and how many are unknown."""
    is_unknown = Q(refused_at__isnull=False, refused_realm=F("place"))
    rows = (
        Member.objects.eligible()
        .filter(guild__in=guilds)
        .annotate(place=Coalesce("realm", "guild__realm"))
        .order_by()
        .values_list("guild_id", "place")
        .annotate(number=Count("pk"), unknown=Count("pk", filter=is_unknown))
    )
    found: _Places = defaultdict(dict)
    for guild_id, place, number, unknown in rows:
        found[guild_id][place] = (number, unknown)
    return found


def _add_members(
    guilds: Iterable[GuildToCorrect], members: Sequence[Member], places: _Places
) -> None:
    codes = _waiting_codes(members)
    refused = refused_places(members)
    by_guild = {one.guild.pk: one for one in guilds}
    for member in members:
        number, no_player = codes.get(member.pk, (0, 0))
        by_guild[member.guild_id].first.append(
            MemberToCorrect(
                member,
                number,
                bool(no_player),
                _offers(
                    member.guild_id,
                    places,
                    without={place_of(member), *refused[member.pk]},
                    fewest=FEWEST_MATES,
                ),
                tuple(sorted(refused[member.pk])),
            )
        )


def _waiting_codes(members: Sequence[Member]) -> dict[int, tuple[int, int]]:
    """By member: the number of waiting active codes, and how many had the answer “no player”."""
    rows = MemberRedemption.objects.filter(
        member__in=members, state=State.NEEDS_CORRECTION, gift_code__state=CodeState.ACTIVE
    )
    no_player = Count("pk", filter=Q(outcome=Outcome.NO_SUCH_PLAYER.value))
    counted = rows.order_by().values_list("member_id").annotate(number=Count("pk"), odd=no_player)
    return {member_id: (number, odd) for member_id, number, odd in counted}


def _offers(
    guild_id: int, places: _Places, *, without: set[int], fewest: int = 1
) -> tuple[tuple[int, int], ...]:
    """The states or kingdoms, except `without`, in which the game knows the most members.

    A place in which it knows fewer than `fewest` members is left out.
    """
    known = [
        (place, number - unknown)
        for place, (number, unknown) in places[guild_id].items()
        if number - unknown >= fewest and place not in without
    ]
    return tuple(sorted(known, key=lambda one: (-one[1], one[0]))[:MOST_OFFERS])


def unknown_codes(codes: QuerySet[GiftCode], *, since: dt.datetime) -> QuerySet[GiftCode]:
    """Codes that the game does not know and never granted, the newest first.

    Each has `unknown_since`: when the game first said so. A later try closes the code again, so
    `closed_at` is the time of the last try.

    Args:
        codes: the codes to choose from.
        since: leave out codes that were closed before this moment.
    """
    unknown = codes.filter(
        closed_outcome=Outcome.CODE_NOT_FOUND.value,
        state__in=[CodeState.CLOSED, CodeState.PROBING],
        proven_at__isnull=True,
        closed_at__gt=since,
    )
    first = Attempt.objects.filter(
        gift_code=OuterRef("pk"), outcome=Outcome.CODE_NOT_FOUND.value, answered_at__isnull=False
    ).order_by("answered_at")
    at = Coalesce(Subquery(first.values("answered_at")[:1]), F("closed_at"))
    return unknown.annotate(unknown_since=at).order_by("-closed_at", "-pk")


def waiting_requests(requests: QuerySet[JoinRequest]) -> list[Waiting]:
    """The guilds with requests to join that wait, the longest wait first, in one statement."""
    counted = (
        requests.filter(guild__active=True)
        .order_by()
        .values_list("guild_id", "guild__name")
        .annotate(number=Count("pk"), since=Min("asked_at"))
        .order_by("since")
    )
    return [Waiting(*row) for row in counted]


def doubtful_channels(channels: QuerySet[Channel], *, also: Iterable[int]) -> list[Channel]:
    """The channels of active guilds in which messages may not arrive, in one statement.

    Those that refuse messages come first, in the order in which they began to refuse them.

    Args:
        channels: the channels to choose from.
        also: the ids of channels that are returned in any case.
    """
    failed = Announcement.objects.filter(
        channel=OuterRef("pk"),
        kind=Announcement.Kind.TEST,
        state__in=[DeliveryState.FAILED, DeliveryState.GONE],
    )
    doubts = (
        ~Q(error="")
        | Q(refused_since__isnull=False)
        | Q(delivered_at__isnull=True) & Exists(failed)
        | ~Q(key__in=encryption.prefixes())
    )
    rows = channels.annotate(key=Left("address", encryption.PREFIX_LENGTH)).filter(
        Q(doubts, is_on=True, guild__active=True) | Q(pk__in=list(also))
    )
    return list(rows.select_related("guild").order_by("refused_since", "pk"))
