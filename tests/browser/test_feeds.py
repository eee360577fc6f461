"""The feeds of a game in a browser: add each kind, see what it lists, switch it on, off, and send
codes to a webhook."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from giftcodes.models import Alarm, ConnectionCheck, Feed, GiftCode, Heartbeat, database_now
from giftcodes.models.feed import FeedKind
from giftcodes.notifications import alarms
from giftcodes.services import connections
from tests.browser.conftest import PATIENCE_MS, log_in, watch
from tests.browser.test_accessibility import faults
from tests.clients.conftest import serve
from tests.clients.http.raw_server import RawServer, answering, http
from tests.waiting import PATIENCE_SECONDS

__all__ = ["serve"]

pytestmark = pytest.mark.django_db(transaction=True)
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SIZES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True},
}
LIST = "/admin/giftcodes/feed/"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of feed: its name on the page, an answer with FROST2026 and SNOW2026, its options."""

    label: str
    body: bytes
    options: dict[str, str] = field(default_factory=dict)


KINDS = {
    FeedKind.COMMUNITY: Kind("Community list", b'{"codes": ["FROST2026 05.07.2026", "SNOW2026"]}'),
    FeedKind.KINGSHOT_NET: Kind(
        "List of kingshot.net",
        b'{"data": {"giftCodes": [{"code": "FROST2026"}, {"code": "SNOW2026"}]}}',
    ),
    FeedKind.JSON: Kind(
        "JSON from any address",
        b'{"game": {"gifts": [{"gift": "FROST2026"}, {"gift": "SNOW2026"}]}}',
        {"Path of the list": "game.gifts", "Path of the code": "gift"},
    ),
    FeedKind.RSS: Kind(
        "RSS or Atom",
        b'<rss version="2.0"><channel><item><title>Gift code: FROST2026</title></item>'
        b"<item><title>Gift code: SNOW2026</title></item></channel></rss>",
        {"Words around a code": "Gift code: {code}"},
    ),
    FeedKind.WEB_PAGE: Kind(
        "Web page",
        b"<ul class=codes><li>FROST2026</li><li>SNOW2026</li></ul>",
        {"Selector of the codes": "ul.codes li"},
    ),
}


@pytest.fixture(autouse=True)
def _game(transactional_db: None, settings: Any) -> None:
    """The game is on and has no main feed, and workers run. Feeds may be on this machine."""
    Heartbeat.objects.create(name="tick", at=database_now() + timedelta(hours=1))
    settings.GAME_PRIVATE_HOSTS = ["127.0.0.1"]
    here = replace(settings.PROVIDERS["simulator"], feed_url="")
    settings.PROVIDERS = {**settings.PROVIDERS, "simulator": here}


@pytest.fixture(params=SIZES)
def window(
    chromium: Browser, live_server: Any, admin_user: Any, request: pytest.FixtureRequest
) -> Iterator[Page]:
    """An administrator's window, on a desktop or a narrow phone."""
    context = chromium.new_context(**SIZES[request.param], base_url=live_server.url)
    context.set_default_timeout(PATIENCE_MS)
    log_in(context, live_server.url, admin_user)
    page = context.new_page()
    troubles = watch(page)
    yield page
    context.close()
    assert troubles == []


def check(page: Page) -> None:
    """Check that nothing is wider than the screen, and that axe finds no grave fault."""
    assert page.evaluate(_OVERFLOW) <= 0, f"{page.url} is wider than the screen."
    assert faults(page) == []


def work() -> None:
    """Run the tests of feeds that wait, as the workers do."""
    for one in ConnectionCheck.objects.filter(finished_at__isnull=True):
        assert connections.run_check(one.name, one.token)


def send(address: str, token: str) -> requests.Response:
    """Send a code to a webhook, as a program does."""
    return requests.post(
        address,
        json.dumps({"code": "FROST2026"}),
        headers={"Authorization": f"Bearer {token}"},
        timeout=PATIENCE_SECONDS,
    )


def begin_to_add(page: Page, label: str) -> None:
    page.goto(LIST)
    page.get_by_role("link", name="Add feed").first.click()
    expect(page.get_by_role("heading", name="Kinds of feeds")).to_be_visible()
    check(page)
    page.get_by_role("link", name=label).click()


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


