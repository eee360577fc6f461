"""Channels of other services, through Apprise and real HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from giftcodes.clients.channels import (
    BadAddressError,
    ChannelClient,
    ChannelRules,
    DeliveryOutcome,
    Message,
    channel_client_for,
)
from giftcodes.clients.http.destinations import PrivateHosts
from tests.clients.channels.apprise_service import Service, apprise_service

pytest.importorskip("apprise")

POST = Message(title="Started", text="Half", facts=(("Members", "7"),))


@pytest.fixture
def service() -> Iterator[Service]:
    with apprise_service() as running:
        yield running


def client_of(service: Service, *, seconds: float) -> ChannelClient:
    rules = ChannelRules(PrivateHosts.of(["127.0.0.1"]))
    return channel_client_for(
        service.address, total_seconds=seconds, connect_seconds=seconds, rules=rules
    )


def test_a_message_is_posted(service: Service) -> None:
    client = client_of(service, seconds=60)

    assert client.create(POST).outcome is DeliveryOutcome.DELIVERED
    assert (service.bodies[0]["title"], service.bodies[0]["message"]) == (
        "Started",
        "Half\n\nMembers: 7",
    )
    assert not client.can_edit


def test_a_long_message_ends_with_a_whole_word(service: Service) -> None:
    client = client_of(service, seconds=60)
    client.create(Message(title="word " * 100, text="word " * 1_000))

    for shown in (service.bodies[0]["title"], service.bodies[0]["message"]):
        assert set(shown.split(" ")) == {"word", "word…"}


def test_a_failure_has_an_unknown_outcome_and_shows_no_secret(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.status = 500

    answer = client_of(service, seconds=60).create(POST)

    assert answer.outcome is DeliveryOutcome.UNKNOWN
    assert "aSecretWord" not in answer.error + caplog.text


def test_a_delivery_is_bounded_in_time(service: Service) -> None:
    service.latency_seconds = 120.0
    client = client_of(service, seconds=1)
    begun = time.monotonic()

    assert client.create(POST).outcome is DeliveryOutcome.UNKNOWN
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nonsense://x/aSecretWord", "Addresses of this service are not allowed"),
        ("slack://aSecretWord", "Apprise does not know this address"),
        ("mailto://u:aSecretWord@127.0.0.1", "not a whole address of mailto://.*mailtos://"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(address: str, words: str) -> None:
    with pytest.raises(BadAddressError, match=words) as caught:
        channel_client_for(address, total_seconds=1, connect_seconds=1)
    assert "aSecretWord" not in str(caught.value)
