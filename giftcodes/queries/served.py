"""Who has which codes: the numbers behind each bar and each result, by redemption and by code.

The rows are given by the caller, who limits them to those that a person may see. Every function
sends a fixed number of SQL statements, however many codes, guilds and members there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from giftcodes.domain.served import Phase, Result, Served
from giftcodes.domain.transitions import State
from giftcodes.models import GiftCode, MemberRedemption, Redemption, RunState
from giftcodes.models.fields import without_notes
from giftcodes.queries.redemption_progress import tallies


@dataclass(frozen=True, slots=True)
class CodeServed:
    """A code in several guilds.

    Args:
        code: the code.
        served: the numbers of members, in all guilds together.
        result: what has come of the code in these guilds: running if any run is under way.
        guilds: the number of guilds that have a redemption of the code.
        running: the number of them in which a run is under way.
        unclear: the number of members for whom the game has given no clear answer (`failed`).
    """

    code: GiftCode
    served: Served
    result: Result
    guilds: int = 0
    running: int = 0
    unclear: int = 0


@dataclass(frozen=True, slots=True)
class RedemptionServed:
    """A redemption with its numbers and its result."""

    redemption: Redemption
    served: Served
    result: Result


def served_in(redemptions: Iterable[Redemption]) -> dict[int, Served]:
    """The numbers of each redemption, by its id, in one statement."""
    rows = list(redemptions)
    counted = tallies(rows)
    return {row.pk: row.shares_of(counted.get(row.pk, {})) for row in rows}


def with_results(redemptions: Iterable[Redemption]) -> list[RedemptionServed]:
    """Redemptions with their numbers and results. One statement reads all the numbers.

    Args:
        redemptions: rows with `select_related("gift_code")`: the result depends on the code.
    """
    rows = list(redemptions)
    numbers = served_in(rows)
    return [RedemptionServed(row, numbers[row.pk], row.result(numbers[row.pk])) for row in rows]


def served_by_code(
    codes: Sequence[GiftCode],
    *,
    redemptions: QuerySet[Redemption],
    member_redemptions: QuerySet[MemberRedemption],
) -> dict[int, CodeServed]:
    """What has come of each code in the guilds of a person, by the code's id, in two statements.

    Args:
        codes: the codes.
        redemptions: the redemptions that the person may see, of any code.
        member_redemptions: the member redemptions that the person may see, of any code.

    Returns:
        An entry for each code, also for codes without a redemption.
    """
    ids = [code.pk for code in codes]
    # The redemptions are read first. A redemption and its members are stored in one transaction, so
    # the members of each redemption that is counted here are found below, even if a code is fanned
    # out meanwhile.
    phases: dict[int, dict[Phase, int]] = defaultdict(dict)
    grouped = redemptions.filter(gift_code__in=ids).order_by()
    for code_id, state, number in grouped.values_list("gift_code_id", "state").annotate(
        number=Count("pk")
    ):
        phases[code_id][Phase(state)] = number
    tally: dict[int, dict[State, int]] = defaultdict(dict)
    counted = member_redemptions.remaining_of_many().filter(gift_code__in=ids).order_by()  # type: ignore[attr-defined]
    for code_id, state, number in counted.values_list("gift_code_id", "state").annotate(
        number=Count("pk")
    ):
        tally[code_id][State(state)] = number
    return {code.pk: _of_code(code, tally[code.pk], phases[code.pk]) for code in codes}


def _of_code(code: GiftCode, tally: dict[State, int], phases: dict[Phase, int]) -> CodeServed:
    served = Served.of(tally, ending=code.ending)
    return CodeServed(
        code=code,
        served=served,
        result=Result.of(
            served, phase=_phase_of_all(phases), ending=code.ending, ended_on=code.ended_on
        ),
        guilds=sum(phases.values()),
        running=phases.get(Phase.RUNNING, 0),
        unclear=tally.get(State.FAILED, 0),
    )


def _phase_of_all(phases: dict[Phase, int]) -> Phase:
    """The phase of a code: running if any redemption is, and stopped only if all of them are."""
    for phase in (Phase.RUNNING, Phase.PENDING, Phase.COMPLETE):
        if phases.get(phase):
            return phase
    return Phase.STOPPED if phases else Phase.COMPLETE


def last_results(redemptions: QuerySet[Redemption]) -> dict[int, RedemptionServed]:
    """The run that ended last in each guild, with the guild's id as the key. Sends two statements.

    Args:
        redemptions: the rows to choose from.
    """
    last = _ended(redemptions).order_by("guild_id", "-unlocked_at", "-pk").distinct("guild_id")
    return {one.redemption.guild_id: one for one in with_results(last)}


def running_by_guild(redemptions: QuerySet[Redemption]) -> dict[int, int]:
    """How many of these redemptions run now, by guild, in one statement."""
    running = redemptions.filter(state=RunState.RUNNING).order_by()
    return dict(running.values_list("guild_id").annotate(number=Count("pk")))


def recent_results(redemptions: QuerySet[Redemption], *, most: int) -> list[RedemptionServed]:
    """The runs that ended last, newest first, in two statements.

    Args:
        redemptions: the rows to choose from.
        most: the maximum number of runs.
    """
    return with_results(_ended(redemptions).order_by("-unlocked_at", "-pk")[:most])


def _ended(redemptions: QuerySet[Redemption]) -> QuerySet[Redemption]:
    """The rows whose run has ended."""
    ended = redemptions.filter(
        state__in=[RunState.COMPLETE, RunState.STOPPED], unlocked_at__isnull=False
    )
    return without_notes(ended.select_related("guild", "gift_code"))
