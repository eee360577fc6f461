"""Each alarm is raised once and cleared once, and the operator gets a notice of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from giftcodes import tasks
from giftcodes.models import (
    Alarm,
    AlarmNotice,
    Cursor,
    Feed,
    Heartbeat,
    Member,
    RateBudget,
    Redemption,
    database_now,
)
from giftcodes.notifications import alarms
from tests.clients.channels.standin import TOKEN, StandIn, running
from tests.factories import gift_code, guild, member, on_trial
from tests.pipeline.conftest import World

#: The running time of a site that was not started just now, in seconds.
FOR_LONG = 3600.0


@pytest.fixture
def discord() -> Iterator[StandIn]:
    with running() as standin:
        yield standin


@pytest.fixture
def operator(discord: StandIn, settings: Any) -> StandIn:
    """The stand-in, as the operator's channel."""
    settings.OPERATOR_CHANNEL = discord.address(9)
    settings.ANNOUNCE_SECONDS = 1.0
    return discord


def watch(world: World, minutes: int) -> None:
    """Evaluate the alarms now and in some minutes, as if they had been evaluated each minute."""
    tasks.alarms()
    Alarm.objects.update(suspected_at=F("suspected_at") - timedelta(minutes=minutes))
    tasks.alarms()
    world.drain()


def standing() -> list[tuple[str, str]]:
    return list(Alarm.objects.standing().values_list("kind", "subject"))


def titles(operator: StandIn) -> list[str]:
    """Titles of the operator's messages."""
    return [message.titles[0] for message in operator.of(9)]


def with_feed(settings: Any) -> None:
    here = settings.PROVIDERS["simulator"]
    settings.PROVIDERS = {
        **settings.PROVIDERS,
        "simulator": replace(here, feed_url="http://127.0.0.1:9/feed"),
    }


def feed_fails() -> Callable[[], object]:
    Feed.objects.create(
        provider="simulator", failures=3, error="HTTP 503.", answered_at=timezone.now()
    )
    return lambda: Feed.objects.update(failures=0)


def feed_is_silent() -> Callable[[], object]:
    Feed.objects.create(provider="simulator", answered_at=timezone.now() - timedelta(minutes=20))
    return lambda: Feed.objects.update(answered_at=timezone.now())


def no_run_starts() -> Callable[[], object]:
    wolves, code = guild(members=1), gift_code()
    return lambda: Redemption.objects.create(guild=wolves, gift_code=code, state="running")


def a_run_waits() -> Callable[[], object]:
    Redemption.objects.create(guild=guild(members=1), gift_code=gift_code())
    return lambda: Redemption.objects.update(state="running")


def no_members() -> Callable[[], object]:
    wolves = guild()
    return lambda: member(wolves)


def all_members_left() -> Callable[[], object]:
    guild(members=2)
    Member.objects.update(active=False)
    return lambda: Member.objects.update(active=True)


CAUSES = [
    (feed_fails, "feed_silent", 61),
    (feed_is_silent, "feed_silent", 61),
    (no_run_starts, "uncovered", 31),
    (a_run_waits, "uncovered", 31),
    (no_members, "no_members", 31),
    (all_members_left, "no_members", 31),
]


@pytest.mark.parametrize(
    ("cause", "kind", "minutes"), CAUSES, ids=lambda value: getattr(value, "__name__", None)
)
def test_an_alarm_is_raised_once_and_cleared_once(
    world: World,
    operator: StandIn,
    settings: Any,
    cause: Callable[[], Callable[[], object]],
    kind: str,
    minutes: int,
) -> None:
    with_feed(settings)
    remedy = cause()

    watch(world, minutes - 2)
    assert standing() == []
    watch(world, 2)
    watch(world, 100)
    assert [found for found, _ in standing()] == [kind]
    remedy()
    watch(world, 100)
    watch(world, 100)

    assert standing() == []
    assert Alarm.objects.count() == 1
    assert titles(operator) == ["🔔 Raised: 1", "✅ Over: 1"]


def test_trouble_that_is_over_in_time_raises_no_alarm(world: World, operator: StandIn) -> None:
    remedy = no_members()
    watch(world, 29)
    remedy()
    watch(world, 29)
    Member.objects.all().delete()
    watch(world, 29)

    assert not Alarm.objects.raised().exists()
    assert titles(operator) == []


@pytest.mark.parametrize(
    "quiet",
    [
        {"automatic": False},
        {"active": False},
        {"provider": "whiteout"},  # This game is off.
    ],
)
def test_guilds_that_are_not_redeemed_for_raise_no_alarm(
    world: World, quiet: dict[str, Any]
) -> None:
    guild(**quiet)
    guild(members=1, **quiet)
    gift_code()

    watch(world, 100)

    assert standing() == []


def test_while_the_game_is_paused_no_alarm_says_that_a_guild_waits_for_a_run(world: World) -> None:
    no_run_starts()
    RateBudget.objects.create(provider="simulator", pause_kind="signature")

    watch(world, 100)

    assert standing() == []


