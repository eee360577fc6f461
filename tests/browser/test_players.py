"""Coverage and the page of a player in a real browser: tips, phones, copying, without scripts."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from giftcodes.models import Member
from tests.browser.conftest import PATIENCE_MS, log_in
from tests.factories import astray, gift_code, guild, member, member_redemption

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = {"width": 360, "height": 740}
#: Whether the whole tip can be seen: its corners, which are round, are in the window, and nothing
#: covers them.
IS_WHOLE = """tip => {
    const {left, top, right, bottom} = tip.getBoundingClientRect();
    const inWindow = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
    tip.style.pointerEvents = "auto";
    const whole = [left + 4, right - 4].every((x) =>
        [top + 4, bottom - 4].every((y) => document.elementFromPoint(x, y) === tip));
    tip.style.pointerEvents = "";
    return inWindow && whole;
}"""


@pytest.fixture
def ann(db: None) -> Member:
    """A member with 20 codes that need a correction. The game calls a realm “state”."""
    wolves = guild("Wolves", automatic=False)
    codes = [gift_code(f"WINTERGIFT{number:02}") for number in range(20)]
    row = astray(wolves, *codes, nickname="Ann with the longest name that a nickname may have")
    row.member_redemptions.update(reason="The game does not know this player. " * 4)
    member(wolves, realm=1043), member(wolves, realm=1043)
    return row


def open_as(page: Page, live_server: Any, user: Any, address: str) -> None:
    log_in(page.context, live_server.url, user)
    page.goto(f"{live_server.url}{address}")


def test_the_whole_tip_of_a_table_with_one_row_can_be_seen_on_hover_and_on_focus(
    page: Page, live_server: Any, admin_user: Any, ann: Member
) -> None:
    open_as(page, live_server, admin_user, f"/admin/matrix/?guild={ann.guild_id}&who=Ann")
    cells = page.locator("td.cell a")
    tip = page.locator(".tip")
    for cell in (cells.first, cells.last):
        cell.hover()
        expect(tip).to_contain_text("unknown in State 1042")
        # The table scrolls to the cell, and the tip follows.
        page.wait_for_function(IS_WHOLE, arg=tip.element_handle())
        cell.focus()
        page.wait_for_function(IS_WHOLE, arg=tip.element_handle())
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


def test_names_and_column_heads_stay_visible_while_the_table_scrolls(
    page: Page, live_server: Any, admin_user: Any, ann: Member
) -> None:
    for number in range(60):
        member(ann.guild, nickname=f"Member {number:02}")
    open_as(page, live_server, admin_user, f"/admin/matrix/?guild={ann.guild_id}&codes=40")
    page.set_viewport_size({"width": 900, "height": 700})
    table = page.locator(".matrix-scroll")
    head, name = page.locator(".matrix thead th").last, page.locator(".matrix tbody th").last
    table.evaluate("table => table.scrollTo(table.scrollWidth, table.scrollHeight)")
    box, of_head, of_name = table.bounding_box(), head.bounding_box(), name.bounding_box()
    assert box
    assert of_head
    assert of_name
    assert abs(of_head["y"] - box["y"]) < 3
    assert abs(of_name["x"] - box["x"]) < 3


@pytest.mark.parametrize("address", ["/admin/matrix/?guild={guild}", "/admin/player/{member}/"])
def test_a_phone_does_not_scroll_sideways(
    page: Page, live_server: Any, admin_user: Any, ann: Member, address: str
) -> None:
    page.set_viewport_size(PHONE)
    address = address.format(guild=ann.guild_id, member=ann.pk)
    open_as(page, live_server, admin_user, address)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_phone_shows_a_card_for_each_member_in_place_of_the_table(
    page: Page, live_server: Any, admin_user: Any, ann: Member
) -> None:
    page.set_viewport_size(PHONE)
    open_as(page, live_server, admin_user, f"/admin/matrix/?guild={ann.guild_id}&show=needs_you")
    expect(page.locator("table.matrix")).to_be_hidden()
    card = page.locator(".member-cards > ul > li")
    expect(card).to_have_count(1)
    expect(card).to_contain_text("0 of 20")
    card.get_by_role("link", name="Ann with").click()
    expect(page.get_by_role("heading", name="Correct the state in Wolves")).to_be_visible()


def test_the_answer_is_copied_also_after_the_page_has_updated(
    page: Page, live_server: Any, admin_user: Any, ann: Member
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    row = member_redemption(ann, gift_code("SNOW"), "pending")
    open_as(page, live_server, admin_user, f"/admin/player/{ann.pk}/")
    row.state = "redeemed"
    row.save()
    expect(page.get_by_role("heading", name="Has it (1)")).to_be_visible()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert "You have 1 of 21 codes: SNOW" in page.evaluate("navigator.clipboard.readText()")


def test_without_javascript_the_text_can_be_selected_and_a_correction_is_saved(
    chromium: Browser, live_server: Any, admin_user: Any, ann: Member
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    open_as(page, live_server, admin_user, f"/admin/player/{ann.pk}/")
    expect(page.get_by_role("button", name="Copy")).to_be_hidden()
    text = page.get_by_label("Text for the player")
    expect(text).not_to_be_editable()
    expect(text).to_contain_text("We need your help")
    page.get_by_role("button", name="State 1043").click()
    expect(page.get_by_text("20 codes are asked for again.")).to_be_visible()
    context.close()
