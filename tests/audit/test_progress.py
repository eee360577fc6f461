"""The audit names what no worker has done in time, unless there is a reason to wait."""

from __future__ import annotations

from typing import Any

import pytest

from giftcodes.models import (
    GiftCode,
    Member,
    MemberRedemption,
    RateBudget,
    Redemption,
    Trigger,
    database_now,
)
from giftcodes.services.run_actions import stop
from tests.audit.conftest import World, broken, sql
from tests.factories import gift_code, guild, member


def test_a_run_that_stands_still_is_named(waiting: World) -> None:
    assert broken() == {"runs_move"}


@pytest.mark.parametrize(
    "reason",
    [
        lambda: RateBudget.objects.create(provider="simulator", pause_kind="operator"),
        lambda: RateBudget.objects.create(provider="simulator", window_ends_at=database_now()),
        lambda: MemberRedemption.objects.update(next_attempt_at=database_now()),
        lambda: Redemption.objects.update(locked_at=database_now()),
    ],
    ids=["paused", "the window is used up", "back-off", "just started"],
)
def test_a_run_with_a_reason_to_wait_is_not_named(waiting: World, reason: Any) -> None:
    reason()

    assert broken() == set()


def test_a_run_is_not_named_while_its_game_gets_other_requests(waiting: World) -> None:
    bears, frost = guild(members=1), gift_code()
    waiting.knows(bears)
    waiting.has(frost)
    GiftCode.objects.exclude(pk=frost.pk).update(state="closed", closed_at=database_now())
    waiting.redeem(bears, frost)
    GiftCode.objects.update(state="active")

    assert broken() == set()


def test_a_run_is_not_named_if_its_member_waits_for_a_duplicate(world: World) -> None:
    wolves, bears, code = guild(), guild(), gift_code()
    for of in (wolves, bears):
        member(of, "300000001")
        world.begin(of, code)
    first = Redemption.objects.order_by("pk")[0]
    first.member_redemptions.update(state="unconfirmed", next_attempt_at=database_now())
    Redemption.objects.update(locked_at=database_now())
    world.pass_time(600)
    MemberRedemption.objects.filter(state="unconfirmed").update(next_attempt_at=database_now())

    assert broken() == set()


def test_a_row_that_stays_unconfirmed_is_named(world: World) -> None:
    wolves, code = guild(members=1), gift_code()
    world.knows(wolves)
    world.has(code)
    world.spoil("drop", when="after")
    world.redeem(wolves, code)
    world.pass_time(120)
    assert broken() == set()

    world.pass_time(120)

    assert broken() == {"unconfirmed_rows_move"}


def test_a_run_that_should_have_ended_is_named(waiting: World) -> None:
    sql("UPDATE giftcodes_memberredemption SET state = 'needs_correction', next_attempt_at = NULL")

    assert broken() == {"runs_end"}

    MemberRedemption.objects.update(updated_at=database_now())
    assert broken() == set(), "the last answer came just now"


def test_a_stop_that_is_not_carried_out_is_named(waiting: World) -> None:
    stop(Redemption.objects.get().pk, trigger=Trigger.ADMIN)
    assert broken() == set(), "the stop was requested just now"

    Redemption.objects.update(stop_requested_at="2020-01-01T00:00:00Z")

    assert broken() == {"runs_end"}


def test_a_redemption_that_is_not_started_is_named(db: None) -> None:
    wolves, code = guild(), gift_code()
    Redemption.objects.ensure(guild_id=wolves.pk, gift_code_id=code.pk)
    assert broken() == set()

    sql(
        "UPDATE giftcodes_guild SET created_at = now() - interval '10 minutes'",
        "UPDATE giftcodes_giftcode SET first_seen_at = now() - interval '10 minutes'",
    )

    assert broken() == {"redemptions_start"}


def test_a_member_who_waits_for_a_closed_code_is_named(waiting: World) -> None:
    GiftCode.objects.update(state="closed", closed_at=database_now())
    assert broken() == set()

    sql("UPDATE giftcodes_giftcode SET closed_at = now() - interval '5 minutes'")

    assert broken() == {"closed_codes_rest"}


@pytest.mark.usefixtures("still_clock")
def test_a_lease_may_have_ended_within_the_last_two_sweeps(healthy: World) -> None:
    sql(
        "UPDATE giftcodes_memberredemption SET lease_until = now() - interval '15 s' "
        "WHERE state = 'in_flight'"
    )

    assert broken() == set()


def test_a_member_who_has_just_left_may_wait(healthy: World) -> None:
    Member.objects.update(active=False)

    assert broken() == set()
