"""Runs are announced by the Discord bot in a channel that was chosen in Discord."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from giftcodes import tasks
from giftcodes.clients.channels import BotChannel, discord_by_bot
from giftcodes.models import Alarm, Announcement, Channel, DiscordServer, Guild
from giftcodes.models.channel import Tells, validate_channel
from giftcodes.notifications import announcements, recording
from giftcodes.services.channels import queue_test
from giftcodes.services.discord_links import unlink_server
from tests.clients.channels.standin import BOT_TOKEN, StandIn, running
from tests.factories import gift_code, guild, member
from tests.notifications.test_announce_refusals import end, moved
from tests.notifications.test_announcements import deliveries, send_due
from tests.pipeline.conftest import World

SERVER, CHANNEL, ROLE = 700_000_000_000_000_001, 800_000_000_000_000_001, "900000000000000001"


@pytest.fixture
def discord(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    settings.ANNOUNCE_SECONDS = 1.0
    settings.DISCORD_TOKEN = BOT_TOKEN
    with running() as standin:
        monkeypatch.setattr(discord_by_bot, "API", standin.api)
        yield standin


def by_bot(*, number: int = CHANNEL, **fields: Any) -> Guild:
    """A guild with a channel in which the bot posts."""
    wolves = guild(**fields)
    DiscordServer.objects.create(guild=wolves, server_id=SERVER, name="Home")
    Channel.objects.create(guild=wolves, name="runs", address=BotChannel(SERVER, number).address)
    return wolves


def test_a_run_is_one_message_with_buttons_that_fit_what_can_be_done(
    world: World, discord: StandIn
) -> None:
    wolves = by_bot(members=2)
    code = gift_code()
    world.knows(wolves)
    member(wolves)
    world.has(code)
    redemption = world.begin(wolves, code)

    send_due(world)
    (message,) = discord.of(CHANNEL)
    assert message.buttons == {
        "Stop": f"rd:stop run:{wolves.pk}:{redemption.pk}:1",
        "Who is missing": f"rd:who is missing:{wolves.pk}:{redemption.pk}",
    }
    tasks.dispatch("simulator")
    world.drain()
    send_due(world)

    assert discord.of(CHANNEL) == [message]
    assert message.titles == [
        f"🎁 Auto-Redeem Started: {code} for {wolves}",
        f"⚠️ Done, 1 needs you: {code} for {wolves}",
    ]
    assert list(message.buttons) == ["Redeem now", "Who is missing"]
    assert deliveries(redemption) == [("started", "done"), ("complete", "done")]
    assert not any(BOT_TOKEN in str(request) for request in discord.requests)


def test_buttons_go_away_when_everybody_has_the_code(world: World, discord: StandIn) -> None:
    wolves = by_bot(members=2)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    world.begin(wolves, code)
    send_due(world)
    tasks.dispatch("simulator")
    world.drain()

    send_due(world)

    (message,) = discord.of(CHANNEL)
    assert len(message.versions) == 2
    assert message.buttons == {}


def test_a_channel_of_the_bot_mentions_its_role_and_is_told_what_it_chose(
    world: World, discord: StandIn
) -> None:
    wolves = by_bot(members=1)
    Channel.objects.update(tells=Tells.NEEDED, role_id=ROLE)
    code = gift_code()
    world.has(code)

    world.redeem(wolves, code)
    send_due(world)

    (message,) = discord.of(CHANNEL)
    assert message.titles == [f"❌ Nobody got it: {code} for {wolves}"]
    assert message.versions[0]["content"] == f"<@&{ROLE}>"
    assert message.versions[0]["allowed_mentions"] == {"parse": [], "roles": [ROLE]}


def without_permission(discord: StandIn) -> None:
    discord.closed_to_bot.add(str(CHANNEL))


def deleted_channel(discord: StandIn) -> None:
    discord.gone.add(str(CHANNEL))


def locked_thread(discord: StandIn) -> None:
    discord.locked.add(str(CHANNEL))


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (without_permission, "The bot may not post in this channel"),
        (deleted_channel, "The channel or thread no longer exists"),
        (locked_thread, "The thread is archived and locked"),
    ],
)
def test_a_refusal_has_its_line_and_its_alarm_and_redeeming_goes_on(
    world: World, discord: StandIn, trouble: Any, words: str
) -> None:
    wolves = by_bot(members=2)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    trouble(discord)
    redemption = world.redeem(wolves, code)

    for _ in range(2 * recording.MOST_TRIES + 2):
        send_due(world, 2_000)

    assert discord.messages == {}
    states = {state for _kind, state in deliveries(redemption)}
    assert states <= {"failed", "gone"}
    assert words in Channel.objects.get().error
    alarm = Alarm.objects.get(kind=Alarm.Kind.CHANNEL_GONE)
    assert words in alarm.message
    assert BOT_TOKEN not in alarm.message
    redemption.refresh_from_db()
    assert redemption.state == "complete"


def test_a_deleted_message_raises_no_alarm_and_the_end_is_a_new_message(
    world: World, discord: StandIn
) -> None:
    wolves = by_bot(members=3)
    redemption = world.begin(wolves, gift_code())
    send_due(world)
    (first,) = discord.messages
    discord.delete(first)
    moved(redemption)

    send_due(world, 6)
    assert deliveries(redemption) == [("started", "gone")]
    end(world, redemption)
    send_due(world)

    (message,) = discord.of(CHANNEL)
    assert message.titles[0].startswith("⏹️ Stopped")
    assert deliveries(redemption)[1] == ("complete", "done")
    assert not Alarm.objects.exists()
    assert Channel.objects.get().error == ""


def test_messages_wait_while_discord_refuses_the_token(world: World, discord: StandIn) -> None:
    discord.bot_token = "another"
    redemption = world.begin(by_bot(members=1), gift_code())

    for _ in range(20):
        send_due(world, 700)
    assert "Discord refuses the token of the bot (HTTP 401)" in Channel.objects.get().error
    assert deliveries(redemption) == [("started", "waiting")]
    discord.bot_token = BOT_TOKEN
    send_due(world, 2_000)

    assert len(discord.of(CHANNEL)) == 1
    assert deliveries(redemption) == [("started", "sent")]


def test_an_archived_thread_gets_the_end_as_a_new_message(world: World, discord: StandIn) -> None:
    wolves = by_bot(members=2)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    redemption = world.begin(wolves, code)
    send_due(world)
    discord.archived.add(str(CHANNEL))
    tasks.dispatch("simulator")
    world.drain()

    send_due(world)
    send_due(world)

    assert [len(message.versions) for message in discord.of(CHANNEL)] == [1, 1]
    assert deliveries(redemption) == [("started", "done"), ("complete", "done")]


def test_a_429_pauses_the_channel_for_the_time_that_discord_names(
    world: World, discord: StandIn
) -> None:
    redemption = world.begin(by_bot(members=1), gift_code())
    discord.spoil(429, headers={"Retry-After": "600"}, body={"retry_after": 600.0, "global": True})

    send_due(world)
    send_due(world, 500)
    assert discord.messages == {}
    send_due(world, 200)

    assert len(discord.of(CHANNEL)) == 1
    assert deliveries(redemption) == [("started", "sent")]


@pytest.mark.parametrize(
    "spoil", [{"status": 500}, {"status": 502, "takes_effect": True}, {"status": 0}]
)
def test_a_message_whose_fate_is_unknown_is_not_sent_again(
    world: World, discord: StandIn, spoil: dict[str, Any]
) -> None:
    redemption = world.begin(by_bot(members=1), gift_code())
    discord.spoil(**spoil)

    send_due(world)
    send_due(world, 100_000)

    assert sum(method == "POST" for method, *_ in discord.requests) == 1
    assert deliveries(redemption) == [("started", "unknown")]


def test_workers_that_die_between_the_sends_tell_nothing_twice(
    world: World, discord: StandIn
) -> None:
    wolves = by_bot(members=2)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    redemption = world.begin(wolves, code)
    announcements.claim()  # The worker dies before it sends.
    send_due(world, 60)
    tasks.dispatch("simulator")
    world.drain()
    ((pk, token),) = announcements.claim()
    job = announcements._intend(pk, token)
    assert job is not None
    assert job.edited is not None
    job.client.edit(job.edited.message_id, job.message)  # It dies before it notes the answer.

    for _ in range(3):
        send_due(world, 60)

    (message,) = discord.of(CHANNEL)
    assert [title[:2] for title in message.titles] == ["🎁 ", "✅ ", "✅ "]
    assert deliveries(redemption) == [("started", "done"), ("complete", "done")]


def test_without_a_token_the_channel_says_so(world: World, discord: StandIn, settings: Any) -> None:
    settings.DISCORD_TOKEN = ""
    world.begin(by_bot(members=1), gift_code())

    send_due(world)

    assert discord.requests == []
    assert "The Discord bot has no token" in Channel.objects.get().error


def test_nothing_is_sent_to_a_server_that_is_not_linked_to_the_guild(
    world: World, discord: StandIn
) -> None:
    wolves = by_bot(members=1)
    server = DiscordServer.objects.get()
    unlink_server(wolves, server.pk)
    channel = Channel.objects.get()
    assert not channel.is_on
    Channel.objects.update(is_on=True)  # An officer switches it on again.
    DiscordServer.objects.create(guild=guild("Bears"), server_id=SERVER, name="Home")

    world.begin(wolves, gift_code())
    send_due(world)
    queue_test(channel.pk)
    send_due(world)

    assert discord.requests == []
    assert "no longer linked" in Channel.objects.get().error
    assert set(Announcement.objects.values_list("state", flat=True)) == {"failed"}


def test_a_stored_address_is_valid_and_reveals_no_token(db: None) -> None:
    address = BotChannel(SERVER, CHANNEL).address
    validate_channel(address)
    assert BOT_TOKEN not in address
    for wrong in ("discordbot://1", "discordbot://a/b", f"{address}/3", f"{address}?token=x"):
        assert BotChannel.of(wrong) is None
        with pytest.raises(ValidationError):
            validate_channel(wrong)
