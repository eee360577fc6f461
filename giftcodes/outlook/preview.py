"""What redeeming a code for a guild would cost, before anybody asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from giftcodes.models import database_now
from giftcodes.models.redemption import values
from giftcodes.outlook.forecast import Outlook, Run, forecast
from giftcodes.outlook.reading import ask, queues_at
from giftcodes.verdict import HOLDING

_COST = """
SELECT c.provider,
       coalesce(c.expires_at,
                (coalesce(c.published_on, (c.first_seen_at AT TIME ZONE 'UTC')::date) + 7)::timestamp
                    AT TIME ZONE 'UTC'),
       -g.priority,
       count(m.id),
       count(m.id) FILTER (WHERE NOT EXISTS (
           SELECT FROM giftcodes_memberredemption share
           WHERE share.gift_code_id = c.id AND share.player_id = m.player_id
             AND (share.state = ANY(%(holding)s) OR share.state = 'pending'))),
       (SELECT r.id FROM giftcodes_redemption r WHERE r.guild_id = g.id AND r.gift_code_id = c.id),
       c.proven_at IS NOT NULL AND c.doubted_at IS NULL AND c.state <> 'probing'
FROM giftcodes_guild g
JOIN giftcodes_giftcode c ON c.id = %(code)s AND c.provider = g.provider
LEFT JOIN giftcodes_member m ON m.guild_id = g.id AND m.active AND NOT m.opted_out
WHERE g.id = %(guild)s
GROUP BY g.id, c.id
"""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would cost that was not asked for yet.

    Args:
        members: whom the game may be asked for.
        requests: how many of them would be asked for: not those who have the code, or are being asked for it.
        outlook: as if it began now; if it runs, of the run.
    """

    members: int
    requests: int
    outlook: Outlook


def preview(*, guild_id: int, gift_code_id: int) -> Preview:
    """What redeeming a code for a guild would cost. Six statements; nothing is changed.

    Raises:
        ValueError: there is no such guild, or the code is not of its game.
    """
    rows = ask(_COST, guild=guild_id, code=gift_code_id, holding=values(HOLDING))
    if not rows:
        raise ValueError("There is no such guild, or the code is not of its game.")
    ((provider, ends_at, priority, members, requests, redemption_id, is_proven),) = rows
    queue = queues_at(database_now())[provider]
    run = next((run for run in queue.runs if run.id == redemption_id), None)
    if run is None:
        run = Run(id=redemption_id or 0, rank=(ends_at, priority), requests=requests, is_proven=is_proven)
        # The sort is stable: who was never served comes first among equals.
        queue.runs = sorted([run, *queue.runs], key=lambda one: one.rank)
    outlook = forecast(queue.pace, queue.runs)[run.id]
    return Preview(members=members, requests=outlook.requests, outlook=outlook)
