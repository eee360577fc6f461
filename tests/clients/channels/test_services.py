"""What Apprise really sends to each service: a name in a message never pings anyone, and is never a
link or markup."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

import pytest

from giftcodes.clients.channels import (
    BadAddressError,
    ChannelRules,
    DeliveryOutcome,
    Message,
    channel_client_for,
)
from giftcodes.clients.channels.services import SERVICES
from giftcodes.clients.http.destinations import PrivateHosts
from tests.clients.channels.recorder import Recorder, http_recorder, smtp_recorder

pytest.importorskip("apprise")

RULES = ChannelRules(PrivateHosts.of(["127.0.0.1"]))
LINK = "https://codes.example.org/run_1/"
ATTACK = (
    "@everyone @all @channel @here @room <!channel> <!here|x> <users/all> <@U1> <b>bold</b> "
    "[text](http://evil.example) [text][1] <http://evil.example|text> **bold** `code` _it_ ~~no~~ "
    "https://evil.example evil.example/x www.evil.example mailto:a@evil.example \u202efdp.exe"
)


class Case(NamedTuple):
    """How the messages for a service are sent to a stand-in.

    Args:
        address: the service's address. {port} is the stand-in's port.
        host: for a service whose host is fixed in Apprise: the module, class and attribute that
            hold its address, and the stand-in's address, which replaces it.
        by: what starts the stand-in.
    """

    address: str
    host: tuple[str, str, str, str] | None = None
    by: type[AbstractContextManager[Recorder]] | object = http_recorder


CASES = {
    "gchat": Case(
        "gchat://workspace/key/token",
        (
            "google_chat",
            "NotifyGoogleChat",
            "notify_url",
            "http://127.0.0.1:{port}/v1/spaces/{{workspace}}/messages",
        ),
    ),
    "gotify": Case("gotify://127.0.0.1:{port}/AAAAAAAAAAAAAAA"),
    "json": Case("json://127.0.0.1:{port}/hook"),
    "mailto": Case(
        "mailto://127.0.0.1:{port}?from=a@example.org&to=b@example.org", by=smtp_recorder
    ),
    "matrix": Case("matrix://user:pass@127.0.0.1:{port}/#room?discovery=no"),
    "mmost": Case("mmost://127.0.0.1:{port}/aaaaaaaaaaaaaaaaaaaaaaaa"),
    "ntfy": Case("ntfy://127.0.0.1:{port}/topic"),
    "pover": Case(
        f"pover://{'u' * 30}@{'a' * 30}",
        ("pushover", "NotifyPushover", "notify_url", "http://127.0.0.1:{port}/1/messages.json"),
    ),
    "rocket": Case("rocket://user:pass@127.0.0.1:{port}/#room"),
    "slack": Case(
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7/",
        ("slack", "NotifySlack", "webhook_url", "http://127.0.0.1:{port}/services"),
    ),
    "tgram": Case(
        "tgram://123456789:abcdefg_hijklmnop/12315544/",
        ("telegram", "NotifyTelegram", "notify_url", "http://127.0.0.1:{port}/bot"),
    ),
}
#: Services that understand Markdown, or their own form of it, in what is sent.
MARKDOWN = {"gchat", "mmost", "rocket"}


@pytest.fixture(params=sorted(CASES))
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def recorder(scheme: str) -> Iterator[Recorder]:
    with CASES[scheme].by() as running:  # type: ignore[operator]
        # Slack answers with the word "ok" alone.
        running.answer = b"ok" if scheme == "slack" else running.answer
        yield running


@pytest.fixture
def address(scheme: str, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> str:
    """The service's address, with the stand-in as its host."""
    case = CASES[scheme]
    if case.host:
        module, name, attribute, url = case.host
        plugin = getattr(importlib.import_module(f"apprise.plugins.{module}"), name)
        monkeypatch.setattr(plugin, attribute, url.format(port=recorder.port))
    return case.address.format(port=recorder.port)


def test_every_service_is_tested() -> None:
    assert {*CASES, *(f"{scheme}s" for scheme in CASES)} >= set(SERVICES)
    assert set(SERVICES) >= set(CASES)
    for scheme in CASES:
        assert SERVICES.get(f"{scheme}s", SERVICES[scheme]) is SERVICES[scheme]


