"""A member list is pasted, corrected and imported: by keyboard alone, and on a phone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from giftcodes.models import Member
from tests.browser.conftest import log_in, watch
from tests.factories import guild
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
CHAT = (
    "Good morning all!\n1. Amber 300 000 001\n2. 🐺Birch🐺 → 300000002 K1043\n"
    "3. Cinder 30OOOO003\n4. Dahlia 300000004 said hello today\nنگار 300000005\n"
)


def _members() -> set[tuple[str, str, int | None]]:
    return set(Member.objects.values_list("player_id", "nickname", "realm"))


def _focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.getAttribute('aria-label') || ''"))


def _tab_to(page: Page, label: str) -> None:
    for _ in range(60):
        if _focused(page) == label:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {label}.")


def _type_first(page: Page, label: str, key: str) -> None:
    """Type a key into the first field of a new page: Chromium drops keys before it has painted."""
    field = page.get_by_label(label)
    before = field.input_value()
    for _ in range(1_000):
        page.keyboard.press("End")
        page.keyboard.type(key)
        if field.input_value() != before:
            break
        page.wait_for_timeout(100)
    expect(field).to_have_value(before + key)


def test_a_chat_is_pasted_corrected_and_imported_by_keyboard(
    page: Page, live_server: Any, admin_user: Any
) -> None:
    wolves = guild("Wolves")
    log_in(page.context, live_server.url, admin_user)
    page.goto(f"{live_server.url}/admin/import/?guild={wolves.pk}")
    page.get_by_label("The list").focus()
    page.keyboard.insert_text(CHAT)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Review")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_label("Player ID on line 4")).to_be_focused()
    expect(page.get_by_role("button", name="Import 3 members")).to_be_visible()
    _type_first(page, "Player ID on line 4", "9")
    expect(page.get_by_label("Import line 4")).to_be_checked()
    expect(page.get_by_role("button", name="Import 4 members")).to_be_visible()
    page.keyboard.press("Backspace")
    _tab_to(page, "Name on line 5")
    page.keyboard.press("End")
    page.keyboard.type(" II")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Import 5 members")).to_be_visible()
    assert _members() == set(), "the Enter key in a field checks again, and imports nothing"

    page.get_by_role("button", name="Import 5 members").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Imported 5, already there 0, left out 1.")).to_be_visible()
    assert _members() == {
        ("300000001", "Amber", None),
        ("300000002", "🐺Birch🐺", 1043),
        ("300000003", "Cinder", None),
        ("300000004", "Dahlia II", None),
        ("300000005", "نگار", None),
    }


def test_a_line_that_was_edited_before_the_script_came_is_ticked(
    page: Page, live_server: Any, admin_user: Any
) -> None:
    wolves = guild("Wolves")
    log_in(page.context, live_server.url, admin_user)
    page.goto(f"{live_server.url}/admin/import/?guild={wolves.pk}")
    page.get_by_label("The list").fill(CHAT)
    held: list[Route] = []
    page.route("**/review*.js", lambda route: held.append(route))
    page.get_by_role("button", name="Review").click(no_wait_after=True)
    # Chromium may drop keys here, because it may paint nothing before the script comes.
    page.get_by_label("Player ID on line 4").fill("3000000039")
    expect(page.get_by_label("Import line 4")).not_to_be_checked()

    wait_for(lambda: bool(held) or page.wait_for_timeout(50), "the request for the script")
    held[0].continue_()

    expect(page.get_by_label("Import line 4")).to_be_checked()
    expect(page.get_by_role("button", name="Import 4 members")).to_be_visible()


def test_a_clean_list_is_imported_with_one_key_after_the_review(
    page: Page, live_server: Any, admin_user: Any
) -> None:
    wolves = guild("Wolves")
    log_in(page.context, live_server.url, admin_user)
    page.goto(f"{live_server.url}/admin/import/?guild={wolves.pk}")
    page.get_by_label("The list").fill("Amber 300000001\nBirch 300000002\n")
    page.get_by_role("button", name="Review").click()

    expect(page.get_by_role("button", name="Import 2 members")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_text("Imported 2, already there 0, left out 0.")).to_be_visible()


def test_a_chat_is_corrected_on_a_phone(
    chromium: Browser, live_server: Any, admin_user: Any
) -> None:
    wolves = guild("Wolves")
    context = chromium.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    page = context.new_page()
    troubles = watch(page)
    log_in(context, live_server.url, admin_user)
    page.goto(f"{live_server.url}/admin/giftcodes/member/?guild__id__exact={wolves.pk}")
    page.get_by_role("link", name="Paste a member list").tap()
    page.get_by_label("The list").fill(CHAT)
    page.get_by_role("button", name="Review").tap()
    expect(page.get_by_label("Player ID on line 4")).to_be_visible()

    width = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    wide, visible = page.evaluate(width)
    assert wide <= visible
    for label in ("Player ID on line 4", "Name on line 4", "State on line 4"):
        box = page.get_by_label(label).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        assert box["width"] >= 60
    page.get_by_label("Import line 4").tap()
    page.get_by_label("Name on line 5").fill("Dahlia II")
    page.get_by_role("button", name="Import 5 members").tap()

    expect(page.get_by_text("Imported 5, already there 0, left out 1.")).to_be_visible()
    context.close()
    assert troubles == []
