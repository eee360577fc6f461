"""The codes of one player, each once, and the states or kingdoms that are offered for a correction.

A player may be in several guilds. The caller gives the memberships and the member redemptions that
the user may see, so no other rows are found. But a row's `covered_by` may belong to a guild that
the user may not see: a page must hide it (`giftcodes.queries.scope.redact`).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from giftcodes.domain.outcomes import WRONG_PLAYER, Outcome
from giftcodes.domain.served import HAVING, Ending, Served, Share, share_of
from giftcodes.domain.transitions import SETTLED, State, values
from giftcodes.models import (
    Attempt,
    CancelKind,
    CodeState,
    GiftCode,
    Member,
    MemberRedemption,
    Redemption,
    RunState,
)

#: The page shows this many codes, the newest ones.
MOST_CODES = 200
#: How many states or kingdoms of guild-mates are offered.
MOST_PLACES = 5
#: A state or kingdom is offered for a member only if at least this many guild-mates are in it.
FEWEST_MATES = 2
#: A request is answered within this time.
_ANSWERED_WITHIN = dt.timedelta(hours=1)

#: If the player is in several guilds, the row whose state comes first here counts.
_RANK = {
    state: rank
    for rank, state in enumerate(
        (
            State.REDEEMED,
            State.ALREADY_RECEIVED,
            State.SAME_TYPE,
            State.IN_FLIGHT,
            State.UNCONFIRMED,
            State.PENDING,
            State.NEEDS_CORRECTION,
            State.FAILED,
            State.NOT_ELIGIBLE,
            State.CANCELLED,
        )
    )
}


@dataclass(frozen=True, slots=True)
class PlayerCode:
    """A code, and what is known about it for the player.

    Args:
        code: the code.
        share: whether the player has it, waits, needs a person, is not eligible, or cannot have it.
        row: the member redemption that counts, or None if the player was never part of a run.
    """

    code: GiftCode
    share: Share
    row: MemberRedemption | None = None

    @property
    def state(self) -> State | None:
        return State(self.row.state) if self.row else None

    @property
    def at(self) -> dt.datetime | None:
        """When the player got the code, or else when the state last changed."""
        return (self.row.settled_at or self.row.updated_at) if self.row else None

    @property
    def exists(self) -> bool:
        """Whether the game knows the code, or the player has it."""
        return self.share is Share.HAS or not self.code.is_unknown

    @property
    def can_be_tried_again(self) -> bool:
        """Whether a person can retry the code without correcting the member first."""
        if self.row is None or self.code.is_over:
            return False
        is_stopped = self.state is State.CANCELLED and self.row.cancel_kind == CancelKind.STOPPED
        return self.state is State.FAILED or is_stopped


@dataclass(frozen=True, slots=True)
class Player:
    """A player with the codes, the newest first.

    Args:
        members: the memberships, in the order of `memberships_of`.
        codes: each code once.
        waiting_for: the number of codes that wait for a correction, by the membership's id.
        has_more: whether there are older codes, which are left out.
    """

    members: list[Member]
    codes: list[PlayerCode]
    waiting_for: dict[int, int]
    has_more: bool = False

    @property
    def served(self) -> Served:
        """The number of codes in each share. Codes that do not exist are not counted."""
        numbers = Counter(one.share.value for one in self.codes if one.exists)
        return Served(**{share.value: numbers[share.value] for share in Share})

    @property
    def eligible(self) -> list[Member]:
        """The memberships in which codes are redeemed for the player."""
        return [one for one in self.members if is_redeemed_for(one)]


def is_redeemed_for(member: Member) -> bool:
    """Whether codes are redeemed for a member. The member's guild must be loaded."""
    return member.active and not member.opted_out and member.guild.active


def memberships_of(member: Member, members: QuerySet[Member]) -> list[Member]:
    """The player's memberships. Those in which codes are redeemed come first.

    Args:
        member: one of them, with the guild.
        members: the members to choose from.
    """
    same = members.filter(guild__provider=member.guild.provider, player_id=member.player_id)
    found = same.select_related("guild").order_by("pk")
    return sorted(found, key=lambda one: (not is_redeemed_for(one), one.pk != member.pk, one.pk))


