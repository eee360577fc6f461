"""Start the runs of a code in many guilds: what `start` does for one, in as many statements for a hundred."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q

from giftcodes.domain import log_lines
from giftcodes.domain.transitions import OPEN
from giftcodes.models import GiftCode, MemberRedemption, Redemption, Trigger
from giftcodes.models.member_redemption import admit_members, settle_duplicates, values
from giftcodes.models.redemption import begin_runs

#: Redemptions in one transaction: whoever else wants to start one of them waits for it (start.PATIENCE_MS).
BATCH = 100

# What no obstacle stands before (start.obstacle_to), and nobody holds: whoever holds it starts it, or the next sweep.
_TAKE = """
SELECT r.id, r.state = 'pending', g.name
FROM giftcodes_redemption r
JOIN giftcodes_giftcode c ON c.id = r.gift_code_id AND c.state = 'active' AND c.provider = ANY(%(on)s)
JOIN giftcodes_guild g ON g.id = r.guild_id AND g.active AND g.provider = c.provider
WHERE r.gift_code_id = %(code)s AND r.id > %(after)s
  AND (r.state = 'pending' OR (r.state = 'complete' AND EXISTS (
        SELECT FROM giftcodes_memberredemption m
        WHERE m.redemption_id = r.id AND m.state = 'cancelled' AND m.cancel_kind = 'code_closed')))
ORDER BY r.id
LIMIT %(batch)s
FOR NO KEY UPDATE OF r SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Runs that were started.

    Args:
        provider: the game that has something to be asked.
        started: redemptions whose run began.
        maybe_over: those of them that nobody is to be asked for.
    """

    provider: str
    started: list[int]
    maybe_over: list[int]


def start_many(
    gift_code_id: int, *, trigger: Trigger, user_id: int | None = None
) -> Iterator[Batch]:
    """Start the redemptions of a code that wait, and those that are complete and were closed with it. A running one is
    left alone, and not journalled as refused: nobody asked for it alone.

    Args:
        gift_code_id: the code.
        trigger: what asks.
        user_id: the user who pressed, where there is one.

    Returns:
        Batch by batch, each after its commit.

    Raises:
        RuntimeError: called inside a transaction, which would hold all locks for as long as it lasts.
    """
    code = GiftCode.objects.get(pk=gift_code_id)
    after = 0
    while taken := _start_batch(code, after=after, trigger=trigger, user_id=user_id):
        guilds, open_rows = taken
        after = max(guilds)
        for pk in open_rows:
            log_lines.locked(guilds[pk], str(code))
            log_lines.started(guilds[pk], str(code), members=open_rows[pk])
        yield Batch(
            code.provider, list(open_rows), [pk for pk, number in open_rows.items() if not number]
        )


@transaction.atomic(durable=True)
def _start_batch(
    code: GiftCode, *, after: int, trigger: Trigger, user_id: int | None
) -> tuple[dict[int, str], dict[int, int]] | None:
    """Returns the guilds of those that were looked at, and how many are to be asked in those that were started, by id;
    None: there is none left."""
    on = [config.name for config in settings.PROVIDERS.values() if config.is_on]
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"code": code.pk, "after": after, "on": on, "batch": BATCH})
        taken: list[Any] = cursor.fetchall()
    if not taken:
        return None
    guilds = {pk: guild for pk, _, guild in taken}
    rows = MemberRedemption.objects.filter(redemption__in=guilds)
    # As in bring_in_members.
    if trigger.is_person:
        rows.reopenable(is_person=True).requeue()
    _, has_others = admit_members(redemption_ids=list(guilds))
    if has_others and not trigger.is_person:
        rows.reopenable(is_person=False).requeue()
    settle_duplicates(redemption_ids=list(guilds))
    open_rows = _count_open(list(guilds))
    to_start = [pk for pk, is_waiting, _ in taken if is_waiting or open_rows[pk]]
    begin_runs(to_start, trigger=trigger, user_id=user_id)
    return guilds, {pk: open_rows[pk] for pk in to_start}


def _count_open(ids: list[int]) -> dict[int, int]:
    """How many rows of each redemption are open."""
    counted = Redemption.objects.filter(pk__in=ids).annotate(
        number=Count("member_redemptions", filter=Q(member_redemptions__state__in=values(OPEN)))
    )
    return dict(counted.values_list("pk", "number"))
