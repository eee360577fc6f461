"""Fan out a code: insert a redemption for every automatic guild, with a row for each member."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from giftcodes.models import CodeState, Redemption, RunState
from giftcodes.models.participants import admit_members
from giftcodes.models.start_rules import closed_with_code
from giftcodes.models.trial import trials
from giftcodes.sql import fetch

#: The most guilds in one transaction, and the most members of these guilds together. A guild with
#: more members has a transaction of its own. While the rows of later guilds are still being
#: inserted, requests for the first guilds are sent already.
BATCH = 100
MEMBERS_IN_BATCH = 10_000

_INSERT = """
WITH missing AS (
    SELECT g.id AS guild_id, c.id AS gift_code_id, g.priority
    FROM giftcodes_giftcode c
    JOIN giftcodes_guild g ON g.provider = c.provider AND g.active AND g.automatic
    WHERE c.id = %(code)s AND c.state = 'active'
      AND (%(guilds)s::bigint[] IS NULL OR g.id = ANY(%(guilds)s)) AND NOT EXISTS (
        SELECT FROM giftcodes_redemption r WHERE r.guild_id = g.id AND r.gift_code_id = c.id)
    ORDER BY g.priority DESC, g.id
    LIMIT %(batch)s
), counted AS (
    SELECT missing.*, sum(size.members) OVER (ORDER BY priority DESC, guild_id) AS until_here,
           row_number() OVER (ORDER BY priority DESC, guild_id) AS nth
    FROM missing
    CROSS JOIN LATERAL (
        SELECT count(*) AS members FROM giftcodes_member m WHERE m.guild_id = missing.guild_id
    ) size
)
INSERT INTO giftcodes_redemption (guild_id, gift_code_id)
SELECT guild_id, gift_code_id
FROM counted
WHERE nth = 1 OR until_here <= %(members)s
ORDER BY nth
ON CONFLICT (guild_id, gift_code_id) DO NOTHING
RETURNING id
"""


def fan_out(gift_code_id: int) -> list[tuple[int, int]]:
    """Insert the missing rows of an active code.

    This may be repeated and interrupted: the next call inserts what is missing.

    Args:
        gift_code_id: the code.

    Returns:
        (guild id, code id) of each redemption that waits to be started, or that has rows that were
        cancelled because the code was closed.
    """
    while make_batch(gift_code_id):
        pass
    waiting = Q(state=RunState.PENDING) | Q(
        closed_with_code(), state__in=[RunState.COMPLETE, RunState.RUNNING]
    )
    rows = Redemption.objects.filter(
        waiting, gift_code=gift_code_id, gift_code__state=CodeState.ACTIVE
    )
    return list(rows.order_by("guild_id").values_list("guild_id", "gift_code_id"))


@transaction.atomic
def make_batch(gift_code_id: int) -> int:
    """Insert redemptions for some guilds, with a row for each of their members.

    A code on trial (`giftcodes.models.trial`) is only for the guilds of the officer who added it.

    No other transaction sees the new redemptions before the commit.

    Returns:
        The number of inserted redemptions. It is 0 if none was missing.
    """
    # Catch-up inserts the redemptions of the other guilds when the code is proven.
    guilds = trials(gift_code_id).get(gift_code_id)
    numbers = {"batch": BATCH, "members": MEMBERS_IN_BATCH}
    ids = [pk for (pk,) in fetch(_INSERT, code=gift_code_id, guilds=guilds, **numbers)]
    if ids:
        admit_members(ids)
    return len(ids)
