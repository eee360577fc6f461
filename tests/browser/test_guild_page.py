"""The page of a guild in a browser: by keyboard, on a phone, without JavaScript, and with axe."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from giftcodes.admin.guilds.tabs import TABS
from giftcodes.models import Guild, JoinRequest, Member, PublicPage
from giftcodes.services import join_decisions, joining
from giftcodes.services.joining import Wish
from tests.browser.conftest import PATIENCE_MS, log_in, watch
from tests.browser.screenshots import VARIANTS
from tests.browser.test_accessibility import faults
from tests.browser.world import World, build
from tests.factories import astray, gift_code, guild, member

pytestmark = pytest.mark.django_db(transaction=True)
NARROWEST = 360
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def tab(name: str, of: Guild) -> str:
    return reverse(f"admin:giftcodes_guild_{name}", args=[of.pk])


@pytest.fixture
def world(admin_user: Any) -> World:
    """A guild with something on each tab."""
    built = build(user=admin_user, members=8, codes=4)
    wolves = built.guild
    link = joining.make_join_link(wolves.pk)
    joining.ask_to_join(link, Wish("300000003", "Bram with a name that is rather long", 1042))
    joining.ask_to_join(link, Wish("300000004", "Cyd", 1042))
    JoinRequest.objects.update(asked_at=timezone.now() - 2 * join_decisions.OLD_AFTER)
    PublicPage.objects.create(guild=wolves)
    member(wolves, realm=1043)
    astray(wolves, *(code for code in [built.complete.gift_code]), nickname="Ann " * 12)
    gift_code("NOT-ASKED-YET")
    return built


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_tab_has_a_serious_fault_or_is_wider_than_a_phone(
    chromium: Browser, live_server: Any, admin_user: Any, world: World, variant: str
) -> None:
    options = {**VARIANTS[variant]}
    if variant == "phone":
        options["viewport"] = {"width": NARROWEST, "height": 800}
    context = chromium.new_context(**options)
    log_in(context, live_server.url, admin_user)
    page = context.new_page()
    troubles = watch(page)
    found: dict[str, list[str]] = {}
    for of in (world.guild, guild("Empty")):
        for one in TABS:
            page.goto(live_server.url + tab(one.name, of))
            for summary in page.locator("main summary").all():
                summary.click()
            page.wait_for_load_state("networkidle")
            key = f"{one.name} of {of.name}"
            found[key] = faults(page)
            if (over := page.evaluate(_OVERFLOW)) > 0:
                found[key].append(f"wider than the screen by {over}")
    context.close()
    assert {key: some for key, some in found.items() if some} == {}
    assert troubles == []


def test_a_person_walks_through_the_tabs_by_keyboard(
    page: Page, live_server: Any, admin_user: Any, world: World
) -> None:
    log_in(page.context, live_server.url, admin_user)
    page.goto(live_server.url + tab("overview", world.guild))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # Skips to the content, which begins with the tabs.
    for place, one in enumerate(TABS):
        page.keyboard.press("Tab")
        focused = page.locator(".page-tabs a").nth(place)
        expect(focused).to_be_focused()
        expect(focused).to_contain_text(str(one.title))
    page.locator(".page-tabs a").nth(2).press("Enter")
    page.wait_for_url(f"**{tab('codes', world.guild)}")
    expect(page.locator('.page-tabs a[aria-current="page"]')).to_have_text("Codes")


def test_a_member_is_corrected_and_a_player_added_on_a_phone_without_javascript(
    chromium: Browser, live_server: Any, admin_user: Any
) -> None:
    wolves = guild("Wolves")
    for _number in range(3):
        member(wolves)
    mate, _other_mate = member(wolves, realm=1043), member(wolves, realm=1043)
    ann = astray(wolves, gift_code("FROST"), nickname="Ann")
    context = chromium.new_context(
        viewport={"width": NARROWEST, "height": 740}, has_touch=True, java_script_enabled=False
    )
    context.set_default_timeout(PATIENCE_MS)
    log_in(context, live_server.url, admin_user)
    page = context.new_page()
    page.goto(live_server.url + tab("overview", wolves))

    page.get_by_role("button", name=f"{mate.realm} (2 guild-mates)").tap()
    expect(page.get_by_text("is in State 1043 now. 1 code is asked for again.")).to_be_visible()
    expect(page.get_by_text("Nothing needs you now.")).to_be_visible()
    ann.refresh_from_db()
    assert ann.realm == 1043

    page.get_by_role("navigation", name="Parts of the page").get_by_role(
        "link", name="Members"
    ).tap()
    page.get_by_text("Add one player").tap()
    page.get_by_label("Player ID").fill("300000001")
    page.get_by_label("Nickname").fill("Cleo")
    page.get_by_role("button", name="Add the player").tap()
    page.wait_for_url(f"**{tab('members', wolves)}")
    expect(page.locator("#result_list")).to_contain_text("Cleo")
    assert Member.objects.get(player_id="300000001").guild == wolves
    context.close()


def test_a_link_is_copied_with_one_press(page: Page, live_server: Any, admin_user: Any) -> None:
    wolves = guild("Wolves")
    link = joining.make_join_link(wolves.pk)
    log_in(page.context, live_server.url, admin_user)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(live_server.url + tab("joining", wolves))
    button = page.get_by_role("button", name="Copy", exact=True)
    button.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").endswith(f"/join/{link.token}/")
