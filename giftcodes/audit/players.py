"""Invariant 2: for a player and a code issue, at most one member redemption asks the game or holds
its answer."""

from __future__ import annotations

from giftcodes.audit.invariant import Invariant, Section
from giftcodes.audit.populations import COVERED, HOLDING, ROWS

PLAYERS = (
    Invariant(
        name="one_row_holds_a_code_of_a_player",
        section=Section.PLAYERS,
        sentence=(
            "For a player and a code issue, at most one member redemption is in flight, "
            "unconfirmed or settled by its own request."
        ),
        of=HOLDING,
        # The database has a constraint for this, but its index can be dropped or damaged.
        broken="""
            SELECT m.gift_code_id, m.player_id, array_agg(m.id ORDER BY m.id) AS rows,
                   array_agg(m.state ORDER BY m.id) AS states
            FROM giftcodes_memberredemption m
            WHERE m.covered_by_id IS NULL
              AND m.state IN ('in_flight', 'unconfirmed', 'redeemed', 'already_received',
                              'same_type')
            GROUP BY m.gift_code_id, m.player_id
            HAVING count(*) > 1
        """,
        words=(
            "Player {player_id} and gift code {gift_code_id}: the member redemptions {rows} are "
            "{states}."
        ),
    ),
    Invariant(
        name="cover_is_a_proof",
        section=Section.PLAYERS,
        sentence=(
            "A covered member redemption is settled and points to another one for the same player "
            "and code, which was settled by its own request."
        ),
        of=COVERED,
        broken="""
            SELECT m.id, m.player_id, m.state, proof.id AS proof_id,
                   proof.player_id AS proof_player_id, proof.state AS proof_state,
                   proof.covered_by_id AS proof_covered_by
            FROM giftcodes_memberredemption m
            JOIN giftcodes_memberredemption proof ON proof.id = m.covered_by_id
            WHERE m.state <> CASE proof.state
                    WHEN 'same_type' THEN 'same_type' ELSE 'already_received' END
               OR proof.state NOT IN ('redeemed', 'already_received', 'same_type')
               OR proof.covered_by_id IS NOT NULL
               OR proof.player_id <> m.player_id OR proof.gift_code_id <> m.gift_code_id
        """,
        words=(
            "Member redemption {id} (player {player_id}) is {state}, covered by {proof_id} (player "
            "{proof_player_id}), which is {proof_state} and itself covered by {proof_covered_by}."
        ),
    ),
    Invariant(
        name="copies_agree",
        section=Section.FIELDS,
        sentence=(
            "A member redemption has the same player as its member and the same code as its "
            "redemption, and its member and its redemption belong to the same guild."
        ),
        of=ROWS,
        broken="""
            SELECT m.id, m.player_id, person.player_id AS member_player_id, m.gift_code_id,
                   r.gift_code_id AS redemption_gift_code_id, person.guild_id AS member_guild_id,
                   r.guild_id AS redemption_guild_id
            FROM giftcodes_memberredemption m
            JOIN giftcodes_redemption r ON r.id = m.redemption_id
            JOIN giftcodes_member person ON person.id = m.member_id
            WHERE m.player_id <> person.player_id OR m.gift_code_id <> r.gift_code_id
               OR person.guild_id <> r.guild_id
        """,
        words=(
            "Member redemption {id}: player {player_id} (the member's is {member_player_id}), code "
            "{gift_code_id} (the redemption's is {redemption_gift_code_id}), guild "
            "{member_guild_id} (the redemption's is {redemption_guild_id})."
        ),
    ),
)
