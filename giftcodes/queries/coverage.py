"""Which members of a guild have which codes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, QuerySet, Value, When

from giftcodes.domain.served import HAVING, NEEDING_YOU
from giftcodes.domain.text import clean_token
from giftcodes.domain.transitions import OPEN, PARKED, State, values
from giftcodes.models import (
    CodeState,
    GiftCode,
    Guild,
    Member,
    MemberRedemption,
    Redemption,
)


@dataclass(frozen=True, slots=True)
class CodeCoverage:
    """A code, and how many members of the guild have it.

    Members who have left or opted out are not counted.

    Args:
        code: the code.
        redemption_id: the id of the guild's redemption of the code, or None if there is none yet.
        has: the number of members who have the code.
        total: the number of members in the redemption.
    """

    code: GiftCode
    redemption_id: int | None = None
    has: int = 0
    total: int = 0


class Standing(NamedTuple):
    """What is known about a member and a code."""

    member_redemption_id: int
    state: State
    reason: str
    asked_realm: int | None = None


def codes_of(guild: Guild, *, most: int) -> list[CodeCoverage]:
    """The codes of the guild's game, except deleted ones: open codes first, then newest first.

    Args:
        guild: the guild whose members are counted.
        most: the maximum number of codes.
    """
    closed_last = Case(
        When(state__in=[CodeState.ACTIVE, CodeState.PROBING], then=Value(0)),
        default=Value(1),
        output_field=IntegerField(),
    )
    found = GiftCode.objects.filter(provider=guild.provider).exclude(state=CodeState.DELETED)
    codes = list(found.order_by(closed_last, "-first_seen_at", "-pk")[:most])
    rows = Redemption.objects.filter(guild=guild, gift_code__in=codes).order_by()
    redemptions = dict(rows.values_list("gift_code_id", "pk"))
    counts = (
        MemberRedemption.objects.remaining()
        .filter(redemption__in=list(redemptions.values()))
        .order_by()
        .values_list("gift_code_id")
        .annotate(has=Count("pk", filter=Q(state__in=values(HAVING))), total=Count("pk"))
    )
    numbers = {code_id: (has, total) for code_id, has, total in counts}
    known = {code_id: (pk, *numbers.get(code_id, ())) for code_id, pk in redemptions.items()}
    return [CodeCoverage(code, *known.get(code.pk, ())) for code in codes]


def members_of(
    guild: Guild,
    *,
    search: str = "",
    unsettled_in: Collection[GiftCode] | None = None,
    needing_you_in: Collection[GiftCode] | None = None,
    first_needing_you_in: Collection[GiftCode] | None = None,
) -> QuerySet[Member]:
    """The active members of a guild who have not opted out, by nickname.

    Args:
        guild: the guild.
        search: a part of the nickname, or the beginning of the player ID.
        unsettled_in: limits the result to members who may still get one of these codes. None means
            all members.
        needing_you_in: limits the result to members who get one of these codes only if a person
            does something. Codes that are over are ignored. None means all members.
        first_needing_you_in: members who get one of these codes only if a person does something
            come first.
    """
    members = Member.objects.eligible().filter(guild=guild).order_by("nickname", "player_id", "pk")
    if search:
        has_id = Q(player_id__startswith=clean_token(search))
        members = members.filter(Q(nickname__icontains=search) | has_id)
    if unsettled_in is not None:
        unsettled = MemberRedemption.objects.filter(
            member=OuterRef("pk"), gift_code__in=unsettled_in, state__in=values(OPEN | PARKED)
        )
        members = members.filter(Exists(unsettled))
    if needing_you_in is not None:
        members = members.filter(_needs_you(needing_you_in))
    if first_needing_you_in is not None:
        needing = members.annotate(needs_you=_needs_you(first_needing_you_in))
        members = needing.order_by("-needs_you", *members.query.order_by)
    return members


def _needs_you(codes: Collection[GiftCode]) -> Exists:
    """Whether a member gets one of these codes only if a person does something."""
    return Exists(
        MemberRedemption.objects.filter(
            member=OuterRef("pk"),
            gift_code__in=[code for code in codes if not code.is_over],
            state__in=values(NEEDING_YOU),
        )
    )


def standings(
    members: Sequence[Member], codes: Iterable[GiftCode]
) -> dict[tuple[int, int], Standing]:
    """The member redemptions of these members and codes, in one query.

    Returns:
        The standings by member id and code id. A pair without a member redemption is left out.
    """
    rows = MemberRedemption.objects.filter(member__in=members, gift_code__in=codes).order_by()
    return {
        (member_id, code_id): Standing(pk, State(state), reason, asked_realm)
        for pk, member_id, code_id, state, reason, asked_realm in rows.values_list(
            "pk", "member_id", "gift_code_id", "state", "reason", "asked_realm"
        )
    }
