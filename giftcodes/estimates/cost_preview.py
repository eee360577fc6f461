"""The cost of redeeming codes for guilds: requests and time, before the runs are started."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from giftcodes.domain.served import HAVING
from giftcodes.domain.transitions import HOLDING, SETTLED, State, values
from giftcodes.estimates.forecast import Outlook, Run, forecast, in_all
from giftcodes.estimates.queue_snapshot import queues_at
from giftcodes.models import Guild, Member, MemberRedemption, database_now
from giftcodes.models.deadline import deadline
from giftcodes.models.member_redemption import REFUSED_FOR, is_refused_sql
from giftcodes.sql import fetch_as, statement


class _CostRow(NamedTuple):
    guild_id: int
    code_id: int
    provider: str
    deadline: float
    priority: int
    members: int
    requests: int
    having: int
    elsewhere: int
    redemption_id: int | None
    is_running: bool
    is_proven: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """The cost of starting a run.

    Args:
        members: the guild's members for whom codes may be redeemed.
        requests: the number of members for whom a request would be sent. No request is sent if the
            player has the code, or if a request for it is under way.
        outlook: the forecast for the run, as if it and the others in the preview began now. If the
            run is in the queue already, the forecast for its place there.
        is_running: whether the run has been started already. If so, another start would be refused.
        having: the number of members whose player has the code, in this guild or another one.
        elsewhere: the number of members for whom another guild in the preview sends the request.
    """

    members: int
    requests: int
    outlook: Outlook
    is_running: bool = False
    having: int = 0
    elsewhere: int = 0


def preview(*, guild_id: int, gift_code_id: int, seen: Collection[int] | None = None) -> Preview:
    """The cost of redeeming a code for a guild. This changes nothing.

    The arguments are explained at `previews`.

    Raises:
        ValueError: there is no such guild, or the code belongs to another game.
    """
    found = previews([(guild_id, gift_code_id)], seen=seen)
    if not found:
        raise ValueError("There is no such guild, or the code belongs to another game.")
    return found[(guild_id, gift_code_id)]


def preview_of_new(guild: Guild, *, requests: int) -> Preview:
    """The cost of redeeming a code that is not stored yet.

    Args:
        guild: the guild.
        requests: the number of members for whom a request would be sent.
    """
    row = _CostRow(
        guild_id=guild.pk,
        code_id=0,
        provider=guild.provider,
        # On its first day, a code is served as if it ended in an hour (`models.deadline`).
        deadline=database_now().timestamp() + 3_600,
        priority=-guild.priority,
        members=Member.objects.eligible().filter(guild=guild).count(),
        requests=requests,
        having=0,
        elsewhere=0,
        redemption_id=None,
        is_running=False,
        is_proven=False,
    )
    return _preview(_forecast_with([row])[_key(row, 0)], row)


def previews(
    pairs: Iterable[tuple[int, int]], *, seen: Collection[int] | None = None
) -> dict[tuple[int, int], Preview]:
    """The cost of redeeming several codes for several guilds at once.

    This takes six statements for any number of pairs, and one more for an officer.

    Args:
        pairs: the guild id and the code id of each run.
        seen: the ids of the guilds that an officer may see; None for an administrator. A run of
            an officer reopens fewer rows than one of an administrator. For an officer, requests
            that wait or are under way in other guilds are not considered, because they would tell
            who is in these guilds.

    Returns:
        A preview for each pair whose guild plays the code's game, in the order of the guilds'
        priority.
    """
    wanted = list(pairs)
    rows = fetch_as(
        _CostRow,
        statement(
            "cost_preview", "cost", deadline=deadline("c"), is_refused=is_refused_sql("m", "g")
        ),
        guilds=[guild_id for guild_id, _ in wanted],
        codes=[code_id for _, code_id in wanted],
        held=values(HOLDING | {State.PENDING}),
        settled=values(SETTLED),
        seen=None if seen is None else list(seen),
        having=values(HAVING),
        refused_for=REFUSED_FOR,
        kept=[] if seen is None else _kept(wanted),
    )
    if not rows:
        return {}
    outlooks = _forecast_with(rows)
    return {
        (row.guild_id, row.code_id): _preview(outlooks[_key(row, nth)], row)
        for nth, row in enumerate(rows)
    }


def _kept(pairs: list[tuple[int, int]]) -> list[int]:
    """The ids of the rows that an officer's “Redeem now” does not reopen."""
    rows = MemberRedemption.objects.filter(
        redemption__guild__in={guild_id for guild_id, _ in pairs},
        gift_code__in={code_id for _, code_id in pairs},
    )
    return list(rows.kept_from_officers().order_by().values_list("pk", flat=True))


def _key(row: _CostRow, nth: int) -> int:
    """The redemption's id. A pair without a redemption gets a negative number, which is no id."""
    return row.redemption_id or -1 - nth


def _forecast_with(rows: list[_CostRow]) -> dict[int, Outlook]:
    """The outlook of every run by its `_key`, as if the runs in the preview began now."""
    queues = queues_at(database_now())
    queued = {run.id for queue in queues.values() for run in queue.runs}
    new: dict[str, list[Run]] = defaultdict(list)
    for nth, row in enumerate(rows):
        if (key := _key(row, nth)) not in queued:
            rank = (row.deadline, row.priority)
            new[row.provider].append(
                Run(id=key, rank=rank, requests=row.requests, is_proven=row.is_proven)
            )
    outlooks: dict[int, Outlook] = {}
    for provider, queue in queues.items():
        # Runs of equal rank take turns, and a run that was never served goes first. The sort is
        # stable, so the new runs come before queued runs of the same rank, as in dispatch.
        runs = sorted([*new[provider], *queue.runs], key=lambda run: run.rank)
        outlooks |= forecast(queue.pace, runs)
    return outlooks


def _preview(outlook: Outlook, row: _CostRow) -> Preview:
    return Preview(
        members=row.members,
        requests=outlook.requests,
        outlook=outlook,
        is_running=row.is_running,
        having=row.having,
        elsewhere=row.elsewhere,
    )


def together(found: Iterable[Preview]) -> Preview:
    """The total cost of several runs."""
    several = list(found)
    outlook = in_all(one.outlook for one in several)
    return Preview(
        members=sum(one.members for one in several),
        requests=outlook.requests,
        outlook=outlook,
        is_running=any(one.is_running for one in several),
        having=sum(one.having for one in several),
        elsewhere=sum(one.elsewhere for one in several),
    )
