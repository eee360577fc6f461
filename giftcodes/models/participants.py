"""Who takes part in a redemption: rows for new members, rows that are tried again, duplicates."""

from __future__ import annotations

from datetime import datetime

from giftcodes.domain.sentences import Sentence
from giftcodes.domain.transitions import PARKED, SETTLED, State, literals, values
from giftcodes.models.clock import Clock
from giftcodes.models.event import Trigger
from giftcodes.models.member_redemption import (
    REFUSED_FOR,
    CancelKind,
    MemberRedemption,
    cancel_reason,
    is_refused_sql,
)
from giftcodes.sql import fetch, statement


def admit_members(redemption_ids: list[int]) -> int:
    """Insert the rows that are missing: one for each redemption and eligible member of its guild.

    The redemptions must be locked or new. The rows of members whom the game does not know in their
    realm wait for correction.

    Returns:
        The number of added rows that wait for a request.
    """
    ((added,),) = fetch(
        statement("members", "admit", is_refused=is_refused_sql("m", "g")),
        ids=redemption_ids,
        waits=Sentence.of("waits_for_correction"),
        refused_for=REFUSED_FOR,
    )
    return int(added)


def bring_in_members(
    redemption_ids: list[int], trigger: Trigger, *, is_limited: bool = False
) -> int:
    """Insert the missing rows, reopen those that this trigger may reopen, and settle duplicates.

    The redemptions must be locked.

    Args:
        redemption_ids: the redemptions.
        trigger: what requests the runs.
        is_limited: whether the person who requests them may reopen only what an officer may.

    Returns:
        The number of rows that were added or reopened, and now wait for a request.
    """
    rows = MemberRedemption.objects.filter(redemption__in=redemption_ids)
    reopened = 0
    # While all rows are pending, there is nothing to reopen. Building the statement would take half
    # of the time for which the row of a new run is locked, and refusals of duplicates wait for it.
    ((has_others,),) = fetch(statement("members", "has_other_rows"), ids=redemption_ids)
    if has_others:
        # This precedes the insert. Otherwise, a person's trigger would also reopen the new rows
        # that wait for correction.
        reopened = rows.reopenable(is_person=trigger.is_person, is_limited=is_limited).requeue()
    added = admit_members(redemption_ids)
    if has_others and trigger.is_person:
        # A person resumes the run. The rows of members who left in the meantime change from
        # “stopped” to “left”, so that they are reopened when the members return.
        stopped = rows.filter(state=State.CANCELLED, cancel_kind=CancelKind.STOPPED)
        stopped.exclude(member__active=True, member__opted_out=False).update(
            cancel_kind=CancelKind.LEFT,
            reason=cancel_reason(CancelKind.LEFT),
            updated_at=Clock(),
        )
    settle_duplicates(redemption_ids=redemption_ids)
    return added + reopened


def settle_duplicates(
    *,
    redemption_ids: list[int] | None = None,
    proof_id: int | None = None,
    settled_after: datetime | None = None,
) -> list[int]:
    """Settle rows, without a request, if the player has the code through another guild.

    Afterwards, `covered_by` of each of these rows points to the row through which the player has
    the code.

    Args:
        redemption_ids: settle only rows of these redemptions.
        proof_id: settle only rows that this settled row proves.
        settled_after: settle only rows whose proof was settled after this moment.

    Returns:
        The ids of the redemptions in which a row was settled.
    """
    found = fetch(
        statement("members", "settle_duplicates", settled=literals(SETTLED)),
        reason=Sentence.of("covered"),
        waiting=values(PARKED | {State.PENDING}),
        redemption_ids=redemption_ids,
        proof_id=proof_id,
        settled_after=settled_after,
    )
    return sorted({redemption_id for (redemption_id,) in found})
