"""An unknown answer is blamed on its code first: the code waits, and other codes go on."""

from __future__ import annotations

from collections import Counter

import pytest

from giftcodes import tasks
from giftcodes.domain.outcomes import Outcome
from giftcodes.domain.transitions import State
from giftcodes.models import Alarm, Attempt, GiftCode, PauseKind, RateBudget, Redemption, Trigger
from tests.factories import gift_code, guild
from tests.pipeline.conftest import World

NEW_WORDS = {"msg": "BRAND NEW WORDS", "err_code": 40_777}


def asked(world: World, code: GiftCode) -> list[str]:
    """The players for whom a code was requested, once for each request."""
    return [request["player"] for request in world.requests if request["code"] == code.code]


def live(world: World, seconds: int) -> None:
    """Let this many seconds pass, with a tick and a sweep every five seconds."""
    for _ in range(0, seconds, 5):
        world.pass_time(5)
        world.tick()
        world.sweep()


@pytest.fixture
def odd(world: World) -> GiftCode:
    """A code for which the game answers only in unknown words."""
    code = gift_code("ODD")
    world.says(**NEW_WORDS, code="ODD", times=None)
    return code


def test_of_two_codes_the_good_one_reaches_everybody_and_the_odd_one_costs_little(
    world: World, odd: GiftCode
) -> None:
    wolves, good = guild(members=60), gift_code("GOOD")
    world.knows(wolves)
    world.has(good)
    for code in (odd, good):
        tasks.redeem(wolves.pk, code.pk, Trigger.POLL)
    world.drain()

    live(world, 60)

    assert len(world.grants) == 60
    assert RateBudget.objects.get().pauses == 0
    assert 2 <= len(asked(world, odd)) <= 12


@pytest.mark.usefixtures("still_clock")
def test_an_odd_code_waits_longer_each_time(world: World, odd: GiftCode) -> None:
    wolves = guild(members=30)
    world.knows(wolves)
    world.redeem(wolves, odd)
    waits = []
    for _ in range(5):
        odd.refresh_from_db()
        assert odd.held_until is not None
        waits.append(
            round((odd.held_until - Attempt.objects.latest("id").answered_at).total_seconds())
        )  # type: ignore[operator]
        world.pass_time(waits[-1] + 1)
        world.tick()

    assert waits == [5, 15, 45, 135, 405]
    assert len(asked(world, odd)) == 6


def test_no_member_is_asked_more_than_twice_for_an_odd_code(world: World, odd: GiftCode) -> None:
    wolves = guild(members=3)
    world.knows(wolves)
    redemption = world.redeem(wolves, odd)
    for _ in range(12):
        world.pass_time(4_000)
        world.tick()
        world.sweep()

    assert set(Counter(asked(world, odd)).values()) == {2}
    assert set(redemption.member_redemptions.values_list("state", flat=True)) == {State.FAILED}
    redemption.refresh_from_db()
    assert redemption.state == "complete"


def test_an_alarm_shows_the_unknown_answer_and_ends_with_the_next_known_answer(
    world: World,
) -> None:
    wolves, code = guild(members=4), gift_code()
    world.knows(wolves)
    world.has(code)
    world.says(**NEW_WORDS)
    world.redeem(wolves, code)

    tasks.alarms()

    alarm = Alarm.objects.standing().get(kind=Alarm.Kind.CODE_ODD)
    assert alarm.subject == str(code.pk)
    assert "“BRAND NEW WORDS” (err_code 40777)" in alarm.message
    world.pass_time(6)
    world.tick()
    world.breathe()
    tasks.alarms()
    assert not Alarm.objects.standing().exists()
    assert len(world.grants) == 4


def test_redeem_now_ends_the_wait(world: World, odd: GiftCode) -> None:
    wolves = guild(members=4)
    world.knows(wolves)
    world.redeem(wolves, odd)
    assert len(world.requests) == 1

    world.redeem(wolves, odd, Trigger.ADMIN)
    world.tick()

    assert len(world.requests) == 2


def test_redeem_now_cannot_end_a_second_wait_before_the_first_one_would_have_ended(
    world: World, odd: GiftCode
) -> None:
    """Many presses of "Redeem now" in one guild do not use up the tries of all guilds."""
    wolves, bears = guild(members=9), guild(members=9)
    world.knows(wolves, bears)
    world.redeem(wolves, odd)
    world.redeem(bears, odd)
    sent = []
    for _ in range(60):
        for _press in range(2):
            world.redeem(wolves, odd, Trigger.ADMIN)
            world.tick()
        world.pass_time(1)
        world.tick()
        sent.append(len(world.requests))

    # Without presses, the waits of 5, 15 and 45 s give three requests in the first minute. Each
    # press that ends a wait adds one.
    assert sent[0] == 2
    assert sent[-1] <= 6


def test_unknown_words_for_several_codes_pause_the_game(world: World) -> None:
    wolves = guild(members=6)
    codes = [gift_code(f"ODD{number}") for number in range(2)]
    world.knows(wolves)
    world.says(**NEW_WORDS, times=None)
    for code in codes:
        world.redeem(wolves, code)

    live(world, 30)

    assert RateBudget.objects.get().pause_kind == PauseKind.UNKNOWN


def test_one_odd_code_alone_does_not_pause_the_game(world: World, odd: GiftCode) -> None:
    wolves = guild(members=6)
    world.knows(wolves)
    world.redeem(wolves, odd)

    live(world, 90)

    assert len(asked(world, odd)) >= 3
    assert RateBudget.objects.get().pauses == 0


def test_unknown_words_for_one_member_do_not_hold_back_a_code_that_others_get(
    world: World,
) -> None:
    wolves, code = guild(members=8), gift_code()
    world.knows(wolves)
    world.has(code)
    first = wolves.members.order_by("pk")[3].player_id
    world.says(**NEW_WORDS, player=first, times=None)

    redemption = world.redeem(wolves, code)
    for _ in range(6):
        world.breathe()

    assert len(world.grants) == 7
    assert asked(world, code).count(first) == 2
    assert redemption.member_redemptions.get(player_id=first).state == State.FAILED


def test_a_code_whose_requests_break_the_server_is_held_back_and_others_go_on(world: World) -> None:
    wolves, bad, good = guild(members=30), gift_code("BAD"), gift_code("GOOD")
    world.knows(wolves)
    world.has(good)
    world.spoil("status", status=500, code="BAD", times=None)
    # Requests for both codes alternate, so that known answers come between.
    for code in (good, bad):
        tasks.redeem(wolves.pk, code.pk, Trigger.POLL)
    world.drain()

    live(world, 30)

    assert len(world.grants) == 30
    assert len(asked(world, bad)) <= 12


@pytest.mark.parametrize("words", ["", "ANOTHER ALPHABET", "账号时间不足"])
def test_an_account_that_is_too_young_is_asked_for_once_and_the_reason_says_so(
    world: World, words: str
) -> None:
    wolves, code = guild(members=5), gift_code()
    world.knows(wolves)
    world.has(code)
    world.says(words or "X", err_code=40_012, times=None)

    redemption: Redemption = world.redeem(wolves, code)
    live(world, 60)

    assert set(Counter(asked(world, code)).values()) == {1}
    for row in redemption.member_redemptions.all():
        assert (row.state, row.outcome) == (State.NOT_ELIGIBLE, Outcome.ACCOUNT_TOO_YOUNG)
        assert "too young" in row.reason
