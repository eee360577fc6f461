"""Guilds take turns: no guild's messages wait behind many messages of another guild."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from giftcodes.models import Alarm, Announcement, Channel, Clock, Guild, Redemption
from giftcodes.models.channel import Tells
from giftcodes.notifications import announcements
from giftcodes.services.channels import queue_test
from tests.clients.channels.standin import TOKEN
from tests.factories import gift_code, guild
from tests.pipeline.conftest import World


def with_channels(name: str, number: int) -> Guild:
    """A guild with this number of channels, at a port where nothing answers."""
    of = guild(name, members=1)
    for one in range(number):
        address = f"http://127.0.0.1:9/api/webhooks/{of.pk}{one:02}/{TOKEN}"
        Channel.objects.create(guild=of, name=str(one), address=address, tells=Tells.ALL)
    return of


def claimed() -> list[str]:
    """Claim the messages whose turn it is. Returns the guild and kind of each, in order of ids."""
    rows = Announcement.objects.filter(pk__in=[pk for pk, _token in announcements.claim()])
    return [f"{row.channel.guild} {row.kind}" for row in rows.order_by("pk") if row.channel]


def done() -> None:
    """End the messages that are under way."""
    under_way = Announcement.objects.filter(lease_until__isnull=False)
    under_way.update(state="unknown", lease_until=None, next_attempt_at=None)


def in_order(most: int = 100) -> list[str]:
    """The messages in the order in which one sender sends them."""
    found: list[str] = []
    while (now := claimed()) and len(found) < most:
        found += now
        done()
    return found


def queue(what: str, world: World, of: Guild) -> None:
    """Queue a message to every channel of a guild."""
    match what:
        case "test":
            for channel in of.channels.all():
                queue_test(channel.pk)
        case "started":
            world.begin(of, gift_code())
        case "raised":
            Alarm.objects.raise_once(Alarm.Kind.NO_MEMBERS, str(of.pk), "No members.")


@pytest.fixture(autouse=True)
def _one_sender(settings: Any) -> None:
    settings.ANNOUNCE_MAX = 1


@pytest.mark.django_db
@pytest.mark.parametrize("theirs", ["test", "started", "raised"])
@pytest.mark.parametrize("many", ["test", "started", "raised"])
def test_a_message_of_another_guild_waits_for_one_message_only(
    world: World, many: str, theirs: str
) -> None:
    crowd, bears = with_channels("Crowd", 10), with_channels("Bears", 1)
    queue(many, world, crowd)
    assert claimed() == [f"Crowd {many}"]  # The channel is slow to answer …
    queue(theirs, world, bears)
    assert claimed() == []
    done()

    order = in_order()

    assert order[0] == f"Bears {theirs}"
    assert set(order[1:]) == {f"Crowd {many}"}


@pytest.mark.django_db
def test_every_guild_has_its_turn_and_tests_go_first_only_in_their_own_guild(
    world: World,
) -> None:
    crowd, bears, foxes = (with_channels(name, 3) for name in ("Crowd", "Bears", "Foxes"))
    for of in (crowd, bears, foxes):
        queue("started", world, of)
    queue("test", world, crowd)

    order = in_order()

    for begin in (0, 3, 6):
        assert {one.split()[0] for one in order[begin : begin + 3]} == {"Crowd", "Bears", "Foxes"}
    assert [one for one in order if "Crowd" in one] == ["Crowd test"] * 3 + ["Crowd started"] * 3


@pytest.mark.django_db
def test_an_edit_of_another_guild_s_message_waits_for_one_message_only(world: World) -> None:
    crowd, bears = with_channels("Crowd", 10), with_channels("Bears", 1)
    queue("started", world, bears)
    queue("test", world, crowd)
    Announcement.objects.filter(kind="started").update(
        state="sent", message_id="5", edited_at=Clock() - timedelta(seconds=10)
    )
    Redemption.objects.update(last_served_at=Clock())

    assert in_order(2) == ["Crowd test", "Bears started"]


@pytest.mark.django_db
def test_a_guild_leaves_one_of_several_senders_to_other_guilds(world: World, settings: Any) -> None:
    settings.ANNOUNCE_MAX = 3
    crowd, bears = with_channels("Crowd", 10), with_channels("Bears", 1)
    queue("started", world, crowd)
    assert claimed() == ["Crowd started"] * 2
    assert claimed() == []

    queue("started", world, bears)

    assert claimed() == ["Bears started"]