def test_a_code_on_trial_raises_no_alarm_about_guilds_that_wait_for_a_run(world: World) -> None:
    guild(members=1)
    on_trial(gift_code())

    watch(world, 100)

    assert standing() == []


def test_a_feed_that_is_switched_off_raises_no_alarm(world: World, settings: Any) -> None:
    with_feed(settings)
    feed_fails()
    Feed.objects.update(enabled=False)

    watch(world, 100)

    assert standing() == []


def test_after_an_outage_the_time_of_a_suspicion_begins_anew(world: World) -> None:
    no_members()
    tasks.alarms()
    Alarm.objects.update(suspected_at=F("suspected_at") - timedelta(hours=3))
    Cursor.objects.filter(name="alarms").update(at=F("at") - timedelta(minutes=6))

    tasks.alarms()
    assert standing() == []

    watch(world, 31)
    assert len(standing()) == 1


def test_many_guilds_take_as_many_queries_as_one(world: World) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            alarms.evaluate()
        return len(queries)

    guild()
    watch(world, 100)
    one = cost()
    for _ in range(30):
        guild()
    assert cost() == one
    Alarm.objects.update(suspected_at=F("suspected_at") - timedelta(hours=3))
    # One query marks the alarms as raised, one reads the channels that are told of alarms.
    assert cost() <= one + 2
    assert len(standing()) == 31


# --- Alarms that other parts of the code raise ----------------------------------------------------
def test_a_pause_and_its_end_are_one_notice_each(world: World, operator: StandIn) -> None:
    wolves, code = guild(members=3), gift_code()
    world.knows(wolves)
    world.has(code)
    world.says("Sign Error", times=1)

    world.redeem(wolves, code)
    tasks.announce()
    world.drain()
    assert titles(operator) == ["🔔 Raised: 1"]
    for _ in range(3):
        world.pass_time(100)
        world.tick()
    tasks.announce()
    world.drain()

    assert standing() == []
    assert titles(operator) == ["🔔 Raised: 1", "✅ Over: 1"]


def test_a_run_without_progress_and_its_end_are_one_notice_each(
    world: World, operator: StandIn
) -> None:
    redemption = world.begin(guild(members=1), gift_code())
    RateBudget.objects.get_or_create(provider="simulator")

    _sweep_for(world, 160)
    assert standing() == [("no_progress", str(redemption.pk))]
    Redemption.objects.update(state="complete")
    tasks.sweep()
    tasks.announce()
    world.drain()

    assert titles(operator) == ["🔔 Raised: 1, ✅ Over: 1"]


def test_the_time_of_an_outage_does_not_count_as_time_without_progress(
    world: World,
) -> None:
    world.begin(guild(members=1), gift_code())
    RateBudget.objects.get_or_create(provider="simulator")
    _sweep_for(world, 60)

    world.pass_time(16 * 60)
    _sweep_for(world, 100)
    assert standing() == []
    _sweep_for(world, 60)

    assert [kind for kind, _ in standing()] == ["no_progress"]


def test_after_the_clock_was_set_back_a_run_without_progress_is_still_found(world: World) -> None:
    world.begin(guild(members=1), gift_code())
    RateBudget.objects.get_or_create(provider="simulator")
    _sweep_for(world, 20)
    Cursor.objects.update(at=F("at") + timedelta(days=1))

    _sweep_for(world, 160)

    assert [kind for kind, _ in standing()] == ["no_progress"]


