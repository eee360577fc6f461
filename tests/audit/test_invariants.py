"""If one invariant of the database is broken, the audit names this one and no other."""

from __future__ import annotations

from typing import Any

import pytest

from giftcodes.audit import INVARIANTS, audit
from giftcodes.models import (
    Attempt,
    GiftCode,
    Guild,
    Member,
    MemberRedemption,
    Redemption,
    RedemptionEvent,
)
from tests.audit.conftest import SHARED, STRANGER, World, broken, sql
from tests.factories import gift_code, guild, on_trial

ROWS, RUNS = "giftcodes_memberredemption", "giftcodes_redemption"
DONE = f"(SELECT id FROM {RUNS} WHERE state = 'complete' ORDER BY id LIMIT 1)"
RUN = f"(SELECT id FROM {RUNS} WHERE state = 'running' ORDER BY id LIMIT 1)"
WAITS = f"(SELECT id FROM {ROWS} WHERE state = 'pending' AND player_id = '{STRANGER}')"
PROOF = f"(SELECT id FROM {ROWS} WHERE state = 'redeemed' AND player_id = '{SHARED}')"
PARKED = f"(SELECT id FROM {ROWS} WHERE state = 'needs_correction')"
COVERED = f"(SELECT id FROM {ROWS} WHERE covered_by_id IS NOT NULL)"
EVENT = (
    "INSERT INTO giftcodes_redemptionevent "
    "(redemption_id, gift_code_id, kind, run_number, trigger, detail) "
    f"SELECT id, gift_code_id, %s, 1, '', '' FROM {RUNS} WHERE id = {DONE}"
)
ATTEMPT_OF = "UPDATE giftcodes_attempt SET {} WHERE member_redemption_id = {}"


def _event(kind: str) -> str:
    return EVENT.replace("%s", f"'{kind}'")


def _row(change: str, row: str) -> str:
    return f"UPDATE {ROWS} SET {change} WHERE id = {row}"


def _run(change: str, run: str) -> str:
    return f"UPDATE {RUNS} SET {change} WHERE id = {run}"


