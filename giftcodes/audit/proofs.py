"""Invariant 3: a settled row has a proof and no later request.

Here are also the invariants about the fields of attempts.
"""

from __future__ import annotations

from giftcodes.audit.invariant import Invariant, Section
from giftcodes.audit.populations import ATTEMPTS, PROVEN, SUCCESSES

PROOFS = (
    Invariant(
        name="settled_rows_have_a_proof",
        section=Section.PROOFS,
        sentence=(
            "Every member redemption that was settled by its own request has an attempt that "
            "proves its state."
        ),
        of=PROVEN,
        # RECEIVED proves “redeemed” if an earlier request of ours may have been granted. Here every
        # earlier request counts, even if its answer now says that nothing was granted: this answer
        # may not have been there yet when the row was settled.
        broken="""
            SELECT m.id, m.player_id, m.state, c.code
            FROM giftcodes_memberredemption m
            JOIN giftcodes_giftcode c ON c.id = m.gift_code_id
            WHERE m.covered_by_id IS NULL
              AND m.state IN ('redeemed', 'already_received', 'same_type')
              AND NOT EXISTS (
                SELECT FROM giftcodes_attempt a
                WHERE a.member_redemption_id = m.id
                  AND a.outcome = CASE m.state
                      WHEN 'redeemed' THEN 'success'
                      WHEN 'already_received' THEN 'received'
                      ELSE 'same_type' END)
              AND NOT EXISTS (
                SELECT FROM giftcodes_attempt a
                JOIN giftcodes_attempt earlier
                  ON earlier.gift_code_id = a.gift_code_id AND earlier.player_id = a.player_id
                 AND earlier.id < a.id
                WHERE a.member_redemption_id = m.id AND m.state = 'redeemed'
                  AND a.outcome = 'received')
        """,
        words=(
            "Member redemption {id} (player {player_id}, code {code}) is {state}, but none of its "
            "attempts proves that."
        ),
    ),
    Invariant(
        name="nobody_is_asked_after_the_proof",
        section=Section.PROOFS,
        sentence=(
            "No attempt for a player and a code issue was written after the proof was recorded."
        ),
        of=ATTEMPTS,
        broken="""
            SELECT a.id, a.player_id, a.sent_at, m.id AS row_id, m.state, m.settled_at
            FROM giftcodes_memberredemption m
            JOIN giftcodes_attempt a
              ON a.gift_code_id = m.gift_code_id AND a.player_id = m.player_id
             AND a.sent_at > m.settled_at
            WHERE m.covered_by_id IS NULL
              AND m.state IN ('redeemed', 'already_received', 'same_type')
        """,
        words=(
            "Attempt {id} (player {player_id}) was written at {sent_at}, but member redemption "
            "{row_id} has been {state} since {settled_at}."
        ),
    ),
    Invariant(
        name="success_settles",
        section=Section.PROOFS,
        sentence=(
            "A member redemption with a SUCCESS is redeemed or in flight again, or another member "
            "redemption of the player is in flight, unconfirmed or settled for the code."
        ),
        of=SUCCESSES,
        # An answer that came after the lease had expired is recorded only on its attempt, until the
        # next sweep settles the row.
        broken="""
            SELECT m.id, m.player_id, m.state, a.id AS attempt_id, a.answered_at
            FROM giftcodes_attempt a
            JOIN giftcodes_memberredemption m ON m.id = a.member_redemption_id
            WHERE a.outcome = 'success' AND m.state NOT IN ('redeemed', 'in_flight')
              AND m.covered_by_id IS NULL
              AND (a.answered_at IS NULL OR a.answered_at < %(now)s - %(two_sweeps)s)
              AND NOT EXISTS (
                SELECT FROM giftcodes_memberredemption other
                WHERE other.gift_code_id = m.gift_code_id AND other.player_id = m.player_id
                  AND other.id <> m.id AND other.covered_by_id IS NULL
                  AND other.state IN ('in_flight', 'unconfirmed', 'redeemed', 'already_received',
                                      'same_type'))
        """,
        words=(
            "Member redemption {id} (player {player_id}) is {state}; its attempt {attempt_id} has "
            "had a SUCCESS since {answered_at}."
        ),
        look_again_seconds=20.0,
    ),
    Invariant(
        name="attempts_are_of_their_row",
        section=Section.FIELDS,
        sentence=(
            "An attempt has the player, the code and one of the tokens of its member redemption; "
            "it has an answer time if, and only if, it has an answer."
        ),
        of=ATTEMPTS,
        broken="""
            SELECT a.id, a.member_redemption_id AS row_id, a.player_id,
                   m.player_id AS row_player_id, a.gift_code_id,
                   m.gift_code_id AS row_gift_code_id, a.token, m.token AS row_token, a.outcome,
                   a.answered_at
            FROM giftcodes_attempt a
            JOIN giftcodes_memberredemption m ON m.id = a.member_redemption_id
            WHERE a.token > m.token OR a.token = 0 OR a.player_id <> m.player_id
               OR a.gift_code_id <> m.gift_code_id
               OR (a.outcome = '') <> (a.answered_at IS NULL)
        """,
        words=(
            "Attempt {id} (token {token}, player {player_id}, code {gift_code_id}, outcome "
            "“{outcome}”, answered {answered_at}) belongs to member redemption {row_id} "
            "(token {row_token}, player {row_player_id}, code {row_gift_code_id})."
        ),
    ),
    Invariant(
        name="claims_end_with_their_answer",
        section=Section.FIELDS,
        sentence=(
            "The attempt with the current token waits for its answer if, and only if, its member "
            "redemption is in flight."
        ),
        of=ATTEMPTS,
        broken="""
            SELECT m.id, m.player_id, m.state, m.token, a.id AS attempt_id, a.outcome
            FROM giftcodes_attempt a
            JOIN giftcodes_memberredemption m
              ON m.id = a.member_redemption_id AND m.token = a.token
            WHERE (a.outcome = '') <> (m.state = 'in_flight')
        """,
        words=(
            "Member redemption {id} (player {player_id}) is {state} with token {token}; attempt "
            "{attempt_id} has the outcome “{outcome}”."
        ),
    ),
)
