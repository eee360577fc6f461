"""A code that was never granted is tried in its other spellings, whoever gives them."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command

from giftcodes import tasks
from giftcodes.models import CodeState, EventKind, GiftCode, Guild, RedemptionEvent, Trigger
from giftcodes.pipeline import code_lifecycle as codes_step
from giftcodes.pipeline import redeem as step
from giftcodes.pipeline.spellings import offer_spelling
from tests.factories import gift_code, guild
from tests.pipeline.conftest import World


@pytest.fixture
def wolves(world: World) -> Guild:
    wolves = guild("Wolves", members=4)
    world.knows(wolves)
    return wolves


def feed(world: World, *lines: str) -> None:
    world.game.merge({"feed": list(lines)})
    world.poll()


def live(world: World, times: int = 4) -> None:
    for _ in range(times):
        world.pass_time(20)
        world.tick()
        world.sweep()


def asked_as(world: World) -> list[str]:
    return [request["code"] for request in world.requests]


def test_a_code_closed_as_not_found_is_asked_for_in_the_spelling_that_a_person_types(
    world: World, wolves: Guild
) -> None:
    code = gift_code("handcase7")
    world.has("HandCase7")
    world.redeem(wolves, code)
    live(world)
    code.refresh_from_db()
    assert code.state == CodeState.CLOSED

    result = offer_spelling(code.pk, "HandCase7", trigger=Trigger.ADMIN)

    assert result.taken
    assert result.is_open_again
    world.ring(tasks.fan_out, code.pk, Trigger.CATCH_UP)
    world.drain()
    live(world)
    assert {spelling for _, spelling in world.grants} == {"HandCase7"}
    assert len(world.grants) == 4
    code.refresh_from_db()
    assert (code.code, code.state) == ("HandCase7", CodeState.ACTIVE)
    assert RedemptionEvent.objects.get(kind=EventKind.RESPELLED).detail == "handcase7 → HandCase7"


def test_the_redeem_command_uses_the_spelling_that_it_is_given(
    world: World, wolves: Guild, capsys: Any
) -> None:
    code = gift_code("handcase7")
    world.has("HandCase7")
    world.redeem(wolves, code)
    live(world)

    call_command("redeem", "HandCase7", "--guild", "Wolves")
    world.drain()
    live(world)

    assert len(world.grants) == 4
    assert "tried as HandCase7" in capsys.readouterr().out


def test_the_right_one_of_two_spellings_in_one_answer_of_the_feed_is_found(
    world: World, wolves: Guild
) -> None:
    world.has("fdCase")

    feed(world, "FDCASE 27.11.2026", "fdCase 27.11.2026")
    live(world, 8)

    assert {spelling for _, spelling in world.grants} == {"fdCase"}
    assert len(world.grants) == 4
    assert GiftCode.objects.get().code == "fdCase"
    assert asked_as(world).count("FDCASE") == 2


def test_a_correction_by_the_feed_is_tried_when_the_game_does_not_know_the_first_spelling(
    world: World, wolves: Guild
) -> None:
    feed(world, "3WQYBXQW3 27.11.2026")
    live(world, 1)
    world.has("3wQYbxQw3")

    feed(world, "3wQYbxQw3 27.11.2026")
    live(world, 8)

    assert len(world.grants) == 4
    assert GiftCode.objects.get().code == "3wQYbxQw3"


def test_a_granted_code_keeps_its_spelling(world: World, wolves: Guild) -> None:
    world.has("Frost")
    feed(world, "Frost 27.11.2026")
    live(world)

    feed(world, "FROST 27.11.2026")
    result = offer_spelling(GiftCode.objects.get().pk, "fROST", trigger=Trigger.COMMAND)

    assert not result.taken
    assert "known already" in result.message
    code = GiftCode.objects.get()
    assert (code.code, code.other_spellings) == ("Frost", [])


@pytest.mark.parametrize("listed", ["EARLYbird", "earlybird"])
def test_a_code_that_people_typed_too_early_begins_again_when_a_feed_has_it(
    world: World, wolves: Guild, listed: str
) -> None:
    others = guild("Foxes", members=2)
    world.knows(others)
    code = gift_code("earlybird", source="admin")
    world.redeem(wolves, code)
    live(world)
    GiftCode.objects.update(probes=3, next_probe_at=None, tried_spellings=["EARLYBIRD"])
    assert GiftCode.objects.get().state == CodeState.CLOSED

    # The feed, too, lists the code before the game knows it.
    before = len(world.requests)
    feed(world, f"{listed} 27.11.2026")
    live(world, 8)
    code.refresh_from_db()
    assert {one["code"] for one in world.requests[before:]} == {listed}
    assert (code.state, code.probes) == (CodeState.CLOSED, 1)
    world.has(listed)
    world.pass_time(601)
    live(world, 8)

    assert {spelling for _, spelling in world.grants} == {listed}
    assert len(world.grants) == 6


def test_the_feed_s_spelling_is_tried_before_those_that_people_typed(
    world: World, wolves: Guild
) -> None:
    code = gift_code("frost", source="admin", other_spellings=["fROST", "FrosT"])
    feed(world, "FROST 27.11.2026")
    code.refresh_from_db()
    assert code.other_spellings == ["FROST", "fROST", "FrosT"]


def test_probes_use_the_spellings_in_turn(world: World, wolves: Guild) -> None:
    """A code may be published before it works, so each spelling may have been tried too early."""
    feed(world, "FDCASE 27.11.2026", "fdCase 27.11.2026")
    live(world, 8)
    assert GiftCode.objects.get().state == CodeState.CLOSED
    first = len(asked_as(world))
    for wait in (601, 3_601, 21_601):
        world.pass_time(wait)
        live(world, 3)

    assert sorted(set(asked_as(world)[first:])) == ["FDCASE", "fdCase"]


def test_a_spelling_that_is_typed_while_the_first_one_is_asked_for_comes_next(
    world: World, wolves: Guild
) -> None:
    code = gift_code("handcase7")
    world.has("HandCase7")
    world.begin(wolves, code)

    assert offer_spelling(code.pk, "HandCase7", trigger=Trigger.ADMIN).taken
    live(world, 8)

    assert len(world.grants) == 4
    assert asked_as(world).count("handcase7") == 2


def test_two_new_spellings_in_one_listing_are_both_asked_for(world: World, wolves: Guild) -> None:
    feed(world, "abcdef1 27.11.2026")
    live(world, 3)
    for wait in (601, 3_601, 21_601):
        world.pass_time(wait)
        live(world, 2)
    assert GiftCode.objects.get().next_probe_at is None
    world.has("ABCdef1")

    feed(world, "ABCdef1 27.11.2026", "ABCDEF1 27.11.2026")
    live(world, 8)

    assert {spelling for _, spelling in world.grants} == {"ABCdef1"}
    assert len(world.grants) == 4


def test_a_late_answer_about_the_old_spelling_says_nothing_about_the_new_one(
    world: World, wolves: Guild
) -> None:
    code = gift_code("frost")
    redemption = world.begin(wolves, code)
    tasks.dispatch("simulator")
    (in_flight,) = list(world.rings)
    world.rings.clear()
    world.has("Frost")

    # The request for the old spelling is answered after the new one was offered.
    _task, args, _ = in_flight
    intent = step.intend(*args)
    assert intent is not None
    answer = step.ask(intent)
    codes_step.close(code.pk, reason="Typed wrong.")
    offer_spelling(code.pk, "Frost", trigger=Trigger.ADMIN)
    step.record(intent, answer)

    code.refresh_from_db()
    assert (code.code, code.doubted_at) == ("Frost", None)
    world.pass_time(61)
    live(world, 8)
    assert len(world.grants) == 4
    assert redemption.member_redemptions.exclude(state="redeemed").count() == 0


def test_a_deleted_code_comes_back_in_the_spelling_that_a_person_types(
    world: World, wolves: Guild
) -> None:
    code = gift_code("gone")
    codes_step.close(code.pk, reason="Deleted by hand.", forever=True)
    assert not GiftCode.objects.get().can_take("Gone", is_person=False), (
        "the feed cannot bring it back"
    )

    assert offer_spelling(code.pk, "Gone", trigger=Trigger.ADMIN).is_open_again

    code.refresh_from_db()
    assert (code.code, code.state) == ("Gone", CodeState.ACTIVE)


@pytest.mark.parametrize("outcome", ["code_expired", "code_used_up"])
def test_a_code_that_has_ended_takes_no_other_spelling(db: None, outcome: str) -> None:
    code = gift_code("Over", state=CodeState.CLOSED, closed_outcome=outcome)

    assert not code.can_take("OVER", is_person=True)
    assert not code.can_take("OVER", is_person=False)
