"""A code's life: doubted, closed, probed, reopened, reissued."""

from __future__ import annotations

from datetime import date, timedelta

from giftcodes import tasks
from giftcodes.domain.outcomes import Outcome
from giftcodes.models import (
    CodeAnswer,
    CodeChange,
    CodeState,
    GiftCode,
    Member,
    Redemption,
    RedemptionEvent,
    RunState,
    Trigger,
    database_now,
)
from giftcodes.pipeline import code_lifecycle
from giftcodes.pipeline import redeem as step
from tests.factories import gift_code, guild, member
from tests.pipeline.conftest import World, states


def test_an_expired_code_costs_two_requests_for_a_guild_of_a_hundred(world: World) -> None:
    wolves = guild(members=100)
    code = gift_code()
    world.knows(wolves)
    world.has(code, expires_at="2020-01-01T00:00:00Z")

    redemption = world.redeem(wolves, code)

    assert len(world.requests) == 2
    assert redemption.state == RunState.COMPLETE
    code.refresh_from_db()
    assert (code.state, code.reason) == (CodeState.CLOSED, "The code has expired.")
    assert set(states(redemption).values()) == {"cancelled"}
    assert set(redemption.member_redemptions.values_list("reason", flat=True)) <= {
        "The code has expired.",
        "The code has expired. No request was sent.",
    }


def test_the_second_opinion_comes_from_another_guild_where_there_is_one(world: World) -> None:
    wolves, bears = guild(members=5, priority=9), guild(members=5)
    world.knows(wolves, bears)
    world.game.publish("GONE", expires_at="2020-01-01T00:00:00Z")

    world.poll()

    asked = [request["player"] for request in world.requests]
    guilds = [Member.objects.get(player_id=player).guild_id for player in asked]
    assert guilds == [wolves.pk, bears.pk]
    assert GiftCode.objects.get().state == CodeState.CLOSED


def test_a_lone_member_is_asked_for_twice_with_a_minute_between(world: World) -> None:
    wolves = guild(members=1)
    code = gift_code()
    world.knows(wolves)
    world.has(code, expires_at="2020-01-01T00:00:00Z")
    world.redeem(wolves, code)
    world.pass_time(30)
    world.tick()
    assert len(world.requests) == 1
    world.pass_time(31)

    world.tick()

    code.refresh_from_db()
    assert code.state == CodeState.CLOSED
    assert len(world.requests) == 2


def test_one_wrong_answer_does_not_close_a_code_that_works(world: World) -> None:
    wolves = guild(members=5)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    world.says("TIME ERROR")
    redemption = world.redeem(wolves, code)
    world.pass_time(61)

    world.tick()

    code.refresh_from_db()
    assert code.state == CodeState.ACTIVE
    assert set(states(redemption).values()) == {"redeemed"}


def test_a_doubted_code_gets_its_second_opinion_from_a_player_who_is_in_both_guilds(
    world: World,
) -> None:
    """A player who waits in one guild must still give the second opinion in the other guild."""
    wolves, bears = guild(priority=1), guild()
    member(wolves, "300000002")
    for of in (wolves, bears):
        member(of, "300000001")
    code = gift_code()
    world.knows(wolves, bears)
    world.has(code, expires_at="2020-01-01T00:00:00Z")
    world.begin(wolves, code)
    world.begin(bears, code)

    world.tick()
    world.breathe()

    code.refresh_from_db()
    assert code.state == CodeState.CLOSED
    assert len(world.requests) == 2
    assert not Redemption.objects.running().exists()


def test_until_a_code_is_proven_one_request_is_out_at_a_time(world: World) -> None:
    wolves, bears = guild(members=5), guild(members=5)
    code = gift_code()
    world.begin(wolves, code)
    world.begin(bears, code)

    tasks.dispatch("simulator")
    tasks.dispatch("simulator")

    assert [task.name for task, *_ in world.rings] == ["giftcodes.tasks.redeem_member"]


