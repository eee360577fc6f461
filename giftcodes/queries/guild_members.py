"""The members of a guild, page by page, with the numbers of their codes."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Case, IntegerField, Q, When

from giftcodes.domain.served import Served
from giftcodes.models import Guild, Member
from giftcodes.queries.player_codes import is_unknown_now, served_by_member

#: The members for whom codes are redeemed come first, and inactive ones last. Because this is an
#: expression, a list marks no column as sorted by it.
GOES_FIRST = Case(
    When(active=True, opted_out=False, then=0),
    When(active=True, then=1),
    default=2,
    output_field=IntegerField(),
)


@dataclass(frozen=True, slots=True)
class MemberLine:
    """A member in a list.

    Args:
        member: the member, with the guild.
        served: the number of codes in each share.
        is_unknown: whether the game does not know the member in the present realm.
    """

    member: Member
    served: Served
    is_unknown: bool


@dataclass(frozen=True, slots=True)
class MemberPage:
    """A page of a list of members.

    Args:
        lines: the members of this page.
        number: the page, from 1.
        pages: the number of pages, at least 1.
        total: the number of members in the list.
    """

    lines: list[MemberLine]
    number: int
    pages: int
    total: int


def member_page(guild: Guild, *, text: str = "", number: int = 1, size: int) -> MemberPage:
    """The members of a guild whose name or player ID contains a text, in three statements."""
    rows = Member.objects.filter(guild=guild).select_related("guild")
    if text:
        rows = rows.filter(Q(nickname__icontains=text) | Q(player_id__contains=text))
    total = rows.count()
    pages = max(1, -(-total // size))
    number = min(max(1, number), pages)
    ordered = rows.order_by(GOES_FIRST, "nickname", "player_id")
    shown = list(ordered[(number - 1) * size : number * size])
    served = served_by_member([one.pk for one in shown])
    lines = [MemberLine(one, served.get(one.pk, Served()), is_unknown_now(one)) for one in shown]
    return MemberPage(lines, number, pages, total)
