"""Weekly summaries for guilds, and direct messages to players who want them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import F

from giftcodes import tasks
from giftcodes.clients.channels import discord_by_bot
from giftcodes.models import Announcement, Channel, Guild, PlayerLink
from giftcodes.models.channel import Tells, next_summary
from giftcodes.models.clock import clock_plus
from giftcodes.notifications import weekly
from tests.clients.channels.standin import BOT_TOKEN, StandIn, running
from tests.factories import gift_code, guild, member
from tests.notifications.test_announcements import send_due
from tests.pipeline.conftest import World

DAY = 86_400
USER = 123_456_789_012_345_678
DIRECT = int(f"9{USER}")


@pytest.fixture
def discord(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    settings.ANNOUNCE_SECONDS = 1.0
    settings.DISCORD_TOKEN = BOT_TOKEN
    with running() as standin:
        monkeypatch.setattr(discord_by_bot, "API", standin.api)
        yield standin


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2026-11-27T10:00", "2026-11-29T18:00"),
        ("2026-11-29T17:59", "2026-11-29T18:00"),
        ("2026-11-29T18:00", "2026-12-06T18:00"),
        ("2026-11-30T00:00", "2026-12-06T18:00"),
    ],
)
def test_summaries_are_due_on_sundays(now: str, then: str) -> None:
    moment = dt.datetime.fromisoformat(f"{now}+00:00")
    assert next_summary(moment) == dt.datetime.fromisoformat(f"{then}+00:00")


# --- The summary ----------------------------------------------------------------------------------
def with_summary(discord: StandIn, **fields: Any) -> Guild:
    wolves = guild(**fields)
    Channel.objects.create(
        guild=wolves,
        address=discord.address(wolves.pk),
        tells=Tells.NEEDED,
        next_summary_at=clock_plus(-5),
    )
    return wolves


def test_a_summary_says_who_has_the_codes_and_how_many_need_a_person(
    world: World, discord: StandIn
) -> None:
    wolves = with_summary(discord, members=2)
    code, old = gift_code(), gift_code()
    world.knows(wolves)
    member(wolves)
    world.has(code)
    world.redeem(wolves, code)
    Announcement.objects.all().delete()
    type(old).objects.filter(pk=old.pk).update(first_seen_at=clock_plus(-8 * DAY))

    tasks.weekly()
    send_due(world)

    (message,) = discord.of(wolves.pk)
    assert message.titles == [f"📅 This week for {wolves}: 1 code"]
    words = message.now["description"]
    assert f"⚠️ {code}: 2 of 3 have it, 1 needs you" in words
    assert "Needs you: 1 member whom the game does not know." in words
    assert str(old) not in words
    assert Announcement.objects.get().state == "done"


def test_a_summary_comes_once_whatever_is_started_again_and_only_where_it_is_wanted(
    world: World, discord: StandIn
) -> None:
    wolves = with_summary(discord)
    Channel.objects.create(guild=wolves, name="Other", address=discord.address(99))
    tasks.weekly()
    tasks.weekly()  # A second beat, or a task that is repeated after a crash.
    for _ in range(3):
        send_due(world, 60)
        tasks.weekly()

    (message,) = discord.of(wolves.pk)
    assert "No new code came this week." in message.now["description"]
    assert "Nobody needs you." in message.now["description"]
    assert discord.of(99) == []
    assert Announcement.objects.count() == 1
    channel = Channel.objects.get(next_summary_at__isnull=False)
    assert channel.next_summary_at is not None
    assert channel.next_summary_at > dt.datetime.now(dt.UTC)


def test_a_summary_whose_fate_is_unknown_is_not_sent_again(world: World, discord: StandIn) -> None:
    with_summary(discord)
    discord.spoil(500, takes_effect=True)
    tasks.weekly()

    for _ in range(3):
        send_due(world, 5_000)

    assert len(discord.requests) == 1
    assert Announcement.objects.get().state == "unknown"


def test_channels_that_are_off_get_no_summary(world: World, discord: StandIn) -> None:
    with_summary(discord)
    Channel.objects.update(is_on=False)

    assert weekly.queue_summaries() == 0


# --- Direct messages ------------------------------------------------------------------------------
def with_player(world: World, *, is_known: bool = False, wanted: bool = True) -> PlayerLink:
    """A player in Discord, after a run in which the game did or did not know the player."""
    wolves = guild()
    anna = member(wolves, nickname="Anna")
    if is_known:
        world.knows(wolves)
    code = gift_code()
    world.has(code)
    world.redeem(wolves, code)
    link, _token = PlayerLink.objects.issue(
        guild_id=wolves.pk, member=anna, discord_user=USER, discord_name="anna"
    )
    if wanted:
        PlayerLink.objects.update(next_message_at=clock_plus(-5))
    return link


def pass_days(days: float) -> None:
    PlayerLink.objects.update(next_message_at=F("next_message_at") - dt.timedelta(days=days))


def run_weekly(world: World) -> None:
    tasks.weekly()
    world.drain()


def test_a_player_whose_state_is_wrong_is_told_once_a_week(world: World, discord: StandIn) -> None:
    link = with_player(world)
    for _ in range(3):
        run_weekly(world)

    (message,) = discord.of(DIRECT)
    assert message.titles == ["1 code waits for you"]
    assert "Anna" in message.now["description"]
    assert "Press “Show my codes” to see what you can do" in message.now["description"]
    assert message.buttons == {
        "Show my codes": f"rd:codes:{link.pk}",
        "No more messages": f"rd:no messages:{link.pk}",
    }
    assert "content" not in message.versions[0]
    pass_days(6.9)
    run_weekly(world)
    assert len(discord.of(DIRECT)) == 1
    pass_days(0.2)
    run_weekly(world)
    assert len(discord.of(DIRECT)) == 2


def test_nobody_is_told_who_did_not_ask_or_has_everything(world: World, discord: StandIn) -> None:
    link = with_player(world, wanted=False)
    run_weekly(world)
    PlayerLink.objects.update(next_message_at=clock_plus(-5))
    link.member.active = False  # type: ignore[union-attr]
    link.member.save()  # type: ignore[union-attr]
    run_weekly(world)
    with_player(world, is_known=True)
    run_weekly(world)

    assert discord.requests == []
    assert not PlayerLink.objects.filter(next_message_at__isnull=True).exists()


def test_a_direct_message_whose_fate_is_unknown_is_not_sent_again(
    world: World, discord: StandIn
) -> None:
    link = with_player(world)
    weekly._intend(link.pk)  # … and here the worker dies.
    run_weekly(world)
    assert discord.requests == []
    pass_days(7.1)
    discord.spoil(200, body={"id": str(DIRECT)})
    discord.spoil(500, takes_effect=True)
    discord.direct[str(DIRECT)] = str(USER)

    for _ in range(3):
        pass_days(1)
        run_weekly(world)

    assert len(discord.of(DIRECT)) == 1


@pytest.mark.parametrize("status", [401, 429])
def test_a_message_that_was_certainly_not_sent_is_tried_later(
    world: World, discord: StandIn, status: int
) -> None:
    with_player(world)
    discord.spoil(status, body={"message": "no", "code": 0, "retry_after": 5})
    run_weekly(world)
    run_weekly(world)
    assert discord.messages == {}

    pass_days(1 / 23)
    run_weekly(world)

    assert len(discord.of(DIRECT)) == 1


def test_a_person_who_takes_no_messages_gets_no_more(world: World, discord: StandIn) -> None:
    with_player(world)
    discord.deaf.add(str(USER))

    run_weekly(world)

    assert discord.messages == {}
    assert PlayerLink.objects.get().next_message_at is None


def test_without_a_bot_nothing_is_claimed(world: World, discord: StandIn, settings: Any) -> None:
    link = with_player(world)
    settings.DISCORD_TOKEN = ""
    run_weekly(world)
    assert not weekly.tell_player(link.pk)
    settings.DISCORD_TOKEN = BOT_TOKEN
    run_weekly(world)
    assert len(discord.of(DIRECT)) == 1


def test_players_are_told_one_after_the_other(
    world: World, discord: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While Discord does not answer, direct messages must not take the threads of the ticks."""
    links = [with_player(world) for _ in range(3)]
    told: list[int] = []

    def tell(link_id: int) -> bool:
        told.append(link_id)
        raise OSError("Something failed.")

    monkeypatch.setattr(weekly, "tell_player", tell)
    tasks.weekly()
    for _ in links:
        ((task, ids, _options),) = world.rings
        world.rings.clear()
        with pytest.raises(OSError, match="Something failed"):
            task(*ids)

    assert told == [one.pk for one in links]
    assert not world.rings