def test_an_unconfirmed_row_of_a_deleted_code_sends_one_more_request_and_comes_to_its_end(
    world: World,
) -> None:
    wolves = guild(members=1)
    code = gift_code()
    world.knows(wolves)
    world.has(code, expires_at="2020-01-01T00:00:00Z")
    world.spoil("drop", when="before")
    redemption = world.redeem(wolves, code)
    code_lifecycle.close(code.pk, reason="Deleted by hand.", forever=True)

    for _ in range(3):
        world.pass_time(61)
        world.tick()

    assert len(world.requests) == 2
    assert set(states(redemption).values()) == {"cancelled"}
    redemption.refresh_from_db()
    assert redemption.state == RunState.COMPLETE


def test_a_code_that_is_published_before_it_works_is_redeemed_as_soon_as_it_works(
    world: World,
) -> None:
    wolves, bears = guild(members=4), guild(members=4)
    world.knows(wolves, bears)
    world.game.publish("EARLY", works_from="2099-01-01T00:00:00Z")
    world.poll()
    assert GiftCode.objects.get().state == CodeState.CLOSED
    assert len(world.requests) == 2
    world.has("EARLY", works_from=None)
    world.pass_time(601)

    world.sweep()
    world.breathe()

    assert len(world.grants) == 8
    assert GiftCode.objects.get().state == CodeState.ACTIVE
    assert set(Redemption.objects.values_list("state", flat=True)) == {"complete"}


def test_a_code_that_nobody_knows_is_probed_three_times_with_one_request_each(world: World) -> None:
    wolves = guild(members=10)
    world.knows(wolves)
    world.game.merge({"feed": ["TYPO 01.01.2026"]})
    world.poll()
    for waited in (601, 3_601, 21_601, 100_000):
        world.pass_time(waited)
        world.sweep()
        world.tick()

    assert len(world.requests) == 2 + 3
    assert len({request["player"] for request in world.requests}) == 5
    code = GiftCode.objects.get()
    assert (code.state, code.next_probe_at) == (CodeState.CLOSED, None)
    assert Redemption.objects.get().state == RunState.COMPLETE


def test_a_probe_that_tells_nothing_is_followed_by_a_probe_with_another_member(
    world: World,
) -> None:
    wolves = guild(members=5)
    world.knows(wolves)
    world.game.publish("EARLY", works_from="2099-01-01T00:00:00Z")
    world.poll()
    world.pass_time(601)
    world.says("USER INFO ERROR")
    world.sweep()
    world.has("EARLY", works_from=None)

    world.sweep()
    world.breathe()

    assert len(world.grants) == 4
    assert GiftCode.objects.get().state == CodeState.ACTIVE


def test_another_spelling_in_the_feed_replaces_the_wrong_one_and_is_tried(world: World) -> None:
    wolves = guild(members=3)
    world.knows(wolves)
    world.has("FROSTbite")
    world.game.merge({"feed": ["frostbite 01.01.2026"]})
    world.poll()
    assert GiftCode.objects.get().state == CodeState.CLOSED
    world.game.merge({"remove_from_feed": ["frostbite"], "feed": ["FROSTbite 01.01.2026"]})
    world.poll()

    world.sweep()
    world.breathe()

    assert GiftCode.objects.get().code == "FROSTbite"
    assert len(world.grants) == 3


def test_a_code_that_vanishes_from_the_feed_and_comes_back_changes_nothing(world: World) -> None:
    wolves = guild(members=2)
    world.knows(wolves)
    world.game.publish("FROST")
    world.poll()
    world.game.merge({"feed_faults": [{"fault": "empty"}]})
    world.poll()

    world.poll()

    assert GiftCode.objects.count() == 1
    assert len(world.requests) == 2


def test_a_closed_code_with_a_later_date_is_a_new_issue_and_the_old_one_keeps_its_history(
    world: World,
) -> None:
    wolves = guild(members=2)
    world.knows(wolves)
    world.has("AGAIN", expires_at="2020-01-01T00:00:00Z")
    world.game.merge({"feed": ["AGAIN 01.01.2026"]})
    world.poll()
    world.game.merge(
        {
            "codes": {"AGAIN": {"expires_at": None, "reissue": True}},
            "remove_from_feed": ["AGAIN"],
            "feed": ["AGAIN 05.06.2026"],
        }
    )

    world.poll()
    world.breathe()

    old, new = GiftCode.objects.order_by("issue")
    assert (old.state, old.issue, new.state, new.issue) == (
        CodeState.CLOSED,
        1,
        CodeState.ACTIVE,
        2,
    )
    assert new.published_on == date(2026, 6, 5)
    assert len(world.grants) == 2
    assert old.redemptions.get().member_redemptions.count() == 2


