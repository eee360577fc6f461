"""The rows that the invariants are about."""

from __future__ import annotations

from giftcodes.audit.invariant import Population

REDEMPTIONS = Population("redemptions", "SELECT count(*) FROM giftcodes_redemption")
RUNNING = Population(
    "running redemptions", "SELECT count(*) FROM giftcodes_redemption WHERE state = 'running'"
)
WAITING = Population(
    "waiting redemptions", "SELECT count(*) FROM giftcodes_redemption WHERE state = 'pending'"
)
LOCKS = Population(
    "locks and unlocks",
    "SELECT count(*) FROM giftcodes_redemptionevent WHERE kind IN ('locked', 'unlocked')",
)
ROWS = Population("member redemptions", "SELECT count(*) FROM giftcodes_memberredemption")
PENDING = Population(
    "waiting member redemptions",
    "SELECT count(*) FROM giftcodes_memberredemption WHERE state = 'pending'",
)
IN_FLIGHT = Population(
    "member redemptions in flight",
    "SELECT count(*) FROM giftcodes_memberredemption WHERE state = 'in_flight'",
)
UNCONFIRMED = Population(
    "unconfirmed member redemptions",
    "SELECT count(*) FROM giftcodes_memberredemption WHERE state = 'unconfirmed'",
)
HOLDING = Population(
    "member redemptions in flight, unconfirmed or settled by their own request",
    """
    SELECT count(*) FROM giftcodes_memberredemption
    WHERE covered_by_id IS NULL
      AND state IN ('in_flight', 'unconfirmed', 'redeemed', 'already_received', 'same_type')
    """,
)
PROVEN = Population(
    "settled member redemptions",
    """
    SELECT count(*) FROM giftcodes_memberredemption
    WHERE covered_by_id IS NULL AND state IN ('redeemed', 'already_received', 'same_type')
    """,
)
COVERED = Population(
    "covered member redemptions",
    "SELECT count(*) FROM giftcodes_memberredemption WHERE covered_by_id IS NOT NULL",
)
UNSETTLED = Population(
    "unsettled member redemptions",
    """
    SELECT count(*) FROM giftcodes_memberredemption
    WHERE state IN ('pending', 'needs_correction', 'not_eligible', 'failed')
    """,
)
ATTEMPTS = Population("attempts", "SELECT count(*) FROM giftcodes_attempt")
SUCCESSES = Population(
    "attempts with SUCCESS", "SELECT count(*) FROM giftcodes_attempt WHERE outcome = 'success'"
)
DUE_MEMBERS = Population(
    "pairs of a member and an active code",
    """
    SELECT count(*)
    FROM giftcodes_giftcode c
    JOIN giftcodes_guild g ON g.provider = c.provider AND g.active AND g.automatic
    JOIN giftcodes_member m ON m.guild_id = g.id AND m.active AND NOT m.opted_out
    WHERE c.state = 'active' AND c.provider = ANY(%(on)s)
      AND c.id <> ALL(%(on_trial)s::bigint[])
    """,
)