#: Names of invariants, and statements that break only this invariant of a healthy system.
BREAKAGES: list[tuple[str, list[str]]] = [
    ("runs_do_not_overlap", [_event("unlocked")]),
    ("runs_do_not_overlap", [_event("locked"), _event("unlocked")]),
    (
        "state_agrees_with_journal",
        [f"DELETE FROM giftcodes_redemptionevent WHERE redemption_id = {RUN}"],
    ),
    ("state_agrees_with_journal", [_run("run_number = 2", DONE)]),
    (
        "state_agrees_with_journal",
        [_run("state = 'running', unlocked_at = NULL, locked_at = now()", DONE)],
    ),
    ("ended_runs_have_nothing_open", [_row("state = 'pending', next_attempt_at = now()", PARKED)]),
    (
        "ended_runs_have_nothing_open",
        [
            _run("state = 'stopped'", DONE),
            _row("state = 'pending', next_attempt_at = now()", PARKED),
        ],
    ),
    (
        "requests_belong_to_a_run",
        [
            f"DELETE FROM giftcodes_redemptionevent WHERE redemption_id = {RUN}",
            _run(
                "state = 'pending', run_number = 0",
                f"(SELECT redemption_id FROM {ROWS} WHERE state = 'in_flight')",
            ),
        ],
    ),
    ("run_fields_agree", [_run("locked_at = NULL", RUN)]),
    ("run_fields_agree", [_run("stop_requested_at = now()", DONE)]),
    ("run_fields_agree", [_run("unlocked_at = NULL", DONE)]),
    (
        "one_row_holds_a_code_of_a_player",
        [
            "DROP INDEX one_request_for_a_player_and_a_code",
            f"UPDATE {ROWS} SET state = 'unconfirmed' "
            f"WHERE state = 'pending' AND player_id = '{SHARED}'",
        ],
    ),
    ("cover_is_a_proof", [_row("state = 'same_type'", COVERED)]),
    (
        "cover_is_a_proof",
        [
            _row(
                "covered_by_id = "
                f"(SELECT id FROM {ROWS} WHERE state = 'redeemed' ORDER BY id LIMIT 1)",
                COVERED,
            )
        ],
    ),
    (
        "copies_agree",
        [f"UPDATE giftcodes_member SET player_id = '987654321' WHERE player_id = '{STRANGER}'"],
    ),
    (
        "copies_agree",
        [
            "UPDATE giftcodes_member "
            "SET guild_id = (SELECT id FROM giftcodes_guild WHERE name = 'Bears')"
            f" WHERE player_id = '{STRANGER}'"
        ],
    ),
    ("settled_rows_have_a_proof", [ATTEMPT_OF.format("outcome = 'too_frequent'", PROOF)]),
    ("settled_rows_have_a_proof", [ATTEMPT_OF.format("outcome = 'received'", PROOF)]),
    ("nobody_is_asked_after_the_proof", [ATTEMPT_OF.format("sent_at = now()", PROOF)]),
    (
        "nobody_is_asked_after_the_proof",
        [
            _row("token = 1", COVERED),
            "INSERT INTO giftcodes_attempt "
            "(member_redemption_id, gift_code_id, player_id, realm, token, outcome, answered_at) "
            f"SELECT id, gift_code_id, player_id, 1, 1, 'received', now() FROM {ROWS} "
            f"WHERE id = {COVERED}",
        ],
    ),
    ("success_settles", [ATTEMPT_OF.format("outcome = 'success'", PARKED)]),
    ("attempts_are_of_their_row", [ATTEMPT_OF.format("token = token + 1", PROOF)]),
    ("attempts_are_of_their_row", [ATTEMPT_OF.format(f"player_id = '{SHARED}1'", PARKED)]),
    ("attempts_are_of_their_row", [ATTEMPT_OF.format("answered_at = NULL", PARKED)]),
    (
        "claims_end_with_their_answer",
        [ATTEMPT_OF.format("outcome = '', answered_at = NULL", PARKED)],
    ),
    (
        "claims_end_with_their_answer",
        [
            "UPDATE giftcodes_attempt SET outcome = 'too_frequent', answered_at = now() "
            "WHERE outcome = ''"
        ],
    ),
    (
        "members_have_rows",
        [
            f"DELETE FROM {ROWS} WHERE id = {WAITS}",
            "UPDATE giftcodes_member SET joined_at = now() - interval '10 minutes'",
            "UPDATE giftcodes_guild SET created_at = now() - interval '10 minutes'",
            "UPDATE giftcodes_giftcode SET first_seen_at = now() - interval '10 minutes'",
        ],
    ),
    (
        "twins_are_covered",
        [
            _row("state = 'failed', covered_by_id = NULL, settled_at = NULL", COVERED),
        ],
    ),
    (
        "leavers_do_not_wait",
        [
            f"UPDATE giftcodes_member SET opted_out = true WHERE player_id = '{STRANGER}'",
            _row("updated_at = now() - interval '5 minutes'", WAITS),
        ],
    ),
    (
        "leases_are_kept",
        [f"UPDATE {ROWS} SET lease_until = now() - interval '1 minute' WHERE state = 'in_flight'"],
    ),
    ("settled_rows_say_when", [_row("settled_at = NULL", PROOF)]),
    ("settled_rows_say_when", [_row("settled_at = now()", WAITS)]),
    ("what_is_tried_again_says_when", [_row("next_attempt_at = NULL", WAITS)]),
    ("what_is_tried_again_says_when", [_row("next_attempt_at = now()", PARKED)]),
    ("claims_have_a_lease", [f"UPDATE {ROWS} SET lease_until = NULL WHERE state = 'in_flight'"]),
    ("claims_have_a_lease", [_row("lease_until = now()", WAITS)]),
    ("cancelled_rows_say_why", [_row("cancel_kind = 'left'", PARKED)]),
    ("tries_are_limited", [_row("tries = 5", WAITS)]),
]
#: Invariants that test_progress.py breaks, by the absence of workers.
ELSEWHERE = {
    "runs_move",
    "unconfirmed_rows_move",
    "runs_end",
    "redemptions_start",
    "closed_codes_rest",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "statements"), BREAKAGES, ids=[f"{name}-{n}" for n, (name, _) in enumerate(BREAKAGES)]
)
def test_the_audit_names_the_broken_invariant_and_no_other(
    healthy: World, name: str, statements: list[str]
) -> None:
    sql(*statements)

    (finding,) = audit().broken
    assert finding.name == name
    assert finding.broken >= 1
    assert finding.checked >= 1
    assert all("{" not in example["words"] for example in finding.examples)
    assert finding.examples


