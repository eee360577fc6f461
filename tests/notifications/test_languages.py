"""What a guild's channels and members are told is in the guild's language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import translation

from giftcodes.admin.guilds.channel_preview import previews
from giftcodes.clients.channels import discord_by_bot
from giftcodes.models import Alarm, Announcement, Channel, Guild
from giftcodes.models.clock import clock_plus
from giftcodes.notifications.announcements import message_of
from tests.clients.channels.standin import BOT_TOKEN, StandIn, running
from tests.factories import guild
from tests.i18n import pseudo
from tests.notifications.test_by_bot import CHANNEL
from tests.notifications.test_threads import ended, lists, send_all, with_threads
from tests.notifications.test_weekly import DIRECT, run_weekly, with_player
from tests.pipeline.conftest import World

#: What stands in messages without being words: names, and the game's word for a place.
NAMES = ("Simulator", "UTC", "Anna", "Carl", "everyone")


@pytest.fixture
def discord(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    settings.ANNOUNCE_SECONDS = 10.0
    settings.DISCORD_TOKEN = BOT_TOKEN
    with running() as standin:
        monkeypatch.setattr(discord_by_bot, "API", standin.api)
        yield standin


@pytest.fixture(autouse=True)
def _foreign(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pseudo.install(settings, monkeypatch, pseudo.Pseudo())


def speak(wolves: Guild) -> Guild:
    Guild.objects.update(language=pseudo.LANGUAGE)
    wolves.refresh_from_db()
    return wolves


def left_in(embed: dict[str, Any], *names: str) -> str:
    """The words of a message that are not translated."""
    facts = [text for one in embed.get("fields", []) for text in (one["name"], one["value"])]
    text = "\n".join([embed["title"], embed.get("description", ""), *facts])
    return pseudo.untranslated(text, *NAMES, *names)


def test_the_messages_of_a_run_and_its_thread_are_in_the_guilds_language(
    world: World, discord: StandIn
) -> None:
    wolves = speak(with_threads())
    redemption = ended(world, wolves, "Carl")
    redemption.member_redemptions.update(reason="⟦Why.⟧")
    send_all(world)

    (run,) = discord.of(CHANNEL)
    (listed,) = lists(discord)
    names = (str(redemption.gift_code), wolves.name)
    embeds = [one["embeds"][0] for one in (*run.versions, *listed.versions)]
    assert [left_in(one, *names) for one in embeds] == [""] * len(embeds)
    assert all(pseudo.untranslated(label) == "" for label in run.buttons | listed.buttons)


def test_a_summary_an_alarm_and_a_test_are_in_the_guilds_language(world: World) -> None:
    wolves = speak(guild())
    channel = Channel.objects.create(guild=wolves, address="json://localhost")
    alarm = Alarm.objects.create(kind=Alarm.Kind.UNCORRECTED, subject="1", message="⟦Why.⟧")
    kinds = Announcement.Kind
    rows = [
        Announcement(kind=kinds.SUMMARY, channel=channel, created_at=clock_plus(0)),
        Announcement(kind=kinds.RAISED, channel=channel, alarm=alarm),
        Announcement(kind=kinds.OVER, channel=channel, alarm=alarm),
        Announcement(kind=kinds.TEST, channel=channel),
    ]
    for row in rows:
        message = message_of(row)
        assert pseudo.untranslated(f"{message.title}\n{message.text}", wolves.name) == ""


def test_a_direct_message_is_in_the_guilds_language(world: World, discord: StandIn) -> None:
    link = with_player(world)
    wolves = speak(link.guild)
    run_weekly(world)

    (message,) = discord.of(DIRECT)
    (code,) = [one.gift_code for one in wolves.redemptions.all()]
    assert left_in(message.now, wolves.name, str(code)) == ""


def test_a_guild_without_a_language_uses_that_of_the_site(settings: Any, db: None) -> None:
    wolves = guild()
    settings.LANGUAGE_CODE = pseudo.LANGUAGE
    with translation.override("en"), wolves.speaking():
        assert translation.get_language() == pseudo.LANGUAGE


def test_a_language_that_the_site_no_longer_has_is_not_used(db: None) -> None:
    wolves = guild(language="de")
    with wolves.speaking():
        assert translation.get_language() == "en"


def test_the_preview_shows_messages_in_the_guilds_language_to_a_reader_of_another(
    db: None,
) -> None:
    wolves = speak(guild())
    channel = Channel(guild=wolves, address="", opens_threads=True)
    for one in previews(channel):
        assert "⟦" not in one["heading"]
        assert "⟦" in str(one)
