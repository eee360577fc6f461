"""The client of Discord's webhooks against a stand-in on HTTP."""

from __future__ import annotations

import time

import pytest

from giftcodes.clients.channels import (
    BadAddressError,
    ChannelRules,
    Delivery,
    DeliveryOutcome,
    Message,
    channel_client_for,
)
from giftcodes.clients.channels.discord import escaped, payload, unescaped
from giftcodes.clients.http.destinations import PrivateHosts
from tests.clients.channels.standin import PROXY_PAGE, TOKEN, StandIn

RULES = ChannelRules(PrivateHosts.of(["127.0.0.1"]))
POST = Message(title="Started", text="Half", facts=(("Members", "7"),), url="http://localhost/run")


def create(address: str, post: Message = POST, seconds: float = 60.0) -> Delivery:
    return channel_client_for(
        address, total_seconds=seconds, connect_seconds=60.0, rules=RULES
    ).create(post)


def edit(address: str, message_id: str, post: Message = POST) -> Delivery:
    return channel_client_for(address, total_seconds=60.0, connect_seconds=60.0, rules=RULES).edit(
        message_id, post
    )


def test_a_message_is_created_and_edited(discord: StandIn) -> None:
    made = create(discord.address())
    changed = edit(discord.address(), made.message_id, Message(title="Complete"))

    assert (made.outcome, changed.outcome) == (DeliveryOutcome.DELIVERED, DeliveryOutcome.DELIVERED)
    (message,) = discord.of()
    assert message.titles == ["Started", "Complete"]
    assert [method for method, _, _ in discord.requests] == ["POST", "PATCH"]


@pytest.mark.parametrize("version", ["", "/v6", "/v10"])
def test_every_version_in_the_address_is_replaced_by_ours(discord: StandIn, version: str) -> None:
    assert create(discord.address(version=version)).outcome is DeliveryOutcome.DELIVERED


def test_only_the_thread_in_the_query_is_kept(discord: StandIn) -> None:
    create(f"{discord.address()}?thread_id=77&wait=false")

    assert discord.requests[0][1].endswith("?thread_id=77&wait=true")


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry-After": "2"}, {"retry_after": 1.337}, 2.0),
        ({}, {"retry_after": 0.75}, 0.75),
        ({"Retry-After": "7200"}, PROXY_PAGE, 7_200.0),
        ({}, {"retry_after": 64573}, 64_573.0),
        ({"X-RateLimit-Reset-After": "4.5"}, {}, 4.5),
        ({"Retry-After": "soon"}, PROXY_PAGE, 1.0),
        (
            {},
            {"message": "You are being blocked from accessing our API temporarily.", "code": 0},
            1.0,
        ),
        ({"Retry-After": "999999999999"}, {}, 86_400.0),
        ({}, {"retry_after": float("inf")}, 86_400.0),
        ({}, {"retry_after": float("nan")}, 1.0),
    ],
)
def test_a_429_sets_the_wait(
    discord: StandIn, headers: dict[str, str], body: object, seconds: float
) -> None:
    discord.spoil(429, headers=headers, body=body)

    answer = create(discord.address())

    assert (answer.outcome, answer.wait_seconds) == (DeliveryOutcome.LATER, seconds)
    assert len(discord.requests) == 1


def test_a_channel_whose_requests_are_used_up_asks_for_a_pause(discord: StandIn) -> None:
    discord.spoil(
        200,
        body={"id": "5"},
        headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "1.5"},
    )

    assert create(discord.address()) == Delivery(
        DeliveryOutcome.DELIVERED, message_id="5", wait_seconds=1.5
    )


def test_the_pause_after_a_success_is_an_hour_at_most(discord: StandIn) -> None:
    discord.spoil(
        200,
        body={"id": "5"},
        headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "80000"},
    )

    assert create(discord.address()).wait_seconds == 3_600.0


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_deleted_webhook_is_gone(discord: StandIn, status: int) -> None:
    discord.spoil(status, body={"message": "Unknown Webhook", "code": 10015})

    answer = create(discord.address())

    assert answer.outcome is DeliveryOutcome.GONE
    assert "The webhook no longer exists" in answer.error


