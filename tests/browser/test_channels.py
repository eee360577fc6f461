"""The channels of a guild in a browser: from the first one to a test that arrives."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from giftcodes.models import Announcement, Channel, Guild, database_now
from giftcodes.notifications import announcements
from tests.browser.conftest import PATIENCE_MS, log_in, watch
from tests.browser.screenshots import VARIANTS
from tests.browser.test_accessibility import faults
from tests.clients.channels.standin import TOKEN, StandIn
from tests.factories import guild

pytestmark = pytest.mark.django_db(transaction=True)
NARROWEST = 360
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
ROLE = "123456789012345678"


@pytest.fixture
def wolves() -> Guild:
    return guild("Wolves", members=3)


def tab(of: Guild) -> str:
    return reverse("admin:giftcodes_guild_channels", args=[of.pk])


def work() -> None:
    """Send the messages that wait, as the workers do."""
    for claim in announcements.claim():
        announcements.send(*claim)


def test_from_the_first_channel_to_a_test_that_arrives(
    page: Page, live_server: Any, admin_user: Any, wolves: Guild, discord: StandIn
) -> None:
    log_in(page.context, live_server.url, admin_user)
    page.goto(live_server.url + tab(wolves))
    expect(page.get_by_text("This guild has no channel yet.")).to_be_visible()
    page.get_by_role("link", name="Add a channel").click()

    # A mistake is explained beside the field, and what was pasted is not shown again.
    field = page.get_by_label("Address")
    field.fill("https://discord.com/channels/1/2")
    page.get_by_label("Role to mention").fill(ROLE)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("This is not the address of a Discord webhook")).to_be_visible()
    expect(field).to_have_value("")
    expect(page.get_by_label("Role to mention")).to_have_value(ROLE)

    field.fill(discord.address(1))
    page.get_by_label("Every run, and the alarms of the guild").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Send a test now")).to_be_visible()
    expect(page.get_by_text("⚠️ Done, 3 need you: EXAMPLE2026 for Wolves")).to_be_visible()

    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("test is being sent")).to_be_visible()
    work()
    expect(page.get_by_text("test delivered")).to_be_visible()  # Without a reload.
    assert discord.of(1)[0].now["title"] == "👋 Test: this channel works"

    discord.gone.add("1")
    page.get_by_role("link", name="All channels of Wolves").click()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("test is being sent")).to_be_visible()
    work()
    expect(page.get_by_text("test refused")).to_be_visible()
    expect(page.get_by_text("The webhook no longer exists (HTTP 404).")).to_be_visible()
    assert TOKEN not in page.content()


def test_a_channel_is_tested_and_switched_off_on_a_phone_without_javascript(
    chromium: Browser, live_server: Any, admin_user: Any, wolves: Guild, discord: StandIn
) -> None:
    Channel.objects.create(guild=wolves, address=discord.address(1))
    context = chromium.new_context(
        viewport={"width": NARROWEST, "height": 740}, has_touch=True, java_script_enabled=False
    )
    context.set_default_timeout(PATIENCE_MS)
    log_in(context, live_server.url, admin_user)
    page = context.new_page()
    page.goto(live_server.url + tab(wolves))

    page.get_by_role("button", name="Send a test").tap()
    expect(page.get_by_text("The test for Discord of Wolves is being sent.")).to_be_visible()
    work()
    page.goto(live_server.url + tab(wolves))
    expect(page.get_by_text("test delivered")).to_be_visible()

    page.get_by_role("button", name="Switch off").tap()
    expect(page.get_by_text("Discord of Wolves is off")).to_be_visible()
    expect(page.get_by_role("button", name="Switch on")).to_be_visible()
    assert not Channel.objects.get().is_on
    context.close()


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_page_has_a_serious_fault_or_is_wider_than_a_phone(
    chromium: Browser, live_server: Any, admin_user: Any, wolves: Guild, variant: str
) -> None:
    address = f"https://discord.com/api/webhooks/1/{TOKEN}"
    now = database_now()
    long = "The webhook no longer exists (HTTP 404). Make a new webhook. " * 3
    states: list[dict[str, Any]] = [
        {"delivered_at": now, "role_id": ROLE, "tells": "all"},
        {"error": long, "tells": "needed"},
        {"error": long, "refused_since": now, "not_before": now + timedelta(hours=2)},
        {"is_on": False, "name": "A channel whose name is about as long as a name can be"},
        {"address": "json://1.1.1.1/", "tells": "all"},
    ]
    rows = [
        Channel.objects.create(
            **{"guild": wolves, "name": f"No. {number}", "address": address, **fields}
        )
        for number, fields in enumerate(states)
    ]
    for row, state in zip(rows, ("done", "gone", "waiting", "unknown"), strict=False):
        Announcement.objects.create(channel=row, kind="test", state=state, error=long, sent_at=now)
    pages = [
        tab(wolves),
        reverse("admin:giftcodes_channel_add", query={"guild": wolves.pk}),
        reverse("admin:giftcodes_channel_changelist"),
        reverse("admin:giftcodes_announcement_changelist"),
        *(reverse("admin:giftcodes_channel_change", args=[row.pk]) for row in rows),
    ]
    options = {**VARIANTS[variant]}
    if variant == "phone":
        options["viewport"] = {"width": NARROWEST, "height": 800}
    context = chromium.new_context(**options)
    log_in(context, live_server.url, admin_user)
    page = context.new_page()
    troubles = watch(page)
    found: dict[str, list[str]] = {}
    for url in pages:
        page.goto(live_server.url + url)
        page.wait_for_load_state("networkidle")
        found[url] = faults(page)
        if (over := page.evaluate(_OVERFLOW)) > 0:
            found[url].append(f"wider than the screen by {over}")
    context.close()
    assert {url: some for url, some in found.items() if some} == {}
    assert troubles == []