@pytest.mark.parametrize("kind", KINDS)
def test_a_feed_of_each_kind_is_added_looked_at_and_switched_on(
    window: Page, serve: Callable[..., RawServer], kind: FeedKind
) -> None:
    told, page = KINDS[kind], window
    begin_to_add(page, told.label)
    page.get_by_label("Name").fill("second")
    page.get_by_label("Address").fill(serve(answering(http(told.body))).url)
    for label, value in told.options.items():
        page.get_by_label(label).fill(value)
    check(page)
    save(page)
    expect(page.get_by_text("is saved, and still off.")).to_be_visible()
    expect(page.get_by_text("Being tested")).to_be_visible()
    check(page)

    work()
    expect(page.get_by_text("FROST2026, SNOW2026. New to Redeemer: 2.")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("is switched on.")).to_be_visible()
    page.get_by_role("button", name="Poll now").click()
    expect(page.get_by_text("2 code(s) listed, 2 new")).to_be_visible()
    check(page)
    assert set(GiftCode.objects.values_list("code", flat=True)) == {"FROST2026", "SNOW2026"}


def test_a_mistake_is_explained_and_mended_on_the_page_of_the_feed(
    window: Page, serve: Callable[..., RawServer]
) -> None:
    page, url = window, serve(answering(http(KINDS[FeedKind.WEB_PAGE].body))).url
    begin_to_add(page, "Web page")
    page.get_by_label("Name").fill("second")
    page.get_by_label("Address").fill("http://10.0.0.1/codes")
    page.get_by_label("Selector of the codes").fill("ul.codes li")
    save(page)
    expect(page.get_by_text("private network")).to_be_visible()
    check(page)
    assert "10.0.0.1" not in page.content()

    page.get_by_label("Address").fill(url)
    page.get_by_label("Selector of the codes").fill("ol.codes li")
    save(page)
    work()
    expect(page.get_by_text("The selector finds nothing on the page.")).to_be_visible()
    check(page)
    page.get_by_label("Selector of the codes").fill("ul.codes li")
    save(page)
    work()
    expect(page.get_by_text("FROST2026, SNOW2026. New to Redeemer: 2.")).to_be_visible()


def test_a_dead_feed_raises_an_alarm_that_ends_when_it_is_switched_off(
    window: Page, live_server: Any
) -> None:
    page, long_ago = window, database_now() - timedelta(hours=2)
    row = Feed.objects.create(
        provider="simulator", name="second", kind=FeedKind.COMMUNITY, address="http://127.0.0.1:9/",
        failures=40, answered_at=long_ago, error="The feed's server failed (HTTP 503).",
    )  # fmt: skip
    alarms.evaluate()
    Alarm.objects.update(suspected_at=long_ago)
    alarms.evaluate()
    page.goto("/admin/")
    check(page)
    alarm = page.get_by_text("The feed “second” of Simulator has failed")
    expect(alarm.locator("visible=true").first).to_be_visible()
    page.goto(LIST)
    check(page)
    expect(page.get_by_text("failing").locator("visible=true").first).to_be_visible()
    page.get_by_role("link", name="Feed “second” of Simulator").locator(
        "visible=true"
    ).first.click()
    expect(page.get_by_text("The last poll failed. The feed's server failed")).to_be_visible()
    check(page)

    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_text("is switched off.")).to_be_visible()
    check(page)
    page.goto("/admin/")
    expect(page.get_by_text("The feed “second” of Simulator has failed")).to_have_count(0)
    row.refresh_from_db()
    assert not row.enabled


def test_the_token_of_a_webhook_is_shown_once_and_opens_its_address(
    window: Page, live_server: Any
) -> None:
    page = window
    begin_to_add(page, "Webhook")
    page.get_by_label("Name").fill("bot")
    check(page)
    save(page)
    expect(page.get_by_text("Make a token for the program that sends the codes.")).to_be_visible()
    check(page)

    page.get_by_role("button", name="Make a token").click()
    token = page.get_by_label("The token").input_value()
    address = page.get_by_label("The address to which it sends codes").input_value()
    assert token in page.get_by_label("A command that sends a code").input_value()
    check(page)
    answer = send(address, token)
    assert (answer.status_code, answer.json()["new"]) == (202, ["FROST2026"])

    page.get_by_role("link", name="To the feed").click()
    expect(page.get_by_text("A token is set.")).to_be_visible()
    check(page)
    assert token not in page.content()

    page.get_by_role("button", name="Make a token").click()
    expect(page.get_by_text("A new one ends it at once")).to_be_visible()
    check(page)
    assert send(address, token).status_code == 202
    page.get_by_role("button", name="Make a new token").click()
    assert page.get_by_label("The token").input_value() != token
    assert send(address, token).status_code == 401