@pytest.mark.parametrize("status", [400, 401, 403, 404, 407, 413, 451])
def test_a_refusal_by_a_proxy_does_not_mean_that_the_webhook_is_gone(
    discord: StandIn, status: int
) -> None:
    discord.proxy(status)

    answer = create(discord.address())

    assert answer.outcome is DeliveryOutcome.LATER
    assert answer.wait_seconds > 0
    assert f"not Discord itself, refused the message (HTTP {status})" in answer.error


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, 50027, "The webhook no longer exists"),
        (404, 10003, "The channel or thread of the webhook no longer exists"),
        (403, 50013, "cannot post in its channel"),
    ],
)
def test_the_error_says_why_a_channel_is_gone(
    discord: StandIn, status: int, code: int, words: str
) -> None:
    discord.spoil(status, body={"message": "No.", "code": code})

    answer = create(discord.address())

    assert answer.outcome is DeliveryOutcome.GONE
    assert words in answer.error


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_webhook_is_not_given_up_if_discord_gives_no_reason(
    discord: StandIn, status: int
) -> None:
    discord.spoil(
        status,
        body={"message": "You are being blocked from accessing our API temporarily.", "code": 0},
    )

    answer = create(discord.address())

    assert answer.outcome is DeliveryOutcome.LATER
    assert "You are being blocked" in answer.error


@pytest.mark.parametrize(("status", "code"), [(429, 30046), (429, 20022), (400, 50083)])
def test_a_message_that_cannot_be_edited_does_not_mean_that_the_channel_is_gone(
    discord: StandIn, status: int, code: int
) -> None:
    discord.spoil(status, body={"message": "No.", "code": code}, headers={"Retry-After": "10"})

    answer = edit(discord.address(), "5")

    assert (answer.outcome, answer.wait_seconds) == (DeliveryOutcome.FROZEN, 0.0)


@pytest.mark.parametrize("code", [50083, 160005])
def test_a_locked_thread_takes_no_message_and_says_what_to_do(discord: StandIn, code: int) -> None:
    discord.spoil(400, body={"message": "Thread is archived", "code": code})

    answer = create(discord.address())

    assert answer.outcome is DeliveryOutcome.REFUSED
    assert "locked" in answer.error
    assert "Open it in Discord" in answer.error


@pytest.mark.parametrize("body", [PROXY_PAGE, b"", b"ok", {"ok": True}, {"id": "none"}, [1]])
def test_a_success_that_does_not_come_from_discord_is_not_a_delivery(
    discord: StandIn, body: object
) -> None:
    discord.spoil(200, body=body)
    discord.spoil(200, body=body)

    assert create(discord.address()).outcome is DeliveryOutcome.UNKNOWN
    assert edit(discord.address(), "5").outcome is DeliveryOutcome.UNKNOWN


def test_a_success_without_content_is_a_delivery(discord: StandIn) -> None:
    discord.spoil(204, body=b"")

    assert create(discord.address()) == Delivery(DeliveryOutcome.DELIVERED)


def test_a_deleted_message_does_not_mean_that_the_channel_is_gone(discord: StandIn) -> None:
    answer = edit(discord.address(), "4711")

    words = "The message was deleted in the channel."
    assert answer == Delivery(DeliveryOutcome.DELETED, error=words)


@pytest.mark.parametrize("status", [500, 502, 504, 301])
def test_a_server_error_has_an_unknown_outcome(discord: StandIn, status: int) -> None:
    discord.spoil(status)

    assert create(discord.address()).outcome is DeliveryOutcome.UNKNOWN


def test_a_request_without_an_answer_has_an_unknown_outcome(discord: StandIn) -> None:
    discord.spoil(0, takes_effect=True)

    assert create(discord.address()).outcome is DeliveryOutcome.UNKNOWN
    assert len(discord.of()) == 1


def test_a_delivery_is_bounded_in_time(discord: StandIn) -> None:
    discord.latency_seconds = 120.0
    begun = time.monotonic()

    assert create(discord.address(), seconds=1.0).outcome is DeliveryOutcome.UNKNOWN
    assert time.monotonic() - begun < 60


def test_an_answer_is_bounded_in_bytes(discord: StandIn) -> None:
    discord.spoil(200, body=b"x" * 1_000_000)

    assert create(discord.address()).outcome is DeliveryOutcome.UNKNOWN


def test_a_refused_connection_has_posted_nothing() -> None:
    assert create(f"http://127.0.0.1:9/api/webhooks/1/{TOKEN}").outcome is DeliveryOutcome.LATER


def test_a_message_that_discord_refuses_is_not_sent_again(discord: StandIn) -> None:
    discord.spoil(400, body={"message": "Invalid Form Body", "code": 50035})

    answer = create(discord.address())

    assert answer.outcome is DeliveryOutcome.REFUSED
    assert "Invalid Form Body" in answer.error


