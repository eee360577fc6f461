"""What needs a person in one guild: members to correct, and members without a clear answer."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q

from giftcodes.domain.transitions import State
from giftcodes.models import Guild, Member, MemberRedemption
from giftcodes.models.code_state import OPEN_STATES
from giftcodes.queries.player_codes import MOST_PLACES, count_places, known_in, place_of

#: If the game knows fewer than this share of the members in the guild's state or kingdom, the
#: number of the guild itself is probably wrong.
_FEW = 0.5


@dataclass(frozen=True, slots=True)
class MemberInNeed:
    """A member whom the game does not know in the state or kingdom that is stored.

    Args:
        member: the member, with the guild.
        waiting: how many codes wait for the correction.
        offers: the numbers of guild-mates, and how many are there.
    """

    member: Member
    waiting: int
    offers: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class GuildNeeds:
    """What needs a person in a guild.

    Args:
        members: the first members who need a correction.
        number: how many members need one.
        unknown_here: how many of them have no number of their own.
        total_here: how many members have no number of their own.
        offers: the numbers in which the game knows members, except the guild's.
        unclear: how many members have a code for which the game gave no clear answer.
    """

    members: list[MemberInNeed]
    number: int
    unknown_here: int
    total_here: int
    offers: list[tuple[int, int]]
    unclear: int

    @property
    def is_guild_wrong(self) -> bool:
        """Whether the number of the guild is probably wrong, and not those of single members."""
        return self.unknown_here > 1 and self.unknown_here > _FEW * self.total_here


def needs_of(guild: Guild, *, most: int) -> GuildNeeds:
    """What needs a person in a guild, in a fixed number of statements.

    Args:
        guild: the guild.
        most: the maximum number of members in the result.
    """
    in_need = Member.objects.needing_correction().filter(guild=guild)
    here = Q(realm__isnull=True)
    numbers = in_need.aggregate(all=Count("pk"), here=Count("pk", filter=here))
    total_here = Member.objects.eligible().filter(here, guild=guild).count()
    first = list(in_need.order_by("refused_since", "pk")[:most])
    places = list(count_places(known_in(guild.pk))[: MOST_PLACES + 2]) if first else []
    waiting = _waiting(first)
    for member in first:
        member.guild = guild
    return GuildNeeds(
        members=[
            MemberInNeed(one, waiting.get(one.pk, 0), _without(places, place_of(one)))
            for one in first
        ],
        number=numbers["all"],
        unknown_here=numbers["here"],
        total_here=total_here,
        offers=_without(places, guild.realm),
        unclear=_unclear(guild),
    )


def own_places(guild: Guild) -> list[tuple[int, int]]:
    """The numbers that members have of their own, and how many the game knows there."""
    return list(count_places(known_in(guild.pk).filter(realm__isnull=False))[:MOST_PLACES])


def _without(places: list[tuple[int, int]], number: int) -> list[tuple[int, int]]:
    return [one for one in places if one[0] != number][:MOST_PLACES]


def _waiting(members: list[Member]) -> dict[int, int]:
    """How many codes wait for the correction of each member, by the member's id."""
    rows = MemberRedemption.objects.filter(
        member__in=members,
        state=State.NEEDS_CORRECTION,
        gift_code__state__in=OPEN_STATES,
    )
    counted = rows.order_by().values_list("member_id").annotate(number=Count("pk"))
    return dict(counted)


def _unclear(guild: Guild) -> int:
    rows = MemberRedemption.objects.filter(
        redemption__guild=guild,
        state=State.FAILED,
        gift_code__state__in=OPEN_STATES,
        member__active=True,
        member__opted_out=False,
    )
    return rows.aggregate(number=Count("member", distinct=True))["number"] or 0
