"""A person sends a test to a channel, and learns what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from giftcodes.clients.channels.discord import DiscordClient
from giftcodes.models import Alarm, Announcement, Channel
from giftcodes.notifications import announcements, recording
from giftcodes.services.channels import MOST_TESTS, queue_test, switch
from tests.clients.channels.standin import TOKEN, StandIn, running
from tests.factories import gift_code, guild
from tests.notifications.test_announcements import send_due
from tests.pipeline.conftest import World


@pytest.fixture
def discord() -> Iterator[StandIn]:
    with running() as standin:
        yield standin


@pytest.fixture(autouse=True)
def _quick(settings: Any) -> None:
    settings.ANNOUNCE_SECONDS = 1.0


@pytest.fixture
def channel(db: None, discord: StandIn) -> Channel:
    return Channel.objects.create(guild=guild("Wolves", members=1), address=discord.address(1))


def another(discord: StandIn, channel: Channel, number: int) -> Channel:
    """Another channel of the same guild."""
    return Channel.objects.create(
        guild=channel.guild, name=f"Channel {number}", address=discord.address(number)
    )


def last_test() -> Announcement:
    return Announcement.objects.filter(kind="test").latest("pk")


def test_a_test_is_one_message_that_says_what_the_channel_is_told(
    world: World, discord: StandIn, channel: Channel
) -> None:
    Channel.objects.update(role_id="123456789012345678")

    assert queue_test(channel.pk).is_queued
    send_due(world)
    send_due(world, 60)

    (message,) = discord.of(1)
    assert message.now["title"] == "👋 Test: this channel works"
    assert "Messages for Wolves arrive here." in message.now["description"]
    assert "This channel gets: “Every run: one message" in message.now["description"]
    # The role is shown, so that a person sees it, but a test pings nobody.
    assert message.versions[-1]["content"] == "<@&123456789012345678>"
    assert message.versions[-1]["allowed_mentions"] == {"parse": []}
    assert last_test().state == "done"
    channel.refresh_from_db()
    assert channel.delivered_at is not None


def test_a_test_goes_first(world: World, discord: StandIn, channel: Channel) -> None:
    for _ in range(3):
        world.begin(channel.guild, gift_code())
    queue_test(channel.pk)

    send_due(world)

    assert discord.of(1)[0].now["title"].startswith("👋")


@pytest.mark.parametrize(
    ("spoil", "state", "words"),
    [
        ({"status": 404, "body": {"code": 10015}}, "gone", "The webhook no longer exists"),
        ({"status": 400, "body": {"code": 50035, "message": "No."}}, "failed", "refused"),
        ({"status": 0}, "unknown", "did not answer"),
        ({"status": 500}, "unknown", "server failed"),
        ({"status": 403, "body": {"code": 0, "message": "No."}}, "waiting", "gave no reason"),
    ],
)
def test_the_reason_is_known_at_once_and_nothing_is_sent_twice(
    world: World,
    discord: StandIn,
    channel: Channel,
    spoil: dict[str, Any],
    state: str,
    words: str,
) -> None:
    discord.spoil(**spoil)
    queue_test(channel.pk)

    send_due(world)

    row = last_test()
    assert (row.state, words in row.error) == (state, True)
    assert len(discord.requests) == 1
    assert TOKEN not in row.error
    # An alarm would be for other people. The person who sent the test reads the reason anyway.
    assert not Alarm.objects.exists()


def test_if_the_service_cannot_be_reached_the_test_has_failed_at_once(
    world: World, channel: Channel, discord: StandIn
) -> None:
    Channel.objects.update(address=f"http://127.0.0.1:9/api/webhooks/1/{TOKEN}")
    queue_test(channel.pk)

    send_due(world)

    assert (last_test().state, "could not be reached" in last_test().error) == ("failed", True)
    channel.refresh_from_db()
    assert (channel.not_before, channel.refused_since) == (None, None)


def test_a_pause_that_the_service_asks_for_is_kept(
    world: World, discord: StandIn, channel: Channel
) -> None:
    discord.spoil(429, headers={"Retry-After": "30"})
    queue_test(channel.pk)
    send_due(world)
    send_due(world, 10)
    assert last_test().state == "waiting"
    assert len(discord.requests) == 1

    send_due(world, 30)

    assert last_test().state == "done"


def test_the_number_of_tests_is_limited_and_one_is_sent_at_a_time(
    world: World, discord: StandIn, channel: Channel
) -> None:
    assert queue_test(channel.pk).is_queued
    assert queue_test(channel.pk).is_waiting
    send_due(world)
    for _ in range(MOST_TESTS - 1):
        assert queue_test(channel.pk).is_queued
        send_due(world)

    refused = queue_test(channel.pk)

    assert not refused.is_queued
    assert 0 < refused.wait_seconds <= 300
    assert len(discord.of(1)) == MOST_TESTS
    # The next test deletes finished tests.
    assert Announcement.objects.filter(kind="test").count() == 1


def test_a_channel_that_is_off_takes_a_test(
    world: World, discord: StandIn, channel: Channel
) -> None:
    Channel.objects.update(is_on=False)
    queue_test(channel.pk)

    send_due(world)

    assert "switched off" in discord.of(1)[0].now["description"]


def test_a_test_that_arrives_ends_the_alarm(
    world: World, discord: StandIn, channel: Channel
) -> None:
    Alarm.objects.raise_once(Alarm.Kind.CHANNEL_GONE, str(channel.pk), "Gone.")
    Channel.objects.update(error="Gone.")
    queue_test(channel.pk)

    send_due(world)

    channel.refresh_from_db()
    assert channel.error == ""
    assert not Alarm.objects.standing().exists()


@pytest.mark.parametrize("change", ["deleted", "off"])
def test_a_channel_that_is_deleted_or_switched_off_during_a_request_leaves_no_alarm(
    world: World, discord: StandIn, channel: Channel, change: str
) -> None:
    world.begin(channel.guild, gift_code())
    ((pk, token),) = announcements.claim()
    job = announcements._intend(pk, token)
    assert job is not None
    discord.gone.add("1")
    refusal = job.client.create(job.message)
    if change == "off":
        switch([channel], is_on=False)
    else:
        channel.delete()

    recording.record(job, refusal)

    assert not Alarm.objects.exists()


def test_the_test_of_a_deleted_channel_is_not_sent(
    world: World, discord: StandIn, channel: Channel
) -> None:
    queue_test(channel.pk)
    Channel.objects.all().delete()

    send_due(world)

    assert discord.requests == []
    assert last_test().state == "dropped"


# --- Other channels of the guild, and other guilds ------------------------------------------------
def test_the_limit_of_tests_is_for_all_channels_of_a_guild_together(
    world: World, discord: StandIn, channel: Channel
) -> None:
    channels = [channel, *(another(discord, channel, number) for number in range(2, 8))]

    queued = [queue_test(one.pk).is_queued for one in channels]

    assert queued == [True] * MOST_TESTS + [False] * 2
    # A new channel does not raise the limit of the guild. Another guild has its own limit.
    channels[0].delete()
    assert not queue_test(another(discord, channel, 8).pk).is_queued
    bears = Channel.objects.create(guild=guild("Bears"), address=discord.address(9))
    assert queue_test(bears.pk).is_queued


def test_a_test_has_less_time_than_another_message(
    world: World, channel: Channel, settings: Any
) -> None:
    settings.ANNOUNCE_SECONDS = 60.0
    seconds = []
    for is_test in (True, False):
        if is_test:
            queue_test(channel.pk)
        else:
            world.begin(channel.guild, gift_code())
        ((pk, token),) = announcements.claim()
        job = announcements._intend(pk, token)
        assert job is not None
        assert isinstance(job.client, DiscordClient)
        seconds.append(job.client._seconds[0])
        Announcement.objects.filter(pk=pk).delete()

    assert seconds == [announcements.TEST_SECONDS, 60.0]


def test_a_silent_channel_is_left_alone_for_a_while(
    world: World, discord: StandIn, channel: Channel
) -> None:
    discord.spoil(0)
    queue_test(channel.pk)
    send_due(world)
    world.begin(channel.guild, gift_code())

    send_due(world, recording.REST_SECONDS - 5)
    assert len(discord.requests) == 1
    send_due(world, 5)

    assert len(discord.requests) == 2
