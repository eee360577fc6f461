"""After a run, a thread on its message lists those who need something, once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from giftcodes.clients.channels import BotChannel, discord_by_bot
from giftcodes.clients.channels.discord import TEXT_LENGTH, escaped, length
from giftcodes.clients.channels.discord_by_bot import ThreadClient
from giftcodes.domain.sentences import Sentence
from giftcodes.models import Alarm, Announcement, Channel, Guild, Member, Redemption, database_now
from giftcodes.models.channel import Tells
from giftcodes.models.clock import clock_plus
from giftcodes.notifications import announcements, recording, threads
from tests.clients.channels.standin import BOT_TOKEN, Message, StandIn, running
from tests.factories import gift_code, member, member_redemption
from tests.notifications.test_announce_refusals import end
from tests.notifications.test_announcements import deliveries, send_due
from tests.notifications.test_by_bot import CHANNEL, SERVER, by_bot
from tests.pipeline.conftest import World


@pytest.fixture
def discord(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    # Longer than any answer takes on a slow machine. No test waits for it.
    settings.ANNOUNCE_SECONDS = 10.0
    settings.DISCORD_TOKEN = BOT_TOKEN
    with running() as standin:
        monkeypatch.setattr(discord_by_bot, "API", standin.api)
        yield standin


def with_threads(*, known: int = 3, **fields: Any) -> Guild:
    """A guild whose channel gets threads."""
    wolves = by_bot(members=known, **fields)
    Channel.objects.update(opens_threads=True)
    return wolves


def ended(world: World, wolves: Guild, *unknown: str) -> Redemption:
    """A run that is over, in which the game did not know these members. Nothing is sent yet."""
    world.pass_time(5)
    world.knows(wolves)
    for name in unknown:
        member(wolves, nickname=name)
    code = gift_code()
    world.has(code)
    return world.redeem(wolves, code)


def send_all(world: World) -> None:
    for _ in range(4):
        send_due(world)


def step(*, times: int = 1) -> None:
    """Send what is next: one message, edit or thread. A run that is over has three of them."""
    for _ in range(times):
        for pk, token in announcements.claim():
            announcements.send(pk, token)


#: How many steps announce the end of a run, and how many open the thread, too.
ANNOUNCED, OPENED = 2, 3


def thread_of(redemption: Redemption) -> Announcement:
    return Announcement.objects.get(redemption=redemption, kind=Announcement.Kind.THREAD)


def lists(discord: StandIn) -> list[Message]:
    """The messages in threads."""
    return [one for one in discord.messages.values() if one.channel in discord.threads]


def opened(discord: StandIn) -> int:
    """How many requests for a thread there were."""
    return sum(path.endswith("/threads") for _method, path, _body in discord.requests)


def test_a_thread_lists_who_needs_what(world: World, discord: StandIn) -> None:
    wolves = with_threads()
    redemption = ended(world, wolves, "*Carl* @everyone", "Dora")

    send_all(world)

    (run,) = discord.of(CHANNEL)
    ((thread, name),) = discord.threads.items()
    assert discord.messages[thread] is run
    assert name.startswith(f"Who needs you: {redemption.gift_code} for ")
    (listed,) = lists(discord)
    assert listed.channel == thread
    words = listed.now["description"]
    assert words.startswith("2 members need you. This list shows how it was at ")
    carl, dora = Member.objects.exclude(nickname="").order_by("pk")
    assert f"• \\*Carl\\* @\u200beveryone ({carl.player_id}): Unknown in State" in words
    assert f"• Dora ({dora.player_id}): Unknown in State" in words
    assert "1 code waits." in words
    assert "To correct a member, press the button." in words
    assert listed.buttons == {"Who needs you": f"rd:who needs you:{wolves.pk}"}
    assert listed.versions[0]["allowed_mentions"] == {"parse": []}
    assert "content" not in listed.versions[0]
    assert deliveries(redemption)[1:] == [("complete", "done"), ("thread", "done")]
    assert not Announcement.objects.filter(state__in=["waiting", "sent"]).exists()
    assert not Alarm.objects.exists()


def test_nothing_more_is_asked_once_the_list_is_posted(world: World, discord: StandIn) -> None:
    ended(world, with_threads(), "Carl")
    send_all(world)
    before = len(discord.requests)

    for _ in range(3):
        send_due(world, 10_000)

    assert len(discord.requests) == before


def test_a_role_is_pinged_by_the_run_and_not_again_by_its_thread(
    world: World, discord: StandIn
) -> None:
    wolves = with_threads()
    Channel.objects.update(role_id="900000000000000001")
    ended(world, wolves, "Carl")

    send_all(world)

    assert "content" in discord.of(CHANNEL)[0].versions[0]
    assert "content" not in lists(discord)[0].versions[0]


@pytest.mark.parametrize("wishes", [True, False])
def test_there_is_no_thread_if_nobody_needs_anything_or_nobody_wishes_one(
    world: World, discord: StandIn, wishes: bool
) -> None:
    wolves = with_threads()
    Channel.objects.update(opens_threads=wishes)
    redemption = ended(world, wolves, *(() if wishes else ("Carl",)))

    send_all(world)

    assert opened(discord) == 0
    assert "thread" not in dict(deliveries(redemption))


def test_a_webhook_has_no_thread(world: World, discord: StandIn) -> None:
    wolves = with_threads()
    Channel.objects.update(address=discord.address(wolves.pk))
    redemption = ended(world, wolves, "Carl")

    send_all(world)

    assert len(discord.of(wolves.pk)) == 1
    assert [kind for kind, _state in deliveries(redemption)] == ["started", "complete"]


def test_a_stopped_run_has_no_thread(world: World, discord: StandIn) -> None:
    wolves = with_threads()
    code = gift_code()
    redemption = world.begin(wolves, code)
    member_redemption(member(wolves), code, "needs_correction")
    send_due(world)

    end(world, redemption)
    send_all(world)

    redemption.refresh_from_db()
    assert redemption.state == "stopped"
    assert "thread" not in dict(deliveries(redemption))


def test_who_was_corrected_in_the_meantime_needs_no_thread(world: World, discord: StandIn) -> None:
    wolves = with_threads()
    redemption = ended(world, wolves, "Carl")
    Member.objects.filter(nickname="Carl").update(realm=77)

    send_all(world)

    assert opened(discord) == 0
    assert thread_of(redemption).state == "dropped"
    assert "needs a person any more" in thread_of(redemption).error
    assert not Alarm.objects.exists()


def test_a_guild_that_is_wrong_itself_gets_advice_and_no_list(
    world: World, discord: StandIn
) -> None:
    wolves = with_threads(known=0)
    ended(world, wolves, "Carl", "Dora", "Emil", "Finn")

    send_all(world)

    words = lists(discord)[0].now["description"]
    assert words.startswith("4 members need you.")
    assert f"Probably State {wolves.realm} is wrong for the guild" in words
    assert "Carl" not in words


def test_members_without_a_clear_answer_are_listed_with_what_helps(
    world: World, discord: StandIn
) -> None:
    wolves = with_threads()
    redemption = ended(world, wolves, "Carl")
    member_redemption(
        member(wolves, nickname="Dora"), redemption.gift_code, "failed", reason="No answer."
    )

    send_all(world)

    words = lists(discord)[0].now["description"]
    assert words.startswith("2 members need you.")
    assert "): No answer." in words
    assert "press “Redeem now” below the message of the run" in words


def test_nothing_of_another_guild_is_listed(world: World, discord: StandIn) -> None:
    wolves = with_threads()
    redemption = ended(world, wolves, "Carl")
    bears = by_bot_beside(wolves)
    member_redemption(member(bears, nickname="Bruno"), redemption.gift_code, "needs_correction")
    Member.objects.filter(nickname="Bruno").update(
        refused_at=database_now(), refused_realm=bears.realm
    )

    send_all(world)

    (listed,) = lists(discord)
    assert "Carl" in listed.now["description"]
    assert "Bruno" not in listed.now["description"]


def by_bot_beside(wolves: Guild) -> Guild:
    """Another guild of the same game, without a channel."""
    return Guild.objects.create(name="Bears", provider=wolves.provider, realm=wolves.realm)


@pytest.mark.parametrize("is_marked", [True, False])
def test_six_hundred_names_fit_into_one_message(is_marked: bool) -> None:
    name = "*" * 60 if is_marked else "😀" * 60
    lines = tuple(
        (f"{name} ({number})", "Unknown in State 1. 8 codes wait.")
        for number in range(threads.MOST_LISTED)
    )
    at = dt.datetime(2026, 11, 28, 12, 0, tzinfo=dt.UTC)
    needs = threads.Needs("Wolves", "C" * 60, at, unknown=600, unclear=1, lines=lines)

    message = threads.list_message(needs, 1)

    assert length(escaped(message.text)) <= TEXT_LENGTH
    shown = message.text.count("• ")
    assert 10 < shown < threads.MOST_LISTED
    assert f"\n… and {601 - shown} more.\n" in message.text
    assert "To correct a member" in message.text
    assert "they are asked again" in message.text


def test_a_thread_waits_for_the_message_of_the_end(world: World, discord: StandIn) -> None:
    redemption = ended(world, with_threads(), "Carl")
    ends = Announcement.objects.filter(kind=Announcement.Kind.COMPLETE)
    ends.update(next_attempt_at=clock_plus(60))

    step(times=4)
    assert opened(discord) == 0
    assert thread_of(redemption).state == "waiting"
    ends.update(next_attempt_at=clock_plus(-1))
    step(times=4)

    assert len(lists(discord)) == 1


# --- Failures -------------------------------------------------------------------------------------
NO_ANSWER = [{"status": 500}, {"status": 502, "takes_effect": True}, {"status": 0}]


@pytest.mark.parametrize("spoil", NO_ANSWER)
def test_a_thread_whose_opening_had_no_answer_is_opened_once_and_gets_one_list(
    world: World, discord: StandIn, spoil: dict[str, Any]
) -> None:
    redemption = ended(world, with_threads(), "Carl")
    discord.spoil(path="/threads", **spoil)

    for _ in range(6):
        send_due(world, 60)

    assert opened(discord) == 2
    assert len(discord.threads) == len(lists(discord)) == 1
    assert thread_of(redemption).state == "done"
    assert not Alarm.objects.exists()


@pytest.mark.parametrize("spoil", NO_ANSWER)
def test_a_list_whose_fate_is_unknown_is_not_posted_again(
    world: World, discord: StandIn, spoil: dict[str, Any]
) -> None:
    redemption = ended(world, with_threads(), "Carl")
    step(times=OPENED)
    (thread,) = discord.threads
    discord.spoil(path=f"/channels/{thread}/", **spoil)

    for _ in range(6):
        send_due(world, 100_000)

    posts = [path for _method, path, _body in discord.requests if f"/channels/{thread}/" in path]
    assert len(posts) == 1
    assert thread_of(redemption).state == "unknown"
    assert deliveries(redemption)[1] == ("complete", "done")


def claimed(world: World) -> recording.Job:
    """The next request for the thread, which a worker has begun."""
    ((pk, token),) = announcements.claim()
    job = announcements._intend(pk, token)
    assert job is not None
    assert job.row.kind == Announcement.Kind.THREAD
    return job


def test_a_worker_that_dies_after_it_opened_the_thread_leaves_one_thread_with_one_list(
    world: World, discord: StandIn
) -> None:
    redemption = ended(world, with_threads(), "Carl")
    step(times=ANNOUNCED)
    job = claimed(world)
    assert isinstance(job.client, ThreadClient)
    job.client.open_thread(job.opens_on, "Who needs you")  # It dies before it notes the answer.

    for _ in range(4):
        send_due(world, 60)

    assert opened(discord) == 2
    assert len(discord.threads) == len(lists(discord)) == 1
    assert thread_of(redemption).state == "done"


@pytest.mark.parametrize("is_posted", [True, False])
def test_a_worker_that_dies_while_it_posts_the_list_leaves_at_most_one(
    world: World, discord: StandIn, is_posted: bool
) -> None:
    redemption = ended(world, with_threads(), "Carl")
    step(times=OPENED)
    job = claimed(world)
    if is_posted:
        job.client.create(job.message)  # It dies before it notes the answer.

    for _ in range(4):
        send_due(world, 60)

    assert len(discord.threads) == 1
    assert len(lists(discord)) == is_posted
    row = thread_of(redemption)
    assert (row.state, row.error) == ("unknown", Sentence.of("sender_died"))


def test_a_thread_that_a_person_opened_on_the_message_gets_the_list(
    world: World, discord: StandIn
) -> None:
    ended(world, with_threads(), "Carl")
    step(times=ANNOUNCED)
    (message,) = discord.messages
    discord.threads[message] = "Congratulations"

    send_all(world)

    assert [one.channel for one in lists(discord)] == [message]


def test_without_the_permission_the_run_is_told_and_one_alarm_says_what_to_do(
    world: World, discord: StandIn
) -> None:
    wolves = with_threads()
    discord.without_threads.add(str(CHANNEL))

    for _ in range(2):
        redemption = ended(world, wolves, "Carl")
        send_all(world)

        assert deliveries(redemption)[1:] == [("complete", "done"), ("thread", "failed")]
        assert "Create Public Threads" in thread_of(redemption).error
    assert opened(discord) == 2
    assert len(discord.of(CHANNEL)) == 2
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.cleared_at) == (Alarm.Kind.NO_THREAD, None)
    assert "Send Messages in Threads" in alarm.message
    assert BOT_TOKEN not in alarm.message
    channel = Channel.objects.get()
    assert (channel.error, channel.refused_since) == ("", None)

    discord.without_threads.clear()
    ended(world, wolves)
    send_all(world)

    assert len(lists(discord)) == 1
    assert not Alarm.objects.standing().exists()


def test_a_bot_that_may_not_write_in_the_thread_says_so(world: World, discord: StandIn) -> None:
    redemption = ended(world, with_threads(), "Carl")
    step(times=OPENED)
    discord.closed_to_bot |= set(discord.threads)

    send_all(world)

    assert lists(discord) == []
    assert thread_of(redemption).state == "failed"
    assert "or write in them" in Alarm.objects.get(kind=Alarm.Kind.NO_THREAD).message
    assert Channel.objects.get().error == ""


def deleted_message(discord: StandIn) -> None:
    for number in list(discord.messages):
        discord.delete(number)


def deleted_thread(discord: StandIn) -> None:
    discord.gone |= set(discord.threads)


@pytest.mark.parametrize(
    ("steps", "trouble"), [(ANNOUNCED, deleted_message), (OPENED, deleted_thread)]
)
def test_what_a_person_deleted_gets_no_list_and_raises_no_alarm(
    world: World, discord: StandIn, steps: int, trouble: Any
) -> None:
    redemption = ended(world, with_threads(), "Carl")
    step(times=steps)
    trouble(discord)

    send_all(world)

    assert lists(discord) == []
    assert thread_of(redemption).state == "gone"
    assert not Alarm.objects.exists()


def test_an_end_that_may_be_missing_gets_no_thread(world: World, discord: StandIn) -> None:
    wolves = with_threads()
    Channel.objects.update(tells=Tells.NEEDED)
    redemption = ended(world, wolves, "Carl")
    discord.spoil(500, method="POST")

    for _ in range(4):
        send_due(world, 60)

    assert opened(discord) == 0
    assert deliveries(redemption) == [("complete", "unknown"), ("thread", "dropped")]
    assert thread_of(redemption).error == Sentence.of("thread_without_message")


def test_a_channel_that_moved_gets_no_thread_on_a_message_elsewhere(
    world: World, discord: StandIn
) -> None:
    redemption = ended(world, with_threads(), "Carl")
    step(times=ANNOUNCED)
    Channel.objects.update(address=BotChannel(SERVER, CHANNEL + 1).address)

    send_all(world)

    assert opened(discord) == 0
    assert thread_of(redemption).state == "dropped"


def test_a_429_delays_the_thread(world: World, discord: StandIn) -> None:
    ended(world, with_threads(), "Carl")
    body = {"retry_after": 600.0, "global": False}
    discord.spoil(429, path="/threads", headers={"Retry-After": "600"}, body=body)

    send_due(world)
    send_due(world)
    send_due(world, 500)
    assert not discord.threads
    send_due(world, 200)
    send_due(world)

    assert len(lists(discord)) == 1
