"""The client of Discord's webhooks against a stand-in on HTTP."""

from __future__ import annotations

import time

import pytest

from giftcodes.announcers import BadAddressError, Delivery, Fate, Post, announcer_for
from giftcodes.announcers.discord import payload
from tests.announcers.standin import TOKEN, StandIn

POST = Post(title="Started", text="Half", facts=(("Members", "7"),), url="http://localhost/run")


def create(address: str, post: Post = POST, seconds: float = 2.0) -> Delivery:
    return announcer_for(address, total_seconds=seconds, connect_seconds=1.0).create(post)


def edit(address: str, message_id: str, post: Post = POST) -> Delivery:
    return announcer_for(address, total_seconds=2.0, connect_seconds=1.0).edit(message_id, post)


def test_a_message_is_created_and_edited(discord: StandIn) -> None:
    made = create(discord.address())
    changed = edit(discord.address(), made.message_id, Post(title="Complete"))

    assert (made.fate, changed.fate) == (Fate.DELIVERED, Fate.DELIVERED)
    (message,) = discord.of()
    assert message.titles == ["Started", "Complete"]
    assert [method for method, _, _ in discord.requests] == ["POST", "PATCH"]


@pytest.mark.parametrize("version", ["", "/v6", "/v10"])
def test_whatever_version_the_address_names_ours_is_asked_for(discord: StandIn, version: str) -> None:
    assert create(discord.address(version=version)).fate is Fate.DELIVERED


def test_a_thread_is_kept_and_nothing_else_of_the_query(discord: StandIn) -> None:
    create(f"{discord.address()}?thread_id=77&wait=false")

    assert discord.requests[0][1].endswith("?thread_id=77&wait=true")


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry-After": "2"}, {"retry_after": 1.337}, 2.0),
        ({}, {"retry_after": 0.75}, 0.75),
        ({"Retry-After": "64573"}, {"retry_after": 64573}, 64.573),  # Milliseconds, as the old versions say it.
        ({"X-RateLimit-Reset-After": "4.5"}, {}, 4.5),
        ({"Retry-After": "soon"}, b"<html>Cloudflare</html>", 1.0),
        ({"Retry-After": "999999999999"}, {}, 3600.0),
    ],
)
def test_asked_for_fewer_it_waits_as_long_as_it_is_told(
    discord: StandIn, headers: dict[str, str], body: object, seconds: float
) -> None:
    discord.spoil(429, headers=headers, body=body)

    answer = create(discord.address())

    assert (answer.fate, answer.wait_seconds) == (Fate.LATER, seconds)
    assert len(discord.requests) == 1


def test_a_channel_without_requests_left_rests(discord: StandIn) -> None:
    discord.spoil(200, body={"id": "5"}, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "1.5"})

    assert create(discord.address()) == Delivery(Fate.DELIVERED, message_id="5", wait_seconds=1.5)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_channel_that_is_gone_is_gone(discord: StandIn, status: int) -> None:
    discord.spoil(status, body={"message": "Unknown Webhook", "code": 10015})

    answer = create(discord.address())

    assert answer.fate is Fate.GONE
    assert "The webhook does not exist any more" in answer.error


def test_a_message_that_was_deleted_is_told_from_a_channel_that_is_gone(discord: StandIn) -> None:
    answer = edit(discord.address(), "4711")

    assert answer == Delivery(Fate.GONE, error="The message was deleted in the channel.")


@pytest.mark.parametrize("status", [500, 502, 504, 301])
def test_after_a_servers_error_nobody_knows(discord: StandIn, status: int) -> None:
    discord.spoil(status)

    assert create(discord.address()).fate is Fate.UNKNOWN


def test_without_an_answer_nobody_knows(discord: StandIn) -> None:
    discord.spoil(0, takes_effect=True)

    assert create(discord.address()).fate is Fate.UNKNOWN
    assert len(discord.of()) == 1


def test_it_is_bounded_in_time(discord: StandIn) -> None:
    discord.latency_seconds = 3.0
    begun = time.monotonic()

    assert create(discord.address(), seconds=0.5).fate is Fate.UNKNOWN
    assert time.monotonic() - begun < 1.5


def test_it_is_bounded_in_bytes(discord: StandIn) -> None:
    discord.spoil(200, body=b"x" * 1_000_000)

    assert create(discord.address()) == Delivery(Fate.DELIVERED)


def test_where_nobody_listens_nothing_was_posted() -> None:
    assert create(f"http://127.0.0.1:9/api/webhooks/1/{TOKEN}").fate is Fate.LATER


def test_what_discord_refuses_is_not_sent_again(discord: StandIn) -> None:
    discord.spoil(400, body={"message": "Invalid Form Body", "code": 50035})

    answer = create(discord.address())

    assert answer.fate is Fate.REFUSED
    assert "Invalid Form Body" in answer.error


def test_no_name_can_mention_anybody_or_be_markup() -> None:
    said = payload(Post(title="@everyone **x** <@123> https://evil.example", text="`a` [b](http://c) ||d|| # e _f_"))

    assert said["allowed_mentions"] == {"parse": []}
    (embed,) = said["embeds"]
    assert "@everyone" not in embed["title"]
    assert "<@1" not in embed["title"]
    assert "https://" not in embed["title"]
    assert embed["description"] == r"\`a\` \[b\](http:​//c) \|\|d\|\| \# e \_f\_"


@pytest.mark.parametrize("character", ["x", "*", "🎁", "\ud800", "\0"])
def test_discords_lengths_are_kept(discord: StandIn, character: str) -> None:
    long = character * 9_000
    post = Post(title=long, text=long, facts=tuple((long, long) for _ in range(40)))

    assert create(discord.address(), post).fate is Fate.DELIVERED


@pytest.mark.parametrize(
    "address",
    [
        "",
        "channel",
        "https://discord.com/api/webhooks/1",
        "https://example.com/hook",
        f"http://discord.com/api/webhooks/1/{TOKEN}",
        f"https://user@discord.com/api/webhooks/1/{TOKEN}",
    ],
)
def test_what_is_no_address_of_a_webhook_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(BadAddressError) as caught:
        announcer_for(address, total_seconds=1, connect_seconds=1)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("status", [0, 400, 404, 429, 500])
def test_no_error_shows_the_secret(discord: StandIn, status: int, caplog: pytest.LogCaptureFixture) -> None:
    discord.spoil(status, body={"message": f"No such webhook: {discord.address()} {TOKEN}"})

    answer = create(discord.address())

    assert TOKEN not in repr(answer)
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(announcer_for(discord.address(), total_seconds=1, connect_seconds=1))
