"""Each check of `make chaos` finds the fault for which it was written."""

from __future__ import annotations

import random
from typing import Any, cast

import pytest

from chaos.checks import Evidence, judge
from chaos.round import Round
from chaos.system import System

PLAYER, CODE = "500000001", "Frost"


@pytest.fixture
def round_() -> Round:
    """A round with one player, one guild and one code, without a fault."""
    return Round(
        cast(System, None), random.Random(1), [PLAYER], {"Wolves": 1}, members=1, codes=[CODE]
    )


@pytest.fixture
def evidence() -> Evidence:
    """The evidence of a round without a problem."""
    return Evidence(
        rows=[{"player_id": PLAYER, "code": CODE, "state": "redeemed", "reason": "Redeemed."}],
        attempts=[_attempt(1, "success")],
        events=[_event("locked"), _event("unlocked")],
        requests=[_request(granted=True, msg="SUCCESS")],
        grants=[{"player": PLAYER, "code": CODE, "issue": 1, "n": 1}],
    )


def _attempt(pk: int, outcome: str, *, is_late: bool = False) -> dict[str, Any]:
    return {"id": pk, "player_id": PLAYER, "code": CODE, "outcome": outcome, "is_late": is_late}


def _event(kind: str) -> dict[str, Any]:
    return {"redemption_id": 1, "kind": kind}


def _request(*, granted: bool = False, msg: str | None = None, number: int = 1) -> dict[str, Any]:
    entry = {"player": PLAYER, "code": CODE, "granted": granted, "msg": msg, "fault_when": None}
    return {**entry, "window_number": number}


def test_a_round_in_which_all_went_well_has_no_problems(round_: Round, evidence: Evidence) -> None:
    assert judge(round_, evidence) == []


@pytest.mark.parametrize("state", ["pending", "in_flight", "unconfirmed"])
def test_an_open_row_is_found(round_: Round, evidence: Evidence, state: str) -> None:
    evidence.rows[0]["state"] = state

    assert f"{PLAYER} {CODE} is still {state}" in judge(round_, evidence)


def test_a_row_that_is_missing_is_found(round_: Round, evidence: Evidence) -> None:
    evidence.rows.clear()

    assert "0 member redemptions instead of 1" in judge(round_, evidence)


def test_a_failed_row_is_found_unless_it_is_excused_and_has_a_reason(
    round_: Round, evidence: Evidence
) -> None:
    evidence.rows[0] |= {"state": "failed", "reason": ""}
    assert judge(round_, evidence) == [f"{PLAYER} {CODE} is failed without a reason"]

    evidence.rows[0]["reason"] = "No clear answer in 5 tries."
    round_.exempt = {PLAYER}
    assert judge(round_, evidence) == []


def test_a_row_that_claims_what_the_game_never_granted_is_found(
    round_: Round, evidence: Evidence
) -> None:
    evidence.grants.clear()

    assert judge(round_, evidence)[0].startswith("settled, but never granted")


def test_a_second_grant_is_found(round_: Round, evidence: Evidence) -> None:
    evidence.grants *= 2

    assert judge(round_, evidence)[0].startswith("granted 2 times")


def test_two_runs_at_once_are_found(round_: Round, evidence: Evidence) -> None:
    evidence.events.insert(0, _event("locked"))

    assert judge(round_, evidence) == ["redemption 1 was locked twice in a row"]


def test_a_run_that_was_never_unlocked_is_found(round_: Round, evidence: Evidence) -> None:
    evidence.events.pop()

    assert judge(round_, evidence) == ["redemption 1 was never unlocked"]


def test_a_repeat_is_found_unless_an_answer_was_lost(round_: Round, evidence: Evidence) -> None:
    evidence.requests.append(_request(msg="RECEIVED"))
    evidence.attempts.append(_attempt(2, "received"))
    assert judge(round_, evidence) == [
        f"1 request(s) were repeated, but only 0 answer(s) were lost: {(PLAYER, CODE)}"
    ]

    evidence.attempts[0]["outcome"] = "unanswered"
    assert judge(round_, evidence) == []


def test_an_answer_that_was_lost_without_a_fault_is_found(
    round_: Round, evidence: Evidence
) -> None:
    evidence.attempts[0]["outcome"] = ""
    assert judge(round_, evidence)[0].startswith("1 attempt(s) have no answer")

    round_.in_flight = {1}
    assert judge(round_, evidence) == []


def test_a_request_without_an_attempt_is_found(round_: Round, evidence: Evidence) -> None:
    evidence.requests.append(_request(msg="TOO FREQUENT"))

    assert judge(round_, evidence) == [
        f"the game got 2 requests, but only 1 have an attempt: {(PLAYER, CODE)}"
    ]


def test_a_window_with_too_many_requests_is_found(round_: Round, evidence: Evidence) -> None:
    evidence.requests[0]["window_number"] = 41

    assert judge(round_, evidence) == [
        "41 requests in a window that allows 40; 1 were refused with a 429"
    ]


def test_expired_claims_that_were_not_recovered_in_time_are_found(
    round_: Round, evidence: Evidence
) -> None:
    round_.expired_claims_seconds = round_.recovery_seconds + 1

    assert judge(round_, evidence)[0].startswith("expired claims were still seen")