def test_a_name_cannot_mention_anyone_and_is_no_markup() -> None:
    said = payload(
        Message(
            title="@everyone **x** <@123> https://evil.example",
            text="`a` [b](http://c) ||d|| # e _f_",
        )
    )

    assert said["allowed_mentions"] == {"parse": []}
    (embed,) = said["embeds"]
    assert "@everyone" not in embed["title"]
    assert "<@1" not in embed["title"]
    assert "https://" not in embed["title"]
    assert (
        embed["description"] == "\\`a\\` \\[b\\]\u200b(http:\u200b//c) \\|\\|d\\|\\| \\# e \\_f\\_"
    )


@pytest.mark.parametrize("pings", [True, False])
def test_a_role_is_mentioned_and_nothing_else_can_ping(discord: StandIn, pings: bool) -> None:
    post = Message(title="<@&999999999999999999> @here", role_id="123456789012345678", pings=pings)

    answer = create(discord.address(), post)
    edit(discord.address(), answer.message_id, post)

    (message,) = discord.of()
    assert len(message.versions) == 2
    for said in message.versions:
        assert said["content"] == "<@&123456789012345678>"
        roles = {"roles": ["123456789012345678"]} if pings else {}
        assert said["allowed_mentions"] == {"parse": [], **roles}


@pytest.mark.parametrize("text", ["plain", "*a* _b_ `c` <@1> @all https://x.example [d](e) \\"])
def test_a_preview_can_show_a_text_as_it_was_before_escaping(text: str) -> None:
    assert unescaped(escaped(text)) == text


@pytest.mark.parametrize("character", ["x", "*", "🎁", "\ud800", "\0"])
def test_discords_limits_of_length_are_kept(discord: StandIn, character: str) -> None:
    long = character * 9_000
    post = Message(title=long, text=long, facts=tuple((long, long) for _ in range(40)))

    assert create(discord.address(), post).outcome is DeliveryOutcome.DELIVERED


@pytest.mark.parametrize("word", ["word", "🎁🎁", "\\*", "a_b"])
def test_a_text_that_is_too_long_ends_with_a_whole_word(discord: StandIn, word: str) -> None:
    post = Message(
        title=f"{word} " * 400,
        text=f"{word} " * 4_000,
        facts=((f"{word} " * 300, f"{word} " * 900),),
    )

    assert create(discord.address(), post).outcome is DeliveryOutcome.DELIVERED

    embed = discord.of()[0].now
    (fact,) = embed["fields"]
    for shown in (embed["title"], embed["description"], fact["name"], fact["value"]):
        assert shown.endswith("…")
        assert set(shown.removesuffix("…").split(" ")) == {escaped(word)}


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
def test_an_address_that_is_not_a_webhook_is_refused_and_not_shown_in_the_error(
    address: str,
) -> None:
    with pytest.raises(BadAddressError) as caught:
        channel_client_for(address, total_seconds=1, connect_seconds=1)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("status", [0, 400, 404, 429, 500])
def test_no_error_shows_the_secret(
    discord: StandIn, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    discord.spoil(status, body={"message": f"No such webhook: {discord.address()} {TOKEN}"})

    answer = create(discord.address())

    assert TOKEN not in repr(answer)
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(
        channel_client_for(discord.address(), total_seconds=1, connect_seconds=1)
    )


@pytest.mark.parametrize(
    "host",
    [
        "discord.com.evil.example",
        "evil-discord.com",
        "discord.co",
        "d1scord.com",
        "dlscord.com",
        "disc0rdapp.com",
        "dis-cord.com",
        "disc\u043erd.com",
        "xn--discrd-dye.com",
        "DISCORD.COM.evil.example",
    ],
)
def test_a_host_that_only_looks_like_discord_is_refused(host: str) -> None:
    address = f"https://{host}/api/webhooks/1/{TOKEN}"

    with pytest.raises(
        BadAddressError, match=r"only looks like Discord.*https://discord\.com/"
    ) as (caught):
        channel_client_for(address, total_seconds=1, connect_seconds=1)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "discord.com",
        "discord.com.",
        "ptb.discord.com",
        "canary.discord.com",
        "discordapp.com",
        "hooks.example.org",
    ],
)
def test_hosts_of_discord_and_of_proxies_are_accepted(host: str) -> None:
    address = f"https://{host}/api/webhooks/1/{TOKEN}"

    assert channel_client_for(address, total_seconds=1, connect_seconds=1).host == host


def test_an_incomplete_address_in_apprises_form_is_refused_with_the_reason() -> None:
    with pytest.raises(BadAddressError, match="not a whole address of a Discord webhook"):
        channel_client_for("discord://1", total_seconds=1, connect_seconds=1)
