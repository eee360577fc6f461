"""Invariant 5: no step takes longer than the design allows for it."""

from __future__ import annotations

from giftcodes.audit.invariant import Invariant, Section
from giftcodes.audit.populations import IN_FLIGHT, PENDING, RUNNING, UNCONFIRMED, WAITING

#: SQL: the rate budget `b` allows requests to the game of code `c`, but none was sent to it for the
#: time `stalled`.
_GAME_IS_IDLE = """coalesce(b.pause_kind, '') = ''
              AND (b.window_ends_at IS NULL OR b.window_ends_at < %(now)s - %(stalled)s)
              AND c.provider NOT IN (
                SELECT asked.provider
                FROM giftcodes_attempt a
                JOIN giftcodes_giftcode asked ON asked.id = a.gift_code_id
                WHERE a.sent_at > %(now)s - %(stalled)s)"""

PROGRESS = (
    Invariant(
        name="leases_are_kept",
        section=Section.PROGRESS,
        sentence="Nothing stays in flight for more than two sweeps after its lease ended.",
        of=IN_FLIGHT,
        broken="""
            SELECT id, player_id, redemption_id, lease_until
            FROM giftcodes_memberredemption
            WHERE state = 'in_flight' AND lease_until < %(now)s - %(two_sweeps)s
        """,
        words=(
            "Member redemption {id} (player {player_id}, redemption {redemption_id}) is in flight; "
            "its lease ended at {lease_until}."
        ),
        look_again_seconds=20.0,
    ),
    Invariant(
        name="runs_move",
        section=Section.PROGRESS,
        sentence=(
            "While a run has a due member and its game may be asked, requests are sent to that "
            "game."
        ),
        of=RUNNING,
        # A member does not count while another guild's row for the player and code is in flight,
        # unconfirmed or settled: that row goes first.
        broken=f"""
            SELECT r.id, g.name AS guild, c.code, r.locked_at
            FROM giftcodes_redemption r
            JOIN giftcodes_guild g ON g.id = r.guild_id AND g.active
            JOIN giftcodes_giftcode c
              ON c.id = r.gift_code_id AND c.state IN ('active', 'probing')
            LEFT JOIN giftcodes_ratebudget b ON b.provider = c.provider
            WHERE r.state = 'running' AND r.stop_requested_at IS NULL
              AND c.provider = ANY(%(on)s)
              AND greatest(r.locked_at, c.held_until) < %(now)s - %(stalled)s
              AND {_GAME_IS_IDLE}
              AND EXISTS (
                SELECT FROM giftcodes_memberredemption m
                JOIN giftcodes_member person
                  ON person.id = m.member_id AND person.active AND NOT person.opted_out
                WHERE m.redemption_id = r.id AND m.state = 'pending'
                  AND m.next_attempt_at < %(now)s - %(stalled)s
                  AND NOT EXISTS (
                    SELECT FROM giftcodes_memberredemption other
                    WHERE other.gift_code_id = m.gift_code_id AND other.player_id = m.player_id
                      AND other.covered_by_id IS NULL
                      AND other.state IN ('in_flight', 'unconfirmed', 'redeemed',
                                          'already_received', 'same_type')))
        """,  # noqa: S608 - a constant of this module
        words=(
            "Redemption {id} (guild {guild}, code {code}) has been running since {locked_at}; a "
            "member is due, but no request is sent."
        ),
        look_again_seconds=20.0,
    ),
    Invariant(
        name="unconfirmed_rows_move",
        section=Section.PROGRESS,
        sentence=(
            "While an unconfirmed member redemption is due and its game may be asked, requests "
            "are sent to that game."
        ),
        of=UNCONFIRMED,
        broken=f"""
            SELECT m.id, m.player_id, m.next_attempt_at
            FROM giftcodes_memberredemption m
            JOIN giftcodes_giftcode c ON c.id = m.gift_code_id AND c.provider = ANY(%(on)s)
            LEFT JOIN giftcodes_ratebudget b ON b.provider = c.provider
            WHERE m.state = 'unconfirmed'
              AND greatest(m.next_attempt_at, c.held_until) < %(now)s - %(stalled)s
              AND {_GAME_IS_IDLE}
        """,  # noqa: S608 - a constant of this module
        words=(
            "Member redemption {id} (player {player_id}) is unconfirmed and has been due since "
            "{next_attempt_at}."
        ),
        look_again_seconds=20.0,
    ),
    Invariant(
        name="runs_end",
        section=Section.PROGRESS,
        sentence=(
            "A run ends when it has nothing left to do, or when a stop was requested and nothing "
            "is in flight."
        ),
        of=RUNNING,
        broken="""
            SELECT r.id, r.locked_at, r.stop_requested_at
            FROM giftcodes_redemption r
            WHERE r.state = 'running'
              AND greatest(r.locked_at, r.stop_requested_at) < %(now)s - %(two_sweeps)s
              AND NOT EXISTS (
                SELECT FROM giftcodes_memberredemption m
                WHERE m.redemption_id = r.id
                  AND (m.updated_at > %(now)s - %(two_sweeps)s OR m.state = 'in_flight'
                       OR (r.stop_requested_at IS NULL AND m.state IN ('pending', 'unconfirmed'))))
        """,
        words=(
            "Redemption {id} has been running since {locked_at} (stop requested "
            "{stop_requested_at}), but has nothing left to do."
        ),
        look_again_seconds=20.0,
    ),
    Invariant(
        name="redemptions_start",
        section=Section.PROGRESS,
        sentence="Every waiting redemption of an active code is started if its guild is active.",
        of=WAITING,
        broken="""
            SELECT r.id, g.name AS guild, c.code
            FROM giftcodes_redemption r
            JOIN giftcodes_guild g
              ON g.id = r.guild_id AND g.active AND g.provider = ANY(%(on)s)
            JOIN giftcodes_giftcode c
              ON c.id = r.gift_code_id AND c.state = 'active' AND c.provider = g.provider
            WHERE r.state = 'pending'
              AND greatest(c.first_seen_at, g.created_at) < %(now)s - %(two_catch_ups)s
              AND NOT EXISTS (
                SELECT FROM giftcodes_memberredemption m
                WHERE m.redemption_id = r.id AND m.created_at > %(now)s - %(two_catch_ups)s)
        """,
        words="Redemption {id} (guild {guild}, code {code}) is waiting and was not started.",
        look_again_seconds=120.0,
    ),
    Invariant(
        name="closed_codes_rest",
        section=Section.PROGRESS,
        sentence="No member waits for a closed code.",
        of=PENDING,
        broken="""
            SELECT m.id, m.player_id, m.redemption_id, c.code, c.closed_at
            FROM giftcodes_memberredemption m
            JOIN giftcodes_giftcode c
              ON c.id = m.gift_code_id AND c.state IN ('closed', 'deleted')
            WHERE m.state = 'pending'
              AND greatest(c.closed_at, m.updated_at) < %(now)s - %(two_catch_ups)s
        """,
        words=(
            "Member redemption {id} (player {player_id}, redemption {redemption_id}) waits for "
            "code {code}, which was closed at {closed_at}."
        ),
        look_again_seconds=20.0,
    ),
)
