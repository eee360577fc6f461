"""The fields of a member redemption agree with its state."""

from __future__ import annotations

from giftcodes.audit.invariant import Invariant, Section
from giftcodes.audit.populations import ROWS

STATES = (
    Invariant(
        name="settled_rows_say_when",
        section=Section.FIELDS,
        sentence=(
            "A member redemption has a settlement time if, and only if, it is settled; only a "
            "settled one may be covered."
        ),
        of=ROWS,
        broken="""
            SELECT id, player_id, state, settled_at, covered_by_id
            FROM giftcodes_memberredemption
            WHERE (settled_at IS NOT NULL)
                    <> (state IN ('redeemed', 'already_received', 'same_type'))
               OR (covered_by_id IS NOT NULL AND state NOT IN ('already_received', 'same_type'))
        """,
        words=(
            "Member redemption {id} (player {player_id}) is {state}: settled {settled_at}, covered "
            "by {covered_by_id}."
        ),
    ),
    Invariant(
        name="what_is_tried_again_says_when",
        section=Section.FIELDS,
        sentence=(
            "A member redemption has a time for its next attempt if, and only if, it is open or "
            "not eligible now."
        ),
        of=ROWS,
        broken="""
            SELECT id, player_id, state, next_attempt_at
            FROM giftcodes_memberredemption
            WHERE (next_attempt_at IS NOT NULL)
                    <> (state IN ('pending', 'in_flight', 'unconfirmed', 'not_eligible'))
        """,
        words=(
            "Member redemption {id} (player {player_id}) is {state}: next attempt "
            "{next_attempt_at}."
        ),
    ),
    Invariant(
        name="claims_have_a_lease",
        section=Section.FIELDS,
        sentence=(
            "A member redemption has a lease if, and only if, it is in flight; one in flight has "
            "a token."
        ),
        of=ROWS,
        broken="""
            SELECT id, player_id, state, lease_until, token
            FROM giftcodes_memberredemption
            WHERE (lease_until IS NOT NULL) <> (state = 'in_flight')
               OR (state = 'in_flight' AND token = 0)
        """,
        words=(
            "Member redemption {id} (player {player_id}) is {state}: lease until {lease_until}, "
            "token {token}."
        ),
    ),
    Invariant(
        name="cancelled_rows_say_why",
        section=Section.FIELDS,
        sentence="A member redemption has a cancellation reason if, and only if, it is cancelled.",
        of=ROWS,
        broken="""
            SELECT id, player_id, state, cancel_kind
            FROM giftcodes_memberredemption
            WHERE (cancel_kind <> '') <> (state = 'cancelled')
        """,
        words=(
            "Member redemption {id} (player {player_id}) is {state}, with the "
            "cancellation reason “{cancel_kind}”."
        ),
    ),
    Invariant(
        name="tries_are_limited",
        section=Section.FIELDS,
        sentence="An open member redemption has had fewer than five tries without a clear answer.",
        of=ROWS,
        broken="""
            SELECT id, player_id, state, tries
            FROM giftcodes_memberredemption
            WHERE state IN ('pending', 'in_flight', 'unconfirmed') AND tries >= 5
        """,
        words="Member redemption {id} (player {player_id}) is {state} after {tries} tries.",
    ),
)
