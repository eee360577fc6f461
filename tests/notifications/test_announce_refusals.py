"""A channel that refuses: the end of a run is announced anyway, or an alarm says why not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from giftcodes import tasks
from giftcodes.models import Alarm, Announcement, Channel, Guild, Redemption
from giftcodes.notifications import announcements, recording
from tests.clients.channels.apprise_service import apprise_service
from tests.clients.channels.standin import TOKEN, StandIn, running
from tests.factories import gift_code, guild
from tests.notifications.test_announcements import deliveries, send_due, with_channel
from tests.pipeline.conftest import World


@pytest.fixture
def discord() -> Iterator[StandIn]:
    with running() as standin:
        yield standin


@pytest.fixture(autouse=True)
def _quick(settings: Any) -> None:
    settings.ANNOUNCE_SECONDS = 1.0


def started(world: World, discord: StandIn, wolves: Guild) -> Redemption:
    """A run whose start was announced, with members who wait."""
    redemption = world.begin(wolves, gift_code())
    send_due(world)
    assert deliveries(redemption) == [("started", "sent")]
    return redemption


def end(world: World, redemption: Redemption) -> None:
    """Let a person stop the run."""
    Redemption.objects.filter(pk=redemption.pk).update(stop_requested_at=F("locked_at"))
    tasks.finish(redemption.pk)
    world.drain()


def moved(redemption: Redemption) -> None:
    """Change the run, so that its message must be edited."""
    first = redemption.member_redemptions.filter(state="pending").order_by("pk")[0]
    redemption.member_redemptions.filter(pk=first.pk).update(state="redeemed")
    Redemption.objects.filter(pk=redemption.pk).update(
        last_served_at=F("locked_at") + timedelta(seconds=1)
    )


def ends(discord: StandIn, wolves: Guild) -> int:
    """How many messages in the channel show an end."""
    return sum("Stopped" in message.titles[-1] for message in discord.of(wolves.pk))


def patches(discord: StandIn) -> int:
    return sum(method == "PATCH" for method, _, _ in discord.requests)


def wears_out(discord: StandIn, wolves: Guild) -> None:
    discord.worn_out |= set(discord.messages)


def is_archived(discord: StandIn, wolves: Guild) -> None:
    discord.archived.add(str(wolves.pk))


def is_refused(discord: StandIn, wolves: Guild) -> None:
    discord.spoil(400, body={"message": "Invalid Form Body", "code": 50035}, method="PATCH")


def is_forbidden(discord: StandIn, wolves: Guild) -> None:
    discord.spoil(
        403,
        body={"message": "Cannot edit a message by another user", "code": 50005},
        method="PATCH",
    )


def is_too_long(discord: StandIn, wolves: Guild) -> None:
    discord.spoil(413, body={"message": "Request entity too large", "code": 40005}, method="PATCH")


def is_deleted(discord: StandIn, wolves: Guild) -> None:
    for message_id in list(discord.messages):
        discord.delete(message_id)


REFUSALS = [wears_out, is_archived, is_refused, is_forbidden, is_too_long, is_deleted]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_an_end_that_cannot_be_written_by_an_edit_is_posted_as_one_new_message(
    world: World, discord: StandIn, refusal: Any
) -> None:
    wolves = with_channel(discord, members=2)
    redemption = started(world, discord, wolves)
    refusal(discord, wolves)

    end(world, redemption)
    for _ in range(4):
        send_due(world, 60)

    assert ends(discord, wolves) == 1
    assert patches(discord) == 1
    assert [state for _, state in deliveries(redemption)][1:] == ["done"]
    assert not Announcement.objects.filter(state__in=["waiting", "sent"]).exists()
    assert not Alarm.objects.exists()


@pytest.mark.parametrize("refusal", REFUSALS)
def test_an_end_that_can_be_neither_edited_nor_posted_raises_an_alarm_and_nothing_stays_open(
    world: World, discord: StandIn, refusal: Any
) -> None:
    wolves = with_channel(discord, members=2)
    redemption = started(world, discord, wolves)
    refusal(discord, wolves)
    discord.spoil(400, body={"message": "Thread is archived", "code": 50083}, method="POST")

    end(world, redemption)
    for _ in range(4):
        send_due(world, 60)

    assert ends(discord, wolves) == 0
    assert deliveries(redemption)[1] == ("complete", "failed")
    assert not Announcement.objects.filter(state__in=["waiting", "sent"]).exists()
    assert "archived and locked" in Alarm.objects.standing().get().message


def test_a_message_that_takes_no_edit_does_not_hold_up_the_others(
    world: World, discord: StandIn
) -> None:
    wolves = with_channel(discord, members=3)
    redemption = started(world, discord, wolves)
    wears_out(discord, wolves)
    moved(redemption)
    send_due(world, 6)
    assert patches(discord) == 1

    world.begin(wolves, gift_code())
    send_due(world)
    for _ in range(6):
        moved_again = F("last_served_at") + timedelta(seconds=10)
        Redemption.objects.filter(pk=redemption.pk).update(last_served_at=moved_again)
        send_due(world, 10)

    assert len(discord.of(wolves.pk)) == 2
    assert patches(discord) == 1
    assert Channel.objects.get().not_before is None
    assert deliveries(redemption) == [("started", "sent")]
    assert "does not accept an edit" in Announcement.objects.earliest("pk").error


def test_a_message_in_a_thread_that_is_opened_again_is_kept_up_to_date(
    world: World, discord: StandIn
) -> None:
    wolves = with_channel(discord, members=3)
    redemption = started(world, discord, wolves)
    is_archived(discord, wolves)
    moved(redemption)
    send_due(world, 6)
    discord.archived.clear()

    send_due(world, 601)

    (message,) = discord.of(wolves.pk)
    assert "(1 of 3 have it)\n2 are waiting." in message.now["description"]
    assert Announcement.objects.get().error == ""


@pytest.mark.parametrize(("age_minutes", "edits"), [(50, 6), (61, 1)])
def test_a_message_older_than_an_hour_is_edited_once_a_minute(
    world: World, discord: StandIn, age_minutes: int, edits: int
) -> None:
    redemption = started(world, discord, with_channel(discord, members=9))
    Announcement.objects.update(sent_at=F("sent_at") - timedelta(minutes=age_minutes))
    moved(redemption)
    send_due(world, 60)
    before = patches(discord)

    for _ in range(6):
        moved(redemption)
        send_due(world, 10)

    assert patches(discord) - before == edits


def test_an_end_whose_edit_may_have_arrived_is_never_announced_twice(
    world: World, discord: StandIn
) -> None:
    wolves = with_channel(discord, members=2)
    redemption = started(world, discord, wolves)
    discord.spoil(0, takes_effect=True, method="PATCH")
    end(world, redemption)
    send_due(world, 60)
    wears_out(discord, wolves)

    for _ in range(3):
        send_due(world, 60)

    assert ends(discord, wolves) == 1
    assert deliveries(redemption) == [("started", "done"), ("complete", "unknown")]
    assert "shows that the run of" in Alarm.objects.standing().get().message


def test_an_end_that_a_worker_may_have_edited_before_it_died_is_never_announced_twice(
    world: World, discord: StandIn
) -> None:
    wolves = with_channel(discord, members=2)
    redemption = started(world, discord, wolves)
    end(world, redemption)
    ((pk, token),) = announcements.claim()
    job = announcements._intend(pk, token)
    assert job is not None
    assert job.edited is not None
    job.client.edit(job.edited.message_id, job.message)  # … and here the worker dies.
    wears_out(discord, wolves)

    for _ in range(3):
        send_due(world, 60)

    assert ends(discord, wolves) == 1
    assert deliveries(redemption)[1] == ("complete", "unknown")


def test_the_edit_of_a_worker_that_died_is_repeated(world: World, discord: StandIn) -> None:
    wolves = with_channel(discord, members=2)
    redemption = started(world, discord, wolves)
    end(world, redemption)
    ((pk, token),) = announcements.claim()
    assert announcements._intend(pk, token) is not None  # … and here the worker dies.

    send_due(world, 60)
    send_due(world, 60)

    assert ends(discord, wolves) == 1
    assert deliveries(redemption) == [("started", "done"), ("complete", "done")]


@pytest.mark.parametrize(
    "spoil", [{"status": 502}, {"status": 0}, {"status": 200, "body": b"<html>Please log in"}]
)
def test_an_end_whose_delivery_is_unknown_raises_an_alarm_until_the_channel_works(
    world: World, discord: StandIn, spoil: dict[str, Any]
) -> None:
    wolves = with_channel(discord, members=2)
    redemption = started(world, discord, wolves)
    is_archived(discord, wolves)
    discord.spoil(**spoil, method="POST")

    end(world, redemption)
    for _ in range(3):
        send_due(world, 60)

    assert deliveries(redemption)[1] == ("complete", "unknown")
    assert "shows that the run of" in Alarm.objects.standing().get().message

    world.begin(wolves, gift_code())
    send_due(world)
    assert not Alarm.objects.standing().exists()


def test_an_end_whose_sender_died_raises_an_alarm(world: World, discord: StandIn) -> None:
    wolves = with_channel(discord, members=2)
    redemption = started(world, discord, wolves)
    Channel.objects.update(address=discord.address(77))
    end(world, redemption)
    ((pk, token),) = announcements.claim()
    assert announcements._intend(pk, token) is not None  # … and here the worker dies.

    send_due(world, 60)

    assert deliveries(redemption) == [("started", "done"), ("complete", "unknown")]
    assert "shows that the run of" in Alarm.objects.standing().get().message


def test_an_end_that_another_service_does_not_confirm_raises_an_alarm(world: World) -> None:
    pytest.importorskip("apprise")
    wolves = guild(members=1)
    with apprise_service() as service:
        Channel.objects.create(guild=wolves, address=service.address)
        redemption = world.begin(wolves, gift_code())
        service.status = 500
        send_due(world)
        end(world, redemption)
        send_due(world, 60)

    assert deliveries(redemption) == [("started", "unknown"), ("complete", "unknown")]
    assert Alarm.objects.standing().get().subject == str(wolves.channels.get().pk)


def test_the_row_of_the_start_is_done_if_the_end_goes_to_another_channel(
    world: World, discord: StandIn
) -> None:
    wolves = with_channel(discord, members=2)
    redemption = started(world, discord, wolves)
    Channel.objects.update(address=discord.address(77))

    end(world, redemption)
    send_due(world, 60)
    send_due(world, 60)

    assert ends(discord, Guild(pk=77)) == 1
    assert deliveries(redemption) == [("started", "done"), ("complete", "done")]


def test_the_row_of_the_start_is_done_if_the_end_is_given_up(
    world: World, discord: StandIn
) -> None:
    wolves = with_channel(discord, members=2)
    redemption = started(world, discord, wolves)
    end(world, redemption)
    discord.close()

    for _ in range(recording.MOST_TRIES + 3):
        send_due(world, 1_000)

    assert deliveries(redemption) == [("started", "done"), ("complete", "failed")]
    assert Alarm.objects.standing().exists()


def test_the_row_of_the_start_is_done_if_the_end_was_never_queued(
    world: World, discord: StandIn
) -> None:
    wolves = with_channel(discord, members=2)
    redemption = started(world, discord, wolves)
    Channel.objects.update(is_on=False)
    end(world, redemption)
    Channel.objects.update(is_on=True)

    send_due(world, 60)

    assert deliveries(redemption) == [("started", "done")]


# --- A channel that rests -------------------------------------------------------------------------
def test_a_proxy_that_asks_for_two_hours_is_left_alone_for_two_hours(
    world: World, discord: StandIn
) -> None:
    redemption = world.begin(with_channel(discord, members=2), gift_code())
    discord.proxy(429, headers={"Retry-After": "7200"})

    send_due(world)
    for _ in range(11):
        send_due(world, 600)
    assert len(discord.requests) == 1
    send_due(world, 601)

    assert deliveries(redemption) == [("started", "sent")]


@pytest.mark.slow
@pytest.mark.parametrize("status", [403, 429])
def test_a_channel_that_names_no_time_is_tried_less_and_less_often(
    world: World, discord: StandIn, status: int
) -> None:
    redemption = world.begin(with_channel(discord, members=2), gift_code())
    for _ in range(100):
        discord.proxy(status)

    for _ in range(360):
        send_due(world, 10)
    assert 6 <= len(discord.requests) <= 14
    assert deliveries(redemption) == [("started", "waiting")]

    discord.spoils.clear()
    send_due(world, 601)
    assert deliveries(redemption) == [("started", "sent")]
    assert Channel.objects.get().refused_since is None


def test_a_channel_that_takes_no_message_for_an_hour_raises_an_alarm_until_it_takes_one(
    world: World, discord: StandIn
) -> None:
    wolves = with_channel(discord, members=2)
    world.begin(wolves, gift_code())
    discord.proxy(403)
    send_due(world)

    tasks.alarms()
    Alarm.objects.update(suspected_at=F("suspected_at") - timedelta(minutes=59))
    tasks.alarms()
    assert not Alarm.objects.standing().exists()
    Alarm.objects.update(suspected_at=F("suspected_at") - timedelta(minutes=2))
    tasks.alarms()

    alarm = Alarm.objects.standing().get()
    assert (alarm.kind, alarm.subject) == ("channel_silent", str(wolves.channels.get().pk))
    assert (
        f"channel “Discord” of guild {wolves} has taken no message for 1 hour: A proxy in front"
        in alarm.message
    )
    assert TOKEN not in alarm.message

    send_due(world, 601)
    tasks.alarms()
    assert not Alarm.objects.standing().exists()


def test_a_channel_that_refused_raises_no_alarm_if_no_message_waits_any_more(
    world: World, discord: StandIn
) -> None:
    world.begin(with_channel(discord, members=2), gift_code())
    discord.proxy(429, headers={"Retry-After": "7200"})
    send_due(world)
    tasks.alarms()
    assert Alarm.objects.filter(kind="channel_silent").exists()

    Announcement.objects.update(state="dropped")
    tasks.alarms()

    assert not Alarm.objects.filter(kind="channel_silent").exists()


def test_messages_to_a_new_address_do_not_wait_because_of_the_old_address(
    world: World, discord: StandIn
) -> None:
    redemption = world.begin(with_channel(discord, members=2), gift_code())
    discord.proxy(429, headers={"Retry-After": "7200"})
    send_due(world)
    Channel.objects.update(
        address=discord.address(77), error="", not_before=None, refused_since=None
    )

    send_due(world, 601)

    assert deliveries(redemption) == [("started", "sent")]


def test_a_late_refusal_of_the_old_address_does_not_count_for_the_new_address(
    world: World, discord: StandIn
) -> None:
    world.begin(with_channel(discord, members=2), gift_code())
    discord.proxy(429, headers={"Retry-After": "7200"})
    ((pk, token),) = announcements.claim()
    job = announcements._intend(pk, token)
    assert job is not None
    refusal = job.client.create(job.message)
    Channel.objects.update(address=discord.address(77))

    recording.record(job, refusal)

    channel = Channel.objects.get()
    assert (channel.not_before, channel.refused_since, channel.error) == (None, None, "")
