"""The queue snapshot: real rows, in the order in which dispatch serves them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from giftcodes.clients.games.config import Rate
from giftcodes.estimates import queue_snapshot
from giftcodes.estimates.cost_preview import preview, previews, together
from giftcodes.estimates.dry_run import plan
from giftcodes.estimates.forecast import Outlook
from giftcodes.estimates.formatting import left
from giftcodes.estimates.pace import NOT_MEASURED
from giftcodes.estimates.queue_snapshot import read_outlooks
from giftcodes.models import (
    Attempt,
    GiftCode,
    Member,
    MemberRedemption,
    RateBudget,
    Redemption,
    database_now,
)
from tests.factories import gift_code, guild, member
from tests.pipeline.conftest import World, world

__all__ = ["world"]

pytestmark = pytest.mark.usefixtures("still_clock")


@pytest.fixture
def limited(world: World, settings: Any) -> World:
    """The world with a limit of thirty requests in a minute."""
    config = replace(settings.PROVIDERS["simulator"], rate=Rate(30, 60))
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": config}
    return world


def proven(code: str = "", **fields: Any) -> Any:
    return gift_code(code, **{"proven_at": database_now(), **fields})


def outlook(redemption: Redemption) -> Outlook:
    return read_outlooks().by_redemption[redemption.pk]


def queue() -> Outlook:
    return read_outlooks().by_provider["simulator"]


# --- The queue ------------------------------------------------------------------------------------
def test_the_queue_has_the_order_of_dispatch(world: World, settings: Any) -> None:
    # There is one thread here. With several claims in a message, it would mix up their order.
    settings.CLAIMS_FOR_A_THREAD = 1
    soon = database_now() + timedelta(hours=1)
    early, late = proven(expires_at=soon), proven(expires_at=soon + timedelta(days=1))
    guilds = [guild(members=4), guild(members=7), guild(members=5, priority=3)]
    world.knows(*guilds)
    for code in (early, late):
        world.has(code)
    runs = [world.begin(of, code) for code in (late, early) for of in guilds]
    expected = read_outlooks().by_redemption

    for _ in range(3):
        world.breathe()

    sent = list(
        Attempt.objects.order_by("pk").values_list("member_redemption__redemption_id", flat=True)
    )
    assert len(sent) == 32
    for run in runs:
        places = [place for place, other in enumerate(sent) if other == run.pk]
        assert expected[run.pk].ahead_of_next == places[0], run
        assert abs(expected[run.pk].ahead_of_last - (places[-1] + 1 - len(places))) <= 1, run


def test_parked_settled_and_cancelled_members_are_not_counted(limited: World) -> None:
    run = limited.begin(guild(members=6), proven())
    parked = ("needs_correction", "not_eligible", "failed", "redeemed", "cancelled")
    for row, state in zip(run.member_redemptions.order_by("pk"), parked, strict=False):
        run.member_redemptions.filter(pk=row.pk).update(state=state)

    assert outlook(run).requests == 1


def test_a_member_whose_duplicate_is_asked_for_or_settled_is_not_counted(limited: World) -> None:
    code = proven()
    wolves, bears = guild("Wolves", members=3, priority=1), guild("Bears", members=2)
    for player in Member.objects.filter(guild=wolves):
        member(bears, player.player_id)
    first, second = limited.begin(wolves, code), limited.begin(bears, code)

    assert (outlook(first).requests, outlook(second).requests, queue().requests) == (3, 2, 5)
    assert outlook(second).ahead_of_last == 3

    first.member_redemptions.filter(pk=first.member_redemptions.order_by("pk")[0].pk).update(
        state="redeemed", settled_at=database_now()
    )

    assert (outlook(first).requests, outlook(second).requests) == (2, 2)


def test_a_run_waits_for_the_answer_to_its_last_duplicate(world: World) -> None:
    code = proven()
    wolves, bears = guild("Wolves", members=19, priority=1), guild("Bears")
    member(bears, Member.objects.filter(guild=wolves)[3].player_id)
    first, second = world.begin(wolves, code), world.begin(bears, code)
    _sent(first, seconds_apart=1.0)

    assert outlook(second).requests == 0
    assert outlook(second).seconds == pytest.approx((outlook(first).seconds or 0) / 2)


def test_duplicates_are_not_sought_if_very_many_members_wait(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_snapshot, "MOST_DUPLICATES_SOUGHT", 1)
    code = proven()
    wolves, bears = guild(members=1), guild()
    member(bears, Member.objects.get(guild=wolves).player_id)
    world.begin(wolves, code)
    world.begin(bears, code)

    assert queue().requests == 2


def test_a_redemption_that_waits_to_be_started_is_in_the_queue(limited: World) -> None:
    run = limited.begin(guild(members=2), proven())
    Redemption.objects.filter(pk=run.pk).update(state="pending")

    assert outlook(run).requests == 2
    assert queue().requests == 2


def test_a_waiting_redemption_of_a_guild_without_members_has_no_time_left(limited: World) -> None:
    run = limited.begin(guild(members=0), proven())
    Redemption.objects.filter(pk=run.pk).update(state="pending")

    assert run.pk not in read_outlooks().by_redemption
    assert read_outlooks().runs["simulator"] == 0


def test_a_stopped_run_s_unconfirmed_member_is_ahead_of_all(limited: World) -> None:
    stopped = limited.begin(guild(members=2), proven())
    stopped.member_redemptions.update(state="unconfirmed", next_attempt_at=database_now())
    Redemption.objects.filter(pk=stopped.pk).update(state="stopped")
    run = limited.begin(guild(members=1), proven(expires_at=database_now()))

    assert outlook(run).ahead_of_next == 2


def test_a_stopping_run_sends_no_more_requests(limited: World) -> None:
    run = limited.begin(guild(members=9), proven())
    Redemption.objects.filter(pk=run.pk).update(stop_requested_at=database_now())

    assert outlook(run).requests == 0
    assert left(outlook(run)).startswith("stopping")


def test_a_closed_code_s_members_are_not_counted(limited: World) -> None:
    code = proven()
    run = limited.begin(guild(members=9), code)
    code.state = "closed"
    code.save()

    assert outlook(run).requests == 0


def test_a_closed_code_s_members_who_are_not_due_yet_do_not_shorten_the_queue(
    limited: World,
) -> None:
    soon = [database_now() + timedelta(minutes=minutes) for minutes in (10, 20, 30)]
    code, *others = [proven(expires_at=moment) for moment in soon]
    closed = limited.begin(guild(members=9), code)
    closed.member_redemptions.update(next_attempt_at=database_now() + timedelta(minutes=9))
    _before, run = [limited.begin(guild(members=5), one) for one in others]
    code.state = "closed"
    code.save()

    assert outlook(run).ahead_of_next == 5
    assert outlook(closed).seconds == 0


def test_the_end_of_a_run_waits_for_a_member_who_is_not_due_yet(limited: World) -> None:
    run = limited.begin(guild(members=2), proven())
    run.member_redemptions.filter(pk=run.member_redemptions.order_by("pk")[0].pk).update(
        next_attempt_at=database_now() + timedelta(minutes=9)
    )

    assert 540 <= (outlook(run).seconds or 0) < 545


def test_a_code_without_proof_is_forecast_with_a_condition(limited: World) -> None:
    assert (
        left(outlook(limited.begin(guild(members=2), gift_code())))
        == "a few seconds if the code works"
    )


# --- The pace -------------------------------------------------------------------------------------
def test_the_used_part_of_the_window_counts(limited: World) -> None:
    now = database_now()
    run = limited.begin(guild(members=20), proven())
    budget = RateBudget.objects.create(
        provider="simulator",
        used=10,
        permits_until=now + timedelta(seconds=30),
        window_ends_at=now + timedelta(seconds=30),
    )
    assert (outlook(run).seconds or 0) < 10

    budget.used = 11
    budget.save()
    assert 30 <= (outlook(run).seconds or 0) < 33


def test_the_limit_that_the_game_reports_overrides_the_configured_limit(limited: World) -> None:
    run = limited.begin(guild(members=30), proven())
    assert (outlook(run).seconds or 0) < 10

    RateBudget.objects.create(provider="simulator", reported_limit=10)
    assert 120 < (outlook(run).seconds or 0) < 130


def test_a_request_under_way_counts_in_the_window_that_it_opens(limited: World) -> None:
    run = limited.begin(guild(members=31), proven())
    limited.claim(run)

    assert outlook(run).requests == 30
    assert 60 < (outlook(run).seconds or 0) < 70


def test_without_a_limit_the_last_minute_s_speed_counts_and_idleness_does_not(world: World) -> None:
    run = world.begin(guild(members=30), proven())
    assert left(outlook(run)) == NOT_MEASURED

    _sent(run, seconds_apart=0.5)
    before = [attempt.pk for attempt in Attempt.objects.order_by("-sent_at")[20:]]
    Attempt.objects.filter(pk__in=before).update(sent_at=F("sent_at") - timedelta(seconds=20))
    assert outlook(run).seconds == pytest.approx(15, abs=0.5)

    Attempt.objects.update(sent_at=database_now() - timedelta(seconds=61))
    assert left(outlook(run)) == NOT_MEASURED


def test_without_a_limit_the_time_is_the_requests_divided_by_the_speed(world: World) -> None:
    run = world.begin(guild(members=40), proven())
    _sent(run, seconds_apart=0.5)

    assert outlook(run).seconds == pytest.approx(20, abs=0.5)


def test_a_game_that_an_operator_paused_has_no_estimate(limited: World) -> None:
    run = limited.begin(guild(members=2), proven())
    RateBudget.objects.create(
        provider="simulator", pause_kind="operator", pause_reason="Maintenance."
    )

    assert (outlook(run).seconds, left(outlook(run))) == (None, "paused until it is resumed")


def test_a_pause_with_an_end_is_part_of_the_time(limited: World) -> None:
    run = limited.begin(guild(members=2), proven())
    until = database_now() + timedelta(minutes=3)
    RateBudget.objects.create(provider="simulator", pause_kind="unknown", paused_until=until)

    assert 180 < (outlook(run).seconds or 0) < 185
    assert left(outlook(run)) == "paused: about 3 min if the game answers then"


def test_a_game_that_is_off_has_no_estimate(limited: World, settings: Any) -> None:
    run = limited.begin(guild(members=2), proven())
    settings.PROVIDERS = {
        name: replace(config, salt="") if name == "simulator" else config
        for name, config in settings.PROVIDERS.items()
    }

    assert left(outlook(run)) == "unknown: Simulator is off"


@pytest.mark.django_db
def test_an_empty_queue_has_no_requests_and_no_runs() -> None:
    assert (queue().requests, read_outlooks().runs["simulator"]) == (0, 0)


def test_many_runs_take_as_many_queries_as_one(
    limited: World, django_assert_num_queries: Any
) -> None:
    limited.begin(guild(members=2), gift_code())
    with django_assert_num_queries(5):
        read_outlooks()
    for _ in range(12):
        limited.begin(guild(members=2), gift_code())
    with django_assert_num_queries(5):
        read_outlooks()


# --- The preview ----------------------------------------------------------------------------------
def test_a_preview_counts_members_and_requests_and_changes_nothing(limited: World) -> None:
    code = proven()
    wolves, bears = guild("Wolves", members=25), guild("Bears", members=9)
    member(bears, Member.objects.filter(guild=wolves)[0].player_id)
    member(bears, active=False)
    limited.begin(wolves, code)

    found = preview(guild_id=bears.pk, gift_code_id=code.pk)

    assert (found.members, found.requests) == (10, 9)
    assert found.outlook.ahead_of_last == 8
    assert left(found.outlook) == "a few seconds"
    assert not Redemption.objects.filter(guild=bears).exists()


def test_a_preview_of_a_running_redemption_is_its_outlook(limited: World) -> None:
    code, wolves = proven(), guild("Wolves", members=5)
    run = limited.begin(wolves, code)
    run.member_redemptions.filter(pk=run.member_redemptions.order_by("pk")[0].pk).update(
        state="redeemed"
    )

    assert preview(guild_id=wolves.pk, gift_code_id=code.pk).requests == 4


def test_several_previews_are_summed_and_count_a_player_of_two_guilds_once(
    limited: World, django_assert_num_queries: Any
) -> None:
    first, second = proven(), proven()
    wolves, bears = guild("Wolves", members=25), guild("Bears", members=9, priority=5)
    member(bears, Member.objects.filter(guild=wolves)[0].player_id)
    limited.begin(bears, second)
    pairs = [
        (of.pk, code.pk)
        for of in (wolves, bears, guild(provider="kingshot"))
        for code in (first, second)
    ]
    with django_assert_num_queries(6):
        found = previews(pairs)
    assert list(found) == [(of.pk, code.pk) for of in (bears, wolves) for code in (first, second)]
    assert [(one.members, one.requests, one.is_running) for one in found.values()] == [
        (10, 10, False),
        (10, 10, True),
        (25, 24, False),
        (25, 24, False),
    ]
    total = together(found.values())
    assert (total.members, total.requests) == (70, 68)
    assert total.outlook.seconds == max(one.outlook.seconds or 0 for one in found.values())
    assert previews([]) == {}


@pytest.mark.django_db
def test_the_request_of_a_player_counts_in_the_first_guild_that_can_send_it() -> None:
    code = proven()
    bears, wolves = guild("Bears", members=1, priority=5), guild("Wolves", members=1)
    there = Member.objects.get(guild=bears)
    member(wolves, there.player_id)
    pairs = [(bears.pk, code.pk), (wolves.pk, code.pk)]

    def counted() -> list[tuple[int, int]]:
        return [(one.requests, one.elsewhere) for one in previews(pairs).values()]

    assert counted() == [(1, 0), (1, 1)]
    # The game does not know the player in the realm of the first guild.
    now = database_now()
    realm = bears.realm
    Member.objects.filter(pk=there.pk).update(refused_realm=realm, refused_at=now)
    assert counted() == [(0, 0), (2, 0)]


@pytest.mark.django_db
def test_a_preview_for_another_game_s_guild_is_refused() -> None:
    with pytest.raises(ValueError, match="belongs to another game"):
        preview(guild_id=guild(provider="kingshot").pk, gift_code_id=gift_code().pk)


def _sent(run: Redemption, *, seconds_apart: float) -> None:
    """Store requests of the last half minute, at this interval."""
    share = MemberRedemption.objects.filter(redemption=run)[0]
    now = database_now()
    Attempt.objects.bulk_create(
        Attempt(
            member_redemption=share,
            gift_code=share.gift_code,
            player_id=share.player_id,
            realm=1,
            token=number,
            outcome="too_frequent",
            latency_ms=100,
            sent_at=now - timedelta(seconds=number * seconds_apart),
        )
        for number in range(1, int(30 / seconds_apart))
    )


def test_a_code_that_is_held_back_has_no_estimate_and_others_do_not_wait_for_it(
    limited: World,
) -> None:
    wolves, bears = guild(members=3), guild(members=3)
    odd, good = limited.begin(wolves, gift_code("ODD")), limited.begin(bears, proven("GOOD"))
    GiftCode.objects.filter(code="ODD").update(held_until=database_now(), odd_since=database_now())

    assert (outlook(odd).requests, outlook(odd).seconds) == (3, None)
    assert "unclear" in outlook(odd).why_unknown
    assert outlook(good).ahead_of_last == 0


def test_a_member_who_waits_for_correction_is_in_no_preview_of_a_new_code(limited: World) -> None:
    wolves = guild(members=3)
    Member.objects.filter(pk=wolves.members.all()[0].pk).update(
        refused_realm=wolves.realm, refused_at=database_now()
    )
    code = gift_code("NEW")

    assert preview(guild_id=wolves.pk, gift_code_id=code.pk).requests == 2
    shares = plan(guild_id=wolves.pk, gift_code_id=code.pk)
    assert sum(share.is_asked for share in shares) == 2
    assert any("waits for correction" in share.words for share in shares)
    Member.objects.update(realm=7)
    assert preview(guild_id=wolves.pk, gift_code_id=code.pk).requests == 3


@pytest.mark.parametrize("state", ["pending", "in_flight", "unconfirmed"])
def test_a_preview_does_not_tell_who_waits_in_a_guild_that_the_reader_does_not_see(
    limited: World, state: str
) -> None:
    code = proven()
    wolves, bears = guild("Wolves", members=1), guild("Bears")
    member(bears, Member.objects.get(guild=wolves).player_id)
    run = limited.begin(wolves, code)
    run.member_redemptions.update(state=state)
    pair = {"guild_id": bears.pk, "gift_code_id": code.pk}

    assert preview(**pair, seen=[bears.pk]).requests == 1
    assert preview(**pair, seen=[bears.pk, wolves.pk]).requests == 0
    (planned,) = plan(**pair, names_guilds=False)
    assert (planned.is_asked, planned.words) == (True, "for the first time")
