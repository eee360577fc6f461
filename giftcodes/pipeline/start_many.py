"""Start the runs of a code in many guilds, at most a hundred in each transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from django.db import transaction
from django.db.models import Count, Q

from giftcodes.domain import log_lines
from giftcodes.domain.transitions import OPEN, values
from giftcodes.models import GiftCode, Member, Redemption, RunState, Trigger
from giftcodes.models.participants import bring_in_members
from giftcodes.models.redemption import begin_runs
from giftcodes.models.start_rules import closed_with_code, startable

#: The most redemptions in one transaction, and the most members of their guilds together. A guild
#: with more members has a transaction of its own. Another caller that wants to start one of the
#: redemptions waits for the commit, but not for long (`start_or_refuse.LOCK_TIMEOUT_MS`).
BATCH = 100
MEMBERS_IN_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Batch:
    """Runs that were started.

    Args:
        provider: the game of the code.
        started: the ids of the redemptions whose run began.
        maybe_over: the ids of those redemptions in which no request has to be sent.
    """

    provider: str
    started: list[int]
    maybe_over: list[int]


def start_many(
    gift_code_id: int, *, trigger: Trigger, user_id: int | None = None
) -> Iterator[Batch]:
    """Start all startable redemptions of a code.

    These are the waiting ones, and the complete ones with rows that were cancelled because the code
    was closed. A running redemption is left alone. No refusal is journalled for it, because the
    caller did not name it.

    Args:
        gift_code_id: the code.
        trigger: what requests the runs.
        user_id: the user who asks, if there is one.

    Returns:
        An iterator over the batches. It yields each batch after its commit.

    Raises:
        RuntimeError: called inside a transaction, which would hold all locks until its end.
    """
    code = GiftCode.objects.get(pk=gift_code_id)
    after = 0
    while taken := _start_batch(code, after=after, trigger=trigger, user_id=user_id):
        guilds, open_rows = taken
        after = max(guilds)
        for pk, number in open_rows.items():
            log_lines.locked(guilds[pk], str(code))
            log_lines.started(guilds[pk], str(code), members=number)
        yield Batch(
            code.provider, list(open_rows), [pk for pk, number in open_rows.items() if not number]
        )


@transaction.atomic(durable=True)
def _start_batch(
    code: GiftCode, *, after: int, trigger: Trigger, user_id: int | None
) -> tuple[dict[int, str], dict[int, int]] | None:
    """Start some runs.

    Returns:
        Two dictionaries by redemption id: the guild's name for each redemption that was locked, and
        the number of members to redeem for in each one that was started. None if no redemption was
        left.
    """
    locked = _lock_batch(code, after=after)
    if not locked:
        return None
    ids = [redemption.pk for redemption in locked]
    # The person named a code, and not these members, so even an administrator reopens only what an
    # officer may. Otherwise the rows of members whom the game does not know would be reopened, too:
    # fan-out has inserted these rows, and they wait for correction.
    bring_in_members(ids, trigger, is_limited=True)
    open_rows = _count_open(ids)
    to_start = [
        redemption.pk
        for redemption in locked
        if redemption.state == RunState.PENDING or open_rows[redemption.pk]
    ]
    begin_runs(to_start, trigger=trigger, user_id=user_id)
    guilds = {redemption.pk: redemption.guild.name for redemption in locked}
    return guilds, {pk: open_rows[pk] for pk in to_start}


def _lock_batch(code: GiftCode, *, after: int) -> list[Redemption]:
    """Lock startable redemptions that no other transaction holds.

    A redemption that another transaction holds is left to that transaction or to the next sweep.
    """
    waiting = Q(state=RunState.PENDING) | Q(closed_with_code(), state=RunState.COMPLETE)
    rows = Redemption.objects.filter(startable(), waiting, gift_code=code, pk__gt=after)
    locked = list(rows.for_update(skip_locked=True).select_related("guild")[:BATCH])
    members = Member.objects.filter(guild__in=[redemption.guild_id for redemption in locked])
    sizes = dict(members.order_by().values_list("guild").annotate(number=Count("pk")))
    until_here = accumulate(sizes.get(redemption.guild_id, 0) for redemption in locked)
    return [
        redemption
        for nth, (redemption, number) in enumerate(zip(locked, until_here, strict=True))
        if nth == 0 or number <= MEMBERS_IN_BATCH
    ]


def _count_open(ids: list[int]) -> dict[int, int]:
    """The number of open member redemptions of each redemption."""
    counted = Redemption.objects.filter(pk__in=ids).annotate(
        number=Count("member_redemptions", filter=Q(member_redemptions__state__in=values(OPEN)))
    )
    return dict(counted.values_list("pk", "number"))
