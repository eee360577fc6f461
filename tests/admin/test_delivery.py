"""Channels, whose addresses are never shown, and the delivery of messages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry

from giftcodes.models import Alarm, AlarmNotice, Announcement, Channel, Feed, database_now
from tests.admin import past
from tests.admin.conftest import Browser, errors
from tests.admin.conftest import address as address_of
from tests.factories import guild
from tests.security.people import everyone

TOKEN = "aVerySecretToken-_123"
ADDRESS = f"https://discord.com/api/webhooks/4711/{TOKEN}"


def test_a_channel_is_added_and_its_address_never_shown(browser: Browser) -> None:
    wolves = guild("Wolves")
    browser.save("channel_add", guild=wolves.pk, address=f" {ADDRESS} ")

    channel = Channel.objects.get()
    assert channel.address == ADDRESS
    pages = [browser.open("channel_changelist"), browser.open("channel_change", channel.pk)]
    pages += [browser.open("guild_change", wolves.pk), browser.open("channel_history", channel.pk)]
    assert all(page.status_code == 200 for page in pages)
    assert not any(TOKEN in page.content.decode() for page in pages)
    assert TOKEN not in repr(list(LogEntry.objects.values()))


def test_an_address_that_is_left_empty_is_kept(browser: Browser) -> None:
    channel = Channel.objects.create(guild=guild(), address=ADDRESS)

    browser.save("channel_change", channel.pk, address="")
    assert Channel.objects.get().address == ADDRESS

    browser.save("channel_change", channel.pk, address=ADDRESS.replace("4711", "4712"))
    assert Channel.objects.get().address == ADDRESS.replace("4711", "4712")


def test_a_new_address_clears_the_refusals_of_the_old_one(browser: Browser) -> None:
    now = database_now()
    channel = Channel.objects.create(
        guild=guild(),
        address=ADDRESS,
        error="No.",
        refused_since=now,
        not_before=now + timedelta(hours=2),
    )

    browser.save("channel_change", channel.pk, address=ADDRESS.replace("4711", "4712"))

    channel.refresh_from_db()
    assert (channel.error, channel.refused_since, channel.not_before) == ("", None, None)


def test_a_paused_channel_is_explained_once_and_each_waiting_message_says_so(
    browser: Browser,
) -> None:
    row = past.redemption()
    channel = Channel.objects.create(guild=row.guild, address=ADDRESS)
    Channel.objects.create(guild=row.guild, address=ADDRESS.replace("4711", "4712"), name="quiet")
    for run_number, state in [(1, "waiting"), (2, "waiting"), (3, "done")]:
        Announcement.objects.create(
            redemption=row, channel=channel, run_number=run_number, kind="started", state=state
        )
    page = browser.open("announcement_changelist").content.decode()
    assert "channel paused" not in page
    assert "Nothing is sent to" not in page

    now = database_now()
    Channel.objects.filter(pk=channel.pk).update(
        refused_since=now, not_before=now + timedelta(hours=2)
    )

    page = browser.open("announcement_changelist").content.decode()
    assert page.count("channel paused") == 2
    assert page.count(f"Nothing is sent to {channel}, because it refused a message.") == 1
    assert page.count("Nothing is sent to") == 1
    waiting = Announcement.objects.filter(state="waiting").first()
    assert waiting
    one = browser.open("announcement_change", waiting.pk).content.decode()
    assert "The channel is paused until" in one


def test_an_officer_reads_only_of_their_own_paused_channels(db: None) -> None:
    later = database_now() + timedelta(hours=2)
    wolves, bears = guild("Wolves"), guild("Bears")
    for of in (wolves, bears):
        Channel.objects.create(
            guild=of, address=ADDRESS, refused_since=database_now(), not_before=later
        )
    officer = everyone(wolves)["officer"].client
    page = officer.get(address_of("announcement_changelist")).content.decode()
    assert page.count("Nothing is sent to") == 1
    assert "Wolves, because it refused" in page


@pytest.mark.parametrize("address", ["", "nonsense", ADDRESS.replace("https", "http")])
def test_text_that_is_no_address_is_refused_and_not_repeated(
    browser: Browser, address: str
) -> None:
    response = browser.post("channel_add", data={"guild": guild().pk, "address": address})

    assert errors(response)
    assert TOKEN not in response.content.decode()
    assert not Channel.objects.exists()


def test_deleting_a_channel_clears_its_alarm(browser: Browser) -> None:
    channel = Channel.objects.create(guild=guild(), address=ADDRESS)
    for kind in (Alarm.Kind.CHANNEL_GONE, Alarm.Kind.CHANNEL_SILENT):
        Alarm.objects.raise_once(kind, str(channel.pk), "Gone.")

    browser.post("channel_delete", channel.pk, data={"post": "yes"})

    assert not Channel.objects.exists()
    assert not Alarm.objects.standing().exists()


def test_what_became_of_each_message_is_shown(browser: Browser) -> None:
    row = past.redemption()
    Announcement.objects.create(
        redemption=row, run_number=1, kind="started", state="unknown", error="Nobody knows."
    )

    page = browser.open("announcement_changelist").content.decode()

    assert "it may have been posted, and is not sent again" in page
    assert "Nobody knows." in page


def test_every_kind_of_alarm_leads_to_what_it_is_about(browser: Browser, settings: Any) -> None:
    settings.OPERATOR_CHANNEL = ADDRESS
    row = past.redemption()
    Feed.objects.create(provider="simulator")
    browser.open("ratebudget_changelist")
    channel = Channel.objects.create(guild=row.guild, address=ADDRESS)
    subjects = {
        Alarm.Kind.PROVIDER_PAUSED: "simulator",
        Alarm.Kind.FEED_SILENT: "simulator",
        Alarm.Kind.NO_PROGRESS: str(row.pk),
        Alarm.Kind.BEAT_SILENT: "beat",
        Alarm.Kind.CHANNEL_GONE: str(channel.pk),
        Alarm.Kind.CHANNEL_SILENT: str(channel.pk),
    }
    for kind in Alarm.Kind:
        assert Alarm.objects.raise_once(kind, subjects.get(kind, str(row.guild_id)), "Look.")

    for alarm in Alarm.objects.all():
        page = browser.open("alarm_change", alarm.pk)
        assert page.status_code == 200
        assert "raised:" in page.content.decode()
    assert AlarmNotice.objects.count() == len(Alarm.Kind)


def test_an_alarm_that_is_only_suspected_is_not_shown(browser: Browser) -> None:
    Alarm.objects.create(
        kind=Alarm.Kind.NO_MEMBERS, subject="1", message="Perhaps.", raised_at=None
    )

    assert "Perhaps." not in browser.open("alarm_changelist").content.decode()


def test_a_guild_that_got_nothing_is_in_the_list_before_its_alarm_is_raised(
    browser: Browser,
) -> None:
    """Home tells of such a guild at once, so a list without it would contradict Home."""
    Alarm.objects.create(kind="unserved", subject="1", message="Nobody.", raised_at=None)
    page = browser.open("alarm_changelist").content.decode()
    assert "Nobody." in page
    assert "not raised yet" in page
    assert "1 alarm<" in page or "1 alarm\n" in page