def player_of(members: Sequence[Member], rows: QuerySet[MemberRedemption]) -> Player:
    """The player's codes, in two statements.

    Args:
        members: the player's memberships (`memberships_of`).
        rows: the member redemptions to choose from.
    """
    of_member = {one.pk: one for one in members}
    asked = (
        rows.filter(member__in=list(of_member))
        .exclude(gift_code__state=CodeState.DELETED)
        .select_related("gift_code", "redemption__guild", "covered_by__redemption__guild")
        .order_by("-gift_code__first_seen_at", "-gift_code_id", "pk")
    )
    # For each guild, one code more is read than the page shows, to know whether there are more.
    found = list(asked[: (MOST_CODES + 1) * max(1, len(of_member))])
    by_code: dict[int, list[MemberRedemption]] = defaultdict(list)
    for row in found:
        row.member = of_member[row.member_id]
        by_code[row.gift_code_id].append(row)
    codes = [_of_rows(group) for group in by_code.values()]
    codes += [PlayerCode(code, Share.WAITING) for code in codes_to_come(members, set(by_code))]
    codes.sort(key=lambda one: (one.code.first_seen_at, one.code.pk), reverse=True)
    waiting = Counter(row.member_id for row in found if _waits_for_correction(row))
    return Player(list(members), codes[:MOST_CODES], dict(waiting), len(codes) > MOST_CODES)


def served_by_member(member_ids: Iterable[int]) -> dict[int, Served]:
    """The number of codes in each share, by member id, in one statement.

    Codes that do not exist are not counted. Rows of the same player in another guild do not
    count. For a member for whom no codes are redeemed now, every code counts as ended, so nothing
    needs a person.
    """
    is_unknown = Q(gift_code__closed_outcome=Outcome.CODE_NOT_FOUND.value) & ~Q(
        gift_code__state=CodeState.ACTIVE
    )
    is_served = Q(member__active=True, member__opted_out=False, member__guild__active=True)
    counted = (
        MemberRedemption.objects.filter(member__in=list(member_ids))
        .exclude(gift_code__state=CodeState.DELETED)
        .exclude(is_unknown & ~Q(state__in=values(HAVING)))
        .annotate(is_open=is_served & Q(gift_code__state=CodeState.ACTIVE))
        .order_by()
        .values_list("member_id", "state", "is_open")
        .annotate(number=Count("pk"))
    )
    numbers: dict[int, Counter[str]] = defaultdict(Counter)
    for member_id, state, is_open, number in counted:
        ending = Ending.OPEN if is_open else Ending.CLOSED
        numbers[member_id][share_of(State(state), ending).value] += number
    return {
        member_id: Served(**{share.value: found[share.value] for share in Share})
        for member_id, found in numbers.items()
    }


def unmet_conditions(member_ids: Iterable[int]) -> dict[int, str]:
    """Why these members are not eligible for active codes now, in one statement.

    Returns:
        By member id: the outcome that most of these codes had. Members who are not in the state
        “not eligible” for any active code are left out.
    """
    counted = (
        MemberRedemption.objects.filter(
            member__in=list(member_ids),
            state=State.NOT_ELIGIBLE,
            gift_code__state=CodeState.ACTIVE,
        )
        .order_by()
        .values_list("member_id", "outcome")
        .annotate(number=Count("pk"))
        .order_by("member_id", "number", "outcome")
    )
    return {member_id: outcome for member_id, outcome, _number in counted}


def is_unknown_now(member: Member) -> bool:
    """Whether the game does not know a member in the member's present state or kingdom.

    The member's guild must be loaded.
    """
    is_refused = member.refused_at is not None and member.refused_realm == place_of(member)
    return is_refused and is_redeemed_for(member)


def _of_rows(rows: list[MemberRedemption]) -> PlayerCode:
    """The code that these rows are for: the player's rows in one or several guilds."""
    row = min(rows, key=_rank)
    return PlayerCode(row.gift_code, _share(row), row)


def _rank(row: MemberRedemption) -> tuple[int, int, int, int]:
    state = State(row.state)
    has_left = state not in SETTLED and not is_redeemed_for(row.member)
    return int(has_left), _RANK[state], int(row.covered_by_id is not None), row.pk


def _share(row: MemberRedemption) -> Share:
    """The share of a row. If the code has ended or the member has left, nothing can be done."""
    state = State(row.state)
    # For a member who has left, the code counts as ended.
    ending = row.gift_code.ending if is_redeemed_for(row.member) else Ending.CLOSED
    if ending is Ending.OPEN and is_corrected(row):
        return Share.WAITING
    return share_of(state, ending)


def is_corrected(row: MemberRedemption) -> bool:
    """Whether the correction that a row waits for has been made. Catch-up reopens such a row."""
    was_asked = row.state == State.NEEDS_CORRECTION and row.asked_realm is not None
    return was_asked and row.asked_realm != place_of(row.member)


