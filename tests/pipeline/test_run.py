"""A run from start to unlock."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.db import connection

from giftcodes.domain.result_kinds import ResultKind
from giftcodes.domain.run_end import RunEnd
from giftcodes.domain.served import Served
from giftcodes.models import MemberRedemption, Redemption, RunState, Trigger
from tests.factories import gift_code, guild, member
from tests.pipeline.conftest import World, events, states

MIGRATION = import_module("giftcodes.migrations.0023_duplicates")


def test_every_member_gets_the_code_once(world: World) -> None:
    wolves = guild(members=5)
    code = gift_code()
    world.knows(wolves)
    world.has(code)

    redemption = world.redeem(wolves, code)

    assert set(states(redemption).values()) == {"redeemed"}
    assert len(world.grants) == 5
    assert redemption.state == RunState.COMPLETE
    assert events(redemption) == ["locked", "unlocked"]


def test_a_code_in_the_feed_reaches_every_guild_that_wants_it(world: World) -> None:
    wolves, bears, idle = guild(members=3), guild(members=2), guild(members=2, automatic=False)
    world.knows(wolves, bears, idle)
    world.game.publish("FROST2026")

    world.poll()

    assert len(world.grants) == 5
    assert set(Redemption.objects.values_list("guild", "state")) == {
        (wolves.pk, "complete"),
        (bears.pk, "complete"),
    }


def test_a_player_in_two_guilds_is_asked_for_once_and_covered(world: World) -> None:
    wolves, bears = guild("Wolves"), guild("Bears")
    member(wolves, "300000001")
    member(bears, "300000001")
    member(bears, "300000002")
    world.knows(wolves, bears)
    world.game.publish("TWICE")

    world.poll()

    assert sorted(player for player, _ in world.grants) == ["300000001", "300000002"]
    covered = Redemption.objects.get(guild=bears).member_redemptions.get(player_id="300000001")
    assert covered.covered_by is not None
    assert covered.covered_by.redemption.guild == wolves
    assert covered.full_reason == "Covered: the player has it through guild Wolves."
    assert "Wolves" not in covered.reason
    assert Redemption.objects.filter(state=RunState.COMPLETE).count() == 2


def test_the_reason_of_an_older_duplicate_names_no_guild_after_the_migration(world: World) -> None:
    wolves, bears = guild("Wolves", members=1), guild("Bears")
    member(bears, wolves.members.get().player_id)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    world.redeem(wolves, code)
    row = world.redeem(bears, code).member_redemptions.get()
    own = MemberRedemption.objects.exclude(pk=row.pk).get()
    of_older_version = "Covered: the player has it through guild Wolves."
    MemberRedemption.objects.update(reason=of_older_version)

    with connection.cursor() as cursor:
        cursor.execute(MIGRATION.NEUTRAL)

    row.refresh_from_db()
    own.refresh_from_db()
    assert row.reason == "Covered: the player has it through another guild."
    row.covered_by = None  # This is what an officer sees (queries.scope.redact).
    assert row.full_reason == "The player has the code already."
    assert own.reason == of_older_version, "the row of Wolves is no duplicate"


def test_redeem_now_on_a_finished_run_tries_only_members_who_are_not_settled(world: World) -> None:
    wolves = guild(members=2)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    poor = member(wolves)
    world.game.merge(
        {
            "players": {poor.player_id: {"realm": 1042, "level": 1}},
            "codes": {code.code: {"min_level": 9}},
        }
    )
    redemption = world.redeem(wolves, code)
    assert states(redemption)[poor.player_id] == "not_eligible"
    asked = len(world.requests)
    world.game.merge({"players": {poor.player_id: {"realm": 1042, "level": 20}}})
    world.pass_time(5)

    redemption = world.redeem(wolves, code)

    assert [request["player"] for request in world.requests[asked:]] == [poor.player_id]
    assert states(redemption)[poor.player_id] == "redeemed"
    assert redemption.run_number == 2
    details = (
        redemption.events.filter(kind="unlocked").order_by("pk").values_list("detail", flat=True)
    )
    ends = [RunEnd.read(detail) for detail in details]
    assert [end and (end.result.kind, end.result.served, end.gained) for end in ends] == [
        (ResultKind.DONE, Served(has=2, not_eligible=1), 2),
        (ResultKind.DONE, Served(has=3), 1),
    ]


def test_redeem_now_with_nothing_left_to_do_starts_nothing(world: World) -> None:
    wolves = guild(members=1)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    redemption = world.redeem(wolves, code)

    world.redeem(wolves, code)

    redemption.refresh_from_db()
    assert redemption.run_number == 1
    assert events(redemption) == ["locked", "unlocked"]


def test_a_guild_without_members_completes_at_once(world: World) -> None:
    empty = guild()
    code = gift_code()

    redemption = world.redeem(empty, code)

    assert redemption.state == RunState.COMPLETE


@pytest.mark.parametrize("trigger", [Trigger.ADMIN, Trigger.COMMAND, Trigger.POLL])
def test_a_second_start_is_refused_and_journalled(
    world: World, trigger: Trigger, caplog: pytest.LogCaptureFixture
) -> None:
    wolves = guild("Wolves", members=2)
    code = gift_code("FROST")
    redemption = world.begin(wolves, code)

    world.begin(wolves, code, trigger)

    assert events(redemption) == ["locked", "refused"]
    assert (
        "⚠️ Auto-redeem already in progress for guild Wolves with code FROST, skipping duplicate"
        in caplog.text
    )


def test_housekeeping_is_not_refused_and_leaves_no_trace(world: World) -> None:
    wolves = guild(members=2)
    code = gift_code()
    redemption = world.begin(wolves, code)

    world.begin(wolves, code, Trigger.SWEEP)

    assert events(redemption) == ["locked"]


def test_the_log_tells_the_story_in_order(world: World, caplog: pytest.LogCaptureFixture) -> None:
    wolves = guild("Wolves")
    member(wolves, "300000009", nickname="Amber")
    code = gift_code("FROST")
    world.knows(wolves)
    world.has(code)

    world.redeem(wolves, code)

    lines = [
        "🔒 Locked auto-redeem for guild Wolves with code FROST",
        "🎁 Auto-Redeem Started (Guild: Wolves, Code: FROST, Members: 1)",
        "✅ Redeemed for Amber (300000009): SUCCESS",
        "✅ Auto-Redeem Complete (Guild: Wolves, Code: FROST, Success: 1, Already: 0, Failed: 0)",
        "🔓 Unlocked auto-redeem for guild Wolves with code FROST",
    ]
    places = [caplog.text.index(line) for line in lines]
    assert places == sorted(places)
