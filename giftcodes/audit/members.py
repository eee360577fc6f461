"""Invariant 4: no member is left out."""

from __future__ import annotations

from giftcodes.audit.invariant import Invariant, Section
from giftcodes.audit.populations import DUE_MEMBERS, PENDING, UNSETTLED

MEMBERS = (
    Invariant(
        name="members_have_rows",
        section=Section.MEMBERS,
        sentence=(
            "Every active member of an automatic guild has a member redemption for each active "
            "code, unless the guild's run of the code was stopped, or an officer added the code "
            "and it is not proven."
        ),
        of=DUE_MEMBERS,
        broken="""
            SELECT m.id AS member_id, m.player_id, g.name AS guild, c.id AS gift_code_id,
                   c.code
            FROM giftcodes_giftcode c
            JOIN giftcodes_guild g ON g.provider = c.provider AND g.active AND g.automatic
            JOIN giftcodes_member m ON m.guild_id = g.id AND m.active AND NOT m.opted_out
            LEFT JOIN giftcodes_redemption r ON r.guild_id = g.id AND r.gift_code_id = c.id
            LEFT JOIN giftcodes_memberredemption x
              ON x.redemption_id = r.id AND x.member_id = m.id
            WHERE c.state = 'active' AND c.provider = ANY(%(on)s) AND x.id IS NULL
              AND c.id <> ALL(%(on_trial)s::bigint[])
              AND r.state IS DISTINCT FROM 'stopped' AND r.stop_requested_at IS NULL
              AND greatest(c.first_seen_at, m.joined_at, g.created_at) < %(now)s - %(two_catch_ups)s
              AND NOT EXISTS (
                SELECT FROM giftcodes_redemptionevent e
                WHERE e.gift_code_id = c.id AND e.kind = 'code_reopened'
                  AND e.at > %(now)s - %(two_catch_ups)s)
        """,
        words=(
            "Member {member_id} (player {player_id}) of guild {guild} has no member redemption for "
            "code {code}."
        ),
        look_again_seconds=120.0,
    ),
    Invariant(
        name="twins_are_covered",
        section=Section.MEMBERS,
        sentence="A player who has a code through one guild is settled in the other guilds too.",
        of=UNSETTLED,
        broken="""
            SELECT m.id, m.player_id, m.state, proof.id AS proof_id, proof.state AS proof_state
            FROM giftcodes_memberredemption m
            JOIN giftcodes_memberredemption proof
              ON proof.gift_code_id = m.gift_code_id AND proof.player_id = m.player_id
             AND proof.covered_by_id IS NULL
             AND proof.state IN ('redeemed', 'already_received', 'same_type')
            WHERE m.state IN ('pending', 'needs_correction', 'not_eligible', 'failed')
              AND greatest(proof.settled_at, m.updated_at) < %(now)s - %(two_sweeps)s
        """,
        words=(
            "Member redemption {id} (player {player_id}) is {state}, although the player has the "
            "code: member redemption {proof_id} is {proof_state}."
        ),
        look_again_seconds=20.0,
    ),
    Invariant(
        name="leavers_do_not_wait",
        section=Section.MEMBERS,
        sentence=(
            "No member redemption is waiting if its member left or opted out, or if its guild is "
            "switched off."
        ),
        of=PENDING,
        broken="""
            SELECT m.id, m.player_id, g.name AS guild, m.redemption_id
            FROM giftcodes_memberredemption m
            JOIN giftcodes_member person ON person.id = m.member_id
            JOIN giftcodes_guild g ON g.id = person.guild_id
            WHERE m.state = 'pending' AND (NOT person.active OR person.opted_out OR NOT g.active)
              AND m.updated_at < %(now)s - %(two_catch_ups)s
        """,
        words=(
            "Member redemption {id} (player {player_id} of guild {guild}) waits, although the "
            "member or the guild is switched off."
        ),
        look_again_seconds=120.0,
    ),
)
