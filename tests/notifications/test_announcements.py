"""A run is announced in its guild's channel by one message, which is kept up to date."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from giftcodes import tasks
from giftcodes.clients.games.config import Rate
from giftcodes.models import Alarm, Announcement, Channel, Guild, Redemption, Trigger, database_now
from giftcodes.notifications import announcements, recording
from tests.clients.channels.apprise_service import apprise_service
from tests.clients.channels.standin import TOKEN, StandIn, running
from tests.factories import gift_code, guild, member
from tests.pipeline.conftest import World, events


@pytest.fixture
def discord() -> Iterator[StandIn]:
    with running() as standin:
        yield standin


@pytest.fixture(autouse=True)
def _quick(settings: Any) -> None:
    settings.ANNOUNCE_SECONDS = 1.0
    settings.SITE_URL = "https://redeemer.example"


def with_channel(discord: StandIn, **fields: Any) -> Guild:
    """A guild with a channel."""
    wolves = guild(**fields)
    Channel.objects.create(guild=wolves, address=discord.address(wolves.pk))
    return wolves


def send_due(world: World, seconds: float = 0.0) -> None:
    """Let time go by, and send everything that is due."""
    ago = timedelta(seconds=seconds)
    Announcement.objects.update(
        next_attempt_at=F("next_attempt_at") - ago,
        edited_at=F("edited_at") - ago,
        lease_until=F("lease_until") - ago,
    )
    Channel.objects.update(not_before=F("not_before") - ago, refused_since=F("refused_since") - ago)
    tasks.announce()
    world.drain()


def deliveries(redemption: Redemption) -> list[tuple[str, str]]:
    return list(
        Announcement.objects.filter(redemption=redemption)
        .order_by("pk")
        .values_list("kind", "state")
    )


def test_a_run_is_one_message_from_its_start_to_its_end(world: World, discord: StandIn) -> None:
    wolves = with_channel(discord, members=3)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    redemption = world.begin(wolves, code)

    send_due(world)
    tasks.dispatch("simulator")
    world.drain()
    send_due(world)

    (message,) = discord.of(wolves.pk)
    assert message.titles == [
        f"🎁 Auto-Redeem Started: {code} for {wolves}",
        f"✅ Done, everyone has it: {code} for {wolves}",
    ]
    assert (message.facts["Members"], message.facts["Success"]) == ("3", "3")
    assert (
        message.now["url"]
        == f"https://redeemer.example/admin/giftcodes/redemption/{redemption.pk}/change/"
    )
    assert deliveries(redemption) == [("started", "done"), ("complete", "done")]


def test_during_a_run_its_message_says_when_the_run_will_be_done(
    world: World, discord: StandIn, settings: Any
) -> None:
    limited = replace(settings.PROVIDERS["simulator"], rate=Rate(30, 60))
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": limited}
    wolves = with_channel(discord, members=70)
    world.begin(wolves, gift_code(proven_at=database_now()))

    send_due(world)

    (message,) = discord.of(wolves.pk)
    assert message.now["description"].endswith("70 are waiting.\nAbout 2 min left.")


def test_the_message_of_a_run_is_edited_only_when_the_run_has_changed(
    world: World, discord: StandIn
) -> None:
    wolves = with_channel(discord, members=4)
    redemption = world.begin(wolves, gift_code())
    send_due(world)
    first = redemption.member_redemptions.order_by("pk")[0]
    redemption.member_redemptions.filter(pk=first.pk).update(state="redeemed")
    Redemption.objects.update(last_served_at=F("locked_at") + timedelta(seconds=1))

    send_due(world)
    assert len(discord.requests) == 1  # Not yet: a few seconds lie between two edits.
    send_due(world, 6)
    send_due(world, 6)
    send_due(world, 6)

    (message,) = discord.of(wolves.pk)
    assert [method for method, _, _ in discord.requests] == ["POST", "PATCH"]
    assert message.now["description"].endswith("25 % (1 of 4 have it)\n3 are waiting.")


def test_a_guild_without_a_channel_gets_no_message_and_takes_as_many_queries_as_with_one(
    world: World,
) -> None:
    wolves, bears = guild(members=1), guild(members=1)
    code = gift_code()
    world.begin(bears, gift_code())
    Channel.objects.create(guild=bears, address=f"https://discord.com/api/webhooks/1/{TOKEN}")

    def cost(of: Guild) -> int:
        with CaptureQueriesContext(connection) as queries:
            world.begin(of, code)
        return len(queries)

    assert cost(wolves) == cost(bears)
    assert not Announcement.objects.filter(redemption__guild=wolves).exists()


def test_a_member_who_needs_a_person_is_named_without_mentioning_any_user(
    world: World, discord: StandIn
) -> None:
    wolves = with_channel(discord)
    member(wolves, nickname="@everyone")
    code = gift_code()
    world.has(code)

    world.redeem(wolves, code)
    send_due(world)
    send_due(world)

    (message,) = discord.of(wolves.pk)
    assert message.facts["Needs correction"] == "1"
    assert "Needs you:" in message.now["description"]
    assert "@everyone" not in message.now["description"]


@pytest.mark.parametrize(
    "spoil", [{"status": 500}, {"status": 0}, {"status": 0, "takes_effect": True}]
)
def test_a_message_whose_fate_is_unknown_is_not_sent_again(
    world: World, discord: StandIn, spoil: dict[str, Any]
) -> None:
    wolves = with_channel(discord, members=2)
    redemption = world.begin(wolves, gift_code())
    discord.spoil(**spoil)

    send_due(world)
    send_due(world, 100_000)

    assert len(discord.requests) == 1
    assert deliveries(redemption) == [("started", "unknown")]
    assert "It is not sent again." in Announcement.objects.get().error


def test_if_the_fate_of_the_start_is_unknown_the_end_gets_its_own_message(
    world: World, discord: StandIn
) -> None:
    wolves = with_channel(discord)
    discord.spoil(0, takes_effect=True)

    redemption = world.begin(wolves, gift_code())
    send_due(world)
    send_due(world, recording.REST_SECONDS)

    assert [message.titles[0].split(":")[0] for message in discord.of(wolves.pk)] == [
        "🎁 Auto-Redeem Started",
        "☑️ Nothing to do",
    ]
    assert deliveries(redemption) == [("started", "unknown"), ("complete", "done")]


def test_a_worker_that_died_while_it_sent_leaves_a_message_whose_fate_is_unknown(
    world: World, discord: StandIn
) -> None:
    redemption = world.begin(with_channel(discord, members=1), gift_code())
    ((pk, token),) = announcements.claim()
    assert announcements._intend(pk, token) is not None  # … and here the worker dies.

    assert announcements.claim() == []
    send_due(world, 60)
    send_due(world, 60)

    assert discord.requests == []
    assert deliveries(redemption) == [("started", "unknown")]


def test_a_claim_whose_message_was_lost_is_made_again(world: World, discord: StandIn) -> None:
    redemption = world.begin(with_channel(discord, members=1), gift_code())
    ((pk, token),) = announcements.claim()

    send_due(world, 60)

    assert not announcements.send(pk, token)
    assert len(discord.requests) == 1
    assert deliveries(redemption) == [("started", "sent")]


def test_the_holder_of_an_older_claim_does_not_send(world: World, discord: StandIn) -> None:
    world.begin(with_channel(discord, members=1), gift_code())
    ((pk, stale),) = announcements.claim()
    Announcement.objects.update(lease_until=F("lease_until") - timedelta(minutes=1))
    ((_, token),) = announcements.claim()

    assert not announcements.send(pk, stale)
    assert discord.requests == []
    assert announcements.send(pk, token)


def test_a_message_whose_claim_waited_too_long_is_not_sent(world: World, discord: StandIn) -> None:
    world.begin(with_channel(discord, members=1), gift_code())
    ((pk, token),) = announcements.claim()
    Announcement.objects.update(lease_until=F("lease_until") - timedelta(seconds=15))

    assert not announcements.send(pk, token)
    assert discord.requests == []


def test_a_worker_that_is_held_up_does_not_send_and_the_message_is_sent_later(
    world: World, discord: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    redemption = world.begin(with_channel(discord, members=1), gift_code())
    ((pk, token),) = announcements.claim()
    monkeypatch.setattr(
        announcements, "time", SimpleNamespace(monotonic=iter([0.0, 11.0]).__next__)
    )

    assert not announcements.send(pk, token)

    assert discord.requests == []
    monkeypatch.undo()
    monkeypatch.setattr(tasks, "enqueue_on_commit", world.ring)
    send_due(world, 6)
    assert deliveries(redemption) == [("started", "sent")]


def test_a_late_answer_tells_what_became_of_a_message_whose_fate_was_unknown(
    world: World, discord: StandIn
) -> None:
    redemption = world.begin(with_channel(discord, members=1), gift_code())
    ((pk, token),) = announcements.claim()
    job = announcements._intend(pk, token)
    assert job is not None
    delivery = job.client.create(job.message)
    send_due(world, 60)
    assert deliveries(redemption) == [("started", "unknown")]

    recording.record(job, delivery)

    assert deliveries(redemption) == [("started", "sent")]


def test_an_edit_without_an_answer_is_repeated(world: World, discord: StandIn) -> None:
    wolves = with_channel(discord)
    world.begin(wolves, gift_code())
    discord.spoil(0, takes_effect=True, method="PATCH")
    discord.spoil(500, method="PATCH")

    for _ in range(4):
        send_due(world, 60)

    (message,) = discord.of(wolves.pk)
    assert [method for method, _, _ in discord.requests] == ["POST", "PATCH", "PATCH", "PATCH"]
    assert message.titles[-1].startswith("☑️ Nothing to do")


def test_a_channel_that_asks_for_fewer_messages_is_left_alone_for_the_time_that_it_names(
    world: World, discord: StandIn
) -> None:
    wolves = with_channel(discord, members=1)
    redemption = world.begin(wolves, gift_code())
    world.begin(wolves, gift_code())
    discord.spoil(429, headers={"Retry-After": "30"})

    send_due(world)
    send_due(world, 10)
    assert len(discord.requests) == 1
    assert Announcement.objects.filter(tries=0).count() == 2
    send_due(world, 30)

    assert len(discord.requests) == 3
    assert deliveries(redemption) == [("started", "sent")]


def test_the_end_does_not_overtake_a_start_that_waits(world: World, discord: StandIn) -> None:
    wolves = with_channel(discord)
    discord.spoil(429, headers={"Retry-After": "30"})
    world.begin(wolves, gift_code())
    send_due(world)
    Channel.objects.update(not_before=None)

    send_due(world)
    assert len(discord.requests) == 1
    send_due(world, 60)

    assert [method for method, _, _ in discord.requests] == ["POST", "POST", "PATCH"]
    assert len(discord.of(wolves.pk)) == 1


def test_a_message_to_an_unreachable_service_is_tried_again_and_then_given_up(
    world: World, discord: StandIn
) -> None:
    wolves = with_channel(discord, members=1)
    Channel.objects.update(address=f"http://127.0.0.1:9/api/webhooks/1/{TOKEN}")
    redemption = world.begin(wolves, gift_code())

    for _ in range(recording.MOST_TRIES + 3):
        send_due(world, 1_000)

    assert deliveries(redemption) == [("started", "failed")]
    assert "Given up after 10 tries." in Announcement.objects.get().error
    assert Alarm.objects.standing().get().kind == Alarm.Kind.CHANNEL_GONE


def test_a_deleted_message_is_not_edited_any_more_and_redeeming_goes_on(
    world: World, discord: StandIn
) -> None:
    wolves = with_channel(discord, members=2)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    redemption = world.begin(wolves, code)
    send_due(world)
    discord.delete(next(iter(discord.messages)))
    redemption.member_redemptions.filter(
        pk=redemption.member_redemptions.order_by("pk")[0].pk
    ).update(state="redeemed")
    Redemption.objects.update(last_served_at=F("locked_at") + timedelta(seconds=1))

    send_due(world, 6)
    # The channel itself takes messages, so there is nothing to tell the operator.
    assert not Alarm.objects.exists()
    assert wolves.channels.get().error == ""
    send_due(world, 60)
    assert len(discord.requests) == 2
    world.breathe()
    redemption.refresh_from_db()
    assert redemption.state == "complete"
    assert deliveries(redemption)[0] == ("started", "gone")

    # The end is a new message.
    send_due(world, 60)
    (message,) = discord.of(wolves.pk)
    assert message.titles[0].startswith("✅ Done, everyone has it")
    assert not Alarm.objects.exists()


def test_the_alarm_about_a_gone_channel_is_raised_once_and_ends_when_the_channel_works(
    world: World, discord: StandIn
) -> None:
    wolves = with_channel(discord, members=1)
    discord.gone.add(str(wolves.pk))
    redemptions = [world.begin(wolves, gift_code()) for _ in range(3)]

    for _ in range(3):
        send_due(world, 60)
    assert [deliveries(redemption) for redemption in redemptions] == [[("started", "gone")]] * 3
    assert Alarm.objects.count() == 1
    assert TOKEN not in Alarm.objects.get().message

    discord.gone.clear()
    world.begin(wolves, gift_code())
    send_due(world, 60)
    assert Alarm.objects.filter(cleared_at__isnull=False).count() == 1


def test_a_message_in_another_channel_is_not_edited(world: World, discord: StandIn) -> None:
    wolves = with_channel(discord)
    world.begin(wolves, gift_code())
    tasks.announce()
    world.rings.popleft()
    Announcement.objects.filter(kind="started").update(
        state="sent", message_id="5", channel_hash="of another", lease_until=None
    )

    send_due(world)

    assert [method for method, _, _ in discord.requests] == ["POST"]


def test_the_number_of_messages_under_way_is_limited_and_each_channel_has_one_at_most(
    world: World, discord: StandIn, settings: Any
) -> None:
    settings.ANNOUNCE_MAX = 2
    wolves = with_channel(discord, members=1)
    for of in (wolves, wolves, with_channel(discord, members=1), with_channel(discord, members=1)):
        world.begin(of, gift_code())

    claims = announcements.claim()

    assert len(claims) == 2
    rows = Announcement.objects.filter(pk__in=[pk for pk, _ in claims])
    assert rows.values("redemption__guild").distinct().count() == 2
    assert announcements.claim() == []

    settings.ANNOUNCE_MAX = 9
    assert (
        len(announcements.claim()) == 1
    )  # The third guild's message. The first guild's second message waits.
    assert announcements.claim() == []


def test_no_message_waits_for_a_channel_that_was_deleted(world: World, discord: StandIn) -> None:
    redemption = world.begin(with_channel(discord, members=1), gift_code())
    Channel.objects.all().delete()

    send_due(world)

    assert deliveries(redemption) == [("started", "dropped")]


@pytest.mark.parametrize(("newcomers", "runs"), [(5, {1}), (6, {1, 2})])
def test_a_catch_up_after_the_first_run_is_announced_only_for_many_members(
    world: World, discord: StandIn, newcomers: int, runs: set[int]
) -> None:
    wolves = with_channel(discord, members=1)
    code = gift_code()
    world.knows(wolves)
    world.has(code)
    redemption = world.redeem(wolves, code, Trigger.POLL)
    for _ in range(newcomers):
        member(wolves)
    world.knows(wolves)

    world.catch_up()

    redemption.refresh_from_db()
    assert (redemption.run_number, redemption.state) == (2, "complete")
    assert {run for (run,) in Announcement.objects.values_list("run_number")} == runs
    assert Announcement.objects.count() == 2 * len(runs)


def test_the_message_of_a_stopped_run_says_so(world: World, discord: StandIn) -> None:
    wolves = with_channel(discord, members=2)
    redemption = world.begin(wolves, gift_code())
    send_due(world)
    Redemption.objects.update(stop_requested_at=F("locked_at"))
    tasks.finish(redemption.pk)

    send_due(world)

    assert discord.of(wolves.pk)[0].titles[-1].startswith("⏹️ Stopped")
    assert events(redemption)[-1] == "unlocked"


def test_the_address_is_shown_by_no_row_and_no_log_and_no_journal(
    world: World, discord: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    wolves = with_channel(discord, members=1)
    discord.gone.add(str(wolves.pk))
    redemption = world.begin(wolves, gift_code())
    send_due(world)

    assert TOKEN not in caplog.text
    assert TOKEN not in repr(list(Announcement.objects.values())) + repr(
        list(Alarm.objects.values())
    )
    assert TOKEN not in repr(list(redemption.events.values())) + repr(Channel.objects.get()) + str(
        Channel.objects.get()
    )
    assert TOKEN not in Channel.objects.get().error


def test_a_channel_that_cannot_edit_gets_one_message_at_the_start_and_one_at_the_end(
    world: World,
) -> None:
    pytest.importorskip("apprise")
    wolves = guild()
    with apprise_service() as service:
        Channel.objects.create(guild=wolves, address=service.address)
        redemption = world.begin(wolves, gift_code())
        for _ in range(3):
            send_due(world, 60)

    assert [body["title"].split(":")[0] for body in service.bodies] == [
        "🎁 Auto-Redeem Started",
        "☑️ Nothing to do",
    ]
    assert deliveries(redemption) == [("started", "done"), ("complete", "done")]


@pytest.mark.parametrize("site", ["codes.example.org", "https://exa mple.org", "javascript:x", ""])
def test_without_a_valid_address_of_the_site_a_message_goes_out_without_a_link(
    world: World, discord: StandIn, settings: Any, site: str
) -> None:
    settings.SITE_URL = site
    redemption = world.begin(with_channel(discord, members=2), gift_code())

    send_due(world)

    assert deliveries(redemption) == [("started", "sent")]
    assert "url" not in discord.of(redemption.guild_id)[0].now
