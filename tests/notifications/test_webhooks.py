"""The runs and alarms of a guild arrive at programs, signed, through the outbox of all channels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from giftcodes.clients.channels import SignedAddress
from giftcodes.domain.sentences import Sentence
from giftcodes.models import Announcement, Channel, DeliveryState, Guild
from giftcodes.models.channel import Tells
from giftcodes.services.channels import new_secret, queue_test
from tests.clients.channels.receiver import Receiver, receiving
from tests.factories import gift_code, guild, member
from tests.notifications.test_announcements import send_due
from tests.pipeline.conftest import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture(autouse=True)
def _this_machine(settings: Any) -> None:
    settings.ANNOUNCE_SECONDS = 2.0
    settings.CHANNEL_PRIVATE_HOSTS = ["127.0.0.1"]


@pytest.fixture
def wolves() -> Guild:
    return guild("Wolves", members=2)


def webhook(receiver: Receiver, of: Guild, tells: Tells = Tells.RUNS) -> tuple[Channel, str]:
    """A webhook of a guild, with its secret."""
    address = SignedAddress.of(receiver.address())
    assert address is not None
    channel = Channel.objects.create(
        guild=of, name="Program", address=address.with_new_secret().stored, tells=tells
    )
    secret = new_secret(channel.pk)
    assert secret is not None
    return channel, secret


def test_the_start_and_the_end_of_a_run_arrive_with_its_numbers(
    world: World, receiver: Receiver, wolves: Guild
) -> None:
    _channel, secret = webhook(receiver, wolves)
    world.knows(wolves)
    member(wolves, nickname="Amber")  # The game does not know this player.
    code = gift_code("FROST")
    world.has(code)
    redemption = world.redeem(wolves, code)
    for _ in range(4):
        send_due(world)

    bodies = receiver.read(secret)
    assert [body["event"] for body in bodies][-1] == "run.complete"
    end = bodies[-1]
    assert end["guild"] == {"id": wolves.pk, "name": "Wolves"}
    run = end["redemption"]
    assert (run["id"], run["run_number"]) == (redemption.pk, 1)
    assert run["code"] == {
        "id": code.pk,
        "code": "FROST",
        "issue": 1,
        "game": "simulator",
        "is_new": True,
    }
    assert run["progress"]["total"] == 3
    assert (run["progress"]["has"], run["progress"]["needs_you"]) == (2, 1)
    assert len(run["needs_you"]) == 1
    assert any("Amber" in one["member"] for one in run["needs_you"])
    assert len({body["id"] for body in bodies}) == len(bodies)


def test_a_message_that_was_not_taken_arrives_again_with_the_same_id(
    world: World, receiver: Receiver, wolves: Guild
) -> None:
    channel, secret = webhook(receiver, wolves)
    receiver.answers += [(503, {}), (0, {})]
    world.has(code := gift_code())
    world.redeem(wolves, code)
    for _ in range(6):
        send_due(world, 700)

    complete = [one for one in receiver.read(secret) if one["event"] == "run.complete"]
    states = set(
        Announcement.objects.filter(channel=channel, kind="complete").values_list(
            "state", flat=True
        )
    )
    assert states == {DeliveryState.DONE}
    assert len({one["id"] for one in complete}) == 1
    assert len(receiver.arrived) >= 3
    assert not Announcement.objects.filter(error=Sentence.of("sender_died")).exists()


def test_after_a_new_secret_only_the_new_one_signs(
    world: World, receiver: Receiver, wolves: Guild
) -> None:
    channel, old = webhook(receiver, wolves)
    new = new_secret(channel.pk)
    assert new is not None
    queue_test(channel.pk)
    send_due(world)

    (body,) = receiver.read(new)
    assert (body["event"], body["guild"]["name"]) == ("test", "Wolves")
    with pytest.raises(AssertionError):
        receiver.read(old)
    channel.refresh_from_db()
    assert SignedAddress.of(channel.address).url == SignedAddress.of(receiver.address()).url  # type: ignore[union-attr]


def test_the_table_has_neither_the_address_nor_the_secret(
    receiver: Receiver, wolves: Guild
) -> None:
    _channel, secret = webhook(receiver, wolves)
    with connection.cursor() as cursor:
        cursor.execute("SELECT address FROM giftcodes_channel")
        stored = str(cursor.fetchall())
    assert secret not in stored
    assert "127.0.0.1" not in stored


def test_another_kind_of_channel_has_no_secret(wolves: Guild) -> None:
    channel = Channel.objects.create(
        guild=wolves, address="https://discord.com/api/webhooks/1/secret"
    )
    assert new_secret(channel.pk) is None