def test_there_is_a_test_for_every_invariant() -> None:
    assert {name for name, _ in BREAKAGES} | ELSEWHERE == {
        invariant.name for invariant in INVARIANTS
    }


def test_a_pruned_journal_may_begin_with_an_unlock(healthy: World) -> None:
    RedemptionEvent.objects.filter(kind="locked", redemption__state="complete").delete()

    assert broken() == set()


def test_the_outcome_received_proves_a_redeemed_row_if_an_earlier_request_may_have_been_granted(
    world: World,
) -> None:
    wolves, code = guild(members=1), gift_code()
    world.knows(wolves)
    world.has(code)
    world.spoil("drop", when="after")
    world.redeem(wolves, code)
    world.pass_time(61)
    world.tick()
    assert MemberRedemption.objects.get().state == "redeemed"

    assert broken() == set()

    Attempt.objects.filter(outcome="unanswered").delete()
    assert broken() == {"settled_rows_have_a_proof"}


def test_a_late_success_may_take_two_sweeps_to_settle_its_row(healthy: World) -> None:
    sql(ATTEMPT_OF.format("outcome = 'success', answered_at = now()", PARKED))

    assert broken() == set()


def _grow_old() -> None:
    sql(
        "UPDATE giftcodes_member SET joined_at = now() - interval '10 minutes'",
        "UPDATE giftcodes_guild SET created_at = now() - interval '10 minutes'",
        "UPDATE giftcodes_giftcode SET first_seen_at = now() - interval '10 minutes'",
    )


@pytest.mark.parametrize(
    "reason",
    [
        lambda: Member.objects.update(opted_out=True),
        lambda: Member.objects.update(active=False),
        lambda: Guild.objects.update(automatic=False),
        lambda: Guild.objects.update(active=False),
        lambda: GiftCode.objects.update(state="closed"),
        lambda: GiftCode.objects.update(provider="whiteout"),  # This game is off.
        lambda: Redemption.objects.create(
            guild=Guild.objects.get(), gift_code=GiftCode.objects.get(), state="stopped"
        ),
        lambda: RedemptionEvent.objects.create(
            gift_code=GiftCode.objects.get(), kind="code_reopened"
        ),
        lambda: on_trial(GiftCode.objects.get()),
    ],
    ids=[
        "opted out",
        "left",
        "not automatic",
        "guild off",
        "code closed",
        "game off",
        "stopped",
        "just reopened",
        "on trial",
    ],
)
def test_a_member_may_lack_a_member_redemption_if_there_is_a_reason(db: None, reason: Any) -> None:
    guild(members=1)
    gift_code()
    assert broken() == set(), "a new member may be without a row until two catch-ups have run"
    _grow_old()
    assert broken() == {"members_have_rows"}

    reason()

    assert broken() == set()


def test_only_five_rows_are_shown_but_all_are_counted(healthy: World) -> None:
    MemberRedemption.objects.update(cancel_kind="left")

    (finding,) = audit().broken
    assert (finding.checked, finding.broken, len(finding.examples)) == (10, 10, 5)
    assert finding.examples[0]["words"].startswith(
        f"Member redemption {finding.examples[0]['id']} (player "
    )
