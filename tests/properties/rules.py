"""The rules that hold at each moment (`moment`), and from one moment to the next (`step`)."""

from __future__ import annotations

from collections import Counter, defaultdict

from giftcodes.domain.outcomes import PROVING
from giftcodes.domain.transitions import HOLDING, MAX_TRIES, OPEN, SETTLED, State
from giftcodes.models import CancelKind, CodeState, EventKind, RunState
from tests.properties.snapshot import Snapshot


def moment(now: Snapshot) -> None:
    """Check the rules that hold at each moment."""
    _one_run_at_most(now)
    _one_row_holds_a_player_and_a_code(now)
    _a_settled_row_has_its_proof(now)
    _what_is_over_is_over(now)
    _tries_are_bounded(now)
    _who_is_not_redeemed_for_knows_why(now)


def step(before: Snapshot, now: Snapshot, *, by_a_person: bool) -> None:
    """Check the rules that hold from one moment to the next."""
    _what_is_settled_stays_settled(before, now)
    _tokens_and_runs_only_grow(before, now)
    _evidence_is_never_changed(before, now)
    if not by_a_person:
        _only_a_person_goes_on_after_a_stop(before, now)
        _only_a_person_opens_what_is_parked(before, now)
        _a_deleted_code_stays_deleted(before, now)


def _one_run_at_most(now: Snapshot) -> None:
    for redemption in now.redemptions.values():
        ends = [
            kind
            for kind in now.journal.get(redemption.id, [])
            if kind in (EventKind.LOCKED, EventKind.UNLOCKED)
        ]
        expected = [EventKind.LOCKED, EventKind.UNLOCKED] * len(ends)
        assert ends == expected[: len(ends)], f"{redemption}: {ends}"
        runs = bool(ends) and ends[-1] == EventKind.LOCKED
        assert runs == (redemption.state == RunState.RUNNING), f"{redemption}: {ends}"
        assert redemption.run_number == ends.count(EventKind.LOCKED), redemption
        if redemption.state == RunState.STOPPED:
            assert EventKind.STOP_REQUESTED in now.journal[redemption.id], redemption


def _one_row_holds_a_player_and_a_code(now: Snapshot) -> None:
    holding = Counter(
        (row.player_id, row.gift_code_id)
        for row in now.rows.values()
        if row.covered_by_id is None and row.state in HOLDING
    )
    assert all(number == 1 for number in holding.values()), holding


def _a_settled_row_has_its_proof(now: Snapshot) -> None:
    proofs = defaultdict(set)
    for attempt in now.attempts.values():
        proofs[attempt.member_redemption_id].add(attempt.outcome)
    for row in now.rows.values():
        if row.state not in SETTLED:
            assert row.covered_by_id is None, row
        elif row.covered_by_id is None:
            assert proofs[row.id] & PROVING, row
        else:
            proof = now.rows[row.covered_by_id]
            assert (proof.player_id, proof.gift_code_id) == (row.player_id, row.gift_code_id), (
                row,
                proof,
            )
            assert proof.state in SETTLED, (row, proof)
            assert proof.covered_by_id is None, (row, proof)


def _what_is_over_is_over(now: Snapshot) -> None:
    for row in now.rows.values():
        run = now.redemptions[row.redemption_id].state
        if run == RunState.COMPLETE:
            assert row.state not in OPEN, row
        elif run == RunState.STOPPED:
            # An unconfirmed request is repeated until its result is clear, even after a stop.
            assert row.state != State.PENDING, row
            assert row.state != State.IN_FLIGHT or row.confirming, row
        elif run == RunState.PENDING:
            assert row.state not in (State.IN_FLIGHT, State.UNCONFIRMED), row


def _tries_are_bounded(now: Snapshot) -> None:
    for row in now.rows.values():
        assert row.tries <= MAX_TRIES, row
        assert row.tries < MAX_TRIES or row.state not in OPEN, row


def _who_is_not_redeemed_for_knows_why(now: Snapshot) -> None:
    for row in now.rows.values():
        assert row.state in OPEN or row.reason, row
        assert (row.state == State.CANCELLED) == bool(row.cancel_kind), row


def _what_is_settled_stays_settled(before: Snapshot, now: Snapshot) -> None:
    for row in before.rows.values():
        if row.state in SETTLED:
            assert now.rows[row.id] == row


def _tokens_and_runs_only_grow(before: Snapshot, now: Snapshot) -> None:
    for row in before.rows.values():
        assert now.rows[row.id].token >= row.token
    for redemption in before.redemptions.values():
        assert now.redemptions[redemption.id].run_number >= redemption.run_number


def _evidence_is_never_changed(before: Snapshot, now: Snapshot) -> None:
    for attempt in before.attempts.values():
        later = now.attempts[attempt.id]
        assert (later.member_redemption_id, later.token) == (
            attempt.member_redemption_id,
            attempt.token,
        )
        assert not attempt.outcome or later.outcome == attempt.outcome, (attempt, later)


def _only_a_person_goes_on_after_a_stop(before: Snapshot, now: Snapshot) -> None:
    for redemption in before.redemptions.values():
        if redemption.state == RunState.STOPPED:
            assert now.redemptions[redemption.id].state == RunState.STOPPED, redemption
        elif redemption.is_stopping:
            later = now.redemptions[redemption.id]
            assert later.is_stopping or later.state == RunState.STOPPED, (redemption, later)


def _only_a_person_opens_what_is_parked(before: Snapshot, now: Snapshot) -> None:
    for row in before.rows.values():
        stopped = row.state == State.CANCELLED and row.cancel_kind == CancelKind.STOPPED
        if stopped or row.state == State.FAILED:
            assert now.rows[row.id].state not in OPEN, (row, now.rows[row.id])


def _a_deleted_code_stays_deleted(before: Snapshot, now: Snapshot) -> None:
    for code in before.codes.values():
        assert code.state != CodeState.DELETED or now.codes[code.id].state == CodeState.DELETED, (
            code
        )
