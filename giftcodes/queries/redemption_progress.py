"""The progress of redemptions, and the members who do not have the code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Case, Count, F, IntegerField, QuerySet, Value, When, Window
from django.db.models.functions import RowNumber

from giftcodes.domain.transitions import State, values
from giftcodes.models import Attempt, MemberRedemption, Redemption

#: The states in which a member does not have the code, except `pending` and `same_type`. Pages list
#: members in this order: those who need a person come first.
WITHOUT_CODE = (
    State.NEEDS_CORRECTION,
    State.FAILED,
    State.NOT_ELIGIBLE,
    State.UNCONFIRMED,
    State.IN_FLIGHT,
    State.CANCELLED,
)


def tallies(redemptions: Iterable[Redemption]) -> dict[int, dict[State, int]]:
    """The number of members in each state (`Redemption.tally`), by redemption id, in one query."""
    counted = (
        MemberRedemption.objects.remaining_of_many()
        .filter(redemption__in=redemptions)
        .order_by()
        .values_list("redemption_id", "state")
        .annotate(Count("pk"))
    )
    found: dict[int, dict[State, int]] = defaultdict(dict)
    for redemption_id, state, number in counted:
        found[redemption_id][State(state)] = number
    return found


def without_code(redemption: Redemption) -> QuerySet[MemberRedemption]:
    """The member redemptions in one of the states `WITHOUT_CODE`, in the order of these states.

    Members who have left or opted out are left out.
    """
    rank = Case(
        *(When(state=state.value, then=Value(place)) for place, state in enumerate(WITHOUT_CODE)),
        output_field=IntegerField(),
    )
    return (
        redemption.member_redemptions.remaining()
        .filter(state__in=values(WITHOUT_CODE))
        .annotate(rank=rank)
        .select_related("member")
        .order_by("rank", "pk")
    )


def newest_attempts(member_redemption_ids: Iterable[int], *, most: int) -> dict[int, list[Attempt]]:
    """The newest attempts of each member redemption, by its id, in one query.

    Args:
        member_redemption_ids: the ids of the member redemptions.
        most: the maximum number of attempts for each member redemption.
    """
    place = Window(RowNumber(), partition_by="member_redemption_id", order_by=F("id").desc())
    rows = (
        Attempt.objects.filter(member_redemption_id__in=member_redemption_ids)
        .annotate(place=place)
        .filter(place__lte=most)
        .order_by("-id")
    )
    found: dict[int, list[Attempt]] = defaultdict(list)
    for row in rows:
        found[row.member_redemption_id].append(row)
    return found
