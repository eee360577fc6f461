"""A guild has several channels. Each is told what was chosen for it, at most once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from giftcodes import tasks
from giftcodes.models import Alarm, Announcement, Channel, Guild, Redemption, Trigger
from giftcodes.models.channel import Tells
from tests.clients.channels.standin import StandIn, running
from tests.factories import gift_code, guild, member
from tests.notifications.test_announcements import send_due
from tests.pipeline.conftest import World

ROLE = "123456789012345678"


@pytest.fixture
def discord() -> Iterator[StandIn]:
    with running() as standin:
        yield standin


@pytest.fixture(autouse=True)
def _quick(settings: Any) -> None:
    settings.ANNOUNCE_SECONDS = 1.0


def channel(discord: StandIn, of: Guild, number: int, **fields: Any) -> Channel:
    """A channel of the guild, with this number at the stand-in."""
    return Channel.objects.create(
        guild=of, name=f"Channel {number}", address=discord.address(number), **fields
    )


def titles(discord: StandIn, number: int) -> list[str]:
    """What the messages of a channel say now."""
    return [message.titles[-1].split(":")[0] for message in discord.of(number)]


def play(world: World, of: Guild, code: Any, *, knows: bool) -> Redemption:
    """A whole run, with its messages."""
    if knows:
        world.knows(of)
    world.has(code)
    redemption = world.redeem(of, code)
    for _ in range(4):
        send_due(world)
    redemption.refresh_from_db()
    assert redemption.state == "complete"
    return redemption


def test_each_channel_is_told_what_was_chosen_for_it(world: World, discord: StandIn) -> None:
    wolves = guild(members=2)
    for number, tells in enumerate(Tells, 1):
        channel(discord, wolves, number, tells=tells)

    play(world, wolves, gift_code(), knows=True)

    good = ["✅ Done, everyone has it"]
    assert [titles(discord, number) for number in (1, 2, 3)] == [good, good, []]


def test_a_run_that_needs_a_person_is_told_in_every_channel(world: World, discord: StandIn) -> None:
    wolves = guild(members=2)
    for number, tells in enumerate(Tells, 1):
        channel(discord, wolves, number, tells=tells)

    play(world, wolves, gift_code(), knows=False)

    bad = ["❌ Nobody got it"]
    assert [titles(discord, number) for number in (1, 2, 3)] == [bad, bad, bad]
    # A channel that is told only of the end gets a new message, not an edited start message.
    assert [len(message.versions) for message in discord.of(3)] == [1]


def test_every_channel_gets_one_start_and_one_end_of_a_run(world: World, discord: StandIn) -> None:
    wolves = guild(members=2)
    channels = [channel(discord, wolves, number) for number in (1, 2)]

    redemption = play(world, wolves, gift_code(), knows=True)

    rows = Announcement.objects.order_by("channel", "pk")
    assert list(rows.values_list("channel", "kind", "state")) == [
        (one.pk, kind, "done") for one in channels for kind in ("started", "complete")
    ]
    again = {"redemption": redemption, "run_number": 1, "kind": "started", "channel": channels[0]}
    with pytest.raises(IntegrityError), transaction.atomic():
        Announcement.objects.create(**again)


def test_a_channel_that_asks_for_a_pause_does_not_hold_up_the_others(
    world: World, discord: StandIn
) -> None:
    wolves = guild(members=2)
    first, second = (channel(discord, wolves, number) for number in (1, 2))
    world.begin(wolves, gift_code())
    discord.spoil(429, headers={"Retry-After": "600"})

    send_due(world)
    send_due(world, 10)

    told = [number for number in (1, 2) if discord.of(number)]
    assert len(told) == 1
    rests = {one.pk: one.not_before for one in Channel.objects.all()}
    assert sorted(moment is None for moment in rests.values()) == [False, True]
    assert rests[(first, second)[told[0] - 1].pk] is None

    send_due(world, 601)
    assert [len(discord.of(number)) for number in (1, 2)] == [1, 1]


def test_the_end_in_one_channel_does_not_wait_for_the_start_in_another(
    world: World, discord: StandIn
) -> None:
    wolves = guild(members=2)
    channel(discord, wolves, 1)
    redemption = world.begin(wolves, gift_code())
    discord.spoil(429, headers={"Retry-After": "600"})
    send_due(world)
    channel(discord, wolves, 2)
    Redemption.objects.filter(pk=redemption.pk).update(stop_requested_at=F("locked_at"))
    tasks.finish(redemption.pk)

    for _ in range(3):
        send_due(world)

    assert [titles(discord, number) for number in (1, 2)] == [[], ["⏹️ Stopped"]]


def test_the_alarm_about_a_channel_is_told_in_the_other_channel_of_the_guild(
    world: World, discord: StandIn
) -> None:
    wolves = guild("Wolves", members=2)
    gone = channel(discord, wolves, 1, tells=Tells.ALL)
    channel(discord, wolves, 2, tells=Tells.NEEDED)
    discord.gone.add("1")
    world.begin(wolves, gift_code())

    for _ in range(3):
        send_due(world, 60)

    alarm = Alarm.objects.standing().get()
    assert (alarm.kind, alarm.subject) == ("channel_gone", str(gone.pk))
    (message,) = discord.of(2)
    assert message.now["title"] == "🔔 Channel gone (Wolves)"
    assert "channel “Channel 1” of guild Wolves takes no messages" in message.now["description"]
    assert not Announcement.objects.filter(channel=gone, alarm=alarm).exists()

    discord.gone.clear()
    world.begin(wolves, gift_code())
    for _ in range(3):
        send_due(world, 60)
    assert [message.now["title"] for message in discord.of(2)][1:] == [
        "✅ Over: Channel gone (Wolves)"
    ]


def test_alarms_of_the_guild_are_told_once_in_channels_that_are_told_of_alarms(
    world: World, discord: StandIn
) -> None:
    wolves, bears = guild("Wolves"), guild("Bears")
    for number, tells in enumerate(Tells, 1):
        channel(discord, wolves, number, tells=tells)
    channel(discord, bears, 4, tells=Tells.ALL)
    late = channel(discord, wolves, 5, tells=Tells.ALL, is_on=False)

    Alarm.objects.raise_once(Alarm.Kind.NO_MEMBERS, str(wolves.pk), "Wolves has no members.")
    Alarm.objects.raise_once(Alarm.Kind.FEED_SILENT, "simulator", "Of no guild.")
    for _ in range(3):
        send_due(world)
    Channel.objects.filter(pk=late.pk).update(is_on=True)
    Alarm.objects.clear(Alarm.Kind.NO_MEMBERS, str(wolves.pk))
    for _ in range(3):
        send_due(world)

    told = [[message.now["title"] for message in discord.of(number)] for number in range(1, 6)]
    both = ["🔔 Guild without members (Wolves)", "✅ Over: Guild without members (Wolves)"]
    # The channel that was off when the alarm was raised is not told of its end either.
    assert told == [[], both, both, [], []]


def test_a_channel_that_is_off_gets_nothing_and_its_waiting_message_is_dropped(
    world: World, discord: StandIn
) -> None:
    wolves = guild(members=2)
    off, waiting = channel(discord, wolves, 1, is_on=False), channel(discord, wolves, 2)
    world.begin(wolves, gift_code())
    assert not Announcement.objects.filter(channel=off).exists()

    Channel.objects.filter(pk=waiting.pk).update(is_on=False)
    send_due(world)

    assert discord.requests == []
    assert Announcement.objects.get().state == "dropped"


def test_a_channel_that_is_added_during_a_run_is_told_of_its_end(
    world: World, discord: StandIn
) -> None:
    wolves = guild(members=2)
    channel(discord, wolves, 1)
    redemption = world.begin(wolves, gift_code())
    send_due(world)
    channel(discord, wolves, 2)
    Redemption.objects.filter(pk=redemption.pk).update(stop_requested_at=F("locked_at"))
    tasks.finish(redemption.pk)

    for _ in range(3):
        send_due(world)

    assert [titles(discord, number) for number in (1, 2)] == [["⏹️ Stopped"], ["⏹️ Stopped"]]


@pytest.mark.parametrize(("newcomers", "messages"), [(5, 1), (6, 2)])
def test_a_run_of_members_who_joined_later_is_told_only_if_many_need_a_person(
    world: World, discord: StandIn, newcomers: int, messages: int
) -> None:
    wolves = guild(members=1)
    channel(discord, wolves, 1, tells=Tells.NEEDED)
    code = gift_code()
    world.has(code)
    redemption = world.redeem(wolves, code, Trigger.POLL)
    send_due(world)
    # The first member needed a person before the next run. That run does not count the member.
    redemption.member_redemptions.update(updated_at=F("updated_at") - timedelta(minutes=5))
    for _ in range(newcomers):
        member(wolves)

    world.catch_up()
    for _ in range(6):
        world.breathe()
    send_due(world)

    redemption.refresh_from_db()
    assert (redemption.run_number, redemption.state) == (2, "complete")
    assert len(discord.of(1)) == messages


def test_only_the_chosen_role_is_mentioned(world: World, discord: StandIn) -> None:
    wolves = guild("@everyone <@&1> Wolves", members=2)
    channel(discord, wolves, 1, role_id=ROLE)
    channel(discord, wolves, 2)

    play(world, wolves, gift_code(), knows=True)

    (with_role,), (without,) = discord.of(1), discord.of(2)
    for version in with_role.versions:
        assert version["content"] == f"<@&{ROLE}>"
        assert version["allowed_mentions"] == {"parse": [], "roles": [ROLE]}
    for version in without.versions:
        assert "content" not in version
        assert version["allowed_mentions"] == {"parse": []}


def test_a_channel_that_is_told_less_from_now_on_still_gets_the_end_of_a_begun_run(
    world: World, discord: StandIn
) -> None:
    wolves = guild(members=2)
    only = channel(discord, wolves, 1)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    redemption = world.begin(wolves, code)
    send_due(world)
    Channel.objects.filter(pk=only.pk).update(tells=Tells.NEEDED)

    tasks.dispatch("simulator")
    world.drain()
    for _ in range(3):
        send_due(world)

    redemption.refresh_from_db()
    assert redemption.state == "complete"
    assert titles(discord, 1) == ["✅ Done, everyone has it"]
