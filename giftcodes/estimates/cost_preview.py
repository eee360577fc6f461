"""What redeeming codes for guilds would cost, before anybody asks for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from giftcodes.domain.transitions import HOLDING, State
from giftcodes.estimates.forecast import Outlook, Run, forecast, in_all
from giftcodes.estimates.queue_snapshot import ask, queues_at
from giftcodes.models import database_now
from giftcodes.models.deadline import deadline
from giftcodes.models.member_redemption import REFUSED_FOR, is_refused_sql, values

# A player who is in two of the guilds is asked for in the first one only.
_COST = f"""
WITH asked AS (
    SELECT guild_id, code_id FROM unnest(%(guilds)s::bigint[], %(codes)s::bigint[]) AS pair (guild_id, code_id)
), held AS MATERIALIZED (
    SELECT DISTINCT gift_code_id, player_id FROM giftcodes_memberredemption
    WHERE gift_code_id = ANY(%(codes)s) AND state = ANY(%(held)s)
), counted AS (
    SELECT a.guild_id, a.code_id,
           row_number() OVER (PARTITION BY a.code_id, m.player_id ORDER BY g.priority DESC, g.id) AS nth,
           held.player_id IS NOT NULL OR (
               -- It would wait for correction (models.admission.admit_members).
               {is_refused_sql("m", "g")}
               AND NOT EXISTS (
                   SELECT FROM giftcodes_memberredemption share
                   WHERE share.member_id = m.id AND share.gift_code_id = a.code_id)) AS is_held
    FROM asked a
    JOIN giftcodes_guild g ON g.id = a.guild_id
    JOIN giftcodes_member m ON m.guild_id = g.id AND m.active AND NOT m.opted_out
    LEFT JOIN held ON held.gift_code_id = a.code_id AND held.player_id = m.player_id
), cost AS (
    SELECT guild_id, code_id, count(*) AS members, count(*) FILTER (WHERE nth = 1 AND is_held IS NOT TRUE) AS requests
    FROM counted GROUP BY guild_id, code_id
)
SELECT g.id, c.id, c.provider,
       {deadline("c")},
       -g.priority, coalesce(cost.members, 0), coalesce(cost.requests, 0), r.id, coalesce(r.state = 'running', false),
       c.proven_at IS NOT NULL AND c.doubted_at IS NULL AND c.state <> 'probing'
FROM asked a
JOIN giftcodes_guild g ON g.id = a.guild_id
JOIN giftcodes_giftcode c ON c.id = a.code_id AND c.provider = g.provider
LEFT JOIN cost ON cost.guild_id = g.id AND cost.code_id = c.id
LEFT JOIN giftcodes_redemption r ON r.guild_id = g.id AND r.gift_code_id = c.id
ORDER BY g.priority DESC, g.id, c.id
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would cost that was not asked for yet.

    Args:
        members: whom the game may be asked for.
        requests: how many of them would be asked for: not those who have the code, or are being asked for it.
        outlook: as if it began now, with the others that are asked about; if it runs, of the run.
        is_running: it runs already, and would be refused.
    """

    members: int
    requests: int
    outlook: Outlook
    is_running: bool = False


def preview(*, guild_id: int, gift_code_id: int) -> Preview:
    """What redeeming a code for a guild would cost. Six statements; nothing is changed.

    Raises:
        ValueError: there is no such guild, or the code is not of its game.
    """
    found = previews([(guild_id, gift_code_id)])
    if not found:
        raise ValueError("There is no such guild, or the code is not of its game.")
    return found[(guild_id, gift_code_id)]


def previews(pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Preview]:
    """What redeeming codes for guilds would cost, all at once. Six statements, whatever their number.

    Args:
        pairs: (guild id, code id).

    Returns:
        A preview for each pair whose guild plays the code's game, in the order of the guilds' priority.
    """
    wanted = list(pairs)
    rows = ask(
        _COST,
        guilds=[guild_id for guild_id, _ in wanted],
        codes=[code_id for _, code_id in wanted],
        held=values(HOLDING | {State.PENDING}),
        refused_for=REFUSED_FOR,
    )
    if not rows:
        return {}
    queues = queues_at(database_now())
    queued = {run.id for queue in queues.values() for run in queue.runs}
    fresh: dict[str, list[Run]] = defaultdict(list)
    keys: dict[tuple[int, int], int] = {}
    for nth, (
        guild_id,
        code_id,
        provider,
        ends_at,
        priority,
        _members,
        requests,
        pk,
        _runs,
        proven,
    ) in enumerate(rows):
        # What has no row yet gets a number that no row has.
        keys[(guild_id, code_id)] = key = pk or -1 - nth
        if key not in queued:
            fresh[provider].append(
                Run(id=key, rank=(ends_at, priority), requests=requests, is_proven=proven)
            )
    outlooks: dict[int, Outlook] = {}
    for provider, queue in queues.items():
        # The sort is stable: who was never served comes first among equals.
        outlooks |= forecast(
            queue.pace, sorted([*fresh[provider], *queue.runs], key=lambda run: run.rank)
        )
    return {
        (row[0], row[1]): _preview(
            outlooks[keys[(row[0], row[1])]], members=row[5], is_running=row[8]
        )
        for row in rows
    }


def _preview(outlook: Outlook, *, members: int, is_running: bool) -> Preview:
    return Preview(
        members=members, requests=outlook.requests, outlook=outlook, is_running=is_running
    )


def together(found: Iterable[Preview]) -> Preview:
    """What several of them cost in all."""
    several = list(found)
    return _preview(
        in_all(one.outlook for one in several),
        members=sum(one.members for one in several),
        is_running=any(one.is_running for one in several),
    )