def test_no_name_pings_or_is_a_link_or_markup(
    scheme: str, address: str, recorder: Recorder
) -> None:
    message = Message(
        title=f"Title {ATTACK}", text=f"Text {ATTACK}", facts=((ATTACK, "7"),), url=LINK
    )

    client = channel_client_for(address, total_seconds=60, connect_seconds=60, rules=RULES)
    delivery = client.create(message)

    assert delivery.outcome is DeliveryOutcome.DELIVERED, delivery.error
    texts = [text for text in recorder.texts if "evil" in text]
    assert any("Title" in text for text in texts)
    assert any("Text" in text for text in texts)
    assert sum(text.count(LINK) for text in texts) == 1
    for text in texts:
        names = text.replace(LINK, "")
        assert not re.search(r"@[\w(<]", names), names
        assert not re.search(r"<[!@a-z]", names.replace("<b>Title", "").replace("</b>", "")), names
        assert "://" not in names
        assert "evil.example" not in names
        assert "mailto:a" not in names
        assert "](" not in names
        assert "][" not in names
        assert "\u202e" not in names
        if scheme in MARKDOWN:
            assert not re.search(r"(?<!\\)[_~`]", names), names
            assert "**" not in names


def test_a_private_host_gets_nothing_unless_it_is_allowed(address: str, recorder: Recorder) -> None:
    """The stand-in is on this machine. Even a service's fixed host is refused if its
    name leads to this machine."""
    client = channel_client_for(address, total_seconds=60, connect_seconds=60)

    delivery = client.create(Message(title="Started"))

    assert delivery.outcome is DeliveryOutcome.REFUSED
    assert "CHANNEL_PRIVATE_HOSTS" in delivery.error
    assert (recorder.paths, recorder.bodies) == ([], [])


def test_an_address_with_the_format_text_gets_e_mails_of_plain_text() -> None:
    with smtp_recorder() as recorder:
        address = CASES["mailto"].address.format(port=recorder.port)
        channel_client_for(
            f"{address}&format=text", total_seconds=60, connect_seconds=60, rules=RULES
        ).create(Message(title="Started <b>", text="Half"))

        assert recorder.paths == ["text/plain"]


@pytest.mark.parametrize("answer", [b"<!DOCTYPE html><p>Please log in", b"\n <html>"])
def test_a_web_page_is_no_delivery(answer: bytes) -> None:
    with http_recorder() as recorder:
        recorder.answer = answer
        delivery = channel_client_for(
            f"json://127.0.0.1:{recorder.port}/", total_seconds=60, connect_seconds=60, rules=RULES
        ).create(Message(title="Started"))

    assert delivery.outcome is DeliveryOutcome.UNKNOWN
    assert "a web page" in delivery.error


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"Retry-After": "7200"}, 7_200.0), ({}, 1.0), ({"Retry-After": "x"}, 1.0)],
)
def test_the_wait_that_a_service_asks_for_is_kept(headers: dict[str, str], seconds: float) -> None:
    with http_recorder() as recorder:
        recorder.status, recorder.headers = 429, headers
        delivery = channel_client_for(
            f"json://127.0.0.1:{recorder.port}/", total_seconds=60, connect_seconds=60, rules=RULES
        ).create(Message(title="Started"))

    assert (delivery.outcome, delivery.wait_seconds) == (DeliveryOutcome.LATER, seconds)
    assert len(recorder.paths) == 1


def test_a_message_to_a_host_that_is_not_found_is_sent_later() -> None:
    client = channel_client_for(
        "json://no-such-host.invalid/", total_seconds=60, connect_seconds=60, rules=RULES
    )

    assert client.create(Message(title="Started")).outcome is DeliveryOutcome.LATER


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("json://user@ntfy.lan:8080/x", "ntfy.lan"),
        ("ntfy://aSecretTopic", ""),
        ("ntfys://ntfy.lan/topic", "ntfy.lan"),
        (f"matrix://{'a1' * 32}", ""),
        ("mailto://user:pass@example.org?smtp=mail.lan&from=a@example.org", "mail.lan"),
        (CASES["slack"].address, ""),
        (CASES["tgram"].address, ""),
        (CASES["gchat"].address, ""),
    ],
)
def test_only_a_host_is_looked_up_and_never_a_token(address: str, host: str) -> None:
    assert channel_client_for(address, total_seconds=1, connect_seconds=1).host == host


@pytest.mark.parametrize("scheme", ["discord://1/{token}", "DISCORD://1/{token}/?thread={thread}"])
def test_an_address_of_discord_in_apprises_form_is_a_webhook(scheme: str) -> None:
    client = channel_client_for(
        scheme.format(token="aToken", thread=77), total_seconds=1, connect_seconds=1
    )

    assert (client.can_edit, client.host) == (True, "discord.com")


@pytest.mark.parametrize(
    "address", ["discord://", "discord://x/y", "discord://1", "discord://1/a/b"]
)
def test_a_wrong_address_of_discord_in_apprises_form_is_refused(address: str) -> None:
    with pytest.raises(BadAddressError):
        channel_client_for(address, total_seconds=1, connect_seconds=1)
