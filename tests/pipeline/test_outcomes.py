"""The state and the reason that each answer of the game leads to. The simulator answers."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from giftcodes import tasks
from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.sentences import reason_of
from giftcodes.domain.transitions import OPEN, PARKED, SETTLED, State
from giftcodes.models import Attempt, CodeState, MemberRedemption, RateBudget
from tests.factories import gift_code, guild
from tests.pipeline.conftest import World

# msg, err_code, outcome, state of the row, class of the state, seconds until the next request (None
# if none follows automatically), tries counted
TABLE = [
    ("SUCCESS", 20000, Outcome.SUCCESS, State.REDEEMED, SETTLED, None, 0),
    ("RECEIVED.", 40008, Outcome.RECEIVED, State.ALREADY_RECEIVED, SETTLED, None, 0),
    ("SAME TYPE EXCHANGE.", 40011, Outcome.SAME_TYPE, State.SAME_TYPE, SETTLED, None, 0),
    ("CDK NOT FOUND.", 40014, Outcome.CODE_NOT_FOUND, State.PENDING, OPEN, 60, 0),
    ("TIME ERROR.", 40007, Outcome.CODE_EXPIRED, State.PENDING, OPEN, 60, 0),
    ("USED.", 40005, Outcome.CLAIM_LIMIT, State.NOT_ELIGIBLE, PARKED, 86_400, 0),
    ("USER INFO ERROR.", 40020, Outcome.WRONG_REALM, State.NEEDS_CORRECTION, PARKED, None, 0),
    ("role not exist.", 40001, Outcome.NO_SUCH_PLAYER, State.NEEDS_CORRECTION, PARKED, None, 0),
    ("STOVE_LV ERROR.", 40006, Outcome.LEVEL_TOO_LOW, State.NOT_ELIGIBLE, PARKED, 86_400, 0),
    ("RECHARGE_MONEY ERROR.", 40017, Outcome.SPEND_TOO_LOW, State.NOT_ELIGIBLE, PARKED, 86_400, 0),
    (
        "RECHARGE_MONEY_VIP ERROR.",
        40018,
        Outcome.VIP_TOO_LOW,
        State.NOT_ELIGIBLE,
        PARKED,
        86_400,
        0,
    ),
    (
        "WORDS NOT KNOWN.",
        40010,
        Outcome.LEVEL_OR_SPEND_TOO_LOW,
        State.NOT_ELIGIBLE,
        PARKED,
        86_400,
        0,
    ),
    ("WORDS NOT KNOWN.", 40012, Outcome.ACCOUNT_TOO_YOUNG, State.NOT_ELIGIBLE, PARKED, 86_400, 0),
    ("WORDS NOT KNOWN.", 40015, Outcome.CODE_ERROR, State.PENDING, OPEN, 5, 1),
    ("WORDS NOT KNOWN.", 40016, Outcome.SERVER_BUSY, State.UNCONFIRMED, OPEN, 60, 1),
    ("WORDS NOT KNOWN.", 40100, Outcome.CAPTCHA, State.PENDING, OPEN, 0, 0),
    ("WORDS NOT KNOWN.", 40101, Outcome.CAPTCHA, State.PENDING, OPEN, 0, 0),
    ("WORDS NOT KNOWN.", 40102, Outcome.CAPTCHA, State.PENDING, OPEN, 0, 0),
    ("WORDS NOT KNOWN.", 40103, Outcome.CAPTCHA, State.PENDING, OPEN, 0, 0),
    ("RECEIVED.", 40014, Outcome.UNRECOGNISED, State.PENDING, OPEN, 5, 1),
    ("TIMEOUT RETRY.", 40004, Outcome.TIMEOUT_RETRY, State.UNCONFIRMED, OPEN, 60, 1),
    ("TOO FREQUENT.", 40019, Outcome.TOO_FREQUENT, State.PENDING, OPEN, 4, 0),
    ("NOT LOGIN.", 40009, Outcome.NOT_LOGIN, State.PENDING, OPEN, 5, 0),
    ("Sign Error", 0, Outcome.SIGN_ERROR, State.PENDING, OPEN, 0, 0),
    ("params error", "", Outcome.PARAMS_ERROR, State.PENDING, OPEN, 0, 0),
    ("A NEW THING.", 49999, Outcome.UNRECOGNISED, State.PENDING, OPEN, 5, 1),
]


def _ask_one(world: World) -> MemberRedemption:
    """One member, one request, one answer; nothing after it."""
    wolves = guild(members=1)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    redemption = world.begin(wolves, code)
    world.ring(tasks.dispatch, "simulator")
    for _ in range(2):
        task, args, kwargs = world.rings.popleft()
        task(*args, **kwargs)
    row: MemberRedemption = redemption.member_redemptions.get()
    return row


def _seconds_until_next(row: MemberRedemption) -> float | None:
    if row.next_attempt_at is None:
        return None
    return (row.next_attempt_at - row.updated_at).total_seconds()


@pytest.mark.usefixtures("still_clock")
@pytest.mark.parametrize(
    ("msg", "err_code", "outcome", "state", "of_class", "again", "tries"), TABLE
)
def test_each_answer_of_the_game_has_its_state_and_reason(
    world: World,
    msg: str,
    err_code: Any,
    outcome: Outcome,
    state: State,
    of_class: frozenset[State],
    again: float | None,
    tries: int,
) -> None:
    world.says(msg, err_code=err_code)

    row = _ask_one(world)

    assert (row.state, row.outcome) == (state, outcome)
    assert state in of_class
    assert row.reason.startswith(reason_of(outcome))
    seconds = _seconds_until_next(row)
    assert seconds is None if again is None else again - 1 <= (seconds or 0) <= again * 1.5 + 1
    assert row.tries == tries
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.msg, attempt.http_status) == (outcome, msg, 200)


@pytest.mark.usefixtures("still_clock")
@pytest.mark.parametrize(
    ("fault", "details", "outcome", "state", "tries"),
    [
        ("status", {"status": 502}, Outcome.SERVER_ERROR, State.UNCONFIRMED, 1),
        ("status", {"status": 503}, Outcome.SERVER_ERROR, State.UNCONFIRMED, 1),
        ("html", {}, Outcome.UNREADABLE, State.UNCONFIRMED, 1),
        ("garbage", {}, Outcome.UNREADABLE, State.UNCONFIRMED, 1),
        ("truncated", {}, Outcome.UNREADABLE, State.UNCONFIRMED, 1),
        ("redirect", {}, Outcome.UNREADABLE, State.UNCONFIRMED, 1),
        ("huge", {"bytes": 3_000_000}, Outcome.UNREADABLE, State.UNCONFIRMED, 1),
        ("drop", {"when": "after"}, Outcome.UNANSWERED, State.UNCONFIRMED, 1),
        ("reset", {}, Outcome.UNANSWERED, State.UNCONFIRMED, 1),
        ("drip", {"seconds": 0.2}, Outcome.UNANSWERED, State.UNCONFIRMED, 1),
        ("delay", {"seconds": 600}, Outcome.UNANSWERED, State.UNCONFIRMED, 1),
        ("429", {}, Outcome.THROTTLED, State.PENDING, 0),
        ("status", {"status": 401}, Outcome.FORBIDDEN, State.PENDING, 0),
        ("status", {"status": 403}, Outcome.FORBIDDEN, State.PENDING, 0),
        ("json", {"body": [1, 2]}, Outcome.UNREADABLE, State.UNCONFIRMED, 1),
    ],
)
def test_a_response_that_is_no_answer_of_the_game_has_its_outcome_and_state(
    world: World,
    settings: Any,
    fault: str,
    details: dict[str, Any],
    outcome: Outcome,
    state: State,
    tries: int,
) -> None:
    if fault in ("drip", "delay"):
        settings.HTTP_SECONDS = 1.0
    world.spoil(fault, **details)

    row = _ask_one(world)

    assert (row.outcome, row.state, row.tries) == (outcome, state, tries)
    if state is State.UNCONFIRMED:
        assert _seconds_until_next(row) == pytest.approx(60, abs=1)


def test_a_game_that_cannot_be_reached_costs_no_try(world: World, settings: Any) -> None:
    here = settings.PROVIDERS["simulator"]
    closed = dataclasses.replace(here, api_url="http://127.0.0.1:9/api/gift_code")
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": closed}

    row = _ask_one(world)

    assert (row.outcome, row.state, row.tries, row.uncounted_failures) == (
        Outcome.UNREACHABLE,
        State.PENDING,
        0,
        1,
    )


def test_an_unknown_answer_keeps_its_body_as_evidence(world: World) -> None:
    world.says("A NEW THING")

    _ask_one(world)

    assert "A NEW THING" in Attempt.objects.get().body


def test_received_after_an_unanswered_request_counts_as_redeemed(world: World) -> None:
    wolves = guild(members=1)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    world.spoil("drop", when="after")
    redemption = world.redeem(wolves, code)
    assert redemption.member_redemptions.get().state == State.UNCONFIRMED
    world.pass_time(61)

    world.tick()

    row = redemption.member_redemptions.get()
    assert row.state == State.REDEEMED
    assert "a repeat confirmed it" in row.reason
    assert [request["msg"].rstrip(".") for request in world.requests[1:]] == ["RECEIVED"]


def test_received_without_an_earlier_request_of_ours_means_that_the_player_had_it_before(
    world: World,
) -> None:
    world.says("RECEIVED")

    assert _ask_one(world).state == State.ALREADY_RECEIVED


def test_a_member_without_a_clear_answer_is_parked_after_five_tries(world: World) -> None:
    wolves = guild(members=1)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    world.says("TIMEOUT RETRY", times=None)
    redemption = world.redeem(wolves, code)
    for _ in range(6):
        world.pass_time(61)
        world.tick()

    row = redemption.member_redemptions.get()

    assert row.state == State.FAILED
    assert Attempt.objects.count() == 5
    redemption.refresh_from_db()
    assert redemption.state == "complete"


def test_a_member_who_is_asked_for_too_often_waits_and_gets_the_code(world: World) -> None:
    wolves = guild(members=1)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    world.says("TOO FREQUENT")
    redemption = world.redeem(wolves, code)
    world.pass_time(3)
    world.tick()
    assert len(world.requests) == 1
    world.pass_time(1.5)

    world.tick()

    assert redemption.member_redemptions.get().state == State.REDEEMED


def test_a_corrected_member_is_tried_at_once(world: World) -> None:
    wolves = guild(members=2)
    code = gift_code()
    world.knows(wolves, realm=7)
    world.has(code)
    redemption = world.redeem(wolves, code)
    assert set(redemption.member_redemptions.values_list("state", flat=True)) == {
        "needs_correction"
    }
    member = wolves.members.first()
    assert member is not None
    member.realm = 7
    member.save()
    world.pass_time(5)

    world.catch_up()

    assert sorted(redemption.member_redemptions.values_list("member", "state")) == sorted(
        [
            (member.pk, "redeemed"),
            (wolves.members.exclude(pk=member.pk).get().pk, "needs_correction"),
        ]
    )


def test_a_member_who_is_not_eligible_is_asked_again_the_next_day_only(world: World) -> None:
    wolves = guild(members=1)
    code = gift_code()
    world.knows(wolves, level=3)
    world.has(code, min_level=9)
    redemption = world.redeem(wolves, code)
    world.knows(wolves, level=30)
    world.pass_time(23 * 3600)
    world.catch_up()
    assert len(world.requests) == 1
    world.pass_time(2 * 3600)

    world.catch_up()

    assert redemption.member_redemptions.get().state == State.REDEEMED


def test_a_code_that_the_feed_lists_again_in_another_case_is_not_redeemed_again(
    world: World,
) -> None:
    wolves = guild(members=1)
    world.knows(wolves)
    world.game.publish("Frost")
    world.poll()
    world.game.merge({"feed": ["FROST 01.01.2026"]})

    world.poll()

    assert len(world.requests) == 1


def test_a_game_has_one_rate_budget(world: World) -> None:
    """The row exists as soon as anything was dispatched."""
    _ask_one(world)

    assert list(RateBudget.objects.values_list("provider", flat=True)) == ["simulator"]


def test_a_code_that_was_granted_stays_active_and_is_proven(world: World) -> None:
    row = _ask_one(world)

    row.gift_code.refresh_from_db()
    assert row.gift_code.state == CodeState.ACTIVE
    assert row.gift_code.proven_at is not None