def test_a_deleted_code_is_not_brought_back_by_the_feed(world: World) -> None:
    wolves = guild(members=2)
    world.knows(wolves)
    code = gift_code("FROST")
    code_lifecycle.close(code.pk, reason="Not wanted.", forever=True)
    world.game.publish("FROST")

    world.poll()

    assert world.requests == []
    assert GiftCode.objects.get().state == CodeState.DELETED


def test_a_code_reopened_by_a_person_is_tried_for_members_who_were_left_out(world: World) -> None:
    wolves = guild(members=5)
    code = gift_code()
    world.knows(wolves)
    world.has(code, expires_at="2020-01-01T00:00:00Z")
    redemption = world.redeem(wolves, code)
    world.has(code, expires_at=None)
    world.pass_time(5)

    assert code_lifecycle.reopen(code.pk, trigger=Trigger.ADMIN) == ""
    tasks.fan_out(code.pk, Trigger.CATCH_UP)
    world.drain()

    assert set(states(redemption).values()) == {"redeemed"}
    assert RedemptionEvent.objects.filter(gift_code=code, kind="code_reopened").count() == 1


def test_a_success_under_way_reopens_a_code_that_was_closed_meanwhile(world: World) -> None:
    wolves = guild(members=3)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    redemption = world.begin(wolves, code)
    claim = world.claim(redemption)
    attempt = step.intend(claim.pk, claim.token)
    assert attempt is not None
    code_lifecycle.close(code.pk, reason="By mistake.")
    tasks.close_code(code.pk)
    assert redemption.member_redemptions.filter(state="cancelled").count() == 2

    follow_up = step.record(attempt, step.ask(attempt))

    assert follow_up.reopened_code_id == code.pk
    code.refresh_from_db()
    assert code.state == CodeState.ACTIVE
    claim.refresh_from_db()
    assert claim.state == "redeemed"


def test_a_code_is_closed_at_the_end_that_a_person_set_and_the_game_is_not_asked(
    world: World,
) -> None:
    wolves = guild(members=2)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    GiftCode.objects.filter(pk=code.pk).update(expires_at=database_now() + timedelta(hours=1))
    world.begin(wolves, code)
    world.sweep()
    code.refresh_from_db()
    assert code.state == CodeState.ACTIVE

    world.pass_time(3_601)
    world.sweep()

    code.refresh_from_db()
    assert code.state == CodeState.CLOSED
    assert "as was set by hand" in code.reason
    assert world.requests == []
    assert set(states(Redemption.objects.get()).values()) == {"cancelled"}
    assert Redemption.objects.get().state == RunState.COMPLETE
    assert (
        RedemptionEvent.objects.filter(
            gift_code=code, kind="code_closed", trigger=Trigger.SWEEP
        ).count()
        == 1
    )


def test_a_code_that_is_reopened_after_its_end_has_no_end_any_more(world: World) -> None:
    wolves = guild(members=1)
    code = gift_code(expires_at=database_now() - timedelta(hours=1))
    world.knows(wolves)
    world.has(code)
    world.sweep()

    assert code_lifecycle.reopen(code.pk, trigger=Trigger.ADMIN) == ""
    world.redeem(wolves, code)
    world.breathe()
    world.sweep()

    code.refresh_from_db()
    assert (code.state, code.expires_at) == (CodeState.ACTIVE, None)
    assert len(world.grants) == 1


def test_a_grant_after_the_end_reopens_the_code(world: World) -> None:
    """A request was under way when the end came, and the game still granted the code."""
    code = gift_code(expires_at=database_now() - timedelta(seconds=1))
    world.sweep()
    code.refresh_from_db()
    assert code.state == CodeState.CLOSED

    news = code.apply_response(
        CodeAnswer(
            outcome=Outcome.SUCCESS,
            words="SUCCESS",
            spelling=code.code,
            player_id="300000001",
            guild_id=guild().pk,
            now=database_now(),
        )
    )
    world.sweep()

    code.refresh_from_db()
    assert (news, code.state, code.expires_at) == (CodeChange.REOPENED, CodeState.ACTIVE, None)