def _waits_for_correction(row: MemberRedemption) -> bool:
    return row.state == State.NEEDS_CORRECTION and _share(row) is Share.NEEDS_YOU


def codes_to_come(members: Iterable[Member], known: Collection[int]) -> list[GiftCode]:
    """The active codes that will be redeemed for a player automatically, but have no row yet.

    Codes whose redemption was stopped in one of the guilds are left out: catch-up does not add the
    player to such a redemption.

    Args:
        members: the player's memberships, with their guilds.
        known: the ids of the codes that have a row. They are left out.

    Returns:
        At most `MOST_CODES` codes, the newest first.
    """
    automatic = [one for one in members if is_redeemed_for(one) and one.guild.automatic]
    if not automatic:
        return []
    stopped = Redemption.objects.filter(
        guild__in=[one.guild_id for one in automatic], state=RunState.STOPPED
    )
    codes = GiftCode.objects.filter(
        provider=automatic[0].guild.provider, state=CodeState.ACTIVE
    ).exclude(Q(pk__in=known) | Exists(stopped.filter(gift_code=OuterRef("pk"))))
    return list(codes.order_by("-first_seen_at", "-pk")[:MOST_CODES])


def place_of(member: Member) -> int:
    """The number of the member's state or kingdom: the member's own, or else the guild's."""
    return member.guild.realm if member.realm is None else member.realm


def places_of_mates(member: Member) -> list[tuple[int, int]]:
    """The states or kingdoms of the other members of the guild, the most frequent first.

    The member's present state or kingdom and those in which the game did not find the member are
    left out, and so are those with fewer than `FEWEST_MATES` members. Other members whom the game
    does not know in their state or kingdom are not counted.

    Args:
        member: the member, with the guild.

    Returns:
        Pairs: the number of a state or kingdom, and how many of these members are in it. At most
        `MOST_PLACES` pairs.
    """
    mates = _known_in(member.guild_id).exclude(pk=member.pk)
    refused = refused_places([member])[member.pk]
    counted = mates.exclude(place__in=[place_of(member), *refused])
    return list(_counted(counted).filter(number__gte=FEWEST_MATES)[:MOST_PLACES])


def refused_places(members: Iterable[Member]) -> dict[int, set[int]]:
    """The states or kingdoms in which the game does not know these members, in one statement.

    Answers from before the member became unknown are left out, because a player may have moved.

    Args:
        members: the members. Those whom the game knows get an empty set.

    Returns:
        The numbers of the states or kingdoms, by the member's id.
    """
    unknown = [one for one in members if one.refused_realm is not None]
    found: dict[int, set[int]] = defaultdict(set)
    for member in unknown:
        assert member.refused_realm is not None
        found[member.pk].add(member.refused_realm)
    if not unknown:
        return found
    refusals = refusals_of([one.pk for one in unknown])
    pairs = refusals.values_list("member_redemption__member", "realm").distinct()
    for member_id, realm in pairs:
        found[member_id].add(realm)
    return found


def refusals_of(members: Any) -> QuerySet[Attempt]:
    """The requests that the game refused because it did not know the member, without an order.

    Requests from before the member became unknown are left out, because a player may have moved.

    Args:
        members: the ids of the members, or a queryset of them.
    """
    since = F("member_redemption__member__refused_since") - Value(_ANSWERED_WITHIN)
    return Attempt.objects.filter(
        member_redemption__member__in=members,
        outcome__in=[outcome.value for outcome in WRONG_PLAYER],
        sent_at__gte=since,
    ).order_by()


def _known_in(guild_id: int) -> QuerySet[Any]:
    """The members of a guild whom the game knows, or has not been asked about, with `place`.

    `place` is the number of their state or kingdom.
    """
    members = Member.objects.eligible().filter(guild=guild_id)
    placed = members.annotate(place=Coalesce("realm", "guild__realm"))
    return placed.exclude(refused_at__isnull=False, refused_realm=F("place"))


def own_places(guild_id: int) -> list[tuple[int, int]]:
    """The states or kingdoms of members who have their own, and the number of members in each.

    One of them may be the right one for the whole guild. The list has at most `MOST_PLACES`, the
    most frequent first.
    """
    return list(_counted(_known_in(guild_id).filter(realm__isnull=False))[:MOST_PLACES])


def _counted(members: QuerySet[Any]) -> QuerySet[Any]:
    """How many of these members (`_known_in`) are in each place, the most frequent place first."""
    counted: QuerySet[Any] = members.order_by().values_list("place").annotate(number=Count("pk"))
    return counted.order_by("-number", "place")
