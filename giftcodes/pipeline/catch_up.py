"""Catch up: find the members who have no row for a code that they should have, or who may be tried again."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from giftcodes.models import CancelKind, Redemption
from giftcodes.models.isolation import FailureIsolation
from giftcodes.models.member_redemption import REFUSED_FOR

_BEHIND = """
SELECT g.id, c.id
FROM giftcodes_guild g
JOIN giftcodes_giftcode c ON c.provider = g.provider AND c.state = 'active'
LEFT JOIN giftcodes_redemption r ON r.guild_id = g.id AND r.gift_code_id = c.id
WHERE g.active AND (g.automatic OR r.id IS NOT NULL) AND r.state IS DISTINCT FROM 'stopped'
  AND (%(guilds)s::bigint[] IS NULL OR g.id = ANY(%(guilds)s))
  AND (
    r.id IS NULL
    OR EXISTS (
        SELECT FROM giftcodes_member m
        WHERE m.guild_id = g.id AND m.active AND NOT m.opted_out
          AND NOT EXISTS (SELECT FROM giftcodes_memberredemption x WHERE x.redemption_id = r.id AND x.member_id = m.id))
    OR EXISTS (
        SELECT FROM giftcodes_memberredemption x
        JOIN giftcodes_member m ON m.id = x.member_id AND m.active AND NOT m.opted_out
        WHERE x.redemption_id = r.id AND (
            (x.state = 'cancelled' AND x.cancel_kind IN ('left', 'code_closed'))
            OR (x.state = 'needs_correction'
                AND (x.asked_realm IS DISTINCT FROM coalesce(m.realm, g.realm)
                     OR m.refused_realm IS DISTINCT FROM coalesce(m.realm, g.realm)
                     OR m.refused_at <= clock_timestamp() - %(refused_for)s))
            -- While one is asked first, the others wait (MemberRedemptionQuerySet.reopenable).
            OR (x.state = 'not_eligible' AND x.next_attempt_at <= clock_timestamp()
                AND NOT EXISTS (
                    SELECT FROM giftcodes_memberredemption first
                    JOIN giftcodes_giftcode code ON code.id = first.gift_code_id AND code.held_until IS NULL
                    WHERE first.member_id = x.member_id AND first.outcome = x.outcome
                      AND first.state IN ('pending', 'in_flight', 'unconfirmed')))))
  )
ORDER BY c.id, g.id
"""


def find_behind(guild_ids: list[int] | None = None) -> list[tuple[int, int]]:
    """Guilds and active codes where somebody is missing, was corrected, or is to be asked again.

    Args:
        guild_ids: look at these guilds only.

    Returns:
        (guild id, code id) of each redemption to be started, or joined.
    """
    with connection.cursor() as cursor:
        refused_for: Any = REFUSED_FOR
        cursor.execute(_BEHIND, {"guilds": guild_ids, "refused_for": refused_for})
        return list(cursor.fetchall())


def withdraw_leavers(apart: FailureIsolation | None = None) -> list[int]:
    """Cancel the waiting rows of members who left or opted out, and of guilds that were switched off.

    Args:
        apart: the pass that this is a part of; None: one of its own.

    Returns:
        The ids of the redemptions that may be over now.
    """
    apart = apart or FailureIsolation("catch-up")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT x.redemption_id
            FROM giftcodes_memberredemption x
            JOIN giftcodes_member m ON m.id = x.member_id
            JOIN giftcodes_guild g ON g.id = m.guild_id
            WHERE x.state = 'pending' AND (NOT m.active OR m.opted_out OR NOT g.active)
            ORDER BY 1
            """
        )
        ids = [row[0] for row in cursor.fetchall()]
    for pk in ids:
        apart.do(f"redemption {pk}", _withdraw, pk)
    return ids


@transaction.atomic
def _withdraw(redemption_id: int) -> None:
    redemption: Any = Redemption.objects.for_update().select_related("guild").get(pk=redemption_id)
    leavers = redemption.member_redemptions.all()
    if redemption.guild.active:
        leavers = leavers.exclude(member__active=True, member__opted_out=False)
    leavers.cancel(CancelKind.LEFT)
