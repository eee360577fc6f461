"""Invariant 1: a redemption has at most one run at a time, and its members' states fit it."""

from __future__ import annotations

from giftcodes.audit.invariant import Invariant, Section
from giftcodes.audit.populations import IN_FLIGHT, LOCKS, REDEMPTIONS

RUNS = (
    Invariant(
        name="runs_do_not_overlap",
        section=Section.RUNS,
        sentence=(
            "The journal of each redemption alternates between locked and unlocked, with ascending "
            "run numbers."
        ),
        of=LOCKS,
        # The oldest entry may be an unlock: the lock before it may have been pruned.
        broken="""
            SELECT id, redemption_id, kind, run_number, previous_kind, previous_run
            FROM (
                SELECT e.id, e.redemption_id, e.kind, e.run_number,
                       lag(e.kind) OVER journal AS previous_kind,
                       lag(e.run_number) OVER journal AS previous_run
                FROM giftcodes_redemptionevent e
                WHERE e.kind IN ('locked', 'unlocked') AND e.redemption_id IS NOT NULL
                WINDOW journal AS (PARTITION BY e.redemption_id ORDER BY e.id)
            ) e
            WHERE previous_kind IS NOT NULL
              AND (kind = previous_kind OR run_number <> previous_run + (kind = 'locked')::int)
        """,
        words=(
            "Redemption {redemption_id}: run {run_number} is {kind} (entry {id}) right after run "
            "{previous_run} was {previous_kind}."
        ),
    ),
    Invariant(
        name="state_agrees_with_journal",
        section=Section.RUNS,
        sentence=(
            "A redemption is running if, and only if, its journal ends with the lock of its "
            "current run."
        ),
        of=REDEMPTIONS,
        broken="""
            SELECT r.id, r.state, r.run_number, coalesce(last.kind, 'nothing') AS last_kind,
                   coalesce(last.run_number, 0) AS last_run
            FROM giftcodes_redemption r
            LEFT JOIN LATERAL (
                SELECT e.kind, e.run_number
                FROM giftcodes_redemptionevent e
                WHERE e.redemption_id = r.id AND e.kind IN ('locked', 'unlocked')
                ORDER BY e.id DESC
                LIMIT 1
            ) last ON true
            WHERE (r.state = 'running') <> (last.kind IS NOT DISTINCT FROM 'locked')
               OR last.run_number <> r.run_number
        """,
        words=(
            "Redemption {id} is {state} in run {run_number}; its journal ends with “{last_kind}” "
            "of run {last_run}."
        ),
    ),
    Invariant(
        name="ended_runs_have_nothing_open",
        section=Section.RUNS,
        sentence=(
            "A complete redemption has no open members; in a stopped one, only members whose "
            "earlier request must be confirmed are open."
        ),
        of=REDEMPTIONS,
        broken="""
            SELECT r.id, r.state, m.id AS row_id, m.player_id, m.state AS row_state
            FROM giftcodes_redemption r
            JOIN giftcodes_memberredemption m ON m.redemption_id = r.id
            WHERE (r.state = 'complete' AND m.state IN ('pending', 'in_flight', 'unconfirmed'))
               OR (r.state = 'stopped'
                   AND (m.state = 'pending' OR (m.state = 'in_flight' AND NOT m.confirming)))
        """,
        words=(
            "Redemption {id} is {state}; its member redemption {row_id} (player {player_id}) is "
            "{row_state}."
        ),
    ),
    Invariant(
        name="requests_belong_to_a_run",
        section=Section.RUNS,
        sentence="Nothing is in flight outside a run, except to confirm an earlier request.",
        of=IN_FLIGHT,
        broken="""
            SELECT m.id, m.player_id, r.id AS redemption_id, r.state
            FROM giftcodes_memberredemption m
            JOIN giftcodes_redemption r ON r.id = m.redemption_id AND r.state <> 'running'
            WHERE m.state = 'in_flight' AND NOT m.confirming
        """,
        words=(
            "Member redemption {id} (player {player_id}) is in flight; redemption {redemption_id} "
            "is {state}."
        ),
    ),
    Invariant(
        name="run_fields_agree",
        section=Section.FIELDS,
        sentence=(
            "A running redemption has a run number and a lock time, and no unlock time; only a "
            "running redemption has a stop request; if the run has ended, there is an unlock time."
        ),
        of=REDEMPTIONS,
        broken="""
            SELECT id, state, run_number, locked_at, unlocked_at, stop_requested_at
            FROM giftcodes_redemption
            WHERE (state = 'running'
                   AND (run_number = 0 OR locked_at IS NULL OR unlocked_at IS NOT NULL))
               OR (state <> 'running' AND stop_requested_at IS NOT NULL)
               OR (state <> 'running' AND run_number > 0 AND unlocked_at IS NULL)
        """,
        words=(
            "Redemption {id} is {state} in run {run_number}: locked {locked_at}, unlocked "
            "{unlocked_at}, stop requested {stop_requested_at}."
        ),
    ),
)
