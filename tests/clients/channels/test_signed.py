"""Webhooks for programs: what arrives, its signature, and what each answer means."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from giftcodes.clients.channels import (
    STRICT_RULES,
    BadAddressError,
    ChannelClient,
    ChannelRules,
    DeliveryOutcome,
    Message,
    SignedAddress,
    channel_client_for,
    service_name,
)
from giftcodes.clients.channels.signed import signature
from giftcodes.clients.http.destinations import EVERY_HOST
from giftcodes.domain.tokens import hide_tokens
from tests.clients.channels.receiver import Receiver, receiving

SECRET = "wh-aaaaaaaaaaaaaaaaaaaaaaaaaaaa"
EVENT = json.dumps({"id": "7", "event": "test", "guild": {"id": 1, "name": "Wölfe"}})
_ANYWHERE = ChannelRules(EVERY_HOST)
MESSAGE = Message(title="Títle", text="Text", event=EVENT)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def client(address: str, *, rules: ChannelRules = _ANYWHERE, seconds: float = 5) -> ChannelClient:
    return channel_client_for(address, total_seconds=seconds, connect_seconds=2, rules=rules)


def test_a_message_arrives_as_json_with_its_signature(receiver: Receiver) -> None:
    sent = client(f"{receiver.address()}#{SECRET}").create(MESSAGE)

    assert sent.outcome is DeliveryOutcome.DELIVERED
    (body,) = receiver.read(SECRET)
    assert body == {"title": "Títle", "text": "Text", "url": "", **json.loads(EVENT)}
    ((headers, raw),) = receiver.arrived
    assert headers["Content-Type"] == "application/json"
    assert abs(int(headers["Redeemer-Timestamp"]) - time.time()) < 600
    assert SECRET not in f"{headers}{raw!r}"


def test_the_signature_is_that_of_the_documentation() -> None:
    # Computed with: printf '1700000000.{}' | openssl dgst -sha256 -hmac secret
    wanted = "v1=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"
    assert signature("secret", 1_700_000_000, b"{}") == wanted


def test_another_secret_or_body_has_another_signature() -> None:
    found = {
        signature("a", 1, b"{}"),
        signature("b", 1, b"{}"),
        signature("a", 2, b"{}"),
        signature("a", 1, b"{ }"),
    }
    assert len(found) == 4


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, DeliveryOutcome.DELIVERED),
        (302, DeliveryOutcome.REFUSED),
        (400, DeliveryOutcome.REFUSED),
        (410, DeliveryOutcome.GONE),
        (429, DeliveryOutcome.LATER),
        (500, DeliveryOutcome.LATER),
        # It closes the connection. A repetition does no harm, because its id is the same.
        (0, DeliveryOutcome.LATER),
    ],
)
def test_what_each_answer_means(receiver: Receiver, status: int, outcome: DeliveryOutcome) -> None:
    receiver.answers.append((status, {"Location": "http://127.0.0.1:1/", "Retry-After": "7"}))

    sent = client(f"{receiver.address()}#{SECRET}").create(MESSAGE)

    assert sent.outcome is outcome
    assert len(receiver.arrived) == 1
    assert sent.wait_seconds == (7.0 if status in (429, 500) else 0.0)
    assert bool(sent.error) is (status != 200)
    assert "127.0.0.1" not in sent.error
    assert SECRET not in sent.error


def test_a_receiver_in_a_private_network_gets_nothing(receiver: Receiver) -> None:
    sent = client(f"{receiver.address()}#{SECRET}", rules=STRICT_RULES).create(MESSAGE)

    assert sent.outcome is DeliveryOutcome.REFUSED
    assert "CHANNEL_PRIVATE_HOSTS" in sent.error
    assert receiver.arrived == []


def test_a_receiver_that_is_not_there_is_tried_again(receiver: Receiver) -> None:
    sent = client(f"webhook+http://127.0.0.1:1/#{SECRET}").create(MESSAGE)
    assert sent.outcome is DeliveryOutcome.LATER


@pytest.mark.parametrize(
    "address",
    [
        f"webhook+http://example.com/#{SECRET}",
        f"webhook+https://user:pass@example.com/#{SECRET}",
        f"webhook+https:///path#{SECRET}",
        f"webhook+ftp://example.com/#{SECRET}",
        f"webhook+https://example.com:port/#{SECRET}",
        f"webhook+https://[example/#{SECRET}",
        "webhook+https://example.com/",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_being_repeated(address: str) -> None:
    with pytest.raises(BadAddressError) as refused:
        client(address)
    assert "example.com" not in str(refused.value)
    assert SECRET not in str(refused.value)


def test_an_address_keeps_its_secret_apart() -> None:
    address = SignedAddress.of("webhook+https://example.com/a?b=c")
    assert address is not None
    fresh = address.with_new_secret()
    assert (fresh.url, address.secret) == ("https://example.com/a?b=c", "")
    assert SignedAddress.of(fresh.stored) == fresh
    assert fresh.secret not in repr(fresh)
    assert fresh.url not in repr(fresh)
    assert fresh.secret not in hide_tokens(f"the secret {fresh.secret}")
    assert service_name(fresh.stored) == "Webhook"
    assert SignedAddress.of("https://discord.com/api/webhooks/1/x") is None
