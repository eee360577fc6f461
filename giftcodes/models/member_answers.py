"""What an answer about a member means for the member's other rows.

Without this module, a request would be sent for each code to learn the same thing. Each function
runs in the transaction that records the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from giftcodes.domain.outcomes import (
    ACCOUNT_CONDITIONS,
    JUDGES_CODE,
    PROVING,
    WRONG_PLAYER,
    Outcome,
)
from giftcodes.domain.sentences import Sentence
from giftcodes.sql import execute, fetch, statement


@dataclass(frozen=True, slots=True)
class Asked:
    """The member that a request was for.

    Args:
        row_id: the id of the member redemption.
        member_id: the id of the member.
        realm: the realm in the request.
        last_outcome: the outcome of the row's previous answer. Empty if there is none.
        is_marked: whether the member is marked as unknown to the game (`Member.refused_at`).
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
        parked: the ids of the redemptions in which rows were parked.
        are_due: whether rows that were parked have become due.
    """

    parked: tuple[int, ...] = ()
    are_due: bool = False


def concerns_other_rows(asked: Asked, outcome: Outcome) -> bool:
    """Whether `follow` may change anything."""
    return (
        outcome in WRONG_PLAYER | ACCOUNT_CONDITIONS
        or asked.is_marked
        or asked.last_outcome in ACCOUNT_CONDITIONS
    )


def follow(asked: Asked, outcome: Outcome) -> Followed:
    """Carry an answer over to the member and the member's other rows.

    - The game does not know the player in this realm: the member is marked, and the member's
      pending rows whose requests would name the same realm are parked without a request.
    - The game judged the code. It checks the player first, so it knows the player: the mark is
      removed.
    - A condition of the account is still not met: the rows that are parked for the same condition
      wait for one more day, too.
    - A condition is met now: the rows that are parked for it are due at once.
    """
    if not concerns_other_rows(asked, outcome):
        return Followed()
    if outcome in WRONG_PLAYER:
        return Followed(parked=_park(asked))
    if asked.is_marked and outcome in JUDGES_CODE:
        execute(_UNMARK, member=asked.member_id)
    others = {"member": asked.member_id, "row": asked.row_id}
    if outcome in ACCOUNT_CONDITIONS:
        execute(_ANOTHER_DAY, **others, outcome=outcome.value)
    elif outcome in PROVING and asked.last_outcome in ACCOUNT_CONDITIONS:
        return Followed(are_due=bool(execute(_AT_ONCE, **others, outcome=asked.last_outcome)))
    return Followed()


_MARK = """
UPDATE giftcodes_member SET refused_realm = %(realm)s, refused_at = clock_timestamp(),
                            refused_since = coalesce(refused_since, clock_timestamp())
WHERE id = %(member)s
"""

_UNMARK = """
UPDATE giftcodes_member SET refused_realm = NULL, refused_at = NULL, refused_since = NULL
WHERE id = %(member)s
"""

_ANOTHER_DAY = """
UPDATE giftcodes_memberredemption
SET next_attempt_at = clock_timestamp() + interval '1 day'
WHERE member_id = %(member)s AND id <> %(row)s AND state = 'not_eligible' AND outcome = %(outcome)s
  AND next_attempt_at < clock_timestamp() + interval '12 hours'
"""

# The outcome is emptied so that none of these rows waits for another of them
# (MemberRedemptionQuerySet.reopenable).
_AT_ONCE = """
UPDATE giftcodes_memberredemption
SET next_attempt_at = clock_timestamp(), outcome = ''
WHERE member_id = %(member)s AND id <> %(row)s AND state = 'not_eligible' AND outcome = %(outcome)s
"""


def _park(asked: Asked) -> tuple[int, ...]:
    execute(_MARK, member=asked.member_id, realm=asked.realm)
    parked = fetch(
        statement("members", "park"),
        member=asked.member_id,
        row=asked.row_id,
        realm=asked.realm,
        waits=Sentence.of("waits_for_correction"),
    )
    return tuple(redemption_id for (redemption_id,) in parked)
