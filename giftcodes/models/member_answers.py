"""What an answer about a member means for the member's other rows, so that each code does not cost the same request.

Each function is a part of the transaction that records the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from giftcodes.domain.outcomes import (
    ACCOUNT_CONDITIONS,
    JUDGES_CODE,
    PROVING,
    WRONG_PLAYER,
    Outcome,
)
from giftcodes.models.member_redemption import WAITS_FOR_CORRECTION


@dataclass(frozen=True, slots=True)
class Asked:
    """For whom the game was asked.

    Args:
        row_id: the member redemption.
        member_id: the member.
        realm: the realm that was asked with.
        last_outcome: the row's answer before this one; empty: none.
        is_marked: the member is marked as unknown to the game (`Member.refused_at`).
    """

    row_id: int
    member_id: int
    realm: int
    last_outcome: str
    is_marked: bool


@dataclass(frozen=True, slots=True)
class Followed:
    """What an answer did to the member's other rows.

    Args:
        parked: redemptions in which rows were parked.
        are_due: rows that were parked are due at once.
    """

    parked: tuple[int, ...] = ()
    are_due: bool = False


def follow(asked: Asked, outcome: Outcome) -> Followed:
    """Carry an answer over to the member and the member's other rows.

    - The game does not know the player in this realm: the member is marked, and the rows that wait with the same realm
      are parked without a request.
    - The game judged the code: it checks the player before that, so the mark is removed.
    - A condition of the account is still not met: the rows parked for the same reason wait for one more day, too.
    - A condition is met now: those rows are due at once.
    """
    if outcome in WRONG_PLAYER:
        return Followed(parked=_park(asked))
    if asked.is_marked and outcome in JUDGES_CODE:
        _execute(
            "UPDATE giftcodes_member SET refused_realm = NULL, refused_at = NULL WHERE id = %(member)s",
            asked,
        )
    if outcome in ACCOUNT_CONDITIONS:
        _execute(_ANOTHER_DAY, asked, outcome=outcome.value)
    elif outcome in PROVING and asked.last_outcome in ACCOUNT_CONDITIONS:
        return Followed(are_due=bool(_execute(_AT_ONCE, asked, outcome=asked.last_outcome)))
    return Followed()


# A row in flight is not changed: its own answer is still to come.
_PARK = """
WITH waiting AS (
    SELECT m.id
    FROM giftcodes_memberredemption m
    JOIN giftcodes_member person ON person.id = m.member_id
    JOIN giftcodes_guild g ON g.id = person.guild_id
    WHERE m.member_id = %(member)s AND m.id <> %(row)s AND m.state = 'pending'
      AND coalesce(person.realm, g.realm) = %(realm)s
    ORDER BY m.id
    FOR NO KEY UPDATE OF m SKIP LOCKED
)
UPDATE giftcodes_memberredemption m
SET state = 'needs_correction', reason = %(waits)s, asked_realm = %(realm)s, next_attempt_at = NULL,
    updated_at = clock_timestamp()
FROM waiting WHERE m.id = waiting.id
RETURNING m.redemption_id
"""

_ANOTHER_DAY = """
UPDATE giftcodes_memberredemption
SET next_attempt_at = clock_timestamp() + interval '1 day'
WHERE member_id = %(member)s AND id <> %(row)s AND state = 'not_eligible' AND outcome = %(outcome)s
  AND next_attempt_at < clock_timestamp() + interval '12 hours'
"""

# The outcome is emptied so that none of these rows waits for another one (MemberRedemptionQuerySet.reopenable).
_AT_ONCE = """
UPDATE giftcodes_memberredemption
SET next_attempt_at = clock_timestamp(), outcome = ''
WHERE member_id = %(member)s AND id <> %(row)s AND state = 'not_eligible' AND outcome = %(outcome)s
RETURNING id
"""


def _park(asked: Asked) -> tuple[int, ...]:
    _execute(
        "UPDATE giftcodes_member SET refused_realm = %(realm)s, refused_at = clock_timestamp() WHERE id = %(member)s",
        asked,
    )
    return tuple(
        redemption_id for (redemption_id,) in _execute(_PARK, asked, waits=WAITS_FOR_CORRECTION)
    )


def _execute(statement: str, asked: Asked, **parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        known = {"row": asked.row_id, "member": asked.member_id, "realm": asked.realm}
        cursor.execute(statement, known | parameters)
        return list(cursor.fetchall()) if cursor.description else []
