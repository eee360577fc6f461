"""A game that refuses us, or answers nonsense, is paused and probed; no member loses a try."""

from __future__ import annotations

import pytest

from giftcodes import tasks
from giftcodes.domain.transitions import State
from giftcodes.models import Alarm, MemberRedemption, PauseKind, RateBudget, Redemption
from giftcodes.services import providers as pause_step
from tests.factories import gift_code, guild
from tests.pipeline.conftest import World


def _start(world: World, members: int = 6) -> Redemption:
    wolves = guild(members=members)
    code = gift_code(proven_at="2026-01-01T00:00:00Z")
    world.knows(wolves)
    world.has(code)
    return world.begin(wolves, code)


def _budget() -> RateBudget:
    return RateBudget.objects.get()


def test_a_wrong_salt_pauses_the_game_with_an_alarm(world: World, settings: object) -> None:
    redemption = _start(world)
    world.says("Sign Error", times=1)
    claim_one(world)

    budget = _budget()
    assert budget.pause_kind == PauseKind.SIGNATURE
    assert "salt" in budget.pause_reason
    alarm = Alarm.objects.standing().get()
    assert (alarm.kind, alarm.subject) == ("provider_paused", "simulator")
    assert set(redemption.member_redemptions.values_list("tries", flat=True)) == {0}


def claim_one(world: World) -> None:
    """Send one request and record its answer. The messages that follow are dropped."""
    tasks.dispatch("simulator")
    task, args, kwargs = world.rings[0]
    world.rings.clear()
    task(*args, **kwargs)
    world.rings.clear()


def test_claims_in_flight_when_a_pause_begins_are_given_back(world: World) -> None:
    redemption = _start(world)
    world.says("Sign Error")
    tasks.dispatch("simulator")

    world.drain()

    assert len(world.requests) == 1
    assert set(redemption.member_redemptions.values_list("state", "tries")) == {(State.PENDING, 0)}


def test_a_pause_ends_when_the_probe_is_answered(world: World) -> None:
    redemption = _start(world)
    world.says("Sign Error")
    tasks.dispatch("simulator")
    world.drain()
    world.pass_time(61)

    world.tick()
    world.pass_time(5)
    world.tick()

    assert set(redemption.member_redemptions.values_list("state", flat=True)) == {"redeemed"}
    assert not Alarm.objects.standing().exists()
    assert Alarm.objects.count() == 1


def test_each_probe_is_for_another_member_and_the_pauses_grow(world: World) -> None:
    _start(world)
    world.says("Sign Error", times=None)
    tasks.dispatch("simulator")
    world.drain()
    waits = []
    for _ in range(3):
        budget = _budget()
        assert budget.paused_until is not None
        world.pass_time(700)
        world.tick()
        after = _budget()
        waits.append(after.pauses)

    players = [request["player"] for request in world.requests]
    assert len(players) == len(set(players)) == 4
    assert waits == [2, 3, 4]
    assert Alarm.objects.count() == 1
    assert set(MemberRedemption.objects.values_list("tries", flat=True)) == {0}


def test_a_probe_whose_message_is_lost_is_followed_by_another(world: World) -> None:
    redemption = _start(world)
    world.says("Sign Error")
    tasks.dispatch("simulator")
    world.drain()
    world.pass_time(61)
    first = world.claim(redemption)
    tasks.dispatch("simulator")
    assert not world.rings, "one probe at a time"
    world.pass_time(31)
    world.sweep()

    second = world.claim(redemption) if not world.requests[1:] else None

    assert first.is_probe
    assert second is not None or len(world.requests) > 1


@pytest.mark.parametrize(
    "fault", [{"fault": "html"}, {"fault": "status", "status": 502}, {"fault": "garbage"}]
)
def test_foreign_answers_for_three_players_in_a_row_pause_the_game(
    world: World, fault: dict[str, object]
) -> None:
    _start(world)
    world.game.merge({"faults": [{**fault, "times": None}]})
    tasks.dispatch("simulator")

    world.drain()

    assert _budget().pause_kind == PauseKind.UNKNOWN
    assert len(world.requests) == 3


@pytest.mark.parametrize(
    ("fault", "kind", "alarm", "words"),
    [
        (
            {"fault": "msg", "msg": "?", "err_code": 40100},
            PauseKind.CAPTCHA,
            Alarm.Kind.CAPTCHA,
            "solves no captchas",
        ),
        (
            {"fault": "msg", "msg": "?", "err_code": 40103},
            PauseKind.CAPTCHA,
            Alarm.Kind.CAPTCHA,
            "solves no captchas",
        ),
        (
            {"fault": "status", "status": 401},
            PauseKind.FORBIDDEN,
            Alarm.Kind.FORBIDDEN,
            "HTTP 401 or 403",
        ),
        (
            {"fault": "status", "status": 403},
            PauseKind.FORBIDDEN,
            Alarm.Kind.FORBIDDEN,
            "HTTP 401 or 403",
        ),
    ],
)
def test_a_captcha_and_a_refusal_pause_the_game_with_an_alarm_of_their_own(
    world: World, fault: dict[str, object], kind: PauseKind, alarm: Alarm.Kind, words: str
) -> None:
    redemption = _start(world)
    world.game.merge({"faults": [fault]})
    tasks.dispatch("simulator")
    world.drain()

    assert (_budget().pause_kind, len(world.requests)) == (kind, 1)
    standing = Alarm.objects.standing().get()
    assert (standing.kind, standing.subject) == (alarm, "simulator")
    assert words in standing.message
    assert set(redemption.member_redemptions.values_list("tries", flat=True)) == {0}

    world.pass_time(61)
    world.tick()
    world.breathe()
    assert set(redemption.member_redemptions.values_list("state", flat=True)) == {"redeemed"}
    assert not Alarm.objects.standing().exists()


def test_the_alarm_of_another_kind_of_pause_replaces_the_first_alarm(world: World) -> None:
    _start(world)
    world.says("Sign Error")
    tasks.dispatch("simulator")
    world.drain()
    world.pass_time(61)
    world.says("?", err_code=40100)

    world.tick()

    assert [alarm.kind for alarm in Alarm.objects.standing()] == [Alarm.Kind.CAPTCHA]


def test_a_recognised_answer_ends_a_series_of_unknown_ones(world: World) -> None:
    _start(world, members=8)
    for spoiled in (True, True, False, True, True):
        if spoiled:
            world.says("BRAND NEW WORDS")
        claim_one(world)
        world.pass_time(31)
        tasks.sweep()
        world.rings.clear()

    assert _budget().pause_kind == PauseKind.NONE


def test_an_operator_pauses_and_resumes(world: World) -> None:
    redemption = _start(world)
    assert pause_step.pause("simulator", reason="Maintenance.")
    assert not pause_step.pause("simulator", reason="Again.")
    world.pass_time(100_000)
    world.tick()
    assert world.requests == []

    assert pause_step.resume("simulator")
    world.tick()

    assert set(redemption.member_redemptions.values_list("state", flat=True)) == {"redeemed"}
    assert not pause_step.resume("simulator")


def test_a_429_waits_for_the_next_window_without_an_alarm(world: World) -> None:
    redemption = _start(world)
    world.spoil("429")
    tasks.dispatch("simulator")
    world.drain()
    assert len(world.requests) == 1
    assert not Alarm.objects.exists()
    world.pass_time(63)

    world.tick()
    world.breathe()

    assert set(redemption.member_redemptions.values_list("state", flat=True)) == {"redeemed"}
    assert set(redemption.member_redemptions.values_list("tries", flat=True)) == {0}
