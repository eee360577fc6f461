"""What runs in a guild, its newest codes, and its members who wait: each in few statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Min, QuerySet

from giftcodes.domain.transitions import State
from giftcodes.models import CodeState, Guild, MemberRedemption, Redemption, RunState
from giftcodes.queries.served import RedemptionServed, with_results


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of a guild, with their numbers.

    Args:
        running: the runs under way, the oldest first.
        has_more: whether there are more of them.
        recent: the redemptions of the newest codes that are not running.
    """

    running: list[RedemptionServed]
    has_more: bool
    recent: list[RedemptionServed]


def runs_of(guild: Guild, *, most_running: int, most_recent: int) -> Runs:
    """The runs of a guild, in three statements."""
    rows = Redemption.objects.filter(guild=guild).select_related("gift_code")
    running = rows.filter(state=RunState.RUNNING).order_by("locked_at", "pk")
    first = list(running[: most_running + 1])
    others = rows.exclude(state=RunState.RUNNING).exclude(gift_code__state=CodeState.DELETED)
    recent = others.order_by("-gift_code__first_seen_at", "-gift_code_id")[:most_recent]
    shown = first[:most_running]
    found = with_results([*shown, *recent])
    for one in found:
        one.redemption.guild = guild
    return Runs(found[: len(shown)], len(first) > len(shown), found[len(shown) :])


def run_of(guild: Guild, redemption_id: int) -> RedemptionServed | None:
    """A redemption of this guild with its numbers. None if the guild has no such redemption."""
    rows = Redemption.objects.filter(guild=guild, pk=redemption_id)
    found = with_results(rows.select_related("gift_code", "guild"))
    return found[0] if found else None


def run_of_code(guild: Guild, gift_code_id: int) -> RedemptionServed | None:
    """The redemption of a code in this guild with its numbers, if there is one."""
    rows = Redemption.objects.filter(guild=guild, gift_code=gift_code_id)
    found = with_results(rows.select_related("gift_code", "guild"))
    return found[0] if found else None


def unclear(guild: Guild) -> int:
    """For how many members the game gave no clear answer about a code that still works."""
    found = _of_active_codes(guild, State.FAILED).aggregate(number=Count("member", distinct=True))
    return found["number"] or 0


def waiting_requests(guild: Guild) -> int:
    """How many players ask to join."""
    return guild.join_requests.count()


def daily(guild: Guild) -> dict[str, Any]:
    """How many members in the state “not eligible” are tried again every day, and when next."""
    found: dict[str, Any] = _of_active_codes(guild, State.NOT_ELIGIBLE).aggregate(
        number=Count("member", distinct=True), at=Min("next_attempt_at")
    )
    return found


def _of_active_codes(guild: Guild, state: State) -> QuerySet[MemberRedemption]:
    return MemberRedemption.objects.filter(
        redemption__guild=guild,
        state=state,
        gift_code__state=CodeState.ACTIVE,
        member__active=True,
        member__opted_out=False,
    )
