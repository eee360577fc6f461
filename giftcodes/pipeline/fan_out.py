"""Fan a code out: a redemption for every guild that wants it, with a row for each of its members."""

from __future__ import annotations

from django.db import connection, transaction

from giftcodes.models.member_redemption import admit_members

#: Guilds in one transaction: the first ones are asked for while the rows of the others are still being made.
BATCH = 100


def fan_out(gift_code_id: int) -> list[tuple[int, int]]:
    """Make the missing rows of an active code. Safe to repeat, and to be cut off: the next call makes what is missing.

    Args:
        gift_code_id: the code.

    Returns:
        (guild id, code id) of each redemption that waits to be started.
    """
    while make_batch(gift_code_id):
        pass
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT r.guild_id, r.gift_code_id
            FROM giftcodes_redemption r
            JOIN giftcodes_giftcode c ON c.id = r.gift_code_id AND c.state = 'active'
            WHERE r.gift_code_id = %(code)s AND r.state = 'pending'
            UNION ALL
            SELECT r.guild_id, r.gift_code_id
            FROM giftcodes_redemption r
            JOIN giftcodes_giftcode c ON c.id = r.gift_code_id AND c.state = 'active'
            WHERE r.gift_code_id = %(code)s AND r.state IN ('complete', 'running') AND EXISTS (
                SELECT FROM giftcodes_memberredemption m
                WHERE m.redemption_id = r.id AND m.state = 'cancelled' AND m.cancel_kind = 'code_closed')
            ORDER BY 1
            """,
            {"code": gift_code_id},
        )
        return list(cursor.fetchall())


@transaction.atomic
def make_batch(gift_code_id: int) -> int:
    """Insert redemptions and members for some guilds. The new redemptions are nobody else's until the commit.

    Returns:
        For how many; 0: none is missing.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO giftcodes_redemption (guild_id, gift_code_id)
            SELECT g.id, c.id
            FROM giftcodes_giftcode c
            JOIN giftcodes_guild g ON g.provider = c.provider AND g.active AND g.automatic
            WHERE c.id = %(code)s AND c.state = 'active'
              AND NOT EXISTS (SELECT FROM giftcodes_redemption r WHERE r.guild_id = g.id AND r.gift_code_id = c.id)
            ORDER BY g.priority DESC, g.id
            LIMIT %(batch)s
            ON CONFLICT (guild_id, gift_code_id) DO NOTHING
            RETURNING id
            """,
            {"code": gift_code_id, "batch": BATCH},
        )
        ids = [row[0] for row in cursor.fetchall()]
    if ids:
        admit_members(redemption_ids=ids)
    return len(ids)