def _sweep_for(world: World, seconds: int) -> None:
    """Let time go by while the system runs, but drop the messages that the sweeps enqueue."""
    for _ in range(seconds // 20):
        tasks.sweep()
        world.rings.clear()
        world.pass_time(20)
    tasks.sweep()
    world.rings.clear()


def test_the_alarm_about_a_silent_beat_is_raised_by_the_site_and_cleared_by_a_tick(
    world: World, operator: StandIn
) -> None:
    tasks.tick()
    assert not alarms.check_beat(running_seconds=FOR_LONG)
    Heartbeat.objects.filter(name="tick").update(at=F("at") - timedelta(seconds=31))

    checks = [alarms.check_beat(running_seconds=FOR_LONG) for _ in range(3)]

    assert checks == [True, False, False]
    assert standing() == [("beat_silent", "beat")]
    assert titles(operator) == [
        "🔔 Raised: 1"
    ]  # Sent by the site's process: there may be no worker.
    tasks.tick()
    tasks.alarms()
    world.drain()

    assert not alarms.check_beat(running_seconds=FOR_LONG)
    assert standing() == []
    assert titles(operator) == ["🔔 Raised: 1", "✅ Over: 1"]


def test_healthz_answers_and_changes_nothing(world: World, operator: StandIn) -> None:
    client = Client()
    tasks.tick()
    assert client.get("/healthz").status_code == 200
    Heartbeat.objects.filter(name="tick").update(at=F("at") - timedelta(minutes=16))

    with CaptureQueriesContext(connection) as queries:
        assert client.get("/healthz").status_code == 503

    assert all(query["sql"].startswith("SELECT") for query in queries)
    assert not Alarm.objects.filter(kind=Alarm.Kind.CHANNEL_SILENT).exists()
    assert titles(operator) == []


def test_a_site_that_has_just_started_raises_no_alarm_about_the_time_before_its_start(
    world: World,
) -> None:
    tasks.tick()
    Heartbeat.objects.update(at=F("at") - timedelta(minutes=16))
    assert not alarms.check_beat(running_seconds=5)
    assert standing() == []

    assert alarms.check_beat(running_seconds=35)
    assert standing() == [("beat_silent", "beat")]


def test_a_beat_that_never_ticked_is_silent_from_half_a_minute_after_the_installation(
    world: World,
) -> None:
    MigrationRecorder.Migration.objects.update(applied=database_now())
    assert Client().get("/healthz").status_code == 503
    assert not alarms.check_beat(running_seconds=FOR_LONG)
    assert standing() == []

    MigrationRecorder.Migration.objects.update(applied=F("applied") - timedelta(seconds=31))
    assert alarms.check_beat(running_seconds=FOR_LONG)
    assert standing() == [("beat_silent", "beat")]


# --- The operator's channel -----------------------------------------------------------------------
def test_many_alarms_are_one_message(world: World, operator: StandIn) -> None:
    for _ in range(40):
        guild()

    watch(world, 31)

    (message,) = operator.of(9)
    assert message.titles == ["🔔 Raised: 40"]
    assert message.now["description"].endswith("… and 25 more.")
    assert AlarmNotice.objects.filter(state="done").count() == 40


def test_a_notice_whose_fate_is_unknown_is_not_repeated(world: World, operator: StandIn) -> None:
    operator.spoil(0, takes_effect=True)
    no_members()

    watch(world, 31)
    AlarmNotice.objects.update(next_attempt_at=F("next_attempt_at") - timedelta(hours=1))
    watch(world, 31)

    assert len(operator.requests) == 1
    assert AlarmNotice.objects.get().state == "unknown"


def test_a_notice_that_the_channel_did_not_take_is_sent_again_together_with_a_later_one(
    world: World, operator: StandIn
) -> None:
    remedy = no_members()
    operator.spoil(429, headers={"Retry-After": "60"})
    watch(world, 31)
    remedy()
    watch(world, 31)
    assert len(operator.requests) == 1

    AlarmNotice.objects.update(next_attempt_at=F("next_attempt_at") - timedelta(minutes=2))
    tasks.announce()
    world.drain()

    assert titles(operator) == ["🔔 Raised: 1, ✅ Over: 1"]


def test_a_sender_that_died_leaves_a_notice_whose_fate_is_unknown(
    world: World, operator: StandIn
) -> None:
    Alarm.objects.raise_once("no_members", "1", "No members.")
    assert alarms._claim()

    assert alarms.send_notices() == 0
    AlarmNotice.objects.update(lease_until=F("lease_until") - timedelta(minutes=1))
    assert alarms.send_notices() == 0

    assert operator.requests == []
    assert AlarmNotice.objects.get().state == "unknown"


def test_an_alarm_that_was_raised_without_an_operators_channel_is_not_sent_later(
    world: World, operator: StandIn, settings: Any
) -> None:
    address, settings.OPERATOR_CHANNEL = settings.OPERATOR_CHANNEL, ""
    Alarm.objects.raise_once("no_members", "1", "No members.")
    settings.OPERATOR_CHANNEL = address

    assert alarms.send_notices() == 0


def test_the_operators_address_is_in_no_log_and_no_row(
    world: World, operator: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    operator.gone.add("9")
    no_members()

    watch(world, 31)

    assert AlarmNotice.objects.get().state == "gone"
    assert TOKEN in settings.OPERATOR_CHANNEL
    assert TOKEN not in caplog.text + repr(list(AlarmNotice.objects.values()))


def test_many_suspicions_are_forgotten_in_several_statements_of_one_pass(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarms, "_ROWS", 2)
    Cursor.move_to_now("alarms", longest_gap=timedelta(minutes=5))
    suspected = [
        Alarm(kind=Alarm.Kind.CHANNEL_SILENT, subject=str(number), raised_at=None)
        for number in range(5)
    ]
    Alarm.objects.bulk_create(suspected)
    with CaptureQueriesContext(connection) as captured:
        alarms.evaluate()
    assert not Alarm.objects.filter(kind=Alarm.Kind.CHANNEL_SILENT).exists()
    deletions = [query["sql"] for query in captured if query["sql"].startswith("DELETE")]
    assert len(deletions) == 3


def test_many_alarms_are_raised_in_several_passes_but_each_alarm_only_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarms, "_ROWS", 2)
    kind = Alarm.Kind.CHANNEL_SILENT
    found = [alarms.Finding(kind, str(number), "Wrong.") for number in range(5)]
    monkeypatch.setattr(alarms.causes, "find", lambda: found)
    monkeypatch.setattr(alarms, "PATIENCE", {kind: timedelta(minutes=1)})
    raised = []
    for _ in range(4):
        Alarm.objects.update(suspected_at=F("suspected_at") - timedelta(minutes=2))
        raised.append(alarms.evaluate().raised)
    assert raised == [0, 2, 2, 1]
