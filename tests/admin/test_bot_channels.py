"""Channels of the Discord bot on the pages: shown, changed and deleted there, but never entered."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from giftcodes.clients.channels import BotChannel
from giftcodes.models import Alarm, Channel
from tests.factories import guild

ADDRESS = BotChannel(700_000_000_000_000_001, 800_000_000_000_000_001).address


@pytest.fixture
def channel(db: None) -> Channel:
    return Channel.objects.create(guild=guild("Wolves"), name="runs", address=ADDRESS)


def test_the_tab_shows_that_the_bot_posts_there(admin_client: Any, channel: Channel) -> None:
    page = admin_client.get(reverse("admin:giftcodes_guild_channels", args=[channel.guild_id]))
    words = page.content.decode()
    assert "runs" in words
    assert "The Discord bot posts here, with buttons." in words
    assert "summary of the week" not in words


def test_a_channel_of_the_bot_is_changed_without_an_address(
    admin_client: Any, channel: Channel
) -> None:
    url = reverse("admin:giftcodes_channel_change", args=[channel.pk])
    words = admin_client.get(url).content.decode()
    assert "Discord bot, channel 800000000000000001" in words

    sent = {"name": "runs", "tells": "all", "role_id": "", "address": "", "weekly": "on"}
    assert admin_client.post(url, sent).status_code == 302
    channel.refresh_from_db()
    assert (channel.address, channel.tells, channel.weekly) == (ADDRESS, "all", True)
    before = channel.next_summary_at
    admin_client.post(url, {**sent, "tells": "runs"})
    channel.refresh_from_db()
    assert (channel.tells, channel.next_summary_at) == ("runs", before)
    admin_client.post(url, {**sent, "weekly": ""})
    channel.refresh_from_db()
    assert not channel.weekly


def test_nobody_enters_a_channel_of_another_server(admin_client: Any, channel: Channel) -> None:
    other = BotChannel(1, 2).address
    url = reverse("admin:giftcodes_channel_change", args=[channel.pk])
    said = admin_client.post(url, {"name": "runs", "tells": "all", "role_id": "", "address": other})
    assert "use the command “/announce here”" in said.content.decode()
    sent = {"guild": channel.guild_id, "name": "x", "tells": "all", "address": other}
    said = admin_client.post(reverse("admin:giftcodes_channel_add"), sent)
    assert "use the command “/announce here”" in said.content.decode()
    channel.refresh_from_db()
    assert channel.address == ADDRESS
    assert Channel.objects.count() == 1


def test_a_new_channel_may_want_a_summary(admin_client: Any, channel: Channel) -> None:
    sent = {
        "guild": channel.guild_id,
        "name": "mail",
        "tells": "needed",
        "weekly": "on",
        "address": "ntfy://topic",
    }
    assert admin_client.post(reverse("admin:giftcodes_channel_add"), sent).status_code == 302
    assert Channel.objects.get(name="mail").weekly


def test_the_page_deletes_it(admin_client: Any, channel: Channel) -> None:
    url = reverse("admin:giftcodes_channel_delete", args=[channel.pk])
    assert admin_client.post(url, {"post": "yes"}).status_code == 302
    assert not Channel.objects.exists()


def test_threads_are_switched_on_and_off_on_the_page(admin_client: Any, channel: Channel) -> None:
    url = reverse("admin:giftcodes_channel_change", args=[channel.pk])
    tab = reverse("admin:giftcodes_guild_channels", args=[channel.guild_id])
    sent = {"name": "runs", "tells": "all", "role_id": "", "address": ""}
    assert "thread for those who need something" in admin_client.get(url).content.decode().lower()

    admin_client.post(url, {**sent, "opens_threads": "on"})
    channel.refresh_from_db()
    assert channel.opens_threads
    assert "In the thread of such a run" in admin_client.get(url).content.decode()
    Alarm.objects.raise_once(Alarm.Kind.NO_THREAD, str(channel.pk), "It may open none.")
    words = admin_client.get(tab).content.decode()
    assert "After a run, a thread lists those who need something." in words
    assert "It may open none." in words
    assert "It may open none." in admin_client.get(reverse("admin:index")).content.decode()

    admin_client.post(url, {**sent, "opens_threads": ""})
    channel.refresh_from_db()
    assert not channel.opens_threads
    assert not Alarm.objects.standing().exists()
    assert "thread" not in admin_client.get(tab).content.decode()


def test_a_webhook_has_no_field_for_threads(admin_client: Any, channel: Channel) -> None:
    Channel.objects.update(address="https://discord.com/api/webhooks/1/secret")
    for url in (
        reverse("admin:giftcodes_channel_change", args=[channel.pk]),
        reverse("admin:giftcodes_channel_add"),
    ):
        assert "opens_threads" not in admin_client.get(url).content.decode()
